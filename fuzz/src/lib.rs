//! What several fuzz targets share: the YAML reader, the reader of models' answers, what is done to frames of HTTP/2, keys that everyone knows, and inputs that hold several texts.
#![forbid(unsafe_code)]

pub mod frames;
pub mod issuer;
pub mod keys;
pub mod openai;
pub mod sections;

/// The reader of desired state, from its source file: the crate around it would bring git and the policy engine.
#[path = "../../crates/adapters/src/git/yaml.rs"]
pub mod yaml;
