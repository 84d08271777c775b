//! Checkpoints of an audit log: the text that is signed (C2SP tlog-checkpoint), and the note around it (C2SP signed-note).
//!
//! **Boundary:** no keys here. [`crate::ports::Signer`] signs the text; who checks a signature has the key.
//! **Invariant:** one checkpoint has one text; [`Checkpoint::parse`] accepts exactly what [`Checkpoint::text`] writes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;
use crate::tenant::TenantId;

/// Longest note that is read, in bytes: a checkpoint, our signature and those of a few witnesses.
pub const NOTE_LEN_MAX: usize = 16 << 10;

/// What each signature line of a note begins with: an em dash and a space.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// A log of one origin at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log, as `<trust-domain>/audit/<tenant>`.
    pub origin: String,
    /// Number of leaves.
    pub size: u64,
    /// RFC 6962 root over them.
    pub root: Digest,
}

/// Why a text is not a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not three lines, each ended by a newline.
    #[error("checkpoint is not three lines")]
    Lines,
    /// The origin is empty, or holds a space, a `+` or a control character.
    #[error("checkpoint has an origin that is not one")]
    Origin,
    /// The size is not a decimal number without leading zeros.
    #[error("checkpoint has a size that is not one")]
    Size,
    /// The root is not 32 bytes in base 64.
    #[error("checkpoint has a root that is not one")]
    Root,
    /// There is no signature behind the text, or what follows it is not one, or the note is too long.
    #[error("checkpoint is not a signed note")]
    Note,
}

/// The origin of a tenant's log.
#[must_use]
pub fn origin(trust_domain: &str, tenant: &TenantId) -> String {
    format!("{trust_domain}/audit/{tenant}")
}

/// The origin of the installation log in an incarnation. A restored log is another log, and witnesses know a log by its origin: from the second
/// incarnation on it is told in it.
#[must_use]
pub fn system_origin(trust_domain: &str, incarnation: u64) -> String {
    let first = origin(trust_domain, &TenantId::system());
    if incarnation <= 1 { first } else { format!("{first}/{incarnation}") }
}

/// The origin that the installation log had in its first incarnation, where `text` is its origin in a later one.
#[must_use]
pub fn first_origin(text: &str) -> Option<&str> {
    let (first, incarnation) = text.rsplit_once('/')?;
    let number = parse_size(incarnation).ok().filter(|number| *number > 1)?;
    (number <= u64::from(u32::MAX) && first.ends_with("/audit/system")).then_some(first)
}

impl Checkpoint {
    /// The text to sign: three lines.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }

    /// Parses the text of a checkpoint, strictly.
    ///
    /// # Errors
    /// [`Error`], the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or(Error::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next()) else {
            return Err(Error::Lines);
        };
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if origin.is_empty() || origin.contains(forbidden) {
            return Err(Error::Origin);
        }
        Ok(Self { origin: origin.to_owned(), size: parse_size(size)?, root: parse_root(root)? })
    }

    /// Parses the text of a checkpoint of any log: extension lines may follow the root, and its origin may be any line.
    ///
    /// # Errors
    /// [`Error`], the first line that is wrong.
    pub fn parse_any(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or(Error::Lines)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Error::Lines);
        };
        if lines.any(str::is_empty) {
            return Err(Error::Lines);
        }
        if origin.is_empty() || origin.contains(|c: char| c < ' ') {
            return Err(Error::Origin);
        }
        Ok(Self { origin: origin.to_owned(), size: parse_size(size)?, root: parse_root(root)? })
    }

    /// Parses the checkpoint of a signed note. The signatures are not checked, only that there is one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn of_note(note: &str) -> Result<Self, Error> {
        if note.len() > NOTE_LEN_MAX {
            return Err(Error::Note);
        }
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(Error::Note)?;
        let mut lines = signatures.strip_suffix('\n').ok_or(Error::Note)?.split('\n');
        let signed = |line: &str| {
            let parts = line.strip_prefix(SIGNATURE_MARK).and_then(|rest| rest.split_once(' '));
            parts.is_some_and(|(name, signature)| !name.is_empty() && STANDARD.decode(signature).is_ok_and(|s| s.len() > 4))
        };
        if !lines.all(signed) {
            return Err(Error::Note);
        }
        Self::parse(&format!("{text}\n"))
    }
}

/// A decimal number without leading zeros.
fn parse_size(text: &str) -> Result<u64, Error> {
    let number: u64 = text.parse().map_err(|_| Error::Size)?;
    if number.to_string() == text { Ok(number) } else { Err(Error::Size) }
}

fn parse_root(text: &str) -> Result<Digest, Error> {
    let root: [u8; 32] = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Error::Root)?;
    Ok(Digest::from_bytes(root))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let tenant = TenantId::parse("acme").unwrap();
        Checkpoint { origin: origin("example.org", &tenant), size: 20_852_163, root: Digest::of_bytes(b"x") }
    }

    #[test]
    fn one_checkpoint_one_text() {
        let text = sample().text();
        let root = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";
        assert_eq!(text, format!("example.org/audit/acme\n20852163\n{root}\n"));
        assert_eq!(Checkpoint::parse(&text), Ok(sample()));
    }

    #[test]
    fn refuses_other_texts() {
        let root = STANDARD.encode([7; 32]);
        for (bad, error) in [
            (String::new(), Error::Lines),
            ("\n".to_owned(), Error::Lines),
            (format!("o\n1\n{root}"), Error::Lines),
            (format!("o\n1\n{root}\n\n"), Error::Lines),
            (format!("o\n1\n{root}\nextension\n"), Error::Lines),
            (format!("\n1\n{root}\n"), Error::Origin),
            (format!("a b\n1\n{root}\n"), Error::Origin),
            (format!("a+b\n1\n{root}\n"), Error::Origin),
            (format!("a\r\n1\n{root}\n"), Error::Origin),
            (format!("o\n01\n{root}\n"), Error::Size),
            (format!("o\n+1\n{root}\n"), Error::Size),
            (format!("o\n-1\n{root}\n"), Error::Size),
            (format!("o\n\n{root}\n"), Error::Size),
            (format!("o\n18446744073709551616\n{root}\n"), Error::Size),
            (format!("o\n1\n{root}=\n"), Error::Root),
            (format!("o\n1\n{}\n", STANDARD.encode([7; 31])), Error::Root),
            (format!("o\n1\n {root}\n"), Error::Root),
            ("o\n1\n\u{1F600}\n".to_owned(), Error::Root),
        ] {
            assert_eq!(Checkpoint::parse(&bad), Err(error), "{bad:?}");
        }
    }

    #[test]
    fn checkpoints_of_other_logs() {
        let text = sample().text();
        let other = |origin: &str| Ok(Checkpoint { origin: origin.to_owned(), ..sample() });
        assert_eq!(Checkpoint::parse_any(&text), Ok(sample()));
        assert_eq!(Checkpoint::parse_any(&format!("{text}extension\n+ another\n")), Ok(sample()));
        for origin in ["a b+c", "go.sum database tree", "\u{e8}"] {
            assert_eq!(Checkpoint::parse_any(&text.replace("example.org/audit/acme", origin)), other(origin));
        }
        let bad = [text.clone() + "\n", text.clone() + "x\n\n", text.trim_end().to_owned(), "a\n1\n".to_owned()];
        for bad in bad {
            assert_eq!(Checkpoint::parse_any(&bad), Err(Error::Lines), "{bad:?}");
        }
        assert_eq!(Checkpoint::parse_any(&text.replace("20852163", "020852163")), Err(Error::Size));
        assert_eq!(Checkpoint::parse_any(&text.replace("example.org", "a\tb")), Err(Error::Origin));
        assert_eq!(Checkpoint::parse_any(&text.replace("example.org/audit/acme", "")), Err(Error::Origin));
    }

    #[test]
    fn notes() {
        let text = sample().text();
        let line = format!("\u{2014} example.org/audit {}\n", STANDARD.encode([1; 68]));
        assert_eq!(Checkpoint::of_note(&format!("{text}\n{line}")), Ok(sample()));
        assert_eq!(Checkpoint::of_note(&format!("{text}\n{line}{line}")), Ok(sample()));
        for bad in [
            text.clone(),
            format!("{text}\n"),
            format!("{text}\n{}", line.trim_end()),
            format!("{text}{line}"),
            format!("{text}\n{line}\n"),
            format!("{text}\n- example.org/audit AAAAAAAA\n"),
            format!("{text}\n{line}{}", "x".repeat(NOTE_LEN_MAX)),
        ] {
            assert_eq!(Checkpoint::of_note(&bad), Err(Error::Note), "{bad:?}");
        }
    }
}
