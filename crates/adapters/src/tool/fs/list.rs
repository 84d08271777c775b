//! `fs.list`: one page of a directory.

use std::collections::BinaryHeap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustix::fs::{AtFlags, FileType};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::dir::{self, Entry};
use super::limits::{LIST_ENTRIES_MAX, LIST_SCAN_MAX};
use super::path::RelPath;
use super::workspace::{size, word};
use super::{Error, Output, Workspace};

/// Arguments of `fs.list`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The directory; the top when absent.
    pub path: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Entries in the page; up to [`LIST_ENTRIES_MAX`], which is also the default.
    pub limit: Option<usize>,
}

/// Answers `{path, entries: [{name, kind, size?}], next_cursor?}`, names sorted by their bytes.
///
/// A page is what follows the cursor's name at the time of the call, so names that come or go between pages are
/// neither doubled nor do they hide others. Memory is bounded by the page, not by the directory.
pub(super) fn run(workspace: &Workspace, args: &Args, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
    let path = RelPath::parse(args.path.as_deref().unwrap_or("."))?;
    let (limit, after) = page_of(args)?;
    let fd = workspace.directory(&path)?;
    // The smallest names after the cursor, largest on top; one more than asked tells whether a page follows.
    let mut page: BinaryHeap<Entry> = BinaryHeap::with_capacity(limit.saturating_add(2));
    dir::for_each(&fd, &path, LIST_SCAN_MAX, cancelled, |entry| {
        if after.as_deref().is_some_and(|after| entry.name.to_bytes() <= after) {
            return;
        }
        if page.len() > limit && page.peek().is_some_and(|largest| *largest <= entry) {
            return;
        }
        page.push(entry);
        if page.len() > limit.saturating_add(1) {
            page.pop();
        }
    })?;
    let more = page.len() > limit;
    if more {
        page.pop();
    }
    let page = page.into_sorted_vec();
    let rows = page.iter().map(|entry| row(&fd, entry)).collect();
    let last = page.last().map(|entry| entry.name.to_bytes()).filter(|_| more);
    Ok(answer(path.as_str(), rows, last))
}

/// The page of the mounts' names, which are sorted and look like directories.
pub(super) fn mounts<'a>(args: &Args, names: impl Iterator<Item = &'a str>) -> Result<Output, Error> {
    let (limit, after) = page_of(args)?;
    let mut names = names.filter(|name| after.as_deref().is_none_or(|after| name.as_bytes() > after)).peekable();
    let page = names.by_ref().take(limit).collect::<Vec<_>>();
    let rows = page.iter().map(|name| json!({ "name": name, "kind": "directory" })).collect();
    let more = names.peek().is_some();
    Ok(answer(".", rows, page.last().map(|name| name.as_bytes()).filter(|_| more)))
}

/// The size of the page, and the name before it.
fn page_of(args: &Args) -> Result<(usize, Option<Vec<u8>>), Error> {
    let limit = args.limit.unwrap_or(LIST_ENTRIES_MAX);
    if limit == 0 || limit > LIST_ENTRIES_MAX {
        return Err(Error::Argument { name: "limit", reason: "is not between 1 and 1000" });
    }
    Ok((limit, args.cursor.as_deref().map(cursor_bytes).transpose()?))
}

fn answer(path: &str, rows: Vec<Value>, followed: Option<&[u8]>) -> Output {
    let mut value = Map::from_iter([("path".to_owned(), path.into()), ("entries".to_owned(), rows.into())]);
    if let Some(last) = followed {
        value.insert("next_cursor".to_owned(), URL_SAFE_NO_PAD.encode(last).into());
    }
    Output { value: value.into(), truncated: followed.is_some() }
}

fn cursor_bytes(cursor: &str) -> Result<Vec<u8>, Error> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .map_err(|_| Error::Argument { name: "cursor", reason: "is not a cursor that `fs.list` returned" })
}

fn row(fd: &std::os::fd::OwnedFd, entry: &Entry) -> Value {
    let mut row = Map::new();
    let bytes = entry.name.to_bytes();
    row.insert("name".into(), String::from_utf8_lossy(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        // Such a name cannot be asked for by `path`, but two of them must not look the same.
        row.insert("name_base64".into(), URL_SAFE_NO_PAD.encode(bytes).into());
    }
    row.insert("kind".into(), word(entry.kind).into());
    if entry.kind == FileType::RegularFile
        && let Ok(stat) = rustix::fs::statat(fd, entry.name.as_c_str(), AtFlags::SYMLINK_NOFOLLOW)
    {
        row.insert("size".into(), size(&stat).into());
    }
    row.into()
}
