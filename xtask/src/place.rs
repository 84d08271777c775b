//! The folder of a run under cargo's target folder, made anew each time, and our programs as clients that keep their files in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

/// A folder of one `cargo xtask` command.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    programs: PathBuf,
}

impl Place {
    /// The empty folder of the command with this name; what its last run left is removed, and nothing else ever is.
    ///
    /// # Errors
    /// When something lies there that no run made, or the folder cannot be made.
    pub(crate) fn prepare(target: &Path, command: &str) -> Result<Self> {
        let place = Self { folder: target.join(command), programs: target.join("debug") };
        let mark = place.path(&format!(".made-by-cargo-xtask-{command}"));
        if place.folder.try_exists().context("cannot look at the folder")? {
            ensure!(mark.is_file(), "`{}` was not made by this command: move it away", place.folder.display());
            fs::remove_dir_all(&place.folder).context("cannot remove the folder of the last run")?;
        }
        fs::create_dir_all(&place.folder).context("cannot make the folder")?;
        fs::write(mark, format!("cargo xtask {command} removes this folder.\n")).context("cannot mark the folder")?;
        Ok(place)
    }

    /// A path of it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A program of ours with the folder's own contexts and state.
    pub(crate) fn program(&self, name: &str, words: &[&str]) -> Command {
        let mut command = self.other(&self.programs.join(name));
        command.args(words).env("NO_COLOR", "1").env("BROWSER", "none");
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        command
    }

    /// A program of others, in the folder, with nothing to read.
    pub(crate) fn other(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Python with the packages of these wheels and no others.
    pub(crate) fn python(&self, wheels: &Path) -> Command {
        let mut command = self.other(Path::new("python3"));
        command.env("PYTHONPATH", wheels).env("PYTHONNOUSERSITE", "1").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Writes a file of the desired state that `scalbotics dev` is given.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn desire(&self, path: &str, text: &str) -> Result<()> {
        let path = self.path("desired").join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).context("cannot make a folder of the desired state")?;
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn only_what_a_run_made_is_removed() {
        let target = std::env::temp_dir().join(format!("place-{}", std::process::id()));
        let place = Place::prepare(&target, "spiffe").unwrap();
        place.desire("agents/a.yaml", "{}").unwrap();
        let again = Place::prepare(&target, "spiffe").unwrap();
        assert!(!again.path("desired").is_dir(), "each run begins with nothing");
        std::fs::create_dir(target.join("tlog")).unwrap();
        std::fs::write(target.join("tlog/kept"), "").unwrap();
        let refused = Place::prepare(&target, "tlog").unwrap_err();
        assert!(refused.to_string().contains("was not made by this command"), "{refused}");
        assert!(target.join("tlog/kept").is_file());
        std::fs::remove_dir_all(target).unwrap();
    }
}
