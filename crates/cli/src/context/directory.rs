//! Where the command line keeps its files (XDG base directories).

use std::ffi::OsString;
use std::path::PathBuf;

use crate::codes;
use crate::failure::{Exit, Failure};

/// An environment variable that means the same to many programs; one that is empty is not set.
#[expect(clippy::disallowed_methods, reason = "XDG base directories and displays are environment variables by definition")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn absolute(name: &str) -> Option<PathBuf> {
    variable(name).map(PathBuf::from).filter(|path| path.is_absolute())
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

fn state_dir() -> Result<PathBuf, Failure> {
    base("SCALBOTICS_STATE_DIR", "XDG_STATE_HOME", ".local/state")
}

/// Where the access token of a context is kept, mode 0600.
pub(crate) fn token_path(context: &str) -> Result<PathBuf, Failure> {
    Ok(state_dir()?.join("tokens").join(format!("{context}.json")))
}

/// Where the login of a context at its outside issuer is kept, with the refresh token, mode 0600.
pub(crate) fn login_path(context: &str) -> Result<PathBuf, Failure> {
    Ok(state_dir()?.join("logins").join(format!("{context}.json")))
}

/// Says that the keyring may hold something of a context; an empty file.
pub(crate) fn keyring_path(context: &str) -> Result<PathBuf, Failure> {
    Ok(state_dir()?.join("logins").join(format!("{context}.keyring")))
}

/// Where the key of a context stands that named none: the access token is bound to it.
pub(crate) fn key_path(context: &str) -> Result<PathBuf, Failure> {
    Ok(config_dir()?.join("keys").join(format!("{context}.pem")))
}
