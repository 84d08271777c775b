//! The reader.

use super::number;
use super::value::{Kind, Node, Value, by_utf16};
use crate::Refusal;

/// Deepest nesting: a bundle has ten levels, arguments of calls at most 64 of their own.
const DEPTH_MAX: usize = 64;

/// Most values and keys of a text, 16 bytes each: a bundle has one in forty bytes, a bomb one in two.
const NODES_MAX: usize = 4 << 20;

/// A text that was read, with its nodes.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    pub(super) text: &'t str,
    pub(super) nodes: Vec<Node>,
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    nodes: Vec<Node>,
    form: Form,
}

/// How strictly keys and numbers are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Canonical,
    AnyOrder,
}

impl<'t> Document<'t> {
    /// Reads canonical JSON.
    ///
    /// # Errors
    /// A refusal for `form`, at the byte that is wrong.
    pub(crate) fn read(bytes: &'t [u8]) -> Result<Self, Refusal> {
        Self::read_as(bytes, Form::Canonical)
    }

    /// Reads JSON without white space whose keys stand once, in any order: for what is bound by a commitment or a signature as it is.
    ///
    /// # Errors
    /// A refusal for `form`, at the byte that is wrong.
    pub(crate) fn read_in_any_order(bytes: &'t [u8]) -> Result<Self, Refusal> {
        Self::read_as(bytes, Form::AnyOrder)
    }

    fn read_as(bytes: &'t [u8], form: Form) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(bytes).map_err(|error| at(error.valid_up_to(), "not UTF-8"))?;
        if u32::try_from(text.len()).is_err() {
            return Err(Refusal::new("form", "", "longer than 4 GiB"));
        }
        let mut reader = Reader { text, at: 0, nodes: Vec::with_capacity(text.len() / 32), form };
        reader.value(DEPTH_MAX)?;
        if reader.at != text.len() {
            return Err(reader.refuse("something stands behind the end"));
        }
        Ok(Self { text, nodes: reader.nodes })
    }

    /// The whole.
    pub(crate) fn root(&self) -> Value<'_> {
        Value::new(self, 0)
    }
}

fn at(byte: usize, what: &str) -> Refusal {
    Refusal::new("form", format!("byte {byte}"), what)
}

impl Reader<'_> {
    fn refuse(&self, what: &str) -> Refusal {
        at(self.at, what)
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        if is_there {
            self.at += 1;
        }
        is_there
    }

    fn begin(&mut self, kind: Kind) -> usize {
        let start = offset(self.at);
        self.nodes.push(Node { kind, plain: true, start, end: start, next: 0 });
        self.nodes.len() - 1
    }

    fn end(&mut self, node: usize, (start, end): (usize, usize)) {
        let next = offset(self.nodes.len());
        if let Some(node) = self.nodes.get_mut(node) {
            (node.start, node.end, node.next) = (offset(start), offset(end), next);
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Refusal> {
        if self.nodes.len() >= NODES_MAX {
            return Err(self.refuse("more values than a bundle has"));
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Kind::Null),
            Some(b't') => self.word("true", Kind::True),
            Some(b'f') => self.word("false", Kind::False),
            Some(_) => Err(self.refuse("not canonical JSON: no value begins here")),
            None => Err(self.refuse("the text ends too early")),
        }
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<(), Refusal> {
        let (start, end) = (self.at, self.at + word.len());
        if self.text.get(start..end) != Some(word) {
            return Err(self.refuse("not canonical JSON: no value begins here"));
        }
        let node = self.begin(kind);
        self.at = end;
        self.end(node, (start, end));
        Ok(())
    }

    fn number(&mut self) -> Result<(), Refusal> {
        let (start, node) = (self.at, self.begin(Kind::Number));
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) {
            self.at += 1;
        }
        let is_number = |text: &str| match self.form {
            Form::Canonical => number::is_canonical(text),
            Form::AnyOrder => text.parse::<f64>().is_ok(),
        };
        if !self.text.get(start..self.at).is_some_and(is_number) {
            return Err(at(start, "a number that is not in its canonical form"));
        }
        self.end(node, (start, self.at));
        Ok(())
    }

    fn string(&mut self) -> Result<(), Refusal> {
        let node = self.begin(Kind::Text);
        let mut plain = true;
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    self.escape()?;
                }
                Some(0..=0x1f) => return Err(self.refuse("a control character that is not escaped")),
                Some(_) => self.at += 1,
                None => return Err(self.refuse("the text ends in a string")),
            }
        }
        let end = self.at;
        self.at += 1;
        self.end(node, (start, end));
        if let Some(node) = self.nodes.get_mut(node) {
            node.plain = plain;
        }
        Ok(())
    }

    /// An escape, in the one form that its character has (RFC 8785 §3.2.2.2).
    fn escape(&mut self) -> Result<(), Refusal> {
        let rest = self.text.as_bytes().get(self.at + 1..).unwrap_or_default();
        let len = match rest {
            [b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', b'0', b'0', high @ (b'0' | b'1'), low @ (b'0'..=b'9' | b'a'..=b'f'), ..] => {
                let has_short_form = *high == b'0' && matches!(low, b'8' | b'9' | b'a' | b'c' | b'd');
                if has_short_form {
                    return Err(self.refuse("an escape that is not in its canonical form"));
                }
                6
            }
            _ => return Err(self.refuse("an escape that is not in its canonical form")),
        };
        self.at += len;
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<(), Refusal> {
        let (start, node) = (self.at, self.begin(Kind::Array));
        let depth = depth.checked_sub(1).ok_or_else(|| self.refuse("nested deeper than 64"))?;
        self.at += 1;
        if !self.eat(b']') {
            loop {
                self.value(depth)?;
                if !self.eat(b',') {
                    break;
                }
            }
            if !self.eat(b']') {
                return Err(self.refuse("not canonical JSON: neither `,` nor `]`"));
            }
        }
        self.end(node, (start, self.at));
        Ok(())
    }

    fn object(&mut self, depth: usize) -> Result<(), Refusal> {
        let (start, node) = (self.at, self.begin(Kind::Object));
        let depth = depth.checked_sub(1).ok_or_else(|| self.refuse("nested deeper than 64"))?;
        self.at += 1;
        if !self.eat(b'}') {
            let mut before = None;
            loop {
                let key = self.key(before)?;
                before = Some(key);
                if !self.eat(b':') {
                    return Err(self.refuse("not canonical JSON: no `:`"));
                }
                self.value(depth)?;
                if !self.eat(b',') {
                    break;
                }
            }
            if !self.eat(b'}') {
                return Err(self.refuse("not canonical JSON: neither `,` nor `}`"));
            }
        }
        self.end(node, (start, self.at));
        if self.form == Form::AnyOrder { self.check_once(node) } else { Ok(()) }
    }

    /// Whether each key of the object that was read stands once.
    fn check_once(&self, object: usize) -> Result<(), Refusal> {
        let (mut keys, mut at, mut is_key) = (Vec::new(), object + 1, true);
        while let Some(node) = self.nodes.get(at) {
            if is_key {
                keys.push((node.raw(self.text), node.plain));
            }
            (at, is_key) = ((node.next as usize).max(at + 1), !is_key);
        }
        keys.sort_unstable_by(|a, b| by_utf16(*a, *b));
        let twice = keys.windows(2).any(|pair| matches!(pair, [a, b] if by_utf16(*a, *b).is_eq()));
        if twice { Err(self.refuse("a key stands twice")) } else { Ok(()) }
    }

    /// A key, which stands behind the one before in the order of RFC 8785 §3.2.3; answers its node.
    fn key(&mut self, before: Option<usize>) -> Result<usize, Refusal> {
        if self.peek() != Some(b'"') {
            return Err(self.refuse("not canonical JSON: no key"));
        }
        let (start, key) = (self.at, self.nodes.len());
        self.string()?;
        let text = |node: usize| self.nodes.get(node).map(|node| (node.raw(self.text), node.plain));
        let in_order = match (before.and_then(text), text(key)) {
            _ if self.form == Form::AnyOrder => true,
            (Some(before), Some(key)) => by_utf16(before, key).is_lt(),
            (None, _) => true,
            (Some(_), None) => false,
        };
        if in_order { Ok(key) } else { Err(at(start, "a key that stands twice, or not in its place")) }
    }
}

/// Offsets fit, for the text's length was looked at.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
