//! Text of agents, tools and other people on its way to a terminal (security row 11).

/// The text with everything that could move the cursor, hide or reorder other text shown as an escape.
pub(crate) fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// JSON text of the same value with the same characters shown as JSON's own escapes: outside its strings a JSON text holds
/// none of them but line feeds, and inside them the serializer has already escaped those.
pub(crate) fn escape_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut units = [0_u16; 2];
    for c in text.chars() {
        if is_hostile(c) && c != '\n' {
            c.encode_utf16(&mut units).iter().for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether text of several lines holds nothing that could deceive.
pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| is_hostile(c) && c != '\n')
}

/// Controls, bidirectional marks, zero-width and tag characters, and variation selectors.
fn is_hostile(c: char) -> bool {
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

    #[test]
    fn json_stays_the_same_value() {
        let texts = ["\u{202e}", "\u{9b}2J", "\u{7f}", "\u{1b}\n\t\"\\", "\u{e0041}\u{200b}", "Zürich 日本 😀", "\\u202e"];
        for text in texts {
            let value = serde_json::json!({ text: [text] });
            for written in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
                let shown = escape_json(&written);
                assert!(is_plain(&shown), "{shown}");
                assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
            }
        }
    }
}
