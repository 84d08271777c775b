//! What an earlier demonstration may have left, if it was interrupted: its folder, and a daemon that still serves it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// Marks the folder as ours; without it nothing is removed.
const MARK: &str = ".made-by-cargo-xtask-demo";

/// Time for a killed process to be gone, in looks of [`TICK`].
const LOOKS: u32 = 250;

/// Time between two looks.
const TICK: Duration = Duration::from_millis(20);

/// Keeps the place for one demonstration at a time; gone with this value, or with the process.
#[derive(Debug)]
pub(super) struct Claim {
    file: File,
}

impl Drop for Claim {
    /// Gives the place back at once: a process that is just being started by another thread still has the file, and would keep it for a while.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Makes a new, empty folder where an earlier one may be.
///
/// # Errors
/// When another demonstration runs there, or the folder is not one of ours.
pub(super) fn claim(folder: &Path) -> Result<Claim> {
    fs::create_dir_all(folder.parent().unwrap_or(folder)).context("cannot make cargo's target folder")?;
    let file = File::create(beside(folder, "lock")).context("cannot make the lock beside the scratch folder")?;
    if file.try_lock().is_err() {
        bail!("another demonstration runs in `{}`: wait for its end", folder.display());
    }
    let claim = Claim { file };
    end_daemons(folder)?;
    clear(folder)?;
    fs::create_dir(folder).context("cannot make the scratch folder")?;
    fs::write(folder.join(MARK), "cargo xtask demo removes this folder when it starts.\n").context("cannot mark the folder")?;
    Ok(claim)
}

/// Removes the folder if it is one of ours. It is moved aside first, so that an interrupted removal leaves no folder without a mark.
fn clear(folder: &Path) -> Result<()> {
    let aside = beside(folder, "removed");
    remove(&aside)?;
    let is_empty = || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
    if !folder.try_exists().context("cannot look at the scratch folder")? {
        return Ok(());
    }
    if !folder.join(MARK).is_file() && !is_empty() {
        bail!("`{}` was not made by this demonstration: move it away", folder.display());
    }
    fs::rename(folder, &aside).with_context(|| format!("cannot move `{}` aside", folder.display()))?;
    remove(&aside)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove `{}`", folder.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A path beside the folder, with another ending.
fn beside(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

/// Kills daemons that run in the folder: only a demonstration that was killed itself leaves one.
fn end_daemons(folder: &Path) -> Result<()> {
    let Ok(folder) = folder.canonicalize() else { return Ok(()) };
    for entry in fs::read_dir("/proc").context("cannot look at processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else { continue };
        let works_in = || fs::read_link(entry.path().join("cwd"));
        let program = fs::read_link(entry.path().join("exe"));
        // A program that was built anew since is called `scalboticsd (deleted)`.
        let name = |path: PathBuf| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let is_daemon = program.ok().and_then(name).is_some_and(|name| name.starts_with("scalboticsd"));
        if !is_daemon || !works_in().is_ok_and(|path| path == folder) {
            continue;
        }
        kill_process(pid, Signal::KILL).context("cannot end the daemon of an earlier demonstration")?;
        let is_gone = (0..LOOKS).any(|_| {
            std::thread::sleep(TICK);
            works_in().is_err()
        });
        if !is_gone {
            bail!("the daemon of an earlier demonstration does not end: its process is {}", pid.as_raw_nonzero());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::{MARK, beside, claim};

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("xtask-demo-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(&place).unwrap();
        place.canonicalize().unwrap()
    }

    #[test]
    fn only_a_folder_of_ours_is_removed() {
        let place = place("clear");
        let folder = place.join("demo");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("precious"), "x").unwrap();
        assert!(claim(&folder).unwrap_err().to_string().contains("was not made by this"));
        assert!(folder.join("precious").is_file());
        std::fs::write(folder.join(MARK), "").unwrap();
        claim(&folder).unwrap();
        assert!(!folder.join("precious").exists() && folder.join(MARK).is_file());
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn what_an_interruption_leaves_is_removed() {
        let place = place("interrupted");
        let folder = place.join("demo");
        // Killed before the mark, and in the middle of a removal.
        std::fs::create_dir(&folder).unwrap();
        std::fs::create_dir(beside(&folder, "removed")).unwrap();
        std::fs::write(beside(&folder, "removed").join("half"), "").unwrap();
        claim(&folder).unwrap();
        assert!(folder.join(MARK).is_file() && !beside(&folder, "removed").exists());
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn two_at_one_time_do_not_meet() {
        let place = place("two");
        let folder = place.join("demo");
        let first = claim(&folder).unwrap();
        assert!(claim(&folder).unwrap_err().to_string().contains("another demonstration"));
        drop(first);
        claim(&folder).unwrap();
        std::fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_daemon_of_a_killed_demonstration_is_ended_and_no_other() {
        let place = place("orphan");
        let folder = place.join("demo");
        drop(claim(&folder).unwrap());
        let program = place.join("scalboticsd");
        // A copy made by this process could still be open for writing in a child that another test starts just now.
        assert!(Command::new("cp").arg("/bin/sleep").arg(&program).status().unwrap().success());
        let start = |program: &str, within: &PathBuf| {
            Command::new(program).arg("60").current_dir(within).stdin(Stdio::null()).spawn().unwrap()
        };
        let program = program.to_str().unwrap();
        let (mut orphan, stranger, other) = (start(program, &folder), start("sleep", &folder), start(program, &place));
        claim(&folder).unwrap();
        assert!(!orphan.wait().unwrap().success());
        for mut child in [stranger, other] {
            assert!(child.try_wait().unwrap().is_none());
            child.kill().unwrap();
            child.wait().unwrap();
        }
        std::fs::remove_dir_all(place).unwrap();
    }
}
