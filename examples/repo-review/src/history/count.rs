//! Counting the two answers of git: the tree of the commit, and what each commit before it changed.

use std::collections::BTreeMap;

use super::date::day;
use super::record::{Changed, History};

/// Begins the line of a commit in the log; what a commit changed begins with a digit or `-`.
pub(super) const COMMIT: u8 = 1;

/// Most different paths; beyond it a repository is counted by another tool.
const PATHS_MAX: usize = 1_000_000;

/// The largest number that JSON carries without rounding.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Names of files that package managers write: large and often changed, and read by nobody.
const LOCK_FILES: [&str; 10] = [
    "Cargo.lock",
    "Gemfile.lock",
    "Pipfile.lock",
    "composer.lock",
    "flake.lock",
    "go.sum",
    "package-lock.json",
    "pnpm-lock.yaml",
    "uv.lock",
    "yarn.lock",
];

/// The counts so far.
#[derive(Debug, Default)]
pub(super) struct Count {
    commits: u64,
    time: i64,
    paths: BTreeMap<Vec<u8>, Path>,
}

/// What is known of a path.
#[derive(Debug, Default)]
struct Path {
    bytes: Option<u64>,
    commits: u64,
    added: u64,
    removed: u64,
    newest: Option<i64>,
}

impl Count {
    /// Takes an entry of `git ls-tree -r -l -z`: `mode type id size<tab>path`.
    pub(super) fn tree_entry(&mut self, entry: &[u8]) -> Result<(), String> {
        let (head, path) = split(entry, b'\t').ok_or("an entry of the tree has no path")?;
        let head = std::str::from_utf8(head).map_err(|_| "an entry of the tree is no text")?;
        let mut fields = head.split_ascii_whitespace();
        let mode = fields.next().unwrap_or_default();
        // Links and submodules are no files.
        if !mode.starts_with("100") {
            return Ok(());
        }
        let size = fields.nth(2).and_then(|size| size.parse().ok()).ok_or("an entry of the tree has no size")?;
        self.path(path)?.bytes = Some(size);
        Ok(())
    }

    /// Takes an entry of `git log --numstat -z`: a commit's `<1>time`, or `added<tab>removed<tab>path`.
    pub(super) fn log_entry(&mut self, entry: &[u8]) -> Result<(), String> {
        let entry = entry.strip_prefix(b"\n").unwrap_or(entry);
        if let Some(time) = entry.strip_prefix(&[COMMIT]) {
            let time = std::str::from_utf8(time).ok().and_then(|time| time.trim_end().parse().ok());
            self.time = time.ok_or("a commit of the log has no time")?;
            self.commits += 1;
            return Ok(());
        }
        if entry.is_empty() {
            return Ok(());
        }
        let fields = split(entry, b'\t').and_then(|(added, rest)| Some((added, split(rest, b'\t')?)));
        let (added, (removed, path)) = fields.ok_or("a change of the log has no path")?;
        let (added, removed, time) = (lines(added)?, lines(removed)?, self.time);
        let path = self.path(path)?;
        path.commits += 1;
        path.added = path.added.saturating_add(added);
        path.removed = path.removed.saturating_add(removed);
        path.newest = path.newest.max(Some(time));
        Ok(())
    }

    /// The history, with the `top` riskiest files.
    pub(super) fn history(self, commit: String, top: usize) -> History {
        let all = |number: fn(&Path) -> u64| self.paths.values().map(number).fold(0, u64::saturating_add).min(NUMBER_MAX);
        let files = self.paths.values().filter(|path| path.bytes.is_some()).count();
        let ranked = self.paths.iter().filter(|(path, _)| !is_lock_file(path));
        let mut riskiest = ranked.filter_map(|(path, of)| of.changed(path)).collect::<Vec<_>>();
        riskiest.sort_by(|left, right| right.risk.cmp(&left.risk).then_with(|| left.path.cmp(&right.path)));
        riskiest.truncate(top);
        History {
            commit,
            commits: self.commits,
            files: u64::try_from(files).unwrap_or(NUMBER_MAX),
            bytes: all(|path| path.bytes.unwrap_or(0)),
            lines_added: all(|path| path.added),
            lines_removed: all(|path| path.removed),
            riskiest,
        }
    }

    fn path(&mut self, path: &[u8]) -> Result<&mut Path, String> {
        if self.paths.len() >= PATHS_MAX && !self.paths.contains_key(path) {
            return Err(format!("there are more than {PATHS_MAX} paths"));
        }
        Ok(self.paths.entry(path.to_vec()).or_default())
    }
}

impl Path {
    /// The answer about a path that is in the commit.
    fn changed(&self, path: &[u8]) -> Option<Changed> {
        let bytes = self.bytes?;
        Some(Changed {
            path: String::from_utf8_lossy(path).into_owned(),
            commits: self.commits,
            lines_added: self.added,
            lines_removed: self.removed,
            bytes,
            risk: self.commits.saturating_mul(bytes).min(NUMBER_MAX),
            last_changed: self.newest.map(day).unwrap_or_default(),
        })
    }
}

fn split(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..place)?, bytes.get(place + 1..)?))
}

/// A count of lines; `-` stands for a binary file.
fn lines(field: &[u8]) -> Result<u64, String> {
    if field == b"-" {
        return Ok(0);
    }
    let text = std::str::from_utf8(field).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "a change of the log has no count".to_owned())
}

fn is_lock_file(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    LOCK_FILES.iter().any(|lock| lock.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::Count;

    fn count(tree: &[&[u8]], log: &[&[u8]]) -> Count {
        let mut count = Count::default();
        tree.iter().for_each(|entry| count.tree_entry(entry).unwrap());
        log.iter().for_each(|entry| count.log_entry(entry).unwrap());
        count
    }

    #[test]
    fn files_are_counted_and_ranked() {
        let tree: [&[u8]; 6] = [
            b"100644 blob aa      10\tsmall",
            b"100755 blob ab     100\tdir/large",
            b"100644 blob ac 9999999\tdir/Cargo.lock",
            b"120000 blob ad       5\tlink",
            b"160000 commit ae     -\tmodule",
            b"100644 blob af       1\tnever",
        ];
        let log: [&[u8]; 9] = [
            b"\x0186400",
            b"\n5\t2\tsmall",
            b"3\t0\tdir/large",
            b"\x01172800",
            b"\x0190000",
            b"\n1\t1\tsmall",
            b"-\t-\tdir/Cargo.lock",
            b"7\t0\tgone",
            b"",
        ];
        let history = count(&tree, &log).history("c".to_owned(), 3);
        assert_eq!((history.commits, history.files, history.bytes), (3, 4, 10_000_110));
        assert_eq!((history.lines_added, history.lines_removed), (16, 3));
        let rows = history.riskiest.iter().map(|file| (file.path.as_str(), file.commits, file.risk, file.last_changed.as_str()));
        let wanted = [("dir/large", 1, 100, "1970-01-02"), ("small", 2, 20, "1970-01-02"), ("never", 0, 0, "")];
        assert_eq!(rows.collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_name_cannot_pass_for_a_commit_or_a_count() {
        let tree: [&[u8]; 1] = [b"100644 blob aa 1\t\x019\n1\t2\tx"];
        let log: [&[u8]; 2] = [b"\x015", b"\n1\t0\t\x019\n1\t2\tx"];
        let history = count(&tree, &log).history(String::new(), 9);
        assert_eq!((history.commits, history.files, history.lines_added), (1, 1, 1));
        assert_eq!(history.riskiest[0].commits, 1);
    }

    #[test]
    fn what_git_never_says_is_refused() {
        for entry in [b"100644 blob aa 1".as_slice(), b"100644 blob aa -\tx", b"100644\tx", b"100\xff\tx"] {
            assert!(Count::default().tree_entry(entry).is_err(), "{entry:?}");
        }
        for entry in [b"\x01".as_slice(), b"\x01x", b"1\t2", b"x\t1\tpath", b"-1\t1\tpath", b"99999999999999999999\t1\tpath"] {
            assert!(Count::default().log_entry(entry).is_err(), "{entry:?}");
        }
    }

    #[test]
    fn numbers_stay_within_what_json_carries() {
        let tree: [&[u8]; 1] = [b"100644 blob aa 9007199254740991\tx"];
        let log: [&[u8]; 4] = [b"\x015", b"18446744073709551615\t0\tx", b"\x016", b"9\t0\tx"];
        let history = count(&tree, &log).history(String::new(), 9);
        assert_eq!((history.riskiest[0].risk, history.lines_added), ((1 << 53) - 1, (1 << 53) - 1));
    }
}
