//! A look at policy text before it is parsed: brackets, runs of operators and lengths, so that no text makes the parser
//! recurse beyond its stack (security row 21).
//!
//! **Boundary:** this is no parser: it knows comments, texts and brackets, and counts the rest.

use super::compile::{NESTING_MAX, TOKENS_MAX};

/// Checks `text`; otherwise the offset and the reason.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let mut scan = Scan::default();
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                scan.token(at)?;
                let mut escaped = false;
                for (_, inner) in bytes.by_ref() {
                    match inner {
                        b'"' if !escaped => break,
                        b'\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
                scan.word = false;
            }
            b'/' if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                for (_, inner) in bytes.by_ref() {
                    if inner == b'\n' {
                        break;
                    }
                }
                scan.word = false;
            }
            _ => scan.byte(at, byte)?,
        }
    }
    Ok(())
}

#[derive(Default)]
struct Scan {
    depth: usize,
    prefixes: usize,
    tokens: usize,
    word: bool,
}

impl Scan {
    fn byte(&mut self, at: usize, byte: u8) -> Result<(), (usize, String)> {
        match byte {
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                if self.depth > NESTING_MAX {
                    return Err((at, format!("brackets nest deeper than {NESTING_MAX}")));
                }
                self.symbol(at)
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.symbol(at)
            }
            b';' => {
                (self.depth, self.tokens, self.prefixes, self.word) = (0, 0, 0, false);
                Ok(())
            }
            b'!' | b'-' => {
                self.prefixes += 1;
                if self.prefixes > NESTING_MAX {
                    return Err((at, format!("more than {NESTING_MAX} operators stand before one operand")));
                }
                self.word = false;
                self.count(at)
            }
            b' ' | b'\t' | b'\r' | b'\n' => {
                self.word = false;
                Ok(())
            }
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. if self.word => Ok(()),
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                self.word = true;
                self.token(at)
            }
            _ => self.symbol(at),
        }
    }

    fn symbol(&mut self, at: usize) -> Result<(), (usize, String)> {
        self.word = false;
        self.token(at)
    }

    fn token(&mut self, at: usize) -> Result<(), (usize, String)> {
        self.prefixes = 0;
        self.count(at)
    }

    fn count(&mut self, at: usize) -> Result<(), (usize, String)> {
        self.tokens += 1;
        if self.tokens > TOKENS_MAX {
            return Err((at, format!("a rule has more than {TOKENS_MAX} words and signs")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let rows = [
            (String::new(), true),
            ("permit(principal, action, resource);".to_owned(), true),
            ("(".repeat(NESTING_MAX), true),
            ("(".repeat(NESTING_MAX + 1), false),
            ("[{(".repeat(NESTING_MAX), false),
            ("();".repeat(100_000), true),
            ("!".repeat(NESTING_MAX + 1), false),
            ("- ".repeat(NESTING_MAX + 1), false),
            ("!a ".repeat(1_000), true),
            ("a ".repeat(TOKENS_MAX), true),
            ("a ".repeat(TOKENS_MAX + 1), false),
            ("a.".repeat(TOKENS_MAX), false),
            ("a;".repeat(100_000), true),
            (format!("// {}\n", "(".repeat(1_000)), true),
            (format!("\"{}\"", "(".repeat(1_000)), true),
            (format!("\"\\\"{}\"", "(".repeat(1_000)), true),
            (format!("\"\\\\\"{}", "(".repeat(1_000)), false),
            ("\"".to_owned(), true),
            ("é".repeat(100_000), true),
        ];
        for (text, sound) in rows {
            assert_eq!(check(&text).is_ok(), sound, "{}", text.chars().take(40).collect::<String>());
        }
    }
}
