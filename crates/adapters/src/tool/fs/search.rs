//! `fs.search`: lines that match a pattern, in one pass over a tree.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;

use regex::bytes::{Regex, RegexBuilder};
use rustix::fs::{FileType, OFlags};
use serde::Deserialize;
use serde_json::{Value, json};

use super::dir::{self, Entry};
use super::limits::{
    SEARCH_BYTES_MAX, SEARCH_DEPTH_MAX, SEARCH_DIR_ENTRIES_MAX, SEARCH_FILE_BYTES_MAX, SEARCH_FILES_MAX, SEARCH_LINE_BYTES_MAX,
    SEARCH_MATCHES_MAX, SEARCH_PATTERN_BYTES_MAX, SEARCH_PROGRAM_BYTES_MAX, SEARCH_SNIFF_BYTES,
};
use super::path::{RelPath, prefixed};
use super::workspace::{open_nofollow, regular, size};
use super::{Error, Output, Workspace};

/// Arguments of `fs.search`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// A literal text, or a regular expression when `regex` is set.
    pub pattern: String,
    /// The file or directory to search; everything when absent.
    pub path: Option<String>,
    /// Whether `pattern` is a regular expression (syntax of the `regex` crate: linear time, no back references).
    #[serde(default)]
    pub regex: bool,
    /// Whether upper and lower case are the same.
    #[serde(default)]
    pub ignore_case: bool,
    /// Only files whose names end in one of these, for example `.rs`; all files when empty.
    #[serde(default)]
    pub suffixes: Vec<String>,
    /// Names of directories that are not entered, beside `.git`.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Matching lines to return; up to [`SEARCH_MATCHES_MAX`], which is also the default.
    pub max_matches: Option<usize>,
}

/// Where a search starts.
pub(super) struct Start<'a> {
    /// Goes in front of the paths of matches; empty, or a mount's name.
    pub(super) prefix: &'a str,
    pub(super) workspace: &'a Workspace,
    pub(super) path: RelPath,
}

/// Answers `{matches: [{path, line, column, text, cut?}], files, bytes, skipped: {…}}`, in order of path bytes.
///
/// Lines and columns start at 1, columns count bytes. A line is returned once however often it matches. Binary files (a
/// NUL near the start), files above 4 MiB, links and files with further names are skipped and counted. The limits hold for all
/// starts together.
pub(super) fn run(starts: &[Start<'_>], args: &Args, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
    let limit = args.max_matches.unwrap_or(SEARCH_MATCHES_MAX);
    if limit == 0 || limit > SEARCH_MATCHES_MAX {
        return Err(Error::Argument { name: "max_matches", reason: "is not between 1 and 1000" });
    }
    let mut search = Search {
        regex: compile(args)?,
        args,
        cancelled,
        limit,
        prefix: "",
        matches: Vec::new(),
        files: 0,
        bytes: 0,
        skipped: Skipped::default(),
        truncated: false,
        buffer: Vec::new(),
    };
    for start in starts {
        search.prefix = start.prefix;
        match start.workspace.directory(&start.path) {
            Ok(fd) => search.tree(fd, &start.path)?,
            Err(Error::Kind { .. }) => {
                let (file, stat) = start.workspace.file(&start.path)?;
                search.file(file, size(&stat), &start.path)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(search.answer())
}

fn compile(args: &Args) -> Result<Regex, Error> {
    if args.pattern.is_empty() || args.pattern.len() > SEARCH_PATTERN_BYTES_MAX {
        return Err(Error::Argument { name: "pattern", reason: "is not between 1 and 1024 bytes" });
    }
    let source = if args.regex { args.pattern.clone() } else { regex::escape(&args.pattern) };
    RegexBuilder::new(&source)
        .case_insensitive(args.ignore_case)
        .multi_line(true)
        .crlf(true)
        .size_limit(SEARCH_PROGRAM_BYTES_MAX)
        .dfa_size_limit(SEARCH_PROGRAM_BYTES_MAX)
        .build()
        .map_err(|source| Error::Pattern { pattern: args.pattern.escape_default().to_string(), source: Box::new(source) })
}

/// What was not searched, so that "no match" is never more than it says.
#[derive(Debug, Default)]
struct Skipped {
    binary: usize,
    large: usize,
    links: usize,
    special: usize,
    unreadable: usize,
    deep: usize,
}

struct Search<'a> {
    regex: Regex,
    args: &'a Args,
    cancelled: &'a dyn Fn() -> bool,
    limit: usize,
    prefix: &'a str,
    matches: Vec<Value>,
    files: usize,
    bytes: u64,
    skipped: Skipped,
    truncated: bool,
    buffer: Vec<u8>,
}

/// A directory being walked: its descriptor, its path, and the entries still to do, last one first.
struct Level {
    fd: OwnedFd,
    path: RelPath,
    rest: Vec<Entry>,
}

impl Search<'_> {
    /// Walks without recursion, one descriptor a level, so that neither stack nor descriptors run out.
    fn tree(&mut self, fd: OwnedFd, path: &RelPath) -> Result<(), Error> {
        let mut levels = vec![self.level(fd, path.clone())?];
        while let Some(level) = levels.last_mut() {
            if self.truncated {
                return Ok(());
            }
            let Some(entry) = level.rest.pop() else {
                levels.pop();
                continue;
            };
            let name = entry.name.to_string_lossy().into_owned();
            let path = level.path.entry(&name);
            match entry.kind {
                FileType::Directory if name == ".git" || self.args.exclude.contains(&name) => {}
                FileType::Directory => {
                    let opened = open_nofollow(&level.fd, &entry.name, OFlags::RDONLY | OFlags::DIRECTORY);
                    match opened {
                        Ok(_) if levels.len() > SEARCH_DEPTH_MAX => self.skipped.deep += 1,
                        Ok(fd) => levels.push(self.level(fd, path)?),
                        Err(_) => self.skipped.unreadable += 1,
                    }
                }
                FileType::RegularFile if self.wanted(&name) => match open_nofollow(&level.fd, &entry.name, OFlags::RDONLY) {
                    Ok(fd) => self.found(fd, &path)?,
                    Err(_) => self.skipped.unreadable += 1,
                },
                FileType::RegularFile => {}
                FileType::Symlink => self.skipped.links += 1,
                FileType::Fifo | FileType::Socket | FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => {
                    self.skipped.special += 1
                }
            }
        }
        Ok(())
    }

    fn level(&self, fd: OwnedFd, path: RelPath) -> Result<Level, Error> {
        let mut rest = Vec::new();
        dir::for_each(&fd, &path, SEARCH_DIR_ENTRIES_MAX, self.cancelled, |entry| rest.push(entry))?;
        rest.sort_unstable_by(|a, b| b.cmp(a));
        Ok(Level { fd, path, rest })
    }

    fn wanted(&self, name: &str) -> bool {
        self.args.suffixes.is_empty() || self.args.suffixes.iter().any(|suffix| name.ends_with(suffix.as_str()))
    }

    /// The kind is checked again on the open file: the directory may have changed since it was read.
    fn found(&mut self, fd: OwnedFd, path: &RelPath) -> Result<(), Error> {
        match regular(&fd, path) {
            Ok(stat) => self.file(File::from(fd), size(&stat), path),
            Err(Error::HardLink { .. }) => {
                self.skipped.links += 1;
                Ok(())
            }
            Err(_) => {
                self.skipped.special += 1;
                Ok(())
            }
        }
    }

    fn file(&mut self, file: File, size: u64, path: &RelPath) -> Result<(), Error> {
        if (self.cancelled)() {
            return Err(Error::Cancelled);
        }
        if size > SEARCH_FILE_BYTES_MAX {
            self.skipped.large += 1;
            return Ok(());
        }
        if self.files >= SEARCH_FILES_MAX || self.bytes.saturating_add(size) > SEARCH_BYTES_MAX {
            self.truncated = true;
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        // The limit again: the file may grow while it is read.
        let read = file.take(SEARCH_FILE_BYTES_MAX).read_to_end(&mut buffer);
        match read {
            Ok(_) if buffer.iter().take(SEARCH_SNIFF_BYTES).any(|byte| *byte == 0) => self.skipped.binary += 1,
            Ok(_) => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(u64::try_from(buffer.len()).unwrap_or(u64::MAX));
                self.lines(&buffer, path);
            }
            Err(_) => self.skipped.unreadable += 1,
        }
        self.buffer = buffer;
        Ok(())
    }

    fn lines(&mut self, text: &[u8], path: &RelPath) {
        let mut line_number = 1_usize;
        let mut counted_to = 0;
        let mut from = 0;
        while let Some(found) = self.regex.find_at(text, from) {
            // An empty match behind the last newline is on no line.
            if found.start() >= text.len() && (text.is_empty() || text.last() == Some(&b'\n')) {
                return;
            }
            if self.matches.len() >= self.limit {
                self.truncated = true;
                return;
            }
            let before = text.get(..found.start()).unwrap_or_default();
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let after = text.get(found.start()..).unwrap_or_default();
            let end = after.iter().position(|byte| *byte == b'\n').map_or(text.len(), |len| found.start() + len);
            line_number += text.get(counted_to..start).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count();
            counted_to = start;
            let line = text.get(start..end).unwrap_or_default();
            self.matches.push(row(&prefixed(self.prefix, path.as_str()), line_number, found.start() - start + 1, line));
            if end >= text.len() {
                return;
            }
            from = end + 1;
        }
    }

    fn answer(self) -> Output {
        let skipped = json!({
            "binary": self.skipped.binary, "large": self.skipped.large, "links": self.skipped.links,
            "special": self.skipped.special, "unreadable": self.skipped.unreadable, "deep": self.skipped.deep,
        });
        let value = json!({ "matches": self.matches, "files": self.files, "bytes": self.bytes, "skipped": skipped });
        Output { value, truncated: self.truncated }
    }
}

fn row(path: &str, line: usize, column: usize, text: &[u8]) -> Value {
    let shown = text.strip_suffix(b"\r").unwrap_or(text);
    let cut = shown.len() > SEARCH_LINE_BYTES_MAX;
    let shown = String::from_utf8_lossy(shown.get(..SEARCH_LINE_BYTES_MAX).unwrap_or(shown));
    let mut row = json!({ "path": path, "line": line, "column": column, "text": shown });
    if cut && let Some(object) = row.as_object_mut() {
        object.insert("cut".into(), true.into());
    }
    row
}
