//! Files that the daemon itself writes onto a branch of a bare repository of its own, to be pushed elsewhere.

use std::path::{Path, PathBuf};

use gix::objs::Tree;
use gix::objs::tree::{Entry, EntryKind};
use scalbotics_core::time::Timestamp;

use super::{BoxError, source};

/// Who the commits are by.
const NAME: &str = "scalboticsd";

/// Bytes of a file that is read back; what we write is a tenth of it.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Loose objects beyond which they are packed, as git's own default has it: each commit makes three, and each of them is a file.
const LOOSE_MAX: u32 = 6_700;

/// A repository that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the repository at {place} cannot be used")]
pub struct BranchError {
    /// Where it is, and its branch.
    place: String,
    /// What git's library said.
    #[source]
    source: BoxError,
}

/// One branch of a bare repository, whose commits hold one file each.
#[derive(Debug, Clone)]
pub struct Branch {
    path: PathBuf,
    reference: String,
}

impl Branch {
    /// The branch with this full name (`refs/heads/…`) of the repository at `path`, which [`Self::make`] makes.
    #[must_use]
    pub fn new(path: PathBuf, reference: String) -> Self {
        Self { path, reference }
    }

    /// The repository.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The branch's full name.
    #[must_use]
    pub fn reference(&self) -> &str {
        &self.reference
    }

    /// Makes the repository, bare and empty, where there is none. Blocking.
    ///
    /// # Errors
    /// [`BranchError`].
    pub fn make(&self) -> Result<(), BranchError> {
        if self.path.join("HEAD").is_file() {
            return Ok(());
        }
        let made = std::fs::create_dir_all(&self.path).map_err(BoxError::from);
        made.and_then(|()| gix::init_bare(&self.path).map(drop).map_err(Into::into)).map_err(|source| self.unusable(source))
    }

    /// The commit that the branch stands at; nothing where it has none. Blocking.
    ///
    /// # Errors
    /// [`BranchError`].
    pub fn head(&self) -> Result<Option<String>, BranchError> {
        self.try_head().map_err(|source| self.unusable(source))
    }

    /// The file's bytes at the branch's head, at most a mebibyte; nothing where there is none. Blocking.
    ///
    /// # Errors
    /// [`BranchError`], also for what is no file, and for one that is larger.
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>, BranchError> {
        self.try_read(file).map_err(|source| self.unusable(source))
    }

    /// Commits the file alone, on top of what the branch stands at; answers the commit. Blocking.
    ///
    /// # Errors
    /// [`BranchError`]; the branch stands where it stood then.
    pub fn commit(&self, file: &str, bytes: &[u8], message: &str, at: Timestamp) -> Result<String, BranchError> {
        self.try_commit(file, bytes, message, at).map_err(|source| self.unusable(source))
    }

    /// Packs what the commits of some weeks have left, with the `git` program that is found in `programs` (directories as in `PATH`); does
    /// nothing while it is little. Blocking.
    ///
    /// # Errors
    /// [`BranchError`]; nothing is lost then.
    pub fn pack(&self, programs: &str) -> Result<(), BranchError> {
        self.try_pack(programs, LOOSE_MAX).map_err(|source| self.unusable(source))
    }

    fn try_pack(&self, programs: &str, loose_max: u32) -> Result<(), BoxError> {
        let mut command = super::program(programs);
        command.arg("--git-dir").arg(&self.path).arg("-c").arg(format!("gc.auto={loose_max}"));
        command.args(["-c", "gc.autoDetach=false", "-c", "core.hooksPath=/dev/null", "gc", "--auto", "--quiet"]);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("git gc: {}", said.trim()).into()) }
    }

    fn try_head(&self) -> Result<Option<String>, BoxError> {
        let repository = source::open(&self.path)?;
        let Some(mut reference) = repository.try_find_reference(self.reference.as_str())? else { return Ok(None) };
        Ok(Some(reference.peel_to_commit()?.id.to_string()))
    }

    fn try_read(&self, file: &str) -> Result<Option<Vec<u8>>, BoxError> {
        let repository = source::open(&self.path)?;
        let Some(mut reference) = repository.try_find_reference(self.reference.as_str())? else { return Ok(None) };
        let tree = reference.peel_to_commit()?.tree()?;
        let Some(entry) = tree.lookup_entry_by_path(file)? else { return Ok(None) };
        if !entry.mode().is_blob() {
            return Err(format!("`{file}` is no file").into());
        }
        let size = entry.id().header()?.size();
        if size > FILE_LEN_MAX {
            return Err(format!("`{file}` has {size} bytes, more than {FILE_LEN_MAX}").into());
        }
        Ok(Some(entry.object()?.detach().data))
    }

    fn try_commit(&self, file: &str, bytes: &[u8], message: &str, at: Timestamp) -> Result<String, BoxError> {
        let repository = source::open(&self.path)?;
        let parents: Vec<gix::ObjectId> = match repository.try_find_reference(self.reference.as_str())? {
            Some(mut reference) => vec![reference.peel_to_commit()?.id],
            None => Vec::new(),
        };
        let oid = repository.write_blob(bytes)?.detach();
        let entries = vec![Entry { mode: EntryKind::Blob.into(), filename: file.into(), oid }];
        let tree = repository.write_object(&Tree { entries })?.detach();
        let time = format!("{} +0000", at.unix_ms().div_euclid(1_000));
        let by = gix::actor::SignatureRef { name: NAME.into(), email: NAME.into(), time: &time };
        Ok(repository.commit_as(by, by, self.reference.as_str(), message, tree, parents)?.to_string())
    }

    fn unusable(&self, source: BoxError) -> BranchError {
        BranchError { place: format!("{} at {}", self.path.display(), self.reference), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_months_of_commits_leave_is_packed_and_stays_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let branch = Branch::new(dir.path().join("kept.git"), "refs/heads/kept".to_owned());
        branch.make().unwrap();
        for number in 0..300_i64 {
            let at = Timestamp::from_unix_ms(number * 600_000);
            branch.commit("checkpoint", number.to_string().as_bytes(), "one more", at).unwrap();
        }
        let loose = || {
            let folders = std::fs::read_dir(dir.path().join("kept.git/objects")).unwrap().map(|entry| entry.unwrap().path());
            let of_two = folders.filter(|path| path.file_name().is_some_and(|name| name.len() == 2));
            of_two.map(|path| std::fs::read_dir(path).unwrap().count()).sum::<usize>()
        };
        let head = branch.head().unwrap();
        let programs = std::env::var("PATH").unwrap();
        branch.pack(&programs).unwrap();
        assert_eq!(loose(), 900, "little is left as it is");
        branch.try_pack(&programs, 10).unwrap();
        assert!(loose() < 100, "{} are left", loose());
        assert_eq!((branch.head().unwrap(), branch.read("checkpoint").unwrap()), (head, Some(b"299".to_vec())));
        branch.commit("checkpoint", b"300", "one more", Timestamp::from_unix_ms(1)).unwrap();
        assert_eq!(branch.read("checkpoint").unwrap(), Some(b"300".to_vec()));
        assert!(branch.pack("/nonexistent").is_err());
    }
}
