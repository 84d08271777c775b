//! The tools that speak HTTP: their schemas, and what policy sees of a call beside its arguments.

use serde_json::{Value, json};

use super::{Destination, DestinationError, Method, Target, TargetError};
use crate::digest::Digest;
use crate::tenant::Name;
use crate::time::Span;
use crate::tool::schema::Schema;
use crate::tool::{Definition, HTTP_TAG, Kind};

/// What the name of a destination's tool begins with.
pub const TOOL_PREFIX: &str = "http.fetch.";

/// Most bytes of a request's body; what a task passes on fits several times into a payload.
pub const BODY_LEN_MAX: u64 = 1 << 20;

/// Bytes of an answer's body that are read where nothing is said.
pub const BYTES_DEFAULT: u64 = 1 << 20;

/// Bytes of an answer's body that are read at most: as base64, and with its head, it still fits into a payload.
pub const BYTES_MAX: u64 = 2 << 20;

/// Most headers that a call may set.
pub const HEADERS_MAX: usize = 32;

/// Longest name of a header, in bytes.
pub const HEADER_NAME_LEN_MAX: usize = 64;

/// Longest value of a header, in bytes; servers refuse more than about 8 KiB of all of them.
pub const HEADER_VALUE_LEN_MAX: usize = 4_096;

/// The name of a destination's tool; `None` where it would be none.
#[must_use]
pub fn tool_id(destination: &Name) -> Option<Name> {
    Name::parse(&format!("{TOOL_PREFIX}{destination}")).ok()
}

/// Whether the text is a name of a header (RFC 9110 §5.1).
pub(super) fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.len() <= HEADER_NAME_LEN_MAX && name.bytes().all(token)
}

/// Whether a call may set the header: it is one, and neither the client's own nor for somebody on the way.
#[must_use]
pub fn is_free_header(name: &str) -> bool {
    is_header_name(name) && !super::destination::is_refused(name)
}

impl Definition {
    /// The tool `http.fetch.<id>` of a destination.
    ///
    /// # Errors
    /// [`DestinationError`], the first thing that is wrong with it.
    pub fn of_destination(destination: Destination) -> Result<Self, DestinationError> {
        destination.check()?;
        let id = tool_id(&destination.id).ok_or(DestinationError::Id)?;
        let input = fetch_input(&destination.methods, destination.response_bytes);
        let bytes = crate::json::canonical_of(&destination).map_err(|_| DestinationError::Range("description"))?;
        Ok(Self {
            id,
            description: destination.description.clone(),
            tier: destination.tier(),
            effect: destination.effect(),
            input: Schema::parse_input(&input).map_err(|_| DestinationError::Methods)?,
            output: Some(Schema::parse(&fetch_output()).map_err(|_| DestinationError::Methods)?),
            key_ttl: destination.key_ttl,
            settle_after: Span::from_ms(0),
            timeout: destination.timeout,
            digest: Digest::of_parts(HTTP_TAG, &[&bytes]),
            text: String::from_utf8_lossy(&bytes).into(),
            kind: Kind::Http(Box::new(destination)),
        })
    }
}

/// The method of a call with these arguments: the one that it names, or `GET` where the tool has it, or the tool's first.
#[must_use]
pub fn method(methods: &[Method], args: &Value) -> Option<Method> {
    match args.get("method").and_then(Value::as_str) {
        Some(word) => Method::of(word),
        None => methods.iter().copied().find(|method| *method == Method::Get).or_else(|| methods.first().copied()),
    }
}

impl Definition {
    /// The methods of a tool that speaks HTTP; none where it does not.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        match super::Reach::of(self) {
            Some(super::Reach::Declared(destination)) => &destination.methods,
            Some(super::Reach::Open) => &[Method::Get, Method::Head],
            None => &[],
        }
    }
}

/// What policy sees of a call as `context.url`: the parts of its target, and its method. `None` where the tool speaks no HTTP.
///
/// # Errors
/// [`TargetError`] when the arguments hold no target.
pub fn facts(tool: &Definition, args: &Value) -> Result<Option<Value>, TargetError> {
    if super::Reach::of(tool).is_none() {
        return Ok(None);
    }
    let target = Target::parse(args.get("url").and_then(Value::as_str).unwrap_or_default())?;
    let method = method(tool.methods(), args).map_or("", Method::as_str);
    Ok(Some(json!({
        "scheme": target.scheme.as_str(),
        "host": target.host.to_string(),
        "port": target.port,
        "path": target.path,
        "query": target.query.unwrap_or_default(),
        "method": method,
    })))
}

/// The arguments of a call.
pub(crate) fn fetch_input(methods: &[Method], bytes_max: u64) -> Value {
    let words: Vec<&str> = methods.iter().map(|method| method.as_str()).collect();
    let mut properties = json!({
        "url": { "type": "string", "description": "The whole URL.", "minLength": 1, "maxLength": super::TARGET_LEN_MAX },
        "method": { "type": "string", "description": "What to do; reading where nothing is said.", "enum": words },
        "headers": { "type": "array", "description": "Headers beside the client's own.", "maxItems": HEADERS_MAX, "items": {
            "type": "object", "required": ["name", "value"], "properties": {
                "name": { "type": "string", "minLength": 1, "maxLength": HEADER_NAME_LEN_MAX },
                "value": { "type": "string", "maxLength": HEADER_VALUE_LEN_MAX },
            },
        } },
        "max_bytes": { "type": "integer", "description": "Bytes of the body to return at most.", "minimum": 1, "maximum": bytes_max },
    });
    if let (Value::Object(map), false) = (&mut properties, methods.iter().all(|method| method.is_safe())) {
        map.insert("body".to_owned(), json!({ "type": "string", "maxLength": BODY_LEN_MAX * 4 / 3 }));
        map.insert("body_encoding".to_owned(), json!({ "type": "string", "enum": ["utf8", "base64"] }));
    }
    json!({ "type": "object", "required": ["url"], "properties": properties })
}

/// The result of a call.
pub(crate) fn fetch_output() -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    json!({ "type": "object", "required": ["status", "url", "headers", "encoding", "content", "bytes", "truncated", "redirects"],
        "properties": {
            "status": { "type": "integer", "description": "The status of the last answer.", "minimum": 100, "maximum": 999 },
            "url": { "type": "string", "description": "Where it came from, after redirects." },
            "headers": { "type": "array", "description": "Its headers that say something about the body.", "items": {
                "type": "object", "required": ["name", "value"], "properties": {
                    "name": { "type": "string" }, "value": { "type": "string" },
                },
            } },
            "encoding": { "type": "string", "enum": ["utf8", "base64"] },
            "content": { "type": "string" },
            "bytes": count(),
            "truncated": { "type": "boolean", "description": "Whether the body went on." },
            "redirects": count(),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(change: &Value) -> Definition {
        let mut value = json!({ "id": "api", "description": "A test.", "host": "api.example.com" });
        value.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Definition::of_destination(serde_json::from_value(value).unwrap()).unwrap()
    }

    #[test]
    fn a_destination_is_a_tool_and_every_field_is_in_its_digest() {
        let plain = tool(&json!({}));
        assert_eq!(plain.id.as_str(), "http.fetch.api");
        let mut seen = vec![plain.digest];
        for change in [
            json!({ "description": "Another." }),
            json!({ "host": "*.example.com" }),
            json!({ "port": 444 }),
            json!({ "path_prefix": "/v1" }),
            json!({ "methods": ["GET"] }),
            json!({ "private": true }),
            json!({ "private": true, "scheme": "http" }),
            json!({ "secret": { "name": "secret://acme/t", "header": "Authorization" } }),
            json!({ "methods": ["POST"], "idempotency_header": "Idempotency-Key" }),
            json!({ "tier": 2 }),
            json!({ "timeout": "5s" }),
            json!({ "response_bytes": 1 }),
            json!({ "key_ttl": "1h" }),
        ] {
            let digest = tool(&change).digest;
            assert!(!seen.contains(&digest), "{change}");
            seen.push(digest);
        }
        let long = json!({ "id": "a".repeat(60), "description": "x", "host": "example.com" });
        assert_eq!(Definition::of_destination(serde_json::from_value(long).unwrap()), Err(DestinationError::Id));
    }

    #[test]
    fn policy_sees_the_parts_of_a_target() {
        let post = tool(&json!({ "methods": ["POST", "PUT"] }));
        let seen = facts(&post, &json!({ "url": "HTTPS://API.example.com/v1/x?y=1#z" })).unwrap().unwrap();
        let want = json!({ "scheme": "https", "host": "api.example.com", "port": 443, "path": "/v1/x", "query": "y=1", "method": "POST" });
        assert_eq!(seen, want);
        let seen = facts(&post, &json!({ "url": "https://x/", "method": "PUT" })).unwrap().unwrap();
        assert_eq!((&seen["method"], &seen["host"]), (&json!("PUT"), &json!("x")));
        assert!(facts(&post, &json!({ "url": "https://0x7f.1/" })).is_err());
        assert!(facts(&post, &json!({})).is_err());
        assert_eq!(method(tool(&json!({ "methods": ["POST", "GET"] })).methods(), &json!({})), Some(Method::Get));
    }
}
