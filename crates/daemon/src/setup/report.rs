//! What `initialize` found and made.

use std::fmt;

use serde_json::json;

/// What became of one item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was there and was left as it is.
    Unchanged,
    /// It was made.
    Created,
    /// It was there and is another now.
    Changed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unchanged => "unchanged",
            Self::Created => "created",
            Self::Changed => "changed",
        })
    }
}

/// Items in the order in which they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Item, what became of it, and where it is.
    pub items: Vec<(&'static str, Change, String)>,
}

impl Report {
    /// Notes an item.
    pub fn note(&mut self, item: &'static str, change: Change, place: impl Into<String>) {
        self.items.push((item, change, place.into()));
    }

    /// The same as JSON.
    pub(super) fn json(&self, dry_run: bool) -> serde_json::Value {
        let item = |(item, change, place): &(&str, Change, String)| json!({ "item": item, "change": change.to_string(), "place": place });
        json!({ "dry_run": dry_run, "items": self.items.iter().map(item).collect::<Vec<_>>() })
    }

    /// Whether anything was made.
    #[must_use]
    pub fn created_any(&self) -> bool {
        self.items.iter().any(|(_, change, _)| *change == Change::Created)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.iter().try_for_each(|(item, change, place)| writeln!(f, "{change:<10} {item:<18} {place}"))
    }
}
