//! What a login keeps, and how it is renewed.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::installation::Installation;

/// A little more than the second that tokens tell time by.
pub(super) const SECOND: Duration = Duration::from_millis(1_100);

/// Programs that want a new token at once.
const RACERS: usize = 6;

/// A file that a context keeps.
pub(super) fn kept(installation: &Installation<'_>, folder: &str, context: &str) -> PathBuf {
    installation.path(&format!("state/{folder}/{context}.json"))
}

/// Takes the access token away, so that the next command needs another. ID tokens of one second may say the same, and each counts once.
pub(super) fn age(installation: &Installation<'_>, context: &str) -> Result<()> {
    std::thread::sleep(SECOND);
    fs::remove_file(kept(installation, "tokens", context)).context("no access token is kept")
}

/// Several programs want a new token at once, and all of them get it.
pub(super) fn races(installation: &Installation<'_>, context: &str) -> Result<()> {
    age(installation, context)?;
    let start = |_| installation.scalbotics(&["--context", context, "whoami"]).stdout(Stdio::null()).spawn();
    let children = (0..RACERS).map(start).collect::<Result<Vec<_>, _>>().context("cannot start the racers")?;
    for mut child in children {
        let ended = child.wait().context("cannot wait for a racer")?;
        ensure!(ended.success(), "of {RACERS} programs that renewed at once one failed");
    }
    Ok(())
}
