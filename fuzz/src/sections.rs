//! One input that holds several texts, written so that a person can read and edit a seed.

/// What begins a line that begins a section; the rest of the line is the section's title.
const MARK: &str = "=== ";

/// Titles and texts of the input, in order. Text before the first mark is dropped.
#[must_use]
pub fn of(input: &str) -> Vec<(&str, &str)> {
    let mut sections = Vec::new();
    let mut rest = input;
    while let Some(start) = find(rest) {
        let after = &rest[start + MARK.len()..];
        let (title, body) = after.split_once('\n').unwrap_or((after, ""));
        let end = find(body).unwrap_or(body.len());
        sections.push((title, &body[..end]));
        rest = &body[end..];
    }
    sections
}

/// Where the next line that begins with the mark is.
fn find(text: &str) -> Option<usize> {
    if text.starts_with(MARK) {
        return Some(0);
    }
    text.match_indices(MARK).map(|(at, _)| at).find(|at| text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\n'))
}
