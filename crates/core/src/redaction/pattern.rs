//! How secrets of one kind are written: a small part of regular expressions that never goes back, so that a text costs what is
//! read of it once.
//!
//! A pattern is a row of literals, of sets with a number of repeats (`[a-f0-9]{32}`, `[\w-]{20,}`) and of choices between literals
//! (`(sk|rk)`, with `?` behind it where it may be missing). A set takes all it can: what follows it must not be in it.

/// Longest run that one set is looked at, in bytes: what goes on behind it belongs to the match anyway.
const RUN_MAX: usize = 1_024;

/// A set of bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Set([u64; 4]);

impl Set {
    fn add(&mut self, byte: u8) {
        if let Some(bits) = self.0.get_mut(usize::from(byte >> 6)) {
            *bits |= 1 << (byte & 63);
        }
    }

    pub(super) fn holds(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|bits| bits >> (byte & 63) & 1 == 1)
    }
}

enum Piece {
    Literal(Vec<u8>),
    Choice { of: Vec<Vec<u8>>, may_miss: bool },
    Run { of: Set, min: usize, max: usize },
}

/// A pattern that can be looked for.
pub(super) struct Pattern(Vec<Piece>);

/// Bytes that stand at a fixed distance from the beginning of whatever matches.
pub(super) struct Beginning {
    pub(super) offset: usize,
    pub(super) bytes: Vec<u8>,
}

impl Pattern {
    /// Reads a pattern.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first().copied() {
            let piece = match first {
                b'[' => {
                    let end = rest.iter().position(|byte| *byte == b']')?;
                    let set = set(rest.get(1..end)?)?;
                    rest = rest.get(end + 1..)?;
                    let (min, max) = repeats(&mut rest)?;
                    Piece::Run { of: set, min, max }
                }
                b'(' => {
                    let end = rest.iter().position(|byte| *byte == b')')?;
                    let of = rest.get(1..end)?.split(|byte| *byte == b'|').map(unescaped).collect();
                    rest = rest.get(end + 1..)?;
                    let may_miss = rest.first() == Some(&b'?');
                    rest = rest.get(usize::from(may_miss)..)?;
                    Piece::Choice { of, may_miss }
                }
                _ => {
                    let len = literal_len(rest);
                    let literal = unescaped(rest.get(..len)?);
                    rest = rest.get(len..)?;
                    Piece::Literal(literal)
                }
            };
            pieces.push(piece);
        }
        Some(Self(pieces))
    }

    /// Where a match ends that begins at `start`; otherwise how far there is nothing to look for again.
    pub(super) fn matches(&self, text: &[u8], start: usize, any_case: bool) -> Result<usize, usize> {
        let mut place = start;
        let mut open = None;
        for piece in &self.0 {
            let rest = text.get(place..).unwrap_or_default();
            let len = match piece {
                Piece::Literal(literal) => begins(rest, literal, any_case),
                Piece::Choice { of, may_miss } => {
                    let found = of.iter().find_map(|literal| begins(rest, literal, any_case));
                    found.or(may_miss.then_some(0))
                }
                Piece::Run { of, min, max } => {
                    let seen = rest.get(..*max.min(&rest.len())).unwrap_or_default();
                    let in_set = |byte: &u8| of.holds(*byte) || (any_case && of.holds(byte.to_ascii_lowercase()));
                    let len = seen.iter().position(|byte| !in_set(byte)).unwrap_or(seen.len());
                    if *max == RUN_MAX {
                        open = open.or(Some(place + len));
                    }
                    (len >= *min).then_some(len)
                }
            };
            let Some(len) = len else { return Err(open.unwrap_or(start)) };
            place += len;
        }
        Ok(place)
    }

    /// Whether a match may begin with a byte.
    pub(super) fn may_begin(&self, byte: u8) -> bool {
        self.0.first().is_some_and(|piece| match piece {
            Piece::Literal(literal) => literal.first() == Some(&byte),
            Piece::Choice { of, may_miss } => *may_miss || of.iter().any(|literal| literal.first() == Some(&byte)),
            Piece::Run { of, .. } => of.holds(byte),
        })
    }

    /// Where to look for it: one of these stands in every match.
    pub(super) fn beginnings(&self) -> Vec<Beginning> {
        let mut offset = 0;
        let mut heads: Vec<Vec<u8>> = vec![Vec::new()];
        for piece in &self.0 {
            match piece {
                Piece::Literal(literal) => heads.iter_mut().for_each(|head| head.extend_from_slice(literal)),
                Piece::Choice { of, may_miss: false } => {
                    heads = heads.iter().flat_map(|head| of.iter().map(|next| [head.as_slice(), next].concat())).collect();
                }
                Piece::Run { min, max, .. } if min == max && heads.len() == 1 && heads.iter().all(|head| head.len() < 4) => {
                    offset += min + heads.iter().map(Vec::len).sum::<usize>();
                    heads = vec![Vec::new()];
                }
                Piece::Run { .. } | Piece::Choice { .. } => break,
            }
        }
        heads.into_iter().map(|bytes| Beginning { offset, bytes }).collect()
    }
}

fn begins(text: &[u8], literal: &[u8], any_case: bool) -> Option<usize> {
    let head = text.get(..literal.len())?;
    let same = if any_case { head.eq_ignore_ascii_case(literal) } else { head == literal };
    same.then_some(literal.len())
}

fn literal_len(text: &[u8]) -> usize {
    let mut len = 0;
    while let Some(byte) = text.get(len).filter(|byte| !b"[(".contains(byte)) {
        len += if *byte == b'\\' { 2 } else { 1 };
    }
    len.min(text.len())
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let keep = |byte: &u8| {
        escaped = *byte == b'\\' && !escaped;
        !escaped
    };
    text.iter().copied().filter(keep).collect()
}

fn set(text: &[u8]) -> Option<Set> {
    let mut set = Set::default();
    let mut bytes = text.iter().copied().peekable();
    while let Some(first) = bytes.next() {
        match (first, bytes.peek().copied()) {
            (b'\\', Some(b'w')) => {
                bytes.next();
                (0..=127).filter(|byte| super::bytes::is_word(*byte)).for_each(|byte| set.add(byte));
            }
            (b'\\', Some(next)) => {
                bytes.next();
                set.add(next);
            }
            (first, Some(b'-')) => {
                bytes.next();
                let Some(last) = bytes.next() else {
                    set.add(first);
                    set.add(b'-');
                    break;
                };
                (first..=last).for_each(|byte| set.add(byte));
            }
            (first, _) => set.add(first),
        }
    }
    Some(set)
}

/// How often a set stands: `{4}`, `{4,8}`, `{4,}`, or once.
fn repeats(rest: &mut &[u8]) -> Option<(usize, usize)> {
    if rest.first() != Some(&b'{') {
        return Some((1, 1));
    }
    let end = rest.iter().position(|byte| *byte == b'}')?;
    let inside = std::str::from_utf8(rest.get(1..end)?).ok()?;
    *rest = rest.get(end + 1..)?;
    let Some((min, max)) = inside.split_once(',') else {
        let exact = inside.parse().ok()?;
        return Some((exact, exact));
    };
    let max = if max.is_empty() { RUN_MAX } else { max.parse().ok()? };
    Some((min.parse().ok()?, max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(pattern: &str, text: &str) -> Option<usize> {
        Pattern::parse(pattern).unwrap().matches(text.as_bytes(), 0, false).ok()
    }

    #[test]
    fn patterns_match_as_regular_expressions_do() {
        for (pattern, text, wanted) in [
            ("abc", "abcd", Some(3)),
            ("abc", "ab", None),
            ("a[0-9]{2}", "a12", Some(3)),
            ("a[0-9]{2}", "a1", None),
            ("a[0-9]{2}b", "a123b", None),
            ("a[0-9]{1,3}b", "a123b", Some(5)),
            ("a[0-9a-f_-]{2,}", "a-_0fg", Some(5)),
            (r"a\.[\w.]{2,}", "a.b_c.d", Some(7)),
            (r"a\.b", "axb", None),
            ("(sk|rk)_(live|test)_[a-z]{2}", "rk_test_ab", Some(10)),
            ("(sk|rk)_", "pk_", None),
            ("a(-b)?c", "ac", Some(2)),
            ("a(-b)?c", "a-bc", Some(4)),
            (r"a\[b\]", "a[b]", Some(4)),
            ("[0-9]{2}x", "12x", Some(3)),
        ] {
            assert_eq!(end(pattern, text), wanted, "{pattern} on {text}");
        }
        assert!(Pattern::parse("a[bc").is_none() && Pattern::parse("a(b").is_none() && Pattern::parse("[a]{x}").is_none());
    }

    #[test]
    fn beginnings_stand_in_every_match() {
        let begin = |pattern: &str| {
            let found = Pattern::parse(pattern).unwrap().beginnings();
            found.into_iter().map(|b| (b.offset, String::from_utf8(b.bytes).unwrap())).collect::<Vec<_>>()
        };
        assert_eq!(begin("abcd[x]{3}"), [(0, "abcd".to_owned())]);
        assert_eq!(begin("(a|b)_c[x]"), [(0, "a_c".to_owned()), (0, "b_c".to_owned())]);
        assert_eq!(begin("[a-z]{6}_mmk"), [(6, "_mmk".to_owned())]);
        assert_eq!(begin("[a-z]{6}_[a-z]{2}_mmk"), [(9, "_mmk".to_owned())]);
        assert_eq!(begin("[a-z]{6,}_mmk"), [(0, String::new())]);
    }
}
