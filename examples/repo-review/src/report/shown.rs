//! Showing what a stranger wrote.

use std::fmt::Write as _;

/// Characters of a path that are shown.
const PATH_CHARS_MAX: usize = 200;

/// Characters of a secret that are shown: its kind can be told, the rest is nobody's business.
const SECRET_CHARS_SHOWN: usize = 4;

/// Escapes what is not plain ASCII, and what could end a code span or a cell of a table; a backslash is doubled, so that the
/// text can be told back.
pub(super) fn escape(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == PATH_CHARS_MAX {
            shown.push_str("...");
            break;
        }
        match c {
            '\\' => shown.push_str("\\\\"),
            '`' | '|' => escape_char(&mut shown, c),
            ' '..='~' => shown.push(c),
            _ => escape_char(&mut shown, c),
        }
    }
    shown
}

fn escape_char(shown: &mut String, c: char) {
    // Writing to a text cannot fail.
    let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
}

/// The first characters of the secret that begins at byte `column` (from 1) of the line, and its length.
pub(super) fn mask(line: &str, column: u64, cut: bool) -> String {
    let start = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    // Replaced bytes make a line longer than it was; then the column may fall inside a character.
    let start = (0..=start.min(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(0);
    let secret = secret_at(line.get(start..).unwrap_or_default());
    let length = secret.chars().count();
    // Of a short match even four characters would be too much.
    let shown = if length >= 3 * SECRET_CHARS_SHOWN { SECRET_CHARS_SHOWN } else { 0 };
    let head = escape(&secret.chars().take(shown).collect::<String>());
    let at_least = if cut && start + secret.len() == line.len() { "at least " } else { "" };
    format!("{head}... ({at_least}{length} characters)")
}

/// The header of a key as a whole, or everything to the next blank, quote or bracket.
fn secret_at(text: &str) -> &str {
    const FENCE: &str = "-----";
    let header = text.strip_prefix(FENCE).and_then(|rest| rest.find(FENCE)).map(|at| at + 2 * FENCE.len());
    let ends = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | ',' | ';' | '<' | '>' | '(' | ')');
    let end = header.or_else(|| text.find(ends)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{escape, mask};

    #[test]
    fn hostile_names_are_plain_text() {
        for (text, wanted) in [
            ("src/main.rs", "src/main.rs"),
            ("a\nb", "a\\u{a}b"),
            ("\u{1b}[31m", "\\u{1b}[31m"),
            ("x` | <b>", "x\\u{60} \\u{7c} <b>"),
            ("\u{202e}cod.exe", "\\u{202e}cod.exe"),
            ("p\u{430}y", "p\\u{430}y"),
            ("a\\u{a}", "a\\\\u{a}"),
        ] {
            assert_eq!(escape(text), wanted);
        }
        assert!(escape(&"x".repeat(5_000)).len() < 250);
    }

    #[test]
    fn secrets_are_masked() {
        let token = format!("{}{}", "ghp", "_0123456789abcdefghijklmnopqrstuvwxyz");
        for (line, column, cut, wanted) in [
            (format!("t = \"{token}\""), 6, false, "ghp_... (40 characters)"),
            (format!("t = \"{token}"), 6, true, "ghp_... (at least 40 characters)"),
            (format!("{token} and {token}"), 1, true, "ghp_... (40 characters)"),
            ("-----BEGIN X KEY----- rest".to_owned(), 1, false, "----... (21 characters)"),
            ("short".to_owned(), 1, false, "... (5 characters)"),
            ("é0123456789012".to_owned(), 2, false, "\\u{e9}012... (14 characters)"),
            ("x".to_owned(), 900, false, "... (0 characters)"),
            (String::new(), 0, false, "... (0 characters)"),
        ] {
            assert_eq!(mask(&line, column, cut), wanted, "{line}");
        }
        let shown = mask(&token, 1, false);
        assert!(!shown.contains("0123"));
    }
}
