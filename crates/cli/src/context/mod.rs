//! Contexts: which installation, as whom. Kept in `contexts.toml` of the configuration directory.

mod directory;
mod file;
mod issuer;

pub(crate) use directory::{config_dir, key_path, keyring_path, login_path, token_path, variable};
pub(crate) use file::{Contexts, Entry, Person};
pub(crate) use issuer::{Issuer, Shown, Store};
