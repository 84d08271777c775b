//! Finds secrets in files of desired state, so that a commit that holds one is refused at load.
//!
//! What is one says the same pipeline that covers secrets everywhere else ([`crate::redaction`]), but that here the first line of a private
//! key is enough.

use crate::redaction::{Detect, Mask};

/// A secret that was found: where and what it is, never what it says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// The line from 1.
    pub line: u64,
    /// What it is, as `aws-access-key-id`.
    pub kind: &'static str,
}

/// Ends of the first line of the armour of a private key.
const ARMOURS: [&str; 2] = ["PRIVATE KEY-----", "PRIVATE KEY BLOCK-----"];

/// What a private key is called, as its detector does.
const PRIVATE_KEY: &str = "private-key";

/// The secrets in a text, in order of lines, each kind once a line. Linear in the text.
#[must_use]
pub fn find_secrets(text: &str) -> Vec<Secret> {
    let mut found: Vec<Secret> = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for finding in Mask::detecting(Detect::Secrets).findings(text.as_bytes()) {
        let between = text.as_bytes().get(counted..finding.start).unwrap_or_default();
        line += between.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        counted = finding.start;
        found.push(Secret { line, kind: finding.kind });
    }
    let armoured = |line: &str| line.contains("-----BEGIN ") && ARMOURS.iter().any(|end| line.contains(end));
    let armours = (1..).zip(text.lines()).filter(|(_, content)| armoured(content));
    found.extend(armours.map(|(line, _)| Secret { line, kind: PRIVATE_KEY }));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Joins parts, so that this file holds nothing that looks like a secret.
    fn glue(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn secrets_are_found_at_their_lines() {
        let random = "Zk3vQ9xLm2Rt7Yp4Bn8Wc1Hd6Jf5Gs0aKe2u";
        for (text, kind) in [
            (glue(&["AK", "IAQ3EGB7XK2LMNOP4R"]), "aws-access-key-id"),
            (glue(&["gh", "p_", random, "x"]), "github-token"),
            (glue(&["github", "_pat_", random]), "github-fine-grained-token"),
            (glue(&["gl", "pat-", random]), "gitlab-token"),
            (glue(&["xo", "xb-1234567890-abcdef"]), "slack-token"),
            (glue(&["https://hooks.sl", "ack.com/services/T0A1B2C3D/B0E1F2G3H/", random]), "slack-webhook"),
            (glue(&["s", "k-ant-", random]), "anthropic-key"),
            (glue(&["AI", "za", random]), "google-api-key"),
            (glue(&["s", "k_live_", random]), "stripe-key"),
            (glue(&["-----BEGIN ", "RSA PRIVATE KEY-----"]), "private-key"),
            (glue(&["-----BEGIN ", "PRIVATE KEY-----"]), "private-key"),
            (glue(&["ey", "JhbGciOiJIUzI1NiJ9.", "ey", "JzdWIiOiIxMjM0In0.", "c2lnbmF0dXJlc2ln"]), "json-web-token"),
            (glue(&["postgres://app:", "s3cr3tpw", "@db/x"]), "password-in-address"),
            (glue(&["pass", "word: ", "hK7-pQ2mX9vL4"]), "secret"),
            (glue(&["\"api_", "key\" = \"", random, "\","]), "secret"),
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
            "mail ann@acme.example",
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
