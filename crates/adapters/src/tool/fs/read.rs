//! `fs.read`: a piece of one file.

use std::io::IoSliceMut;
use std::os::unix::fs::FileExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::io::{ReadWriteFlags, preadv2};
use serde::Deserialize;
use serde_json::json;

use super::limits::{READ_AT_ONCE_BYTES_MAX, READ_BYTES_MAX};
use super::path::RelPath;
use super::workspace::size;
use super::{Error, Output, Workspace};

/// Bytes read between two looks at the cancellation.
const BLOCK_BYTES: usize = 128 * 1024;

/// Arguments of `fs.read`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    /// The file.
    pub path: String,
    /// First byte to return.
    #[serde(default)]
    pub offset: u64,
    /// Bytes to return at most; up to [`READ_BYTES_MAX`], which is also the default.
    pub length: Option<u64>,
}

/// Answers `{path, offset, length, size, encoding: utf8|base64, content}`; truncated when bytes follow.
///
/// A piece that ends inside a character loses that character's bytes (`length` says so), so that text stays text
/// and the next `offset` is `offset + length`.
pub(super) fn run(workspace: &Workspace, args: &Args, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
    let path = RelPath::parse(&args.path)?;
    let length = args.length.unwrap_or(READ_BYTES_MAX);
    if length == 0 || length > READ_BYTES_MAX {
        return Err(Error::Argument { name: "length", reason: "is not between 1 and 1048576" });
    }
    let (file, stat) = workspace.file(&path)?;
    let want = usize::try_from(length.min(size(&stat).saturating_sub(args.offset))).unwrap_or(0);
    let mut bytes = vec![0; want];
    let mut filled = 0;
    while filled < want {
        if cancelled() {
            return Err(Error::Cancelled);
        }
        let end = want.min(filled + BLOCK_BYTES);
        let position = args.offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        let block = bytes.get_mut(filled..end).unwrap_or_default();
        let got = file.read_at(block, position).map_err(|source| Error::Io { operation: "read", path: path.clone(), source })?;
        if got == 0 {
            break;
        }
        filled += got;
    }
    bytes.truncate(filled);
    Ok(answer(&path, args.offset, size(&stat), bytes))
}

/// As [`run`], of a small piece that the kernel has in memory; nothing where a disk is to be waited for, or anything is wrong.
pub(super) fn at_once(workspace: &Workspace, args: &Args) -> Option<Output> {
    let path = RelPath::parse(&args.path).ok()?;
    let (file, stat) = workspace.file_at_once(&path)?;
    let length = args.length.unwrap_or(READ_BYTES_MAX).min(size(&stat).saturating_sub(args.offset));
    if args.length == Some(0) || length > READ_AT_ONCE_BYTES_MAX {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    let got = preadv2(&file, &mut [IoSliceMut::new(&mut bytes)], args.offset, ReadWriteFlags::NOWAIT).ok()?;
    // The rest may be on the disk, or the file may have been cut meanwhile.
    (got == bytes.len()).then(|| answer(&path, args.offset, size(&stat), bytes))
}

fn answer(path: &RelPath, offset: u64, size: u64, mut bytes: Vec<u8>) -> Output {
    let end = |len: usize| offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
    let follows = end(bytes.len()) < size;
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
        && error.valid_up_to() > 0
        && follows
    {
        bytes.truncate(error.valid_up_to());
    }
    let length = bytes.len();
    let (encoding, content) = match String::from_utf8(bytes) {
        Ok(text) => ("utf8", text),
        Err(error) => ("base64", STANDARD.encode(error.as_bytes())),
    };
    let value = json!({
        "path": path.as_str(), "offset": offset, "length": length, "size": size,
        "encoding": encoding, "content": content,
    });
    Output { value, truncated: end(length) < size }
}
