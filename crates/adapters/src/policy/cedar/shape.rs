//! A look at policy text before it is parsed: brackets, runs of operators and lengths, so that no text makes the parser
//! recurse beyond its stack (security row 21).
//!
//! **Boundary:** this is no parser: it knows comments, texts and brackets, and counts the rest.

use super::compile::{IFS_MAX, NESTING_MAX, OPERATORS_MAX, TOKENS_MAX};

/// Words that make a tree deeper.
const OPERATOR_WORDS: [&str; 5] = ["has", "if", "in", "is", "like"];

/// Where a text is refused, as a byte offset, and why.
type Refusal = (usize, String);

/// Checks `text`.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    let mut scan = Scan::default();
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                scan.end_word(text, at)?;
                scan.operand(at)?;
                let mut escaped = false;
                for (_, inner) in bytes.by_ref() {
                    match inner {
                        b'"' if !escaped => break,
                        b'\\' => escaped = !escaped,
                        _ => escaped = false,
                    }
                }
            }
            b'/' if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                scan.end_word(text, at)?;
                let _ = bytes.by_ref().find(|(_, inner)| *inner == b'\n');
            }
            b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => {
                scan.word.get_or_insert(at);
            }
            _ => {
                scan.end_word(text, at)?;
                let doubled = matches!(byte, b'&' | b'|' | b':' | b'=') && bytes.next_if(|(_, next)| *next == byte).is_some();
                scan.sign(at, byte, doubled)?;
            }
        }
    }
    scan.end_word(text, text.len())
}

#[derive(Default)]
struct Scan {
    depth: usize,
    prefixes: usize,
    tokens: usize,
    operators: usize,
    ifs: usize,
    /// Where the word that is being read began.
    word: Option<usize>,
}

impl Scan {
    fn sign(&mut self, at: usize, byte: u8, doubled: bool) -> Result<(), Refusal> {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => Ok(()),
            b';' => {
                *self = Self::default();
                Ok(())
            }
            b'(' | b'[' | b'{' => {
                self.depth += 1;
                below(self.depth, NESTING_MAX, at, "levels of brackets")?;
                self.operand(at)
            }
            b')' | b']' | b'}' => {
                self.depth = self.depth.saturating_sub(1);
                self.operand(at)
            }
            b'!' | b'-' => {
                self.prefixes += 1;
                below(self.prefixes, NESTING_MAX, at, "operators before one operand")?;
                self.operator(at)
            }
            b',' | b'@' => self.operand(at),
            b':' if doubled => self.operand(at),
            _ => {
                self.prefixes = 0;
                self.operator(at)
            }
        }
    }

    fn end_word(&mut self, text: &str, end: usize) -> Result<(), Refusal> {
        let Some(start) = self.word.take() else { return Ok(()) };
        let word = text.get(start..end).unwrap_or_default();
        if word == "if" {
            self.ifs += 1;
            below(self.ifs, IFS_MAX, start, "`if`")?;
        }
        if OPERATOR_WORDS.contains(&word) {
            self.prefixes = 0;
            return self.operator(start);
        }
        self.operand(start)
    }

    fn operator(&mut self, at: usize) -> Result<(), Refusal> {
        self.operators += 1;
        below(self.operators, OPERATORS_MAX, at, "operators in one rule")?;
        self.token(at)
    }

    fn operand(&mut self, at: usize) -> Result<(), Refusal> {
        self.prefixes = 0;
        self.token(at)
    }

    fn token(&mut self, at: usize) -> Result<(), Refusal> {
        self.tokens += 1;
        below(self.tokens, TOKENS_MAX, at, "words and signs in one rule")
    }
}

fn below(count: usize, max: usize, at: usize, what: &str) -> Result<(), Refusal> {
    if count > max { Err((at, format!("there are more than {max} {what}"))) } else { Ok(()) }
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
            ("!a ".repeat(OPERATORS_MAX), true),
            ("a ".repeat(TOKENS_MAX), true),
            ("a ".repeat(TOKENS_MAX + 1), false),
            ("a.".repeat(OPERATORS_MAX), true),
            ("a.".repeat(OPERATORS_MAX + 1), false),
            ("a && ".repeat(OPERATORS_MAX), true),
            ("a in ".repeat(OPERATORS_MAX + 1), false),
            ("if a then ".repeat(IFS_MAX), true),
            ("if a then ".repeat(IFS_MAX + 1), false),
            ("iffy ".repeat(IFS_MAX + 1), true),
            ("A::B, ".repeat(1_000), true),
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
