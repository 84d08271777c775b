//! Finds secrets in files of desired state, so that a commit that holds one is refused at load.
//!
//! The detectors are data: a kind and a pattern, or names of settings whose value looks random. They miss what looks
//! like nothing; they are a net under people, not a wall.

use std::sync::LazyLock;

use regex::Regex;

/// Longest run of text that one line contributes to the search for random values, in bytes; patterns see the whole line.
const VALUE_LEN_MAX: usize = 4_096;

/// Shannon entropy from which a value looks random, in bits a character; words and paths stay below, keys above.
const ENTROPY_MIN: f64 = 3.3;

/// A secret that was found: where and what it is, never what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The line from 1.
    pub line: u64,
    /// What it is, as `an AWS access key id`.
    pub kind: &'static str,
}

/// Kinds of secrets with a shape of their own.
const SHAPES: [(&str, &str); 12] = [
    ("an AWS access key id", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("a GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{36,}"),
    ("a GitHub fine-grained token", r"\bgithub_pat_[A-Za-z0-9_]{22,}"),
    ("a GitLab token", r"\bgl(?:pat|rt|dt|ptt)-[A-Za-z0-9_-]{20,}"),
    ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("a Slack webhook", r"https://hooks\.slack\.com/services/[A-Za-z0-9/]{20,}"),
    ("a model provider's key", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("a Google API key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a Stripe key", r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
    ("a private key", r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    ("a JSON Web Token", r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"),
    ("a password inside a URL", r"\b[a-z][a-z0-9+.-]*://[^\s:/@]+:[^\s/@$<{]{6,}@"),
];

/// A setting whose name says that its value is secret.
const SETTING: &str = concat!(
    r#"(?i)(?:password|passwd|passphrase|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token|client[_-]?secret)"#,
    r#"["']?\s*(?::|=|=>)\s*["']?([^\s"']{12,})"#
);

/// Beginnings of values that point to a secret, or stand for one, instead of being one.
const STAND_INS: [&str; 12] = ["$", "<", "{", "env:", "file:", "vault:", "secret:", "//", "changeme", "example", "xxx", "***"];

static DETECTORS: LazyLock<Vec<(&'static str, Regex)>> =
    LazyLock::new(|| SHAPES.iter().filter_map(|(kind, pattern)| Regex::new(pattern).ok().map(|regex| (*kind, regex))).collect());

static SETTINGS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SETTING).ok());

/// The secrets in a text, in order of lines, each kind once a line. Linear in the text.
#[must_use]
pub fn find_secrets(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        let kinds = DETECTORS.iter().filter(|(_, regex)| regex.is_match(content)).map(|(kind, _)| *kind);
        let before = found.len();
        found.extend(kinds.map(|kind| Secret { line, kind }));
        if found.len() == before && has_random_setting(content) {
            found.push(Secret { line, kind: "a password or key" });
        }
    }
    found
}

fn has_random_setting(line: &str) -> bool {
    let Some(regex) = SETTINGS.as_ref() else { return false };
    regex.captures_iter(line).filter_map(|captures| captures.get(1)).any(|value| looks_random(value.as_str()))
}

fn looks_random(value: &str) -> bool {
    let value = value.trim_end_matches([',', ';', ')', '}']);
    let value = value.get(..VALUE_LEN_MAX).unwrap_or(value);
    let lower = value.to_ascii_lowercase();
    let stands_in = STAND_INS.iter().any(|start| lower.starts_with(start));
    let mixed = value.bytes().any(|b| b.is_ascii_digit()) && value.bytes().any(|b| b.is_ascii_alphabetic());
    !stands_in && mixed && entropy(value.as_bytes()) >= ENTROPY_MIN
}

/// Shannon entropy in bits a byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let bits = |count: &u32| {
        let share = f64::from(*count) / total;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins parts, so that this file holds nothing that looks like a secret.
    fn glue(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn every_detector_is_a_regular_expression() {
        assert_eq!(DETECTORS.len(), SHAPES.len());
        assert!(SETTINGS.is_some());
    }

    #[test]
    fn secrets_are_found_at_their_lines() {
        let random = "Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2u";
        for (text, kind) in [
            (glue(&["AK", "IAQ3EGB7XK2LMNOP4R"]), "an AWS access key id"),
            (glue(&["gh", "p_", random, "x"]), "a GitHub token"),
            (glue(&["github", "_pat_", random]), "a GitHub fine-grained token"),
            (glue(&["gl", "pat-", random]), "a GitLab token"),
            (glue(&["xo", "xb-1234567890-abcdef"]), "a Slack token"),
            (glue(&["https://hooks.sl", "ack.com/services/T00000000/B00000000/abc"]), "a Slack webhook"),
            (glue(&["s", "k-ant-", random]), "a model provider's key"),
            (glue(&["AI", "za", random]), "a Google API key"),
            (glue(&["s", "k_live_", random]), "a Stripe key"),
            (glue(&["-----BEGIN ", "RSA PRIVATE KEY-----"]), "a private key"),
            (glue(&["-----BEGIN ", "PRIVATE KEY-----"]), "a private key"),
            (glue(&["ey", "JhbGciOiJIUzI1NiJ9.", "ey", "JzdWIiOiIxMjM0In0.", "c2lnbmF0dXJlc2ln"]), "a JSON Web Token"),
            (glue(&["postgres://app:", "s3cr3tpw", "@db/x"]), "a password inside a URL"),
            (glue(&["pass", "word: ", "hK7-pQ2mX9vL4"]), "a password or key"),
            (glue(&["\"api_", "key\" = \"", random, "\","]), "a password or key"),
        ] {
            let found = find_secrets(&format!("first line\n- {text} and more\n"));
            assert_eq!(found, [Secret { line: 2, kind }], "{kind}");
        }
    }

    #[test]
    fn plain_text_is_left_alone() {
        for text in [
            "password: ${DB_PASSWORD_2024_PRODUCTION}",
            "password: <your password 1234 here>",
            "api_key: changeme-0123456789abcdef",
            "The secret: never write passwords down.",
            "secret: correcthorsebatterystaple",
            "idempotency_key: argv",
            "- { name: secret://acme/github-token-2026-Zk3vQ9x, env: TOKEN }",
            "api_key: secret://acme/Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5",
            "commit: 8a5aa53c0fa73b50777cd65e960d9dcf227b666a",
            "pattern: \"AKIA[0-9A-Z]{16}\"",
            "https://example.org:8443/a@b",
            "digest: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "-----BEGIN CERTIFICATE-----",
        ] {
            assert_eq!(find_secrets(text), [], "{text}");
        }
    }

    #[test]
    fn one_long_line_is_searched_in_linear_time() {
        let text = "secret=a1".repeat(super::super::FILE_LEN_MAX / 9);
        assert!(find_secrets(&text).len() <= 1);
        assert!(find_secrets(&"a:/".repeat(100_000)).is_empty());
    }
}
