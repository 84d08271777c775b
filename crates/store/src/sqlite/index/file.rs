//! The file of the index: a database of its own, whose loss loses nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use scalbotics_core::ports::StoreError;

use super::super::connect::{self, beside};
use super::entries::{Entries, check};

/// Name of the file, beside the database.
const NAME: &str = "audit-index.db";

/// The version of what is in it; a file of another version is made anew.
const VERSION: i64 = 1;

/// How long somebody who asks waits for the file: then the log itself is read.
const BUSY: Duration = Duration::from_millis(500);

/// Page cache of a connection, in KiB (negative by SQLite's rule): it is open for one question or some segments.
const CACHE_KIB: i64 = -1_000;

/// Times of a segment as the file has them: the least and the greatest of each zone.
pub(super) const ZONE: u64 = 128;

const SCHEMA: &str = "
CREATE TABLE segment (
    log       INTEGER NOT NULL,
    segment   INTEGER NOT NULL,
    -- Hash of its last leaf: the file is of this log, and of no other that was once here.
    last_hash BLOB NOT NULL,
    times     BLOB NOT NULL,
    PRIMARY KEY (log, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE term (
    id    INTEGER PRIMARY KEY,
    log   INTEGER NOT NULL,
    field TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (log, field, value)
) STRICT;
CREATE TABLE posting (
    term    INTEGER NOT NULL REFERENCES term (id),
    segment INTEGER NOT NULL,
    entries BLOB NOT NULL,
    PRIMARY KEY (term, segment)
) STRICT, WITHOUT ROWID;
";

/// Why a question or the making of the index ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The file: what it says is lost, and nothing else.
    Index(rusqlite::Error),
    /// The log cannot be read.
    Log(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Self::Log(error)
    }
}

/// What is said of a leaf: the field and its value.
pub(super) type Term = (&'static str, String);

/// An open index.
#[derive(Debug)]
pub(super) struct File {
    pub(super) conn: Connection,
    /// Number of the file on its file system.
    inode: Option<u64>,
}

/// The end of what is indexed of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// Segments, from the first leaf on.
    pub(super) segments: u64,
    /// Hash of the last leaf of the last one.
    pub(super) last_hash: [u8; 32],
}

/// Where the index of a database is.
pub(super) fn path(database: &Path) -> PathBuf {
    database.with_file_name(NAME)
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    for path in [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")] {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// What the system said of the file, as an error of the engine.
pub(super) fn unusable(path: &Path, error: &dyn std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::InvalidPath(format!("{}: {error}", path.display()).into())
}

impl File {
    /// Opens the file to ask it; `None` when there is none, or it is of another version.
    pub(super) fn to_read(path: &Path) -> rusqlite::Result<Option<Self>> {
        if !path.try_exists().unwrap_or(false) {
            return Ok(None);
        }
        let conn = open(path)?;
        conn.pragma_update(None, "query_only", true)?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((version == VERSION).then_some(Self { conn, inode: inode(path) }))
    }

    /// Opens the file to write to it, and makes it where there is none of this version.
    pub(super) fn to_write(path: &Path) -> rusqlite::Result<Self> {
        connect::prepare_file(path).map_err(|error| unusable(path, &error))?;
        let mut conn = open(path)?;
        let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if version != VERSION {
            drop(conn);
            remove(path).map_err(|error| unusable(path, &error))?;
            connect::prepare_file(path).map_err(|error| unusable(path, &error))?;
            conn = open(path)?;
            conn.pragma_update(None, "journal_mode", "WAL")?;
            conn.execute_batch(&format!("BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT"))?;
        }
        Ok(Self { conn, inode: inode(path) })
    }

    /// Whether the open file is the one at this path: somebody may have removed it.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        self.inode.is_some() && self.inode == inode(path)
    }

    /// How far a log is indexed.
    pub(super) fn end(&self, log: i64) -> rusqlite::Result<Option<End>> {
        let mut select =
            self.conn.prepare_cached("SELECT segment, last_hash FROM segment WHERE log = ?1 ORDER BY segment DESC LIMIT 1")?;
        let end = |row: &rusqlite::Row<'_>| {
            Ok(End { segments: row.get::<_, i64>(0)?.unsigned_abs().saturating_add(1), last_hash: row.get(1)? })
        };
        select.query_row([log], end).optional()
    }

    /// Forgets a log.
    pub(super) fn forget(&self, log: i64) -> rusqlite::Result<()> {
        self.conn.execute("DELETE FROM posting WHERE term IN (SELECT id FROM term WHERE log = ?1)", [log])?;
        self.conn.execute("DELETE FROM term WHERE log = ?1", [log])?;
        self.conn.execute("DELETE FROM segment WHERE log = ?1", [log])?;
        Ok(())
    }

    /// The number of a term; `None` where no indexed leaf of the log says it.
    pub(super) fn term(&self, log: i64, (field, value): &Term) -> rusqlite::Result<Option<i64>> {
        let mut select = self.conn.prepare_cached("SELECT id FROM term WHERE log = ?1 AND field = ?2 AND value = ?3")?;
        select.query_row(params![log, field, value], |row| row.get(0)).optional()
    }

    /// The number of a term, which gets one if it has none.
    pub(super) fn make_term(&self, log: i64, term: &Term) -> rusqlite::Result<i64> {
        if let Some(id) = self.term(log, term)? {
            return Ok(id);
        }
        let mut insert = self.conn.prepare_cached("INSERT INTO term (log, field, value) VALUES (?1, ?2, ?3)")?;
        insert.insert(params![log, term.0, term.1])
    }

    /// Where a term stands in a segment; an error of the engine where the file is damaged.
    pub(super) fn entries(&self, term: i64, segment: u64) -> rusqlite::Result<Entries> {
        let mut select = self.conn.prepare_cached("SELECT entries FROM posting WHERE term = ?1 AND segment = ?2")?;
        let bytes: Option<Vec<u8>> = select.query_row((term, segment.cast_signed()), |row| row.get(0)).optional()?;
        let Some(bytes) = bytes else { return Ok(Entries::NONE) };
        Entries::from_bytes(&name(term, segment), &bytes).ok_or(rusqlite::Error::InvalidQuery)
    }

    /// Says where a term stands in a segment.
    pub(super) fn put_entries(&self, term: i64, segment: u64, entries: &Entries) -> rusqlite::Result<()> {
        let mut insert = self.conn.prepare_cached("INSERT INTO posting (term, segment, entries) VALUES (?1, ?2, ?3)")?;
        insert.execute(params![term, segment.cast_signed(), entries.to_bytes(&name(term, segment))]).map(drop)
    }

    /// Says that a segment is indexed.
    pub(super) fn put_segment(&self, log: i64, segment: u64, last_hash: &[u8; 32], times: &Times) -> rusqlite::Result<()> {
        let mut insert =
            self.conn.prepare_cached("INSERT INTO segment (log, segment, last_hash, times) VALUES (?1, ?2, ?3, ?4)")?;
        insert.execute(params![log, segment.cast_signed(), last_hash, times.to_bytes(&name(log, segment))]).map(drop)
    }

    /// The entries of a segment that may be of a time in this range; an error of the engine where the file is damaged.
    pub(super) fn of_time(&self, log: i64, segment: u64, range: (i64, i64)) -> rusqlite::Result<Entries> {
        let mut select = self.conn.prepare_cached("SELECT times FROM segment WHERE log = ?1 AND segment = ?2")?;
        let bytes: Vec<u8> = select.query_row((log, segment.cast_signed()), |row| row.get(0))?;
        let times = Times::from_bytes(&name(log, segment), &bytes).ok_or(rusqlite::Error::InvalidQuery)?;
        Ok(times.within(range))
    }
}

/// What a part of the file is of, for its check.
fn name(whose: i64, segment: u64) -> [u8; 16] {
    let mut name = [0; 16];
    let parts = whose.to_be_bytes().into_iter().chain(segment.to_be_bytes());
    name.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
    name
}

fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).ok().map(|metadata| metadata.ino())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let conn = Connection::open(path)?;
    conn.busy_timeout(BUSY)?;
    conn.pragma_update(None, "cache_size", CACHE_KIB)?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "trusted_schema", false)?;
    Ok(conn)
}

/// Least and greatest time of each zone of a segment, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Times(Vec<(i64, i64)>);

impl Times {
    /// Adds the time of the next leaf, whose place in the segment is told.
    pub(super) fn add(&mut self, place: u64, at: i64) {
        match self.0.last_mut().filter(|_| !place.is_multiple_of(ZONE)) {
            Some((least, most)) => (*least, *most) = (at.min(*least), at.max(*most)),
            None => self.0.push((at, at)),
        }
    }

    fn within(&self, (since, until): (i64, i64)) -> Entries {
        let mut entries = Entries::NONE;
        for (zone, (least, most)) in (0..).zip(&self.0) {
            if *most >= since && *least < until {
                let first = zone * ZONE;
                (first..first + ZONE).filter_map(|place| usize::try_from(place).ok()).for_each(|place| entries.add(place));
            }
        }
        entries
    }

    fn to_bytes(&self, name: &[u8]) -> Vec<u8> {
        let times: Vec<u8> = self.0.iter().flat_map(|(least, most)| [least.to_le_bytes(), most.to_le_bytes()].concat()).collect();
        [check(name, &times).as_slice(), &times].concat()
    }

    fn from_bytes(name: &[u8], bytes: &[u8]) -> Option<Self> {
        let (said, times) = bytes.split_first_chunk()?;
        let (words, _) = times.as_chunks::<8>();
        let (pairs, _) = words.as_chunks::<2>();
        let times_of = |[least, most]: &[[u8; 8]; 2]| (i64::from_le_bytes(*least), i64::from_le_bytes(*most));
        (check(name, times) == *said).then(|| Self(pairs.iter().map(times_of).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::entries::SEGMENT;
    use super::*;

    #[test]
    fn times_say_which_zones_to_look_at_whatever_the_clock_did() {
        let mut times = Times::default();
        // Forward, then set back by a day in the last zone.
        (0..SEGMENT).for_each(|place| times.add(place, if place < SEGMENT - 1 { 1_000 + place.cast_signed() } else { -5 }));
        assert_eq!(times.0.len() as u64, SEGMENT / ZONE);
        let count = |range| times.within(range).places().count() as u64;
        for (range, zones) in [
            ((i64::MIN, i64::MAX), SEGMENT / ZONE),
            ((1_000, 1_001), 2),
            ((1_127, 1_129), 3),
            ((0, 1), 1),
            ((-5, -4), 1),
            ((-6, -5), 0),
            ((9_000, 9_001), 0),
        ] {
            assert_eq!(count(range), zones * ZONE, "{range:?}");
        }
        let bytes = times.to_bytes(b"n");
        assert_eq!(Times::from_bytes(b"n", &bytes), Some(times));
        assert_eq!(Times::from_bytes(b"m", &bytes), None);
        assert_eq!(Times::from_bytes(b"n", &bytes[..20]), None);
    }

    #[test]
    fn a_file_of_another_version_is_asked_nothing_and_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("i.db");
        assert!(File::to_read(&path).unwrap().is_none());
        let file = File::to_write(&path).unwrap();
        let term = file.make_term(1, &("actor", "hum_1".to_owned())).unwrap();
        assert_eq!(file.make_term(1, &("actor", "hum_1".to_owned())).unwrap(), term);
        file.put_entries(term, 0, &Entries::ALL).unwrap();
        drop(file);
        assert_eq!(File::to_read(&path).unwrap().unwrap().entries(term, 0).unwrap(), Entries::ALL);
        assert_eq!(File::to_write(&path).unwrap().term(1, &("actor", "hum_1".to_owned())).unwrap(), Some(term));
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
        assert!(File::to_read(&path).unwrap().is_none());
        assert_eq!(File::to_write(&path).unwrap().term(1, &("actor", "hum_1".to_owned())).unwrap(), None);
    }
}
