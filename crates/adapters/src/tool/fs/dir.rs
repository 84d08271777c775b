//! Reading a directory's names.

use std::ffi::CString;
use std::os::fd::AsFd;

use rustix::fs::{AtFlags, Dir, FileType};

use super::Error;
use super::path::RelPath;

/// Entries read between two looks at the cancellation.
const CANCEL_STRIDE: usize = 1024;

/// One name of a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name's bytes; not always UTF-8.
    pub(super) name: CString,
    /// What the directory says the entry is.
    pub(super) kind: FileType,
}

// Ordered by the name's bytes, as pages and searches promise.
impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.name.cmp(&other.name)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Hands every entry but `.` and `..` to `visit`, in the kernel's order.
pub(super) fn for_each(
    fd: impl AsFd,
    path: &RelPath,
    limit: usize,
    cancelled: &dyn Fn() -> bool,
    mut visit: impl FnMut(Entry),
) -> Result<(), Error> {
    let failed = |errno| Error::of_lookup("list", path, errno);
    let dir = Dir::read_from(fd.as_fd()).map_err(failed)?;
    for (index, entry) in dir.enumerate() {
        if index % CANCEL_STRIDE == 0 && cancelled() {
            return Err(Error::Cancelled);
        }
        if index > limit {
            return Err(Error::TooManyEntries { path: path.clone(), limit });
        }
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_bytes() == b"." || name.to_bytes() == b".." {
            continue;
        }
        visit(Entry { name: name.to_owned(), kind: kind_of(&fd, name, entry.file_type()) });
    }
    Ok(())
}

/// Some file systems do not tell the kind in the directory.
fn kind_of(fd: impl AsFd, name: &std::ffi::CStr, told: FileType) -> FileType {
    if told != FileType::Unknown {
        return told;
    }
    rustix::fs::statat(fd, name, AtFlags::SYMLINK_NOFOLLOW)
        .map_or(FileType::Unknown, |stat| FileType::from_raw_mode(stat.st_mode))
}
