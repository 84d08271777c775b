//! Secrets and personal data of more than a hundred kinds, made anew at each run, to be planted and looked for.
//!
//! Nothing here looks like a secret before it is made: a kind is a text in which `|` parts what must not stand together, and `{class len}`
//! stands for so many random signs.

mod personal;

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// What it is, by the kind's own text up to its first random sign.
    pub kind: &'static str,
    /// How it is written where it stands: a setting and its value, a header, or the secret alone.
    pub text: String,
    /// What must not be seen: the secret part.
    pub secret: String,
}

/// Secrets with a shape of their own.
pub const SHAPES: [&str; 102] = [
    "AK|IA{b32 16}",
    "AS|IA{b32 16}",
    "AI|za{w 35}",
    "ya|29.{w 60}",
    "GOC|SPX-{w 28}",
    "1|//0{w 60}",
    "LT|AI{lo 20}",
    "AK|ID{an 32}",
    "AQ|VN{w 35}",
    "do|p_v1_{hx 64}",
    "do|o_v1_{hx 64}",
    "do|r_v1_{hx 64}",
    "HR|KU-AA{w 58}",
    "fo|1_{w 43}",
    "nf|p_{an 40}",
    "rn|d_{an 32}",
    "tk|-us-{w 48}",
    "sha|256~{w 43}",
    "gh|p_{an 36}",
    "gh|o_{an 36}",
    "gh|u_{an 36}",
    "gh|s_{an 36}",
    "gh|r_{an 36}",
    "github|_pat_{an 22}_{an 59}",
    "gl|pat-{w 20}",
    "gl|dt-{w 20}",
    "gl|rt-{w 20}",
    "gl|ptt-{hx 40}",
    "gl|soat-{w 20}",
    "gl|agent-{w 50}",
    "gl|oas-{hx 64}",
    "gl|cbt-{an 2}_{w 20}",
    "GR|1348941{w 20}",
    "AT|ATT3{w 186}",
    "AT|BB{an 32}",
    "np|m_{an 36}",
    "py|pi-AgEIcHlwaS5vcmc{w 80}",
    "ruby|gems_{hx 48}",
    "oy|2{lo 43}",
    "CLO|JARS_{lo 60}",
    "dck|r_pat_{w 27}",
    "AK|Cp{an 69}",
    "sg|p_{hx 40}",
    "sn|tryu_{hx 64}",
    "sq|u_{hx 40}",
    "API|-{up 26}",
    "pn|u_{an 36}",
    "pu|l-{hx 40}",
    "{an 14}.atlas|v1.{w 64}",
    "ic|o-{an 32}",
    "PM|AK-{hx 24}-{hx 34}",
    "rd|me_{lo 70}",
    "fi|gd_{w 40}",
    "li|n_api_{an 40}",
    "nt|n_{dg 11}{an 35}",
    "sec|ret_{an 43}",
    "pa|t{an 14}.{hx 64}",
    "CF|PAT-{w 43}",
    "tf|p_{w 59}",
    "fi|o-u-{w 64}",
    "p8|e-{lo 32}",
    "sl|.{w 135}",
    "hv|s.{w 95}",
    "hv|b.{w 140}",
    "AGE-SECRET|-KEY-1{bech 58}",
    "ops|_eyJ{an 250}",
    "A3|-{up 6}-{up 11}-{up 5}-{up 5}-{up 5}",
    "dp|.pt.{an 43}",
    "tskey|-auth-{an 16}-{an 32}",
    "dnk|ey-{lo 26}-{lo 52}",
    "sk|-proj-{w 74}T3Blbk|FJ{w 74}",
    "sk|-{an 20}T3Blbk|FJ{an 20}",
    "sk|-ant-api03-{w 93}AA",
    "sk|-or-v1-{hx 64}",
    "hf|_{le 34}",
    "api|_org_{le 34}",
    "r8|_{an 37}",
    "gs|k_{an 52}",
    "xa|i-{an 80}",
    "pp|lx-{an 48}",
    "nv|api-{w 64}",
    "da|pi{hx 32}",
    "psc|ale_tkn_{w 43}",
    "psc|ale_pw_{w 43}",
    "sb|p_{hx 40}",
    "4b|1d{an 38}",
    "gl|sa_{an 32}_{hx 8}",
    "gl|c_eyJ{an 60}",
    "NR|AK-{up 27}",
    "dt|0c01.{up 24}.{up 64}",
    "{an 6}_{an 29}_m|mk",
    "xo|xb-{dg 12}-{dg 12}-{an 24}",
    "xa|pp-1-{up 11}-{dg 12}-{hx 64}",
    "hooks.sl|ack.com/services/{up 9}/{up 11}/{an 24}",
    "S|G.{w 22}.{w 43}",
    "xke|ysib-{hx 64}-{an 16}",
    "A|C{hx 32}",
    "sk|_live_{an 24}",
    "rk|_test_{an 24}",
    "sh|pat_{hx 32}",
    "sq|0atp-{w 22}",
    "sb|j1.{w 43}.{w 43}",
];

/// Secrets by what stands around them: the random part is the secret.
pub const CONTEXTS: [&str; 45] = [
    "acme_token = \"{an 32}\"",
    "ACME_API_KEY={hx 32}",
    "\"client_secret\": \"{w 40}\"",
    "password: {an 12}",
    "db_password = '{an 16}'",
    "<apiKey>{hx 40}</apiKey>",
    "api-key: {lo 40}",
    "secretKey := `{an 24}`",
    "--token {an 24}",
    "--password={an 14}",
    "export HEROKU_API_KEY={uuid}",
    "aws_secret_access_key = {b64 40}",
    "datadogApiKey: '{hx 32}'",
    "const char* access_token = \"{an 40}\";",
    "Pwd={an 12};",
    "AccountKey={b64 86}==;",
    "Authorization: Bearer {w 40}",
    "Cookie: sid={an 32}",
    "postgres://app:{an 14}@db.acme.example/x",
    "mysql://root:{an 14}@10.0.0.1:3306/",
    "redis://:{an 20}@cache:6379/0",
    "amqps://ann:{an 16}@rabbit/",
    "https://ann:{an 20}@git.acme.example/x.git",
    "curl -u ann:{an 16} https://acme.example",
    "twilio_auth_token,{hx 32},",
    "\"airtableToken\" => \"{an 17}\"",
    "okta_token: |\n  00{w 40}",
    "{\"name\": \"DB_PASSWORD\", \"value\": \"{an 20}\"}",
    "X-Api-Key: {an 32}",
    "set_api_key('{an 32}')",
    "passphrase = \"{an 20}\"",
    "the password is {an 14}",
    "fastlyToken = \"{w 32}\"",
    "finnhub_api_token = \"{lo 20}\"",
    "https://x.example/?access_token={an 30}&a=1",
    "newrelic_api_key=\"{hx 64}\"",
    "private_key: \"0x{hx 64}\"",
    "jwt_secret: {an 32}",
    "spring.datasource.password={an 12}",
    "mailchimp_key = \"{hx 32}-us12\"",
    "https://b.s3.amazonaws.com/k?X-Amz-Expires=60&X-Amz-Signature={hx 64}",
    "https://b.s3.amazonaws.com/k?X-Amz-Security-Token={w 200}&a=1",
    "AK|IA{b32 16},{b64 40}",
    "sqlplus scott/{an 14}@db.acme.example/x",
    "jdbc:oracle:thin:app/{an 16}@db:1521:x",
];

/// A source of random signs: the same seed makes the same canaries.
#[derive(Debug, Clone)]
pub struct Maker(u64);

impl Maker {
    /// Makes what follows from a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another random number (SplitMix64).
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn signs(&mut self, class: &str, len: usize) -> String {
        let of: &[u8] = match class {
            "hx" => b"0123456789abcdef",
            "dg" => b"0123456789",
            "up" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "lo" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "le" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "b32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "bech" => b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
            "b64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "w" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-",
            _ => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        };
        let count = u64::try_from(of.len()).unwrap_or(1);
        let mut sign =
            || usize::try_from(self.next() % count).ok().and_then(|place| of.get(place)).copied().map_or('x', char::from);
        (0..len).map(|_| sign()).collect()
    }

    /// A text of a kind, and its longest random part.
    fn fill(&mut self, kind: &str) -> (String, String) {
        let (mut text, mut longest, mut rest) = (String::new(), String::new(), kind);
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(&before.replace('|', ""));
            let Some((token, behind)) = after.split_once('}').filter(|(token, _)| is_token(token)) else {
                text.push('{');
                rest = after;
                continue;
            };
            let part = match token.split_once(' ') {
                Some((class, len)) => self.signs(class, len.parse().unwrap_or(1)),
                None => [8, 4, 4, 4, 12].map(|len| self.signs("hx", len)).join("-"),
            };
            text.push_str(&part);
            if part.len() > longest.len() {
                longest = part;
            }
            rest = behind;
        }
        text.push_str(&if kind.contains(": |\n") { rest.to_owned() } else { rest.replace('|', "") });
        (text, longest)
    }

    /// A secret with a shape of its own.
    #[must_use]
    pub fn shaped(&mut self, kind: &'static str) -> Canary {
        let (text, secret) = self.fill(kind);
        Canary { kind, text, secret }
    }

    /// One of each kind that there is.
    #[must_use]
    pub fn each(&mut self) -> Vec<Canary> {
        SHAPES.iter().chain(&CONTEXTS).map(|kind| self.shaped(kind)).collect()
    }
}

fn is_token(text: &str) -> bool {
    text == "uuid" || text.split_once(' ').is_some_and(|(class, len)| class.len() <= 4 && len.parse::<usize>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use scalbotics_core::redaction::{Detect, Mask};

    use super::*;

    /// Texts around a secret with a shape of its own.
    const AROUND: [&str; 10] = [
        "{}",
        "key: {}",
        "a={}&b=c",
        "\"{}\"",
        "see {} there",
        "{}\n",
        "(`{}`)",
        "[INFO] sent {}, done",
        "<x>{}</x>",
        "{\"a\":\"{}\"}",
    ];

    #[test]
    fn secrets_are_found_whatever_stands_around_them() {
        let mask = Mask::detecting(Detect::Secrets);
        let (mut made, mut missed) = (0_u32, Vec::new());
        for seed in 0..20 {
            let mut maker = Maker::new(seed);
            let shaped: Vec<Canary> = SHAPES.iter().map(|kind| maker.shaped(kind)).collect();
            let around =
                |canary: &Canary| AROUND.map(|around| Canary { text: around.replace("{}", &canary.text), ..canary.clone() });
            let contexts = CONTEXTS.iter().map(|kind| maker.shaped(kind)).collect::<Vec<_>>();
            for canary in shaped.iter().flat_map(around).chain(contexts) {
                let mut text = canary.text.clone();
                mask.apply_to_text(&mut text, false);
                made += 1;
                missed.extend(text.contains(&canary.secret).then_some(canary));
            }
        }
        let mut kinds: Vec<_> = missed.iter().map(|canary| (canary.kind, canary.text.as_str())).collect();
        kinds.dedup_by_key(|(kind, _)| *kind);
        println!("recall: {} of {made} missed", missed.len());
        // Twenty in a thousand, of which a random text that looks like a word is one now and then.
        assert!(missed.len() * 50 <= made as usize, "{} of {made} missed: {kinds:#?}", missed.len());
    }

    #[test]
    fn json_stays_json_whatever_is_covered_in_it() {
        let mask = Mask::detecting(Detect::SecretsAndPersonalData);
        for seed in 0..20 {
            let canaries = [Maker::new(seed).each(), Maker::new(seed).personal()].concat();
            let lines: String =
                canaries.iter().enumerate().map(|(number, canary)| format!("note {number}\n{}\n", canary.text)).collect();
            // Letters of escapes stand before each line there.
            let mut text = format!("{{\"content\":{}}}", serde_json::Value::from(lines));
            mask.apply_to_text(&mut text, false);
            let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
            assert!(read.is_ok(), "seed {seed}: {read:?}: {text}");
        }
    }

    /// Text files of this repository, but for those that hold what detectors look for.
    fn own_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir()
                && !matches!(name.as_str(), "target" | "redaction" | "corpus" | "artifacts")
                && !name.starts_with('.')
            {
                own_files(&path, found);
            } else if [".rs", ".md", ".toml", ".lock", ".proto", ".json", ".txt", ".cedar", ".yaml"]
                .iter()
                .any(|end| name.ends_with(end))
            {
                found.push(path);
            }
        }
    }

    #[test]
    fn clean_text_is_left_alone() {
        let mut files = Vec::new();
        own_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), &mut files);
        let (mut lines, mut alarms) = (0_u32, Vec::new());
        let mask = Mask::detecting(Detect::SecretsAndPersonalData);
        for path in files.iter().filter(|path| !path.ends_with("src/canary.rs") && !path.ends_with("desired/secrets.rs")) {
            let Ok(text) = std::fs::read_to_string(path) else { continue };
            lines += u32::try_from(text.lines().count()).unwrap();
            alarms.extend(mask.findings(text.as_bytes()).into_iter().map(|finding| (path.clone(), finding)));
        }
        println!("false alarms: {} in {lines} lines of {} files", alarms.len(), files.len());
        assert!(lines > 50_000);
        // Tests of this repository write addresses and passwords of examples; five in ten thousand is a hundredth of the bar.
        assert!(alarms.len() * 2_000 <= lines as usize, "{alarms:#?}");
    }

    #[test]
    fn canaries_differ_by_seed_and_are_many() {
        let made = Maker::new(1).each();
        assert!(
            made.len() > 100 && made.iter().all(|canary| canary.text.contains(&canary.secret) && !canary.text.contains("{an"))
        );
        assert_eq!(made, Maker::new(1).each());
        assert!(made.iter().zip(Maker::new(2).each()).all(|(one, other)| one.secret != other.secret));
    }
}
