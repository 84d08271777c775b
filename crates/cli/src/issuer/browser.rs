//! Opening an address on the person's screen, where there is one.

use std::ffi::OsString;
use std::process::{Command, Stdio};

use crate::context::variable;

/// What opens addresses on a desktop.
const DESKTOP: &str = "xdg-open";

/// The value that opens nothing.
const NONE: &str = "none";

/// The program that opens an address; nothing where there is no screen.
#[derive(Debug)]
pub(crate) struct Opener(Option<OsString>);

impl Opener {
    /// The program that was named, else the desktop's where there is one: without a screen it would take the terminal over.
    pub(crate) fn of(named: Option<OsString>) -> Self {
        let has_screen = || variable("DISPLAY").or_else(|| variable("WAYLAND_DISPLAY")).is_some();
        let program = named.or_else(|| variable("BROWSER")).or_else(|| has_screen().then(|| DESKTOP.into()));
        Self(program.filter(|program| !program.is_empty() && program != NONE))
    }

    /// Opens the address; answers whether something was started.
    pub(super) fn open(&self, address: &str) -> bool {
        let Some(program) = &self.0 else { return false };
        let mut command = Command::new(program);
        command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_named_is_started_and_nothing_else() {
        assert!(Opener::of(Some("true".into())).open("https://i"));
        assert!(!Opener::of(Some("/no/such/program".into())).open("https://i"));
        assert!(!Opener::of(Some("none".into())).open("https://i"));
        assert!(!Opener::of(Some("".into())).open("https://i"));
    }
}
