//! Contexts: which installation, as whom. Kept in `contexts.toml` of the configuration directory.

mod directory;
mod file;

pub(crate) use directory::{config_dir, token_path};
pub(crate) use file::{Contexts, Entry};
