//! What happened, line by line, and what must not have.

use std::sync::{Mutex, PoisonError};

use scalbotics_core::digest::Digest;

#[derive(Debug, Default)]
struct Lines {
    all: Vec<String>,
    blames: Vec<String>,
}

/// The trace of one run.
#[derive(Debug, Default)]
pub(super) struct Trace(Mutex<Lines>);

impl Trace {
    fn with<T>(&self, f: impl FnOnce(&mut Lines) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Something happened.
    pub(super) fn note(&self, line: impl Into<String>) {
        self.with(|lines| lines.all.push(line.into()));
    }

    /// A rule was broken.
    pub(super) fn blame(&self, line: impl Into<String>) {
        let line = line.into();
        self.with(|lines| {
            lines.all.push(format!("BROKEN: {line}"));
            lines.blames.push(line);
        });
    }

    /// Breaks the rule that `holds` stands for, unless it holds.
    pub(super) fn must(&self, holds: bool, line: impl FnOnce() -> String) {
        if !holds {
            self.blame(line());
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.with(|lines| !lines.blames.is_empty())
    }

    /// The lines, the broken rules, and a digest over the lines.
    pub(super) fn end(&self) -> (Vec<String>, Vec<String>, Digest) {
        self.with(|lines| {
            let digest = Digest::of_bytes(lines.all.join("\n").as_bytes());
            (std::mem::take(&mut lines.all), std::mem::take(&mut lines.blames), digest)
        })
    }
}
