//! Moving SQLite's write-ahead log into its database file, for a copy that is to be edited by hand.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#the_write_ahead_log>. Checksums are not looked at: the copy is of a store that
//! was closed in good order.

use anyhow::{Context as _, Result, bail};

/// Bytes of the log's header, and of a frame's.
const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Most pages of a database that is edited in memory; a demonstration's has a few hundred.
const PAGES_MAX: usize = 65_536;

/// The database with every committed frame of the log in its place.
pub(super) fn merged(mut database: Vec<u8>, log: &[u8]) -> Result<Vec<u8>> {
    let Some(header) = log.get(..HEADER).filter(|header| header.starts_with(&[0x37, 0x7f, 0x06])) else {
        return Ok(database);
    };
    let page_bytes = number(header, 8).context("the log's header is short")?;
    if !page_bytes.is_power_of_two() || !(512..=65_536).contains(&page_bytes) {
        bail!("the log's pages have {page_bytes} bytes");
    }
    let salts = header.get(16..24);
    let frames = log.get(HEADER..).unwrap_or_default().chunks_exact(FRAME_HEADER + page_bytes);
    // Frames of an earlier round stand behind the last one, under other salts.
    let frames = frames.take_while(|frame| frame.get(8..16) == salts).collect::<Vec<_>>();
    let committed = frames.iter().rposition(|frame| number(frame, 4).is_some_and(|pages| pages > 0)).map_or(0, |last| last + 1);
    for frame in frames.iter().take(committed) {
        let page = number(frame, 0).and_then(|page| page.checked_sub(1)).context("a frame names no page")?;
        if page >= PAGES_MAX {
            bail!("the database has more than {PAGES_MAX} pages");
        }
        let (start, end) = (page * page_bytes, (page + 1) * page_bytes);
        if database.len() < end {
            database.resize(end, 0);
        }
        let content = frame.get(FRAME_HEADER..).context("a frame is short")?;
        database.get_mut(start..end).context("a page is outside of the database")?.copy_from_slice(content);
    }
    Ok(database)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    usize::try_from(u32::from_be_bytes(four.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use super::merged;

    const PAGE: usize = 512;

    fn header() -> Vec<u8> {
        let words = [0x377f_0682_u32, 3_007_000, 512, 0, 7, 8, 0, 0];
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn frame(page: u32, pages_after: u32, salt: u32, fill: u8) -> Vec<u8> {
        let words = [page, pages_after, salt, 8, 0, 0];
        let mut frame: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        frame.extend([fill; PAGE]);
        frame
    }

    fn check(frames: &[Vec<u8>], wanted: &[u8]) {
        let log = [header(), frames.concat()].concat();
        let pages = merged(vec![b'a'; PAGE], &log).unwrap();
        let fills: Vec<u8> = pages.chunks(PAGE).map(|page| page[0]).collect();
        assert_eq!(fills, wanted);
    }

    #[test]
    fn committed_frames_of_this_round_are_moved() {
        check(&[], b"a");
        check(&[frame(1, 1, 7, b'b')], b"b");
        check(&[frame(2, 2, 7, b'b'), frame(2, 2, 7, b'c')], b"ac");
        check(&[frame(1, 1, 7, b'b'), frame(1, 0, 7, b'c')], b"b");
        check(&[frame(1, 1, 7, b'b'), frame(1, 1, 6, b'c')], b"b");
    }

    #[test]
    fn an_empty_log_changes_nothing_and_a_broken_one_is_refused() {
        assert_eq!(merged(vec![1, 2], &[0; 64]).unwrap(), [1, 2]);
        assert_eq!(merged(vec![1, 2], &[]).unwrap(), [1, 2]);
        let mut log = header();
        log[11] = 3;
        assert!(merged(Vec::new(), &log).is_err());
        assert!(merged(Vec::new(), &[header(), frame(0, 1, 7, 0)].concat()).is_err());
        assert!(merged(Vec::new(), &[header(), frame(u32::MAX, 1, 7, 0)].concat()).is_err());
    }
}
