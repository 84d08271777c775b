//! From an answer to the tool's result.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use scalbotics_core::egress::Target;
use scalbotics_core::redaction::Mask;
use scalbotics_core::tool::Outcome;
use serde_json::{Value, json};

use crate::tool::content::Content;

use super::limits::{HEADER_SHOWN_MAX, TEXT_JSON_MAX};

/// Headers that say something about the body, or what to do next.
const SHOWN: [&str; 14] = [
    "age",
    "allow",
    "cache-control",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "x-request-id",
];

/// An answer whose body was read, whole or in part.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) url: Target,
    pub(super) redirects: u32,
    pub(super) body: Vec<u8>,
    /// Whether the body went on.
    pub(super) truncated: bool,
}

impl Answer {
    /// The result, without the secrets that the request carried.
    pub(super) fn outcome(mut self, mask: &Mask) -> Outcome {
        mask.apply(&mut self.body, self.truncated);
        let coded = self.headers.get(CONTENT_ENCODING).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"));
        let bytes = self.body.len();
        // Nothing is unpacked: a body that is packed though nobody asked for it stays so.
        let Content { encoding, content } =
            if coded { Content::base64(&self.body) } else { Content::of(&self.body, self.truncated, TEXT_JSON_MAX) };
        let value = json!({
            "status": self.status.as_u16(),
            "url": self.url.to_string(),
            "headers": shown(&self.headers, mask),
            "encoding": encoding,
            "content": content,
            "bytes": bytes,
            "truncated": self.truncated,
            "redirects": self.redirects,
        });
        match scalbotics_core::json::canonical(&value) {
            Ok(output) => Outcome::Landed { output, truncated: self.truncated },
            Err(error) => Outcome::Failed { reason: error.to_string() },
        }
    }
}

fn shown(headers: &HeaderMap, mask: &Mask) -> Vec<Value> {
    let shown = headers.iter().filter(|(name, _)| SHOWN.contains(&name.as_str()));
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        let mut bytes = value.as_bytes().to_vec();
        mask.apply(&mut bytes, false);
        bytes.truncate(HEADER_SHOWN_MAX);
        json!({ "name": name.as_str(), "value": String::from_utf8_lossy(&bytes) })
    };
    shown.map(header).collect()
}
