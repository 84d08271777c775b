//! Lines as a document shows them, with `…` for what it leaves out.

use std::collections::BTreeSet;

/// Stands for any text inside of a line, and alone on a line for any number of lines.
pub(crate) const LEFT_OUT: char = '…';

/// The first line of `wanted`, counted from 0, behind which `found` cannot go on as it is wanted; the number of wanted lines when
/// `found` goes on where it should end. Blanks at the end of a line mean nothing.
pub(crate) fn first_difference(wanted: &[&str], found: &[&str]) -> Option<usize> {
    // Places in `found` that the wanted lines so far can lead to.
    let mut places = BTreeSet::from([0]);
    for (at, line) in wanted.iter().enumerate() {
        places = if line.trim().chars().eq([LEFT_OUT]) {
            let first = places.first().copied().unwrap_or_default();
            (first..=found.len()).collect()
        } else {
            let fits = |place: &usize| found.get(*place).is_some_and(|text| line_fits(line.trim_end(), text.trim_end()));
            places.into_iter().filter(fits).map(|place| place + 1).collect()
        };
        if places.is_empty() {
            return Some(at);
        }
    }
    (!places.contains(&found.len())).then_some(wanted.len())
}

/// Whether the parts of `wanted` between its gaps stand in `line` in their order, the first at its begin and the last at its end.
fn line_fits(wanted: &str, line: &str) -> bool {
    let mut parts = wanted.split(LEFT_OUT);
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    fn check(wanted: &str, found: &str, difference: Option<usize>) {
        let lines = |text: &'static str| text.lines().collect::<Vec<_>>();
        let (wanted, found): (&'static str, &'static str) = (wanted.to_owned().leak(), found.to_owned().leak());
        assert_eq!(first_difference(&lines(wanted), &lines(found)), difference, "{wanted:?} and {found:?}");
    }

    #[test]
    fn the_same_lines_fit_and_others_are_found() {
        check("", "", None);
        check("a\nb  ", "a \nb", None);
        check("a\nb", "a\nc", Some(1));
        check("a\nb", "a", Some(1));
        check("a", "a\nb", Some(1));
        check("", "a", Some(0));
    }

    #[test]
    fn a_gap_inside_of_a_line() {
        check("task_… COMPLETED", "task_01 COMPLETED", None);
        check("task_… COMPLETED", "task_01 FAILED", Some(0));
        check("…b…d…", "abcd", None);
        check("…d…b…", "abcd", Some(0));
        check("ab…b", "ab", Some(0));
        check("a…", "a", None);
        check("… 14 lines", "… 14 lines", None);
    }

    #[test]
    fn a_gap_of_lines() {
        check("…", "", None);
        check("…", "a\nb", None);
        check("a\n…\nd", "a\nb\nc\nd", None);
        check("a\n…\nd", "a\nd\nx\nd", None);
        check("a\n…\nd", "a\nb", Some(2));
        check("…\na\n…\na", "a", Some(3));
        check("…\na", "a\nb", Some(2));
    }
}
