//! Room kept for outcomes: a file that takes space while there is some, and gives it back when there is none (semantics §1.3).
//!
//! **Invariant:** while the room is held, it is enough for the outcome of every intent that is open, each at its largest.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

/// Name of the file.
const NAME: &str = "reserve";

/// What an outcome takes beside its result, in bytes: events, state, audit records, a decision, pages that are half full.
const OVERHEAD: u64 = 256 << 10;

/// By how much the file grows, in bytes; since it shrinks late, most intents change nothing on the disk.
const STEP: u64 = 1 << 20;

/// An effect's key.
pub(super) type Key = [u8; 16];

/// The room that an outcome takes: its result stands in the log and then in the database.
pub(super) const fn room(outcome_len_max: u64) -> u64 {
    outcome_len_max.saturating_mul(2).saturating_add(OVERHEAD)
}

/// What a job changes about the room that is needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Effects that begin, or begin anew, with the room of their outcomes.
    pub(super) opens: Vec<(Key, u64)>,
    /// Effects whose outcomes are written.
    pub(super) closes: Vec<Key>,
}

/// The room.
#[derive(Debug)]
pub(super) struct Reserve {
    file: Option<File>,
    /// What is held when nothing is open.
    least: u64,
    /// What is held now.
    held: u64,
    open: BTreeMap<Key, u64>,
}

impl Reserve {
    /// Takes the least room, if there is any; a file that cannot be made reserves nothing and never counts as held.
    pub(super) fn open(dir: &Path, least: u64) -> Self {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(dir.join(NAME)).ok();
        let mut reserve = Self { file, least, held: 0, open: BTreeMap::new() };
        // What an earlier process kept beyond the least is not needed before something begins.
        reserve.cut(least);
        reserve.held = 0;
        reserve.take(&[]);
        reserve
    }

    /// Gives back the room that an earlier process kept, so that a store opens on a full disk too.
    pub(super) fn surrender(dir: &Path) {
        if let Ok(file) = OpenOptions::new().write(true).open(dir.join(NAME)) {
            let _kept = file.set_len(0);
        }
    }

    /// Takes the room that is needed once `changes` are made; answers whether it is held.
    pub(super) fn take(&mut self, changes: &[&Change]) -> bool {
        let more = changes.iter().flat_map(|change| &change.opens).fold(0, |sum: u64, (_, room)| sum.saturating_add(*room));
        let wanted = self.wanted(more);
        if self.held >= wanted {
            return true;
        }
        let Some(file) = &self.file else { return false };
        if fallocate(file, FallocateFlags::empty(), 0, wanted).is_ok() {
            self.held = wanted;
            return true;
        }
        // What was allocated of it before the disk was full belongs to the outcomes too.
        self.cut(self.held);
        false
    }

    /// Notes a change that is durable; room that is far from needed goes back to the disk.
    pub(super) fn note(&mut self, change: &Change) {
        for effect in &change.closes {
            self.open.remove(effect);
        }
        self.open.extend(change.opens.iter().copied());
        let wanted = self.wanted(0);
        if self.held / 4 > wanted {
            self.cut(wanted);
        }
    }

    /// Gives some of the room back, for outcomes of about so many bytes; answers whether there is more.
    pub(super) fn release(&mut self, bytes: usize) -> bool {
        let given = room(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.cut(self.held.saturating_sub(given));
        self.held > 0
    }

    /// The least, or what is open and `more`, in steps.
    fn wanted(&self, more: u64) -> u64 {
        let needed = self.open.values().fold(more, |sum, room| sum.saturating_add(*room));
        if needed <= self.least { self.least } else { needed.div_ceil(STEP).saturating_mul(STEP) }
    }

    fn cut(&mut self, len: u64) {
        if let Some(file) = &self.file
            && file.metadata().is_ok_and(|metadata| metadata.len() > len)
        {
            let _kept = file.set_len(len);
        }
        self.held = self.held.min(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn size(dir: &Path) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(dir.join(NAME)).unwrap().blocks() * 512
    }

    fn opens(effects: std::ops::Range<u8>, room: u64) -> Change {
        Change { opens: effects.map(|effect| ([effect; 16], room)).collect(), closes: Vec::new() }
    }

    #[test]
    fn takes_gives_back_and_takes_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(dir.path(), MIB);
        assert!(size(dir.path()) >= MIB);
        assert!(reserve.release(MIB as usize / 4), "a part of it");
        assert_eq!(size(dir.path()), MIB / 4);
        assert!(!reserve.release(MIB as usize) && !reserve.release(1));
        assert_eq!(size(dir.path()), 0);
        assert!(reserve.take(&[]));
        assert!(size(dir.path()) >= MIB);
    }

    #[test]
    fn sem_1_3_every_open_intent_has_room_for_its_outcome() {
        let dir = tempfile::tempdir().unwrap();
        let mut reserve = Reserve::open(dir.path(), MIB);
        let few = opens(0..2, MIB / 2);
        assert!(reserve.take(&[&few]));
        reserve.note(&few);
        assert_eq!(reserve.held, MIB, "the least is enough for them");
        let many = opens(2..40, MIB);
        assert!(reserve.take(&[&many]));
        reserve.note(&many);
        let needed = MIB + 38 * MIB;
        assert!(reserve.held >= needed && size(dir.path()) >= needed);
        assert!(reserve.take(&[&Change::default()]), "nothing more is needed");
        let again = opens(2..3, MIB);
        assert!(reserve.take(&[&again]));
        reserve.note(&again);
        assert_eq!(reserve.open.len(), 40, "another attempt of an effect has its room");
        reserve.note(&Change { opens: Vec::new(), closes: (0..40).map(|effect| [effect; 16]).collect() });
        assert_eq!((reserve.held, size(dir.path())), (MIB, MIB), "and it goes back");
    }

    #[test]
    fn what_an_earlier_process_held_is_given_back() {
        let dir = tempfile::tempdir().unwrap();
        let many = opens(0..40, MIB);
        assert!(Reserve::open(dir.path(), MIB).take(&[&many]));
        assert!(size(dir.path()) >= 40 * MIB);
        assert_eq!(Reserve::open(dir.path(), MIB).held, MIB);
        assert_eq!(size(dir.path()), MIB);
    }

    #[test]
    fn without_a_file_nothing_is_held() {
        let mut reserve = Reserve::open(Path::new("/proc/no/such/place"), MIB);
        assert!(!reserve.take(&[]) && !reserve.release(1));
    }
}
