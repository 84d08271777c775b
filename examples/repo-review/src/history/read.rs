//! The three questions that make a history.

use std::io::{BufRead as _, Read as _};
use std::path::Path;

use super::count::Count;
use super::git::Question;
use super::record::History;
use crate::error::Error;

/// Bytes of one answer of git; a million changes are about a tenth.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Bytes of one entry of an answer: a path and a few numbers.
const ENTRY_BYTES_MAX: usize = 16 * 1024;

/// Reads the history of what is checked out.
///
/// # Errors
/// [`Error::Git`] when the folder is no repository, has no commit, or is beyond the limits.
pub(crate) fn read(repo: &Path, top: usize) -> Result<History, Error> {
    let commit = head(repo)?;
    let mut count = Count::default();
    each(repo, "list the commit's files", &["ls-tree", "-r", "-l", "-z", "--full-tree", &commit], |entry| {
        count.tree_entry(entry)
    })?;
    let log = [
        "log",
        "-z",
        "--format=%x01%ct",
        "--numstat",
        "--no-merges",
        "--no-renames",
        "--no-ext-diff",
        "--no-textconv",
        "--no-color",
        "--no-relative",
        "--diff-algorithm=myers",
        &commit,
        "--",
    ];
    each(repo, "read the log", &log, |entry| count.log_entry(entry))?;
    Ok(count.history(commit, top))
}

fn head(repo: &Path) -> Result<String, Error> {
    let asked = "find the commit";
    let (git, out) = Question::ask(repo, asked, &["rev-parse", "--verify", "--end-of-options", "HEAD^{commit}"])?;
    let mut text = String::new();
    let refused = |reason: &str| Error::Git { asked, reason: reason.to_owned() };
    out.take(256).read_to_string(&mut text).map_err(|_| refused("its answer is no text"))?;
    git.finish()?;
    let id = text.trim();
    let sound = matches!(id.len(), 40 | 64) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if sound { Ok(id.to_owned()) } else { Err(refused("its answer is no id")) }
}

/// Hands every entry of an answer, without the NUL behind it, to `take`.
fn each(
    repo: &Path,
    asked: &'static str,
    arguments: &[&str],
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), Error> {
    let refused = |reason: String| Error::Git { asked, reason };
    let (git, out) = Question::ask(repo, asked, arguments)?;
    let mut out = out.take(ANSWER_BYTES_MAX);
    let mut entry = Vec::new();
    loop {
        entry.clear();
        let read = out.read_until(0, &mut entry).map_err(|error| refused(error.to_string()))?;
        if read == 0 {
            break;
        }
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(refused(format!("an entry is longer than {ENTRY_BYTES_MAX} bytes")));
        }
        take(entry.strip_suffix(&[0]).unwrap_or(&entry)).map_err(refused)?;
    }
    if out.limit() == 0 {
        return Err(refused(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes")));
    }
    git.finish()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use super::read;

    struct Repository(PathBuf);

    impl Repository {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("repo-review-git-{}-{name}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
            let repository = Self(path);
            repository.git(&["init", "-q"]);
            repository
        }

        fn git(&self, arguments: &[&str]) {
            let identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgSign=false"];
            let mut command = Command::new("git");
            command.args(identity).arg("-C").arg(&self.0).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.env("GIT_COMMITTER_DATE", "2026-02-03T23:30:00-0200");
            assert!(command.status().unwrap().success(), "{arguments:?}");
        }

        fn commit(&self, path: &str, text: &str) {
            std::fs::write(self.0.join(path), text).unwrap();
            self.git(&["add", "--all"]);
            self.git(&["commit", "-q", "-m", "x"]);
        }
    }

    impl Drop for Repository {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_real_repository_is_counted() {
        let repository = Repository::new("real");
        repository.commit("a.txt", "1\n2\n3\n");
        repository.commit("a.txt", "1\n3\n4\n");
        repository.commit("evil\n\u{1}9\t`|<b>", "x\n");
        let history = read(&repository.0, 10).unwrap();
        assert_eq!((history.commits, history.files, history.bytes), (3, 2, 8));
        assert_eq!((history.lines_added, history.lines_removed), (5, 1));
        let first = &history.riskiest[0];
        assert_eq!((first.path.as_str(), first.commits, first.risk), ("a.txt", 2, 12));
        assert_eq!(first.last_changed, "2026-02-04");
        assert_eq!(history.riskiest[1].path, "evil\n\u{1}9\t`|<b>");
    }

    #[test]
    fn the_repositorys_own_settings_start_nothing() {
        let repository = Repository::new("hostile");
        let canary = repository.0.join("canary");
        let program = repository.0.join(".git/evil");
        std::fs::write(&program, format!("#!/bin/sh\n: > {}\nexit 1\n", canary.display())).unwrap();
        Command::new("chmod").arg("+x").arg(&program).status().unwrap();
        std::fs::write(repository.0.join(".gitattributes"), "* diff=evil\n").unwrap();
        repository.commit("a.txt", "1\n");
        let evil = program.to_str().unwrap();
        for setting in ["diff.external", "diff.evil.command", "diff.evil.textconv", "core.fsmonitor", "gpg.program", "core.pager"]
        {
            repository.git(&["config", setting, evil]);
        }
        repository.git(&["config", "log.showSignature", "true"]);
        repository.git(&["config", "log.showRoot", "false"]);
        repository.git(&["config", "diff.renames", "copies"]);
        let history = read(&repository.0, 10).unwrap();
        assert_eq!((history.commits, history.lines_added), (1, 2));
        assert!(!canary.try_exists().unwrap());
    }

    #[test]
    fn a_folder_without_commits_is_refused() {
        assert!(read(&Repository::new("empty").0, 1).is_err());
        assert!(read(Path::new("/nonexistent"), 1).is_err());
        // A folder inside a repository is not taken for that repository.
        let outer = Repository::new("outer");
        outer.commit("a", "a\n");
        let inner = outer.0.join("inner");
        std::fs::create_dir(&inner).unwrap();
        assert!(read(&inner, 1).is_err());
    }
}
