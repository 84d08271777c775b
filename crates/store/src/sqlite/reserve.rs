//! Room kept for outcomes: a file that takes space while there is some, and gives it back when there is none (semantics §1.3).

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Name of the file.
const NAME: &str = "reserve";

/// The room.
#[derive(Debug)]
pub(super) struct Reserve {
    file: Option<File>,
    len: u64,
    held: bool,
}

impl Reserve {
    /// Takes the room, if there is any; a file that cannot be made reserves nothing and never counts as held.
    pub(super) fn open(dir: &Path, len: u64) -> Self {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join(NAME)).ok();
        let mut reserve = Self { file, len, held: false };
        reserve.take();
        reserve
    }

    /// Gives back the room that an earlier process kept, so that a store opens on a full disk too.
    pub(super) fn surrender(dir: &Path) {
        if let Ok(file) = OpenOptions::new().write(true).open(dir.join(NAME)) {
            let _kept = file.set_len(0);
        }
    }

    /// Takes the room again after it was given back; answers whether it is held.
    pub(super) fn take(&mut self) -> bool {
        if self.held || self.len == 0 {
            return true;
        }
        let Some(file) = &self.file else { return false };
        self.held = fallocate(file, FallocateFlags::empty(), 0, self.len).is_ok();
        if !self.held {
            // What was allocated of it before the disk was full belongs to the outcomes too.
            let _kept = file.set_len(0);
        }
        self.held
    }

    /// Gives the room back, for outcomes; answers whether there was some.
    pub(super) fn release(&mut self) -> bool {
        let had = self.held && self.len > 0;
        if let (true, Some(file)) = (had, &self.file) {
            let _kept = file.set_len(0);
        }
        self.held = false;
        had
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_gives_back_and_takes_again() {
        let dir = tempfile::tempdir().unwrap();
        let size = || {
            use std::os::unix::fs::MetadataExt as _;
            std::fs::metadata(dir.path().join(NAME)).unwrap().blocks() * 512
        };
        let mut reserve = Reserve::open(dir.path(), 1 << 20);
        assert!(size() >= 1 << 20);
        assert!(reserve.release() && !reserve.release());
        assert_eq!(size(), 0);
        assert!(reserve.take());
        assert!(size() >= 1 << 20);
    }

    #[test]
    fn without_a_file_nothing_is_held() {
        let mut reserve = Reserve::open(Path::new("/proc/no/such/place"), 1 << 20);
        assert!(!reserve.take() && !reserve.release());
    }
}
