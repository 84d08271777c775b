//! Reading of `/proc/PID/stat` and `/proc/PID/status` (proc(5)).

use std::io::Read as _;
use std::path::Path;

/// Longest text of a process that is read, in bytes; the kernel writes a page or two.
const TEXT_LEN_MAX: u64 = 64 << 10;

/// The field of `stat` that holds the start time, from the one behind the name of the program: the 22nd of all.
const START_FIELD: usize = 19;

/// The text of a file below `/proc/PID`.
pub(super) fn text(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(TEXT_LEN_MAX).read_to_end(&mut bytes)?;
    // Names of programs are bytes of the process's own choice.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// When the process started, in ticks since the host did. The name of the program stands in parentheses, and may hold any of them itself.
pub(super) fn start_time(stat: &str) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(") ")?;
    behind.split(' ').nth(START_FIELD)?.trim_end().parse().ok()
}

/// The effective user and group: the second numbers of `Uid:` and `Gid:`.
pub(super) fn effective(status: &str) -> Option<(u32, u32)> {
    // The name of the program is escaped there: it cannot begin a line.
    let second = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Some((second("Uid:")?, second("Gid:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_programs_fool_nobody() {
        let fields = "S 1 7 7 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 123456 8192 1\n";
        for name in ["cat", "a) S 1 (b", ") ) ) )", "x\ny", ""] {
            assert_eq!(start_time(&format!("7 ({name}) {fields}")), Some(123_456), "{name:?}");
        }
        for bad in ["", "7 (cat)", "7 (cat) S 1", "7 cat S 1 7", "7 (cat) S 1 7 7 0 -1 4194560 1 0 0 0 1 2 3 4 20 0 1 0 x 1"] {
            assert_eq!(start_time(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_effective_ids_are_read() {
        let status = "Name:\tx\\nUid:\t9\nState:\tS\nUid:\t1000\t1001\t1002\t1003\nGid:\t100\t101\t102\t103\n";
        assert_eq!(effective(status), Some((1_001, 101)));
        for bad in ["", "Uid:\t1\nGid:\t1\t2\n", "Uid:\t1\t2\n", "Uid:\tx\ty\nGid:\t1\t2\n"] {
            assert_eq!(effective(bad), None, "{bad:?}");
        }
    }
}
