//! Whether a checkpoint is cosigned: the checks of C2SP tlog-witness, in its order.

use std::sync::{Mutex, PoisonError};

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::{Head, root, verify_consistency};
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::in_words;
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::signed_note::{self, Verifier};

use super::book::Book;

/// Type of an answer that tells a size.
pub(super) const SIZE_TYPE: &str = "text/x.tlog.size";

/// Type of any other answer.
pub(super) const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn refused(status: u16, why: impl std::fmt::Display) -> Self {
        Self { status, content_type: TEXT_TYPE, body: format!("{why}\n") }
    }

    /// 409: the witness knows the log at this size.
    fn knows(size: u64) -> Self {
        Self { status: 409, content_type: SIZE_TYPE, body: format!("{size}\n") }
    }
}

/// Judges checkpoints.
#[derive(Debug)]
pub(super) struct Judge {
    name: String,
    key: Pair,
    /// Keys of logs; a key's name is the origin of its log.
    logs: Vec<Verifier>,
    /// One at a time: what is known is compared and written as one.
    book: Mutex<Book>,
}

impl Judge {
    pub(super) fn new((name, key): (String, Pair), logs: Vec<Verifier>, book: Book) -> Self {
        Self { name, key, logs, book: Mutex::new(book) }
    }

    /// Answers a request at `now_s` seconds since 1970. Blocks for a write to the disk.
    pub(super) fn answer(&self, body: &[u8], now_s: u64) -> Reply {
        self.judge(body, now_s).unwrap_or_else(|refused| refused)
    }

    fn judge(&self, body: &[u8], now_s: u64) -> Result<Reply, Reply> {
        let malformed = |error: &dyn std::error::Error| Reply::refused(400, in_words(error));
        let body = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
        let request = AddCheckpoint::parse(body).map_err(|error| malformed(&error))?;
        let (text, _) = signed_note::parts(&request.note).map_err(|error| malformed(&error))?;
        let new = Checkpoint::parse_any(text).map_err(|error| malformed(&error))?;
        let known: Vec<Verifier> = self.logs.iter().filter(|key| key.name() == new.origin).cloned().collect();
        if known.is_empty() {
            return Err(Reply::refused(404, "the log is not known here"));
        }
        match signed_note::verify(&request.note, &known) {
            Ok(_) => {}
            Err(error @ signed_note::Error::Malformed { .. }) => return Err(malformed(&error)),
            Err(_) => return Err(Reply::refused(403, "no key of the log that is known here has signed the checkpoint")),
        }
        if request.old_size > new.size {
            return Err(Reply::refused(400, "the old size is larger than that of the checkpoint"));
        }
        let failed = |error: &dyn std::error::Error| {
            tracing::error!(error = in_words(error), "checkpoint could not be cosigned");
            Reply::refused(500, "the witness cannot keep the checkpoint now")
        };
        let book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let old = book.newest(&new.origin).map_err(|error| failed(&error))?;
        check_growth(old.as_ref(), &request, &new)?;
        let line = signed_note::cosign(text, &self.name, &self.key, now_s).map_err(|error| failed(&error))?;
        if old.as_ref() != Some(&new) {
            book.keep(&new).map_err(|error| failed(&error))?;
        }
        Ok(Reply { status: 200, content_type: TEXT_TYPE, body: line })
    }
}

/// Whether the log of the checkpoint grew out of what is known of it.
fn check_growth(old: Option<&Checkpoint>, request: &AddCheckpoint, new: &Checkpoint) -> Result<(), Reply> {
    let known = old.map_or(0, |old| old.size);
    if request.old_size != known {
        return Err(Reply::knows(known));
    }
    if let Some(old) = old.filter(|old| old.size == new.size && old.root != new.root) {
        tracing::error!(origin = new.origin, size = new.size, known = %old.root, offered = %new.root, "log was forked");
        return Err(Reply::knows(known));
    }
    let head = |checkpoint: &Checkpoint| Head { size: checkpoint.size, root: checkpoint.root };
    let proven = match old {
        Some(old) if known > 0 => verify_consistency(head(old), head(new), &request.proof).is_ok(),
        // An empty log has one root, and whatever grows out of it needs no proof.
        Some(_) | None => request.proof.is_empty() && (new.size > 0 || new.root == root(&[])),
    };
    if proven {
        return Ok(());
    }
    tracing::error!(origin = new.origin, size = new.size, known, "log is not proven to have grown out of what was cosigned");
    Err(Reply::refused(422, "the proof does not show that the log grew out of what is known of it"))
}
