//! Secrets by their context: the value that a setting of a telling name has, in files of settings, programs, JSON, YAML, XML,
//! command lines and sentences.

use super::bytes::{at, is_name, part, run, run_back, stands};
use super::naming::{is_about, promise};
use super::span::{Finds, rank};
use super::stand_in::is_stand_in;
use super::worth::{Written, is_secret, may_be_secret};

/// Longest part of a name that is looked at to each side, in bytes.
const NAME_LEN_MAX: usize = 64;

/// Longest value, in bytes; of a longer one the beginning decides.
const VALUE_LEN_MAX: usize = 512;

/// Bytes of a value by which it is judged.
const JUDGED_LEN_MAX: usize = 128;

/// Most signs of an escaped quotation mark: one that was escaped three times has seven before it.
const ESCAPES_MAX: usize = 8;

/// Longest text between a name and its sign, in bytes: a type, or some words.
const BETWEEN_LEN_MAX: usize = 24;

/// A sign that joins a name and a value.
struct Sign {
    /// Where it ends.
    end: usize,
    /// Whether it gives a value, and does not part arguments.
    given: bool,
    /// Whether the value may stand on the next line.
    next_line: bool,
}

/// Covers the value of the setting in whose name `place` is; answers where that name ends.
pub(super) fn find_value(view: &[u8], place: usize, finds: &mut Finds<'_>) -> usize {
    let name_end = run(view, place, NAME_LEN_MAX, is_name);
    if !may_follow(at(view, name_end)) {
        return name_end;
    }
    let start = run_back(view, place, NAME_LEN_MAX, is_name);
    let option = part(view, start, place).windows(2).rposition(|pair| pair == b"--").map_or(start, |dashes| start + dashes + 2);
    let start = run(view, option, place - option.min(place), |byte| matches!(byte, b'-' | b'.'));
    let Some(sign) = sign(view, start, name_end) else { return name_end };
    let Some((from, to, quoted)) = value(view, &sign) else { return name_end };
    let found = part(view, from, to.min(from + JUDGED_LEN_MAX));
    let written = Written { quoted, given: sign.given };
    if !may_be_secret(found, written) {
        return name_end;
    }
    let name = part(view, start, name_end);
    let promise = promise(words_before(view, start), name.strip_suffix(b".").unwrap_or(name));
    if promise.is_some_and(|promise| is_secret(found, promise, written)) {
        finds.add(from, to, "secret", rank::CONTEXT);
    }
    name_end
}

/// Whether a sign, or what leads to one, may begin with this byte.
fn may_follow(byte: u8) -> bool {
    is_blank(byte)
        || is_quote(byte)
        || matches!(byte, b'=' | b':' | b'>' | b'(' | b',' | b'|' | b'\\' | b']' | b')' | b'*' | b'?' | b'+' | b'.' | b'!' | b'<')
}

/// The word before a name, where one space is between them.
fn words_before(view: &[u8], start: usize) -> &[u8] {
    if start == 0 || at(view, start - 1) != b' ' {
        return &[];
    }
    part(view, run_back(view, start - 1, 12, |byte| byte.is_ascii_alphanumeric()), start - 1)
}

fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// The sign behind a name that ends at `end`.
fn sign(view: &[u8], start: usize, end: usize) -> Option<Sign> {
    let closed = run(view, end, ESCAPES_MAX, |byte| is_quote(byte) || matches!(byte, b'\\' | b']' | b')' | b'*'));
    let quoted = closed > end;
    let mut place = run(view, closed, 8, is_blank);
    if let Some(found) = named_value(view, closed) {
        return Some(found);
    }
    if start >= 2 && part(view, start - 2, start) == b"--" && place > closed && is_argument(at(view, place)) {
        return Some(Sign { end: place, given: true, next_line: false });
    }
    for word in [b"is ".as_slice(), b"was ", b"is: ", b"are ", b"identified by ", b"to "] {
        if place > closed && stands(view, place, word) {
            return Some(Sign { end: place + word.len(), given: true, next_line: false });
        }
    }
    if !quoted && place > closed && (at(view, place).is_ascii_alphabetic() || at(view, place) == b'&') {
        let words = run(view, place, BETWEEN_LEN_MAX, |byte| is_name(byte) || is_blank(byte) || b"&<>[]?*".contains(&byte));
        if is_about(part(view, place, words)) || !b"=:".contains(&at(view, words)) {
            return None;
        }
        place = words;
    }
    joined(view, place, at(view, start.wrapping_sub(1)) == b'<')
}

fn is_argument(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || is_quote(byte) || b"$!@#%^&*".contains(&byte)
}

/// `=`, `:`, `:=`, `=>`, `>` of an element, `(`, `,`, `|` at a place.
fn joined(view: &[u8], place: usize, element: bool) -> Option<Sign> {
    let end = run(view, place, 4, |byte| b"=:>?+.!|".contains(&byte));
    let sign = part(view, place, end);
    let gives = sign.contains(&b'=') || sign.contains(&b':') || (sign == b">" && element);
    if gives {
        let end = typed(view, end, sign).unwrap_or(end);
        return Some(Sign { end, given: true, next_line: sign == b":" || sign == b">" });
    }
    if matches!(at(view, place), b'(' | b',' | b'|' | b'>') {
        return Some(Sign { end: place + 1, given: false, next_line: false });
    }
    None
}

/// Where the sign of a value ends that has its type before it: `: &str =`.
fn typed(view: &[u8], place: usize, sign: &[u8]) -> Option<usize> {
    if sign != b":" {
        return None;
    }
    let words = run(view, place, BETWEEN_LEN_MAX, |byte| is_name(byte) || is_blank(byte) || b"&<>[]?*'|:".contains(&byte));
    let follows = words > place && at(view, words) == b'=' && at(view, words + 1) != b'=';
    (follows && at(view, words - 1) == b' ').then_some(words + 1)
}

/// A name and its value as two fields: `"name": "password", "value": "…"`, `key="password" value="…"`.
fn named_value(view: &[u8], place: usize) -> Option<Sign> {
    let gap = run(view, place, 40, |byte| byte.is_ascii_whitespace() || b",{}/><\\-".contains(&byte) || is_quote(byte));
    if gap == place || !stands(view, gap, b"value") {
        return None;
    }
    let closed = run(view, gap + 5, ESCAPES_MAX, |byte| is_quote(byte) || byte == b'\\');
    let blank = run(view, closed, 4, is_blank);
    matches!(at(view, blank), b':' | b'=' | b'>').then_some(Sign { end: blank + 1, given: true, next_line: false })
}

/// Where the value behind a sign begins and ends, and whether it is in quotation marks.
fn value(view: &[u8], sign: &Sign) -> Option<(usize, usize, bool)> {
    let mut place = run(view, sign.end, 8, is_blank);
    if sign.next_line {
        let block = run(view, place, 2, |byte| b"|>-+".contains(&byte));
        if matches!(at(view, block), b'\n' | b'\r') && (block > place || at(view, sign.end - 1) == b'>') {
            place = run(view, block, 64, |byte| byte.is_ascii_whitespace());
        } else if block > place && part(view, block, block + 2) == br"\n" {
            place = run(view, block + 2, 64, is_blank);
        }
    }
    // `b"`, `r#"`, `@"`, `u'`.
    let prefix = run(view, place, 2, |byte| b"bruf@$#LN".contains(&byte));
    if prefix > place && is_quote(at(view, prefix)) {
        place = prefix;
    }
    let escapes = run(view, place, ESCAPES_MAX, |byte| byte == b'\\');
    let quote = at(view, escapes);
    if is_quote(quote) {
        let from = run(view, escapes, 3, |byte| byte == quote);
        if from - escapes == 2 {
            return None;
        }
        let escaped = escapes > place;
        let to = run(view, from, VALUE_LEN_MAX, |byte| byte != quote && byte != b'\n' && !(escaped && byte == b'\\'));
        return (to > from).then_some((from, to, true));
    }
    let stops = |byte: u8| {
        byte.is_ascii_whitespace() || is_quote(byte) || matches!(byte, b'<' | b';' | b',' | b'&' | b'\\' | b'|') || byte == 0
    };
    let mut to = run(view, place, VALUE_LEN_MAX, |byte| !stops(byte));
    // A template with spaces or commas inside is one word.
    if is_stand_in(part(view, place, place + 2)) {
        return None;
    }
    while to > place && b".)]}:!?*".contains(&at(view, to - 1)) && !balanced(part(view, place, to)) {
        to -= 1;
    }
    (to > place).then_some((place, to, false))
}

/// Whether the last byte of an unquoted value belongs to it.
fn balanced(value: &[u8]) -> bool {
    let opens = |open: u8| value.contains(&open);
    match value.last() {
        Some(b')') => opens(b'('),
        Some(b']') => opens(b'['),
        Some(b'}') => opens(b'{'),
        Some(b'!' | b'?' | b'*') => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{all_hold, all_stay, redacted, secrets};

    #[test]
    fn values_are_covered_wherever_settings_stand() {
        let value = "Zk3vQ9xLm2Rt7Yp4Bn8W";
        for text in [
            "acmeToken=\"{}\"",
            "acmeToken = \"{}\"",
            "acmeToken={}",
            "acmeToken = {}",
            "{\n  \"acme_token\": \"{}\"\n}",
            "\\{\\n \\\"acme_token\\\": \\\"{}\\\"\\n\\}",
            "<acmeToken>{}</acmeToken>",
            "<acmeToken>\n    {}\n</acmeToken>",
            "acme_token: {}",
            "acme_token: '{}'",
            "acme_token: |\n  {}",
            "acme_token: >\n  {}",
            "string acmeToken = \"{}\";",
            "var acmeToken string = \"{}\"",
            "acmeToken := \"{}\"",
            "acmeToken := `{}`",
            "$acmeToken .= \"{}\"",
            "acmeToken = '{}'",
            "acmeToken,{},",
            "  \"acmeToken\" => \"{}\"",
            "acme_TOKEN ::= \"{}\"",
            "acme_TOKEN ?= \"{}\"",
            "acme_TOKEN += \"{}\"",
            "export ACME_API_KEY={}",
            "--api-key {}",
            "--api-key={}",
            "const ACME_API_KEY: &str = \"{}\";",
            "api_key: str = '{}'",
            "config['api_key'] = '{}'",
            "setApiKey(\"{}\")",
            "{\"name\": \"API_KEY\", \"value\": \"{}\"}",
            "<add key=\"ApiKey\" value=\"{}\" />",
            "https://x.example/?api_key={}&a=b",
            "the API key is {}",
            "my access token: {}",
            "X-Api-Key: {}",
            "curl -H 'X-Auth-Token: {}'",
            "Server=x;AccountKey={};",
        ] {
            let text = text.replace("{}", value);
            assert_eq!(secrets(&text), ["secret"], "{text}");
            assert!(!redacted(&text).contains(value), "{text}");
        }
    }

    #[test]
    fn passwords_need_not_look_random() {
        all_hold(
            secrets,
            "secret",
            &[
                "password = \"hunter2\"",
                "password: s3cr3t!",
                "DB_PASSWORD=pr0duction",
                "password=\"Tr0ub4dor&3\"",
                "<password>hunter2x</password>",
                "Pwd=abc12345;",
                "passphrase: \"correct1horse\"",
                "mysql -u root --password hunter2x",
                "PASSWORD='p@ssw0rd'",
                "password is hunter2x",
                "'password': 'qwerty123'",
                "password = \"$ecret!word\"",
                "IDENTIFIED BY 'x9!kkkkk' password='Aa1!aaaa'",
            ],
        );
    }

    #[test]
    fn plain_settings_are_left_alone() {
        all_stay(
            redacted,
            &[
                "password: ${DB_PASSWORD_2024}",
                "password: <your password 1234 here>",
                "api_key: changeme-0123456789abcdef",
                "The secret: never write passwords down.",
                "secret: correcthorsebatterystaple",
                "idempotency_key: argv",
                "password = getpass()",
                "password = os.environ[\"DB_PASSWORD_2\"]",
                "token: secret://acme/github-token-2026",
                "api_key: secret://acme/Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5",
                "\"password\": \"must have at least 8 characters\"",
                "token_count: 1234567890",
                "key: value",
                "password: string",
                "let token = Token::parse(text)?;",
                "secret: Option<SecretRef>",
                "password_file: /run/secrets/db_password_1",
                "token = self.tokens[0]",
                "api_key_id: abc123def456ghi789",
                "key = \"sha256:abc\"",
                "idempotency-key: 018f4e2a-1111-7c3e-9a55-123456789abc",
                "public_key: MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
                "token: null",
                "password=%DB_PASS%",
                "nextPageToken: Zk3vQ9xLm2Rt7Yp4Bn8W",
                "key: 8a5aa53c0fa73b50777cd65e960d9dcf227b666a",
                "secret: v1beta1",
                "password: \"\"",
                "author: ann2026smith99x1",
            ],
        );
    }
}
