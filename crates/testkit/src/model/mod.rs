//! Models for tests: in memory behind the port, and a scripted server that speaks the OpenAI-compatible chat API over real HTTP on loopback, well or badly, and remembers what it
//! was asked.
//!
//! The server writes HTTP by itself: what it has to say is often what no HTTP library would let it say.

mod answer;
mod asked;
mod connection;
mod events;
mod provider;
mod server;

pub use answer::{Answer, Step, Wish};
pub use asked::Asked;
pub use provider::Provider;
pub use server::ScriptedServer;
