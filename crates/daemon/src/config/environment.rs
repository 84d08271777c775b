//! The only place that reads the environment.

use std::path::PathBuf;

/// What the daemon's own variables begin with.
pub const PREFIX: &str = "SCALBOTICSD_";

/// The variable that names the configuration file.
pub const CONFIG_VARIABLE: &str = "SCALBOTICSD_CONFIG";

/// The variable that arms a failpoint; only a build with the feature `failpoints` reads it.
pub const FAILPOINT_VARIABLE: &str = "SCALBOTICSD_FAILPOINT";

/// The variables of this process that begin with [`PREFIX`], in order of name; values that are no text are left out.
#[must_use]
pub fn process() -> Vec<(String, String)> {
    let text =
        |(name, value): (std::ffi::OsString, std::ffi::OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let mut own: Vec<_> = std::env::vars_os().filter_map(text).filter(|(name, _)| name.starts_with(PREFIX)).collect();
    own.sort();
    own
}

/// The passphrase in the named variable.
#[must_use]
pub fn passphrase(variable: &str) -> Option<String> {
    read(variable)
}

/// What the named variable says of a model: its server's address, its name, its key; nothing where it is empty.
#[must_use]
pub fn of_model(variable: &str) -> Option<String> {
    read(variable).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// The file of a systemd credential, in the directory that systemd names.
#[must_use]
pub fn credential(name: &str) -> Option<PathBuf> {
    read("CREDENTIALS_DIRECTORY").map(|directory| PathBuf::from(directory).join(name))
}

/// The socket to which systemd wants to be told of readiness.
#[must_use]
pub fn notify_socket() -> Option<String> {
    read("NOTIFY_SOCKET")
}

/// Milliseconds for which mimalloc keeps freed memory; by itself a second, and longer where nothing happens.
pub const PURGE_DELAY_VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

/// Whether mimalloc was told when to give memory back.
#[must_use]
pub fn is_purge_delay_said() -> bool {
    read(PURGE_DELAY_VARIABLE).is_some()
}

/// Where programs are looked for.
#[must_use]
pub fn programs() -> String {
    read("PATH").unwrap_or_else(|| "/usr/bin:/bin".to_owned())
}

#[expect(clippy::disallowed_methods, reason = "this module is the one that reads the environment")]
fn read(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}
