//! A commit on top of a branch of a local repository, made with the `git` program: no work tree, no hooks, and the branch moves only
//! if nobody else moved it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::codes;
use crate::failure::{Exit, Failure};

/// Hexadecimal digits of an object's id (SHA-1).
const OBJECT_ID_LEN: usize = 40;

/// A file of a commit: its path, and its text; without one it is removed.
pub(super) type File = (String, Option<String>);

/// A branch of a local repository.
#[derive(Debug)]
pub(super) struct Branch {
    repository: PathBuf,
    reference: String,
    /// An index of this process alone, so that somebody else's is left as it is.
    index: PathBuf,
    author: String,
}

impl Branch {
    pub(super) fn open(repository: &Path, branch: &str, author: &str) -> Self {
        // The folder of a clone with a work tree holds its repository in `.git`.
        let inside = repository.join(".git");
        let repository = if inside.is_dir() { inside.as_path() } else { repository };
        let index = repository.join(format!("scalbotics-index-{}", std::process::id()));
        Self { repository: repository.to_owned(), reference: format!("refs/heads/{branch}"), index, author: author.to_owned() }
    }

    /// The commit that it stands at.
    pub(super) fn head(&self) -> Result<String, Failure> {
        self.git(&["rev-parse", "--verify", "--quiet", &self.reference], None)
    }

    /// Whether the commit has this path.
    pub(super) fn has(&self, commit: &str, path: &str) -> Result<bool, Failure> {
        Ok(!self.git(&["ls-tree", "--name-only", commit, "--", path], None)?.is_empty())
    }

    /// The files at or below a path of the commit; names are those of desired state, which git writes as they are.
    pub(super) fn below(&self, commit: &str, path: &str) -> Result<Vec<String>, Failure> {
        let found = self.git(&["ls-tree", "-r", "--name-only", commit, "--", path], None)?;
        Ok(found.lines().map(str::to_owned).collect())
    }

    /// The text of a file.
    pub(super) fn text(&self, commit: &str, path: &str) -> Result<String, Failure> {
        self.git(&["cat-file", "blob", &format!("{commit}:{path}")], None)
    }

    /// Commits files on top of `parent`; answers the commit, to which the branch has been moved.
    pub(super) fn commit(&self, parent: &str, files: &[File], message: &str) -> Result<String, Failure> {
        let made = self.make(parent, files, message);
        let _never_made = std::fs::remove_file(&self.index);
        let commit = made?;
        self.move_to(&commit, parent)?;
        Ok(commit)
    }

    fn make(&self, parent: &str, files: &[File], message: &str) -> Result<String, Failure> {
        self.git(&["read-tree", parent], None)?;
        for (path, text) in files {
            let Some(text) = text else {
                // A mode of 0 takes it away; `--remove` would want a work tree.
                let line = format!("0 {} 0\t{path}\n", "0".repeat(OBJECT_ID_LEN));
                self.git(&["update-index", "--index-info"], Some(&line))?;
                continue;
            };
            let blob = self.git(&["hash-object", "-w", "--stdin"], Some(text))?;
            self.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},{path}")], None)?;
        }
        let tree = self.git(&["write-tree"], None)?;
        self.git(&["commit-tree", &tree, "-p", parent, "-m", message], None)
    }

    /// A commit of files on top of `parent` that no branch stands at.
    pub(super) fn loose(&self, parent: &str, files: &[File], message: &str) -> Result<String, Failure> {
        let made = self.make(parent, files, message);
        let _never_made = std::fs::remove_file(&self.index);
        made
    }

    /// Pushes `commit` to the branch at `url`, as the person who runs this: with their git's own configuration and credentials.
    pub(super) fn push(&self, url: &str, commit: &str) -> Result<(), Failure> {
        let cannot = |why: String| {
            Failure::new(Exit::Failed, codes::REPOSITORY, format!("git could not push to {url}")).why(why).next(
                "bring the clone up to date with `git pull`, see that your git may push there, then run the same command again",
            )
        };
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.repository).args([
            "push",
            "--quiet",
            "--",
            url,
            &format!("{commit}:{}", self.reference),
        ]);
        command.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
        let output = command.output().map_err(|error| cannot(error.to_string()))?;
        if output.status.success() {
            Ok(())
        } else {
            Err(cannot(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")))
        }
    }

    /// Moves the branch to `commit` if it still stands at `from`.
    pub(super) fn move_to(&self, commit: &str, from: &str) -> Result<(), Failure> {
        self.git(&["update-ref", "-m", "scalbotics", &self.reference, commit, from], None).map(|_| ())
    }

    fn git(&self, arguments: &[&str], input: Option<&str>) -> Result<String, Failure> {
        let cannot = |why: String| {
            let verb = arguments.first().copied().unwrap_or_default();
            let what = format!("git could not {verb} in {}", self.repository.display());
            Failure::new(Exit::Failed, codes::REPOSITORY, what)
                .why(why)
                .next("check that the directory is the repository of the installation, that you can write there, and that `git` is there")
        };
        let mut command = Command::new("git");
        command.arg("--git-dir").arg(&self.repository).args(arguments);
        command.env("GIT_INDEX_FILE", &self.index).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            command
                .env(format!("GIT_{who}_NAME"), &self.author)
                .env(format!("GIT_{who}_EMAIL"), format!("{}@localhost", self.author));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| cannot(error.to_string()))?;
        if let (Some(mut stdin), Some(text)) = (child.stdin.take(), input) {
            stdin.write_all(text.as_bytes()).map_err(|error| cannot(error.to_string()))?;
        }
        let output = child.wait_with_output().map_err(|error| cannot(error.to_string()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(cannot(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}
