//! Text of agents, tools and other people on its way to a terminal (security row 11).

/// The text with everything that could move the cursor, hide or reorder other text shown as an escape.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if hostile(c) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Controls, bidirectional marks, zero-width and tag characters, and variation selectors.
fn hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_would_hide() {
        assert_eq!(escape("a\tb\nc\r"), "a\\u{9}b\\u{a}c\\u{d}");
        assert_eq!(escape("\u{1b}[31m\u{9b}2J"), "\\u{1b}[31m\\u{9b}2J");
        assert_eq!(escape("\u{202e}x\u{2066}\u{200b}\u{e0041}"), "\\u{202e}x\\u{2066}\\u{200b}\\u{e0041}");
        assert_eq!(escape("Zürich 日本 😀"), "Zürich 日本 😀");
    }
}
