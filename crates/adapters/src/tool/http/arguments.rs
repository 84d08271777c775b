//! The arguments of a call, as the tool's schema lets them through, and what the schema cannot say.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scalbotics_core::egress::{
    BODY_LEN_MAX, BYTES_DEFAULT, HEADER_VALUE_LEN_MAX, HEADERS_MAX, Method, Reach, Target, is_free_header, method,
};
use scalbotics_core::tool::Definition;
use serde::Deserialize;
use serde_json::Value;

/// A call of a tool that speaks HTTP.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) bytes_max: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    #[serde(rename = "method")]
    _method: Option<String>,
    #[serde(default)]
    headers: Vec<Header>,
    body: Option<String>,
    #[serde(default)]
    body_encoding: Encoding,
    max_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    #[default]
    Utf8,
    Base64,
}

impl Wanted {
    /// Reads the arguments of a call and checks what can be checked without asking anybody.
    ///
    /// # Errors
    /// What is wrong with them, for whoever made the call.
    pub(super) fn parse(tool: &Definition, reach: &Reach<'_>, args: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(args).map_err(|error| error.to_string())?;
        let method = method(tool.methods(), &value).ok_or("the method is none")?;
        let arguments: Arguments = serde_json::from_value(value).map_err(|error| error.to_string())?;
        let target = Target::parse(&arguments.url).map_err(|error| error.to_string())?;
        reach.check(method, &target).map_err(|error| error.to_string())?;
        let bytes_max = match reach {
            Reach::Open => arguments.max_bytes.unwrap_or(BYTES_DEFAULT),
            Reach::Declared(destination) => arguments.max_bytes.unwrap_or(u64::MAX).min(destination.response_bytes),
        };
        let body = arguments.body.map(|text| decode(text, &arguments.body_encoding)).transpose()?;
        if body.is_some() && method.is_safe() {
            return Err(format!("{} has no body", method.as_str()));
        }
        Ok(Self { method, target, headers: headers(reach, arguments.headers)?, body, bytes_max })
    }
}

fn decode(text: String, encoding: &Encoding) -> Result<Vec<u8>, String> {
    let bytes = match encoding {
        Encoding::Utf8 => text.into_bytes(),
        Encoding::Base64 => STANDARD.decode(text).map_err(|error| format!("the body is no base64: {error}"))?,
    };
    if bytes.len() as u64 > BODY_LEN_MAX {
        return Err(format!("the body has {} bytes, more than {BODY_LEN_MAX}", bytes.len()));
    }
    Ok(bytes)
}

fn headers(reach: &Reach<'_>, headers: Vec<Header>) -> Result<Vec<(String, String)>, String> {
    if headers.len() > HEADERS_MAX {
        return Err(format!("{} headers are more than {HEADERS_MAX}", headers.len()));
    }
    let own: Vec<&str> = match reach {
        Reach::Open => Vec::new(),
        Reach::Declared(destination) => {
            let secret = destination.secret.as_ref().map(|secret| secret.header.as_str());
            destination.idempotency_header.as_deref().into_iter().chain(secret).collect()
        }
    };
    let mut read = Vec::with_capacity(headers.len());
    for Header { name, value } in headers {
        if !is_free_header(&name) || own.iter().any(|own| own.eq_ignore_ascii_case(&name)) {
            return Err(format!("the header `{}` is not a call's to set", name.escape_debug()));
        }
        let plain = value.len() <= HEADER_VALUE_LEN_MAX && value.bytes().all(|b| b == b' ' || b == b'\t' || b.is_ascii_graphic());
        if !plain {
            return Err(format!("the value of header `{name}` holds more than visible ASCII characters, or is too long"));
        }
        read.push((name, value));
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(args: &Value) -> Result<Wanted, String> {
        let destination = json!({
            "id": "api", "description": "A test.", "host": "api.example.com", "methods": ["GET", "POST"],
            "secret": { "name": "secret://acme/t", "header": "X-Token" }, "idempotency_header": "Idempotency-Key",
            "response_bytes": 100,
        });
        let tool = Definition::of_destination(serde_json::from_value(destination).unwrap()).unwrap();
        Wanted::parse(&tool, &Reach::of(&tool).unwrap(), args.to_string().as_bytes())
    }

    #[test]
    fn arguments_are_read() {
        let wanted = parse(&json!({ "url": "https://api.example.com/x", "max_bytes": 7 })).unwrap();
        assert_eq!((wanted.method, wanted.bytes_max, wanted.body), (Method::Get, 7, None));
        let post = json!({
            "url": "https://api.example.com/x", "method": "POST", "body": "AAE=", "body_encoding": "base64",
            "headers": [{ "name": "Content-Type", "value": "a/b; c=\"d\"" }],
        });
        let wanted = parse(&post).unwrap();
        assert_eq!((wanted.method, wanted.bytes_max, wanted.body), (Method::Post, 100, Some(vec![0, 1])));
        assert_eq!(wanted.headers, [("Content-Type".to_owned(), "a/b; c=\"d\"".to_owned())]);
    }

    #[test]
    fn hostile_arguments_are_refused() {
        let header = |name: &str, value: &str| json!({ "headers": [{ "name": name, "value": value }] });
        let many: Vec<Value> = (0..=HEADERS_MAX).map(|n| json!({ "name": format!("a{n}"), "value": "" })).collect();
        for change in [
            json!({ "url": "https://other.example.com/" }),
            json!({ "url": "https://api.example.com:444/" }),
            json!({ "url": "https://api.example.com@127.0.0.1/" }),
            json!({ "url": "file:///etc/passwd" }),
            json!({ "method": "PUT" }),
            json!({ "method": "TRACE" }),
            json!({ "body": "x" }),
            json!({ "method": "POST", "body": "x", "body_encoding": "base64" }),
            json!({ "method": "POST", "body": "x".repeat(BODY_LEN_MAX as usize + 1) }),
            json!({ "headers": many }),
            json!({ "more": 1 }),
            header("Host", "127.0.0.1"),
            header("content-length", "0"),
            header("Transfer-Encoding", "chunked"),
            header("Connection", "x-token"),
            header("Proxy-Authorization", "x"),
            header("x-token", "mine"),
            header("IDEMPOTENCY-KEY", "mine"),
            header("", "x"),
            header("a b", "x"),
            header("a:", "x"),
            header("a", "x\r\nHost: evil"),
            header("a", "x\0"),
            header("a", "ü"),
            header("a", &"x".repeat(HEADER_VALUE_LEN_MAX + 1)),
        ] {
            let mut args = json!({ "url": "https://api.example.com/x" });
            args.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
            assert!(parse(&args).is_err(), "{change}");
        }
    }
}
