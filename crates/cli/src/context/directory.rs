//! Where the command line keeps its files (XDG base directories).

use std::path::PathBuf;

use crate::codes;
use crate::failure::{Exit, Failure};

/// An environment variable that holds an absolute path.
#[expect(clippy::disallowed_methods, reason = "XDG base directories are environment variables by definition")]
fn absolute(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn base(own: &str, xdg: &str, under_home: &str) -> Result<PathBuf, Failure> {
    let found = absolute(own)
        .or_else(|| absolute(xdg).map(|path| path.join("scalbotics")))
        .or_else(|| absolute("HOME").map(|home| home.join(under_home).join("scalbotics")));
    found.ok_or_else(|| {
        Failure::new(Exit::Failed, codes::NO_HOME, "no directory for configuration")
            .why("neither HOME nor XDG_CONFIG_HOME is an absolute path")
            .next(format!("set {own}"))
    })
}

/// The configuration directory: `SCALBOTICS_CONFIG_DIR`, else XDG's.
pub(crate) fn config_dir() -> Result<PathBuf, Failure> {
    base("SCALBOTICS_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")
}

/// Where the access token of a context is kept, mode 0600.
pub(crate) fn token_path(context: &str) -> Result<PathBuf, Failure> {
    let state = base("SCALBOTICS_STATE_DIR", "XDG_STATE_HOME", ".local/state")?;
    Ok(state.join("tokens").join(format!("{context}.json")))
}
