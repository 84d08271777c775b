//! Walks a commit's tree, measuring every object before it is loaded and hashing it after.
//!
//! **Invariant:** every byte that is returned hangs by its hash on the commit's id, so that an id in a task's record stands for
//! exactly these files (semantics §9.3); a damaged or exchanged object is refused.

use std::collections::BTreeMap;

use gix::objs::tree::EntryKind;
use gix::objs::{CommitRefIter, Kind, TreeRefIter};
use gix::{ObjectId, Repository};
use scalbotics_core::desired::{FILE_LEN_MAX, FILES_MAX, FOLDERS, TOTAL_LEN_MAX};
use scalbotics_core::ports::RawFiles;

use super::source::BoxError;

/// Deepest path of desired state (`workspaces/<agent>/MEMORY/<file>`), with room for a wrong one to be named by its finding.
const DEPTH_MAX: usize = 6;

/// Largest tree or commit object, in bytes; a folder of [`FILES_MAX`] files with the longest ids has some 6 MB.
const OBJECT_LEN_MAX: u64 = 8 << 20;

/// Longest path, in bytes; longer ones are no name that desired state knows.
const PATH_LEN_MAX: usize = 512;

/// Most trees that are walked; each may be tiny and shared, so that files alone would not bound the walk.
const TREES_MAX: usize = FILES_MAX;

/// Why a commit is not read.
pub(super) enum Fault {
    /// The library failed.
    Git(BoxError),
    /// It holds what is refused.
    Refused { path: String, reason: String },
}

impl<E: Into<BoxError>> From<E> for Fault {
    fn from(source: E) -> Self {
        Self::Git(source.into())
    }
}

/// The files of desired state in a commit.
pub(super) fn read(repository: &Repository, commit: &str) -> Result<RawFiles, Fault> {
    let id = ObjectId::from_hex(commit.as_bytes())?;
    let tree = CommitRefIter::from_bytes(&load(repository, id, Kind::Commit, "")?, id.kind()).tree_id()?;
    let mut walk = Walk { repository, files: BTreeMap::new(), total: 0, trees: Vec::new(), walked: 0 };
    walk.root(tree)?;
    while let Some((path, tree)) = walk.trees.pop() {
        walk.tree(&path, tree)?;
    }
    Ok(RawFiles { commit: id.to_string(), files: walk.files })
}

struct Walk<'r> {
    repository: &'r Repository,
    files: BTreeMap<String, Vec<u8>>,
    total: usize,
    trees: Vec<(String, ObjectId)>,
    walked: usize,
}

impl Walk<'_> {
    fn root(&mut self, id: ObjectId) -> Result<(), Fault> {
        for entry in TreeRefIter::from_bytes(&load(self.repository, id, Kind::Tree, "")?, id.kind()) {
            let entry = entry?;
            let Some(folder) = FOLDERS.iter().find(|folder| entry.filename == **folder) else { continue };
            match entry.mode.kind() {
                EntryKind::Tree => self.trees.push(((*folder).to_owned(), entry.oid.to_owned())),
                other @ (EntryKind::Blob | EntryKind::BlobExecutable | EntryKind::Link | EntryKind::Commit) => {
                    return refuse(folder, format!("it is {}, not a folder", word(other)));
                }
            }
        }
        Ok(())
    }

    fn tree(&mut self, folder: &str, id: ObjectId) -> Result<(), Fault> {
        self.walked += 1;
        if self.walked > TREES_MAX {
            return refuse(folder, format!("there are more than {TREES_MAX} folders"));
        }
        for entry in TreeRefIter::from_bytes(&load(self.repository, id, Kind::Tree, folder)?, id.kind()) {
            let entry = entry?;
            let name = std::str::from_utf8(entry.filename).ok().filter(|name| is_plain(name));
            let Some(name) = name else {
                return refuse(folder, "it holds a name that is not plain UTF-8".to_owned());
            };
            let path = format!("{folder}/{name}");
            if path.len() > PATH_LEN_MAX || path.split('/').count() > DEPTH_MAX {
                return refuse(&path, format!("its path is longer than {PATH_LEN_MAX} bytes or {DEPTH_MAX} parts"));
            }
            match entry.mode.kind() {
                EntryKind::Tree => self.trees.push((path, entry.oid.to_owned())),
                EntryKind::Blob | EntryKind::BlobExecutable => self.file(path, entry.oid.to_owned())?,
                other @ (EntryKind::Link | EntryKind::Commit) => return refuse(&path, format!("it is {}", word(other))),
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, id: ObjectId) -> Result<(), Fault> {
        let size = self.repository.find_header(id)?.size();
        let len = usize::try_from(size).unwrap_or(usize::MAX);
        if len > FILE_LEN_MAX {
            return refuse(&path, format!("it has {size} bytes, more than {FILE_LEN_MAX}"));
        }
        if self.files.len() >= FILES_MAX {
            return refuse(&path, format!("there are more than {FILES_MAX} files"));
        }
        self.total = self.total.saturating_add(len);
        if self.total > TOTAL_LEN_MAX {
            return refuse(&path, format!("the files together have more than {TOTAL_LEN_MAX} bytes"));
        }
        let bytes = load(self.repository, id, Kind::Blob, &path)?;
        match self.files.insert(path.clone(), bytes) {
            None => Ok(()),
            Some(_) => refuse(&path, "it stands twice".to_owned()),
        }
    }
}

/// The bytes of an object, which is of that kind, not too large, and what its id says.
fn load(repository: &Repository, id: ObjectId, kind: Kind, path: &str) -> Result<Vec<u8>, Fault> {
    let size = repository.find_header(id)?.size();
    if size > OBJECT_LEN_MAX {
        return refuse(path, format!("its object has {size} bytes, more than {OBJECT_LEN_MAX}"));
    }
    let object = repository.find_object(id)?;
    if object.kind != kind {
        return refuse(path, format!("its object is a {}, not a {kind}", object.kind));
    }
    if gix::objs::compute_hash(id.kind(), kind, &object.data)? != id {
        return refuse(path, "its object is damaged: it does not hash to its id".to_owned());
    }
    Ok(object.detach().data)
}

fn refuse<T>(path: &str, reason: String) -> Result<T, Fault> {
    Err(Fault::Refused { path: path.to_owned(), reason })
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains('/') && !name.chars().any(char::is_control)
}

const fn word(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Tree => "a folder",
        EntryKind::Blob | EntryKind::BlobExecutable => "a file",
        EntryKind::Link => "a symbolic link",
        EntryKind::Commit => "a submodule",
    }
}
