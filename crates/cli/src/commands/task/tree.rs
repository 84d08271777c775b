//! `task show --tree`: the calls of a task, each below the step that it belongs to.
//!
//! Step keys say which that is: `turn-2.call-1/scan[3]` is the fourth `scan` of the workflow that the first call of the second turn
//! started.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr as _;

use crate::output::{escape, pad};

/// A step of the tree: one with a call, or one that only has others below it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node<T> {
    /// Its step key.
    pub(super) key: String,
    /// Whether none comes behind it below the same step: for each step above it, the highest first, and for itself.
    last: Vec<bool>,
    /// Its call.
    pub(super) call: Option<T>,
}

/// The step that a step belongs to; none for one at the top.
pub(super) fn parent(key: &str) -> Option<&str> {
    let at = [key.rfind('/'), key.rfind('['), key.rfind(".call-")].into_iter().flatten().max()?;
    key.get(..at)
}

/// The steps of calls in the order in which they came, each behind the one that it belongs to.
pub(super) fn nodes<T>(calls: impl IntoIterator<Item = (String, T)>) -> Vec<Node<T>> {
    let mut came: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: Vec<(String, Option<T>)> = Vec::new();
    for (key, call) in calls {
        for step in line(&key) {
            if !came.contains_key(step) {
                came.insert(step.to_owned(), found.len());
                found.push((step.to_owned(), None));
            }
        }
        // A step that was denied and tried anew comes twice.
        match came.get(&key).and_then(|at| found.get_mut(*at)) {
            Some((_, there)) if there.is_none() => *there = Some(call),
            Some(_) | None => found.push((key, Some(call))),
        }
    }
    let place = |key: &str| -> Vec<usize> { line(key).into_iter().filter_map(|step| came.get(step).copied()).collect() };
    let mut placed: Vec<_> = found.into_iter().map(|(key, call)| (place(&key), key, call)).collect();
    placed.sort_by(|one, other| one.0.cmp(&other.0));
    let places: Vec<Vec<usize>> = placed.iter().map(|(place, ..)| place.clone()).collect();
    let last = |at: usize| (1..=places.get(at).map_or(0, Vec::len)).map(|len| !goes_on(&places, at, len)).collect();
    placed.into_iter().enumerate().map(|(at, (_, key, call))| Node { key, last: last(at), call }).collect()
}

/// Whether a step behind `at` belongs to the same step as the first `len` of its place do.
fn goes_on(places: &[Vec<usize>], at: usize, len: usize) -> bool {
    let own = places.get(at).and_then(|place| place.get(..len)).unwrap_or_default();
    let above = own.get(..len.saturating_sub(1)).unwrap_or_default();
    let mut behind = places.iter().skip(at.saturating_add(1)).take_while(|place| place.starts_with(above));
    behind.any(|place| !place.starts_with(own) || place.len() == len)
}

/// The step and those that it is below, the highest first.
fn line(key: &str) -> Vec<&str> {
    let mut line: Vec<&str> = std::iter::successors(Some(key), |key| parent(key)).collect();
    line.reverse();
    line
}

/// The steps as they are drawn, a line each, filled up to one width.
pub(super) fn drawn<T>(nodes: &[Node<T>]) -> Vec<String> {
    let label = |node: &Node<T>| {
        let (own, above) = node.last.split_last().map_or((true, &[][..]), |(own, above)| (*own, above));
        let bars = above.iter().map(|last| if *last { "   " } else { "│  " });
        let own = if own { "└─ " } else { "├─ " };
        let from = parent(&node.key).map_or(0, str::len);
        let word = node.key.get(from..).unwrap_or(&node.key).trim_start_matches(['/', '.']);
        format!("{}{own}{}", bars.collect::<String>(), escape(word))
    };
    let labels: Vec<String> = nodes.iter().map(label).collect();
    let width = labels.iter().map(|label| label.width()).max().unwrap_or(0);
    labels.iter().map(|label| pad(label, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(keys: &[&str]) -> Vec<String> {
        let nodes = nodes(keys.iter().map(|key| ((*key).to_owned(), ())));
        drawn(&nodes).into_iter().map(|line| line.trim_end().to_owned()).collect()
    }

    #[test]
    fn steps_stand_below_what_they_belong_to() {
        assert_eq!(tree(&[]), Vec::<String>::new());
        assert_eq!(tree(&["list", "write"]), ["├─ list", "└─ write"]);
        assert_eq!(tree(&["scan[0]", "scan[1]", "tell"]), ["├─ scan", "│  ├─ [0]", "│  └─ [1]", "└─ tell"]);
        assert_eq!(
            tree(&["turn-1", "turn-1.call-1/judge", "turn-1.call-1/tell", "turn-1.call-2", "turn-2"]),
            ["├─ turn-1", "│  ├─ call-1", "│  │  ├─ judge", "│  │  └─ tell", "│  └─ call-2", "└─ turn-2"]
        );
        // What comes late stands with its own all the same.
        assert_eq!(tree(&["turn-1", "turn-2", "turn-1.call-1"]), ["├─ turn-1", "│  └─ call-1", "└─ turn-2"]);
        // Denied, and tried again.
        assert_eq!(tree(&["publish", "publish"]), ["├─ publish", "└─ publish"]);
    }

    #[test]
    fn a_hostile_key_stays_in_its_line() {
        assert_eq!(tree(&["a\u{1b}[2J\nb"]).len(), 2);
        assert!(tree(&["a\u{1b}[2J\nb"]).iter().all(|line| !line.contains(['\u{1b}', '\n'])));
        for odd in ["", "/", "[", "..", "a/", "[0]"] {
            assert!(!tree(&[odd]).is_empty(), "{odd}");
        }
    }

    #[test]
    fn whose_step_it_is() {
        for (key, above) in [
            ("a", None),
            ("a[3]", Some("a")),
            ("turn-1.call-2", Some("turn-1")),
            ("turn-1.call-2/scan[3]", Some("turn-1.call-2/scan")),
        ] {
            assert_eq!(parent(key), above);
        }
    }
}
