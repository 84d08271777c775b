//! Servers that speak the OpenAI-compatible chat API: `POST <base>/chat/completions`, answered by server-sent events.
//!
//! **Invariant:** a reply is a whole answer: whatever breaks off, stalls, grows over a limit or cannot be read is an error that says so.
//! **Invariant:** the key goes into one header of one request, and into nothing that is returned or logged.
//! **Boundary:** no redirects, no cookies, no proxies, no compression; `http` reaches loopback only.

mod answer;
mod chunk;
mod clients;
mod exchange;
mod key;
mod limits;
mod provider;
mod retry_after;
mod sse;
mod wire;
mod words;

pub use provider::OpenAi;
