//! Damage in the write-ahead log, which SQLite takes for the log's end: recovery stops at the first frame that does not fit, and
//! what stands behind it is gone. That is right for a commit that a crash cut off, and wrong for a byte that changed later.
//!
//! **Invariant:** a commit is written only after the one before it is on disk, so no other commit stands behind one that a crash
//! cut off. One that does was acknowledged: the log is damaged, and the database is not served without it.
//! Format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use super::connect::beside;

/// Bytes before the first frame.
const HEADER_LEN: usize = 32;

/// Bytes of a frame before its page.
const FRAME_HEADER_LEN: usize = 24;

/// First word of a log; its last bit says how the words of a checksum are read.
const MAGIC: u32 = 0x377f_0682;

/// Page sizes that SQLite knows, in bytes; the largest is written as 1.
const PAGE_LEN_MIN: u32 = 512;
const PAGE_LEN_MAX: u32 = 65_536;

/// Times that a log is read before its damage is believed: a daemon may write while somebody else looks.
const LOOKS: usize = 3;

/// What is wrong with the log beside this database; nothing where there is no log, or only its last commit is cut off.
pub(super) fn find(database: &Path) -> io::Result<Option<String>> {
    let wal = beside(database, "-wal");
    let mut found = None;
    for _ in 0..LOOKS {
        found = match File::open(&wal) {
            Ok(file) => look(BufReader::with_capacity(1 << 16, file))?,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if found.is_none() {
            break;
        }
    }
    Ok(found)
}

fn look(mut log: impl Read) -> io::Result<Option<String>> {
    let mut header = [0; HEADER_LEN];
    if !fill(&mut log, &mut header)? || header == [0; HEADER_LEN] {
        return Ok(None);
    }
    let Some((page_len, mut last)) = opened(&header) else {
        return Ok(Some("its header does not fit its checksum".to_owned()));
    };
    let mut frame = vec![0; FRAME_HEADER_LEN + page_len];
    let (mut number, mut broken) = (0, None::<Broken>);
    while fill(&mut log, &mut frame)? {
        // Both words differ in what an earlier round of the log left behind; one alone is a changed byte.
        let salts = (frame.get(8..12) == header.get(16..20), frame.get(12..16) == header.get(20..24));
        let commits = word(&frame, 4) != 0;
        let stored = last.stored(&frame, 16);
        // A checksum goes on from the one before it, as it is written there: so a frame fits behind a damaged one too.
        let fits = salts == (true, true) && last.over(frame.get(..8)).over(frame.get(FRAME_HEADER_LEN..)) == stored;
        match &mut broken {
            None | Some(_) if !fits => {
                if let Some(what) = broken.as_ref().and_then(Broken::damage) {
                    return Ok(Some(what));
                }
                // Where its own checksum is what changed, the frame behind a broken one does not fit either.
                let before = broken.is_some_and(|broken| broken.ends_a_commit && broken.number + 1 == number);
                let ends_a_commit = before || ((salts.0 || salts.1) && commits);
                broken = Some(Broken { number, ends_a_commit, behind: 0 });
            }
            Some(broken) => broken.behind += u64::from(commits),
            None => {}
        }
        last = stored;
        number += 1;
    }
    Ok(broken.as_ref().and_then(Broken::damage))
}

/// A frame that does not fit, and what follows it without a gap.
#[derive(Debug)]
struct Broken {
    number: u64,
    ends_a_commit: bool,
    behind: u64,
}

impl Broken {
    /// What is damaged, unless this frame and those behind it are of one commit: that was cut off, and nobody relies on it.
    fn damage(&self) -> Option<String> {
        let Self { number, ends_a_commit, behind } = *self;
        (behind > u64::from(!ends_a_commit)).then(|| {
            format!("frame {number} of the write-ahead log does not fit its checksum, and {behind} commits stand behind it")
        })
    }
}

/// Page size and checksum of a header, if that fits.
fn opened(header: &[u8; HEADER_LEN]) -> Option<(usize, Sum)> {
    let (magic, page_len) = (word(header, 0), word(header, 8));
    let page_len = if page_len == 1 { PAGE_LEN_MAX } else { page_len };
    let sound = magic & !1 == MAGIC && page_len.is_power_of_two() && (PAGE_LEN_MIN..=PAGE_LEN_MAX).contains(&page_len);
    let none = Sum { big_endian: magic & 1 == 1, words: (0, 0) };
    let stored = none.stored(header, 24);
    (sound && none.over(header.get(..24)) == stored).then_some((usize::try_from(page_len).ok()?, stored))
}

/// A running checksum of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    big_endian: bool,
    words: (u32, u32),
}

impl Sum {
    /// This checksum with more bytes, whose number is a multiple of 8.
    fn over(self, bytes: Option<&[u8]>) -> Self {
        let (mut first, mut second) = self.words;
        for pair in bytes.unwrap_or_default().chunks_exact(8) {
            let (one, two) = (word(pair, 0), word(pair, 4));
            let (one, two) = if self.big_endian { (one, two) } else { (one.swap_bytes(), two.swap_bytes()) };
            first = first.wrapping_add(one).wrapping_add(second);
            second = second.wrapping_add(two).wrapping_add(first);
        }
        Self { words: (first, second), ..self }
    }

    /// The checksum that is written at `at`.
    fn stored(self, bytes: &[u8], at: usize) -> Self {
        Self { words: (word(bytes, at), word(bytes, at + 4)), ..self }
    }
}

/// The big-endian word at `at`; 0 behind the end, which no caller asks for.
fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// Fills the buffer; `false` when the file ends before.
fn fill(log: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match log.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
