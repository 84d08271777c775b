//! What is wrong with a commit: where, what, why, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong. All of a commit's are collected, so that one round of mending is enough.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The file, as `agents/clerk.yaml`.
    pub file: String,
    /// The line from 1, where it is known.
    pub line: Option<u64>,
    /// Of what kind it is.
    pub kind: FindingKind,
    /// What was refused.
    pub what: String,
    /// Why.
    pub why: String,
    /// What to do next.
    pub next: String,
}

/// Of what kind a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A file stands where none may.
    Layout,
    /// A file, or all of them, are too large or too many.
    Size,
    /// A file holds a secret; the text of no other finding quotes that file.
    Secret,
    /// A file cannot be read: no UTF-8, bad syntax, an unknown or doubled key, a wrong type.
    Syntax,
    /// A value is out of its range or contradicts another.
    Value,
    /// A name leads nowhere.
    Reference,
}

impl Finding {
    /// A finding about a whole file.
    pub(super) fn new(
        file: &str,
        kind: FindingKind,
        what: impl Into<String>,
        why: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            file: clean(file),
            line: None,
            kind,
            what: clean(&what.into()),
            why: clean(&why.into()),
            next: clean(&next.into()),
        }
    }

    /// The same at a line.
    pub(super) const fn at(mut self, line: Option<u64>) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Cleaned again: other modules build findings of their own.
        f.write_str(&clean(&self.file))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}; next: {}", clean(&self.what), clean(&self.why), clean(&self.next))
    }
}

/// Longest part of a finding, in characters; a terminal's screen.
const PART_LEN_MAX: usize = 1_000;

/// The text, without what could fool a terminal: control characters and marks that turn the direction of writing.
fn clean(text: &str) -> String {
    let marks =
        |c: char| c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().take(PART_LEN_MAX).map(|c| if marks(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The first line of `text` in which `word` stands by itself; good enough to lead a reader's eye.
pub(super) fn line_of(text: &str, word: &str) -> Option<u64> {
    (1..).zip(text.lines()).find(|(_, line)| stands_in(line, word)).map(|(number, _)| number)
}

/// The line that a path such as `steps.scan.args.path` leads to: each part is looked for from where the one before stands.
pub(super) fn line_of_path(text: &str, path: &str) -> Option<u64> {
    let mut lines = (1..).zip(text.lines()).peekable();
    let mut at = None;
    for part in path.split('.').filter(|part| !part.bytes().all(|b| b.is_ascii_digit())) {
        let mut ahead = lines.clone();
        while let Some((number, line)) = ahead.peek() {
            if stands_in(line, part) {
                at = Some(*number);
                lines = ahead;
                break;
            }
            ahead.next();
        }
    }
    at
}

fn stands_in(line: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        let after = line.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text = "id: clerk\nteam: ops\ntools: [fs.read, fs]\n";
        for (word, line) in [("ops", Some(2)), ("fs", Some(3)), ("fs.read", Some(3)), ("op", None), ("clerk", Some(1))] {
            assert_eq!(line_of(text, word), line, "{word}");
        }
        assert_eq!(line_of("ä fs ö", "fs"), Some(1));
    }

    #[test]
    fn paths() {
        let text = "path: x\nsteps:\n- id: scan\n  args:\n    path: y\n- id: tell\n  args: {path: z}\n";
        for (path, line) in [
            ("steps.scan.args.path", Some(5)),
            ("steps.tell.args.path", Some(7)),
            ("steps.1.id", Some(3)),
            ("gone", None),
            ("steps.tell.if", Some(6)),
        ] {
            assert_eq!(line_of_path(text, path), line, "{path}");
        }
    }
}
