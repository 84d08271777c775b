//! A request with its bytes: a conversation is long, and is written once for everybody who needs them.

use std::sync::Arc;

use super::{REQUEST_LEN_MAX, Request, RequestError};
use crate::json;

/// A request that keeps every limit, with its canonical JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    request: Request,
    bytes: Arc<[u8]>,
    tools_len: usize,
}

impl Written {
    /// Writes a request.
    ///
    /// # Errors
    /// [`RequestError`], the first limit that is broken.
    pub fn of(request: Request) -> Result<Self, RequestError> {
        let tools_len = json::canonical_of(&request.tools).map_err(|_| RequestError::Len)?.len();
        Self::with_tools_len(request, tools_len, REQUEST_LEN_MAX)?.ok_or(RequestError::Len)
    }

    /// Writes a request whose tools have so many bytes of canonical JSON; `None` when it has more than `len_max` bytes itself.
    ///
    /// # Errors
    /// [`RequestError`], the first limit that is broken but this one.
    pub(crate) fn with_tools_len(request: Request, tools_len: usize, len_max: usize) -> Result<Option<Self>, RequestError> {
        let bytes = request.to_payload().map_err(|_| RequestError::Len)?;
        if bytes.len() > len_max {
            return Ok(None);
        }
        request.check_parts()?;
        Ok(Some(Self { request, bytes: bytes.into(), tools_len }))
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> &Request {
        &self.request
    }

    /// Its canonical JSON.
    #[must_use]
    pub const fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// As [`Request::worst_case`].
    #[must_use]
    pub fn worst_case(&self) -> u64 {
        Request::prompt_tokens_of(self.bytes.len(), self.tools_len).saturating_add(self.request.tokens_max)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Message, Role, ToolSpec};
    use super::*;
    use crate::tenant::Name;

    #[test]
    fn what_is_written_once_is_what_everybody_would_write() {
        let name = |text: &str| Name::parse(text).unwrap();
        let tool = ToolSpec { name: name("fs.read"), description: "Reads.".to_owned(), parameters: json!({"type": "object"}) };
        let request = Request {
            route: vec![name("small"), name("large")],
            messages: vec![Message::text(Role::User, "Räad.")],
            tools: vec![tool],
            tool_choice: None,
            output_schema: None,
            tokens_max: 100,
        };
        let written = Written::of(request.clone()).unwrap();
        assert_eq!((written.bytes().to_vec(), written.worst_case()), (request.to_payload().unwrap(), request.worst_case()));
        assert_eq!(Written::of(Request { tokens_max: 0, ..request.clone() }), Err(RequestError::Cap { tokens: 0 }));
        let long = Request { messages: vec![Message::text(Role::User, "a".repeat(REQUEST_LEN_MAX))], ..request };
        assert_eq!(Written::of(long), Err(RequestError::Len));
    }
}
