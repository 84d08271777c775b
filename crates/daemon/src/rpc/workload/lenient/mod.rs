//! A way around what clients over Unix sockets send as `:authority`: the socket's path, as gRPC's C core (`%2Frun%2Fagent.sock`) and Java
//! (`/run/agent.sock`) do. No host is spelled so, and the HTTP/2 library that is linked ends such a stream before anybody sees it.
//!
//! The bytes of the value are changed where they stand, each `%` and `/` into `-`, which is as long in both spellings of RFC 7541: no length changes, and
//! the tables of both sides stay the same but for a value that nobody reads.
//!
//! **Invariant:** only values of `:authority` in frames of headers change, by these two characters, and no byte is added or lost.

mod fields;
mod frames;
mod stream;

pub(super) use stream::Lenient;

#[cfg(test)]
mod tests;
