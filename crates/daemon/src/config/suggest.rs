//! "Did you mean": the nearest known word.

/// Most edits between a mistyped word and its suggestion; more would be a guess.
const EDITS_MAX: usize = 3;

/// The nearest of `known` to `word`, if it is near enough.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|candidate| (edits(word, candidate), candidate));
    let (count, candidate) = near.min_by_key(|(count, _)| *count)?;
    (count <= EDITS_MAX && count < candidate.chars().count()).then_some(candidate)
}

/// Levenshtein's distance, in characters.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (above, c) in from.chars().enumerate() {
        let mut diagonal = above;
        let mut left = above + 1;
        let mut next = vec![left];
        for (target, up) in to.iter().zip(row.iter().skip(1)) {
            left = if *target == c { diagonal } else { 1 + diagonal.min(left).min(*up) };
            diagonal = *up;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, count) in [("", "", 0), ("", "abc", 3), ("listn", "listen", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(edits(from, to), count, "{from} {to}");
            assert_eq!(edits(to, from), count, "{to} {from}");
        }
    }

    #[test]
    fn only_what_is_near() {
        let known = ["listen", "admin_listen", "san_dns"];
        assert_eq!(nearest("listne", known), Some("listen"));
        assert_eq!(nearest("adminlisten", known), Some("admin_listen"));
        assert_eq!(nearest("zzzzzzzz", known), None);
        assert_eq!(nearest("q", ["ab"]), None);
    }
}
