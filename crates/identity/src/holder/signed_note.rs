//! Signed notes (C2SP `signed-note`): text with Ed25519 signatures, the form of audit checkpoints, and the timestamped signatures that
//! witnesses put under them (C2SP `tlog-cosignature`, `cosignature/v1`).
//!
//! **Invariant:** the text of a note is only handed out once a known key's signature over it has verified, and a bad
//! signature that names a known key refuses the whole note.

use std::fmt;
use std::str::FromStr;

use scalbotics_core::digest::Digest;

use super::key::{Algorithm, Pair, Public};
use crate::encoding::{from_base64, to_base64};

/// Longest note, in bytes: a checkpoint and its witnesses' signatures take a few kilobytes.
pub const NOTE_LEN_MAX: usize = 64 * 1024;

/// Most signature lines of a note; the standard demands at least 16.
pub const SIGNATURES_MAX: usize = 64;

/// Longest name of a key, in bytes.
pub const NAME_LEN_MAX: usize = 255;

/// The standard's signature type of Ed25519.
const ED25519_TYPE: u8 = 0x01;

/// The standard's signature type of a witness: Ed25519 over a time and the text.
const COSIGNATURE_TYPE: u8 = 0x04;

/// Latest time of a cosignature, in seconds since 1970.
const TIME_MAX: u64 = i64::MAX.unsigned_abs();

/// What each signature line starts with.
const LINE_PREFIX: &str = "\u{2014} ";

/// Why a note or a key of one is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The key's name is empty, too long, or holds a space, a plus or a control character.
    #[error("name `{name}` cannot name a note's key")]
    Name {
        /// The name, escaped.
        name: String,
    },
    /// The text is not a verifier key `name+hash+base64`, or its hash is not that of its key.
    #[error("text is not an Ed25519 verifier key of the form `name+hash+base64`")]
    VerifierKey,
    /// The text of a note must end in a newline and hold no other control character.
    #[error("text of the note does not end in a newline, or has control characters")]
    Text,
    /// The note is not text, an empty line, and signature lines.
    #[error("note is malformed: {what}")]
    Malformed {
        /// What is wrong with it.
        what: &'static str,
    },
    /// A signature that names a known key does not verify.
    #[error("signature of key `{name}` does not verify")]
    Signature {
        /// The key's name.
        name: String,
    },
    /// No known key has signed.
    #[error("no known key has signed the note")]
    Unknown,
    /// Notes are signed with Ed25519 keys only, and this one could not sign.
    #[error("key `{name}` cannot sign a note")]
    Signer {
        /// The key's name.
        name: String,
    },
}

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The text itself.
    Signer,
    /// The text and when it was seen: a witness.
    Witness,
}

impl Role {
    const fn signature_type(self) -> u8 {
        match self {
            Self::Signer => ED25519_TYPE,
            Self::Witness => COSIGNATURE_TYPE,
        }
    }
}

/// A key that verifies notes; its text is the standard's `name+hash+base64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    id: [u8; 4],
    key: Public,
    role: Role,
}

impl Verifier {
    /// Names a public key.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::VerifierKey`] when the key is not Ed25519.
    pub fn new(name: &str, key: Public) -> Result<Self, Error> {
        Self::of(name, key, Role::Signer)
    }

    /// Names the public key of a witness.
    ///
    /// # Errors
    /// As [`Verifier::new`].
    pub fn witness(name: &str, key: Public) -> Result<Self, Error> {
        Self::of(name, key, Role::Witness)
    }

    fn of(name: &str, key: Public, role: Role) -> Result<Self, Error> {
        check_name(name)?;
        if key.algorithm() != Algorithm::Ed25519 {
            return Err(Error::VerifierKey);
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key, role), key, role })
    }

    /// The same key under another name.
    ///
    /// # Errors
    /// [`Error::Name`].
    pub fn renamed(&self, name: &str) -> Result<Self, Error> {
        Self::of(name, self.key.clone(), self.role)
    }

    /// What the key signs.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// Verifies what stands in a signature line behind the key's id; answers the time of a witness, in seconds since 1970.
    fn verify(&self, text: &str, signature: &[u8]) -> Result<Option<u64>, Error> {
        let refused = || Error::Signature { name: self.name.clone() };
        let (message, time, signature) = match self.role {
            Role::Signer => (text.as_bytes().to_vec(), None, signature),
            Role::Witness => {
                let (time, signature) = signature.split_first_chunk().ok_or_else(refused)?;
                let time = u64::from_be_bytes(*time);
                if time > TIME_MAX {
                    return Err(refused());
                }
                (cosigned(text, time), Some(time), signature)
            }
        };
        self.key.verify(&message, signature).map(|()| time).map_err(|_| refused())
    }

    /// The key's name, which is the origin of a checkpoint.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key.
    #[must_use]
    pub const fn key(&self) -> &Public {
        &self.key
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.role.signature_type()], self.key.raw()].concat();
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), to_base64(key))
    }
}

impl FromStr for Verifier {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, rest) = text.split_once('+').ok_or(Error::VerifierKey)?;
        let (_, encoded) = rest.split_once('+').ok_or(Error::VerifierKey)?;
        let bytes = from_base64(encoded).ok_or(Error::VerifierKey)?;
        let (role, raw) = match bytes.split_first() {
            Some((&ED25519_TYPE, raw)) => (Role::Signer, raw),
            Some((&COSIGNATURE_TYPE, raw)) => (Role::Witness, raw),
            Some(_) | None => return Err(Error::VerifierKey),
        };
        let key = Public::from_raw(Algorithm::Ed25519, raw).map_err(|_| Error::VerifierKey)?;
        let verifier = Self::of(name, key, role)?;
        if verifier.to_string() == text { Ok(verifier) } else { Err(Error::VerifierKey) }
    }
}

/// Signs `text`, which must end in a newline, as `name`; the whole note.
///
/// # Errors
/// [`Error::Text`], [`Error::Name`], [`Error::Signer`].
pub fn sign(text: &str, name: &str, key: &Pair) -> Result<String, Error> {
    check_name(name)?;
    let whole = text.ends_with('\n') && !text.chars().any(is_forbidden);
    if !whole || text.len() > NOTE_LEN_MAX {
        return Err(Error::Text);
    }
    let refuse = || Error::Signer { name: name.to_owned() };
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(refuse());
    }
    let signature = key.sign(text.as_bytes()).map_err(|_| refuse())?;
    let line = [key_id(name, key.public(), Role::Signer).as_slice(), &signature].concat();
    Ok(format!("{text}\n{LINE_PREFIX}{name} {}\n", to_base64(line)))
}

/// Cosigns the text of a note as the witness `name`, at `time` in seconds since 1970; the signature line.
///
/// # Errors
/// [`Error::Text`], [`Error::Name`], [`Error::Signer`].
pub fn cosign(text: &str, name: &str, key: &Pair, time: u64) -> Result<String, Error> {
    check_name(name)?;
    if !text.ends_with('\n') || text.chars().any(is_forbidden) || text.len() > NOTE_LEN_MAX || time > TIME_MAX {
        return Err(Error::Text);
    }
    let refuse = || Error::Signer { name: name.to_owned() };
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(refuse());
    }
    let signature = key.sign(&cosigned(text, time)).map_err(|_| refuse())?;
    let line = [key_id(name, key.public(), Role::Witness).as_slice(), &time.to_be_bytes(), &signature].concat();
    Ok(format!("{LINE_PREFIX}{name} {}\n", to_base64(line)))
}

/// What a witness signs.
fn cosigned(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// A cosignature that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Name of the witness.
    pub name: String,
    /// When it cosigned, in seconds since 1970.
    pub time: u64,
    /// Its line, with the final newline.
    pub line: String,
}

/// The cosignatures of known witnesses over `text` among signature lines, such as a witness answers; lines of other keys are ignored.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Signature`].
pub fn cosignatures(text: &str, lines: &str, witnesses: &[Verifier]) -> Result<Vec<Cosigned>, Error> {
    if lines.len() > NOTE_LEN_MAX || !lines.ends_with('\n') || lines.matches('\n').count() > SIGNATURES_MAX {
        return Err(Error::Malformed { what: "signature lines" });
    }
    let mut found: Vec<Cosigned> = Vec::new();
    for line in lines.split_terminator('\n') {
        let (name, id, signature) = parse_line(line)?;
        let Some(witness) = witnesses.iter().find(|key| key.role == Role::Witness && key.name == name && key.id == id) else {
            continue;
        };
        let time = witness.verify(text, &signature)?.ok_or(Error::Unknown)?;
        if !found.iter().any(|cosigned| cosigned.name == name) {
            found.push(Cosigned { name: name.to_owned(), time, line: format!("{line}\n") });
        }
    }
    Ok(found)
}

/// The text of a note and its signature lines, neither checked.
///
/// # Errors
/// [`Error::Malformed`].
pub fn parts(note: &str) -> Result<(&str, &str), Error> {
    split(note)
}

/// A note whose text at least one known key has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<'a> {
    /// The signed text, with its final newline.
    pub text: &'a str,
    /// Names of the known keys that signed, in the note's order, each once.
    pub signers: Vec<&'a str>,
}

/// Parses a note and verifies every signature of a key in `known`; signatures of other keys are ignored.
///
/// # Errors
/// [`Error::Malformed`], [`Error::Signature`], [`Error::Unknown`].
pub fn verify<'a>(note: &'a str, known: &[Verifier]) -> Result<Verified<'a>, Error> {
    let (text, lines) = split(note)?;
    let mut signers = Vec::new();
    for line in lines.split_terminator('\n') {
        let (name, id, signature) = parse_line(line)?;
        let Some(verifier) = known.iter().find(|key| key.name == name && key.id == id) else {
            continue;
        };
        verifier.verify(text, &signature)?;
        if !signers.contains(&name) {
            signers.push(name);
        }
    }
    if signers.is_empty() { Err(Error::Unknown) } else { Ok(Verified { text, signers }) }
}

/// Splits a note into its text and its signature lines, at its last empty line.
fn split(note: &str) -> Result<(&str, &str), Error> {
    let malformed = |what| Error::Malformed { what };
    if note.len() > NOTE_LEN_MAX {
        return Err(malformed("longer than 65536 bytes"));
    }
    if note.chars().any(is_forbidden) {
        return Err(malformed("control character"));
    }
    let (before, lines) = note.rsplit_once("\n\n").ok_or(malformed("no empty line before signatures"))?;
    if lines.is_empty() || !lines.ends_with('\n') {
        return Err(malformed("no whole signature line"));
    }
    if lines.matches('\n').count() > SIGNATURES_MAX {
        return Err(malformed("more than 64 signatures"));
    }
    let text = note.get(..=before.len()).ok_or(malformed("no text"))?;
    Ok((text, lines))
}

fn parse_line(line: &str) -> Result<(&str, [u8; 4], Vec<u8>), Error> {
    let malformed = Error::Malformed { what: "signature line" };
    let parts = line.strip_prefix(LINE_PREFIX).and_then(|rest| rest.split_once(' '));
    let (name, encoded) = parts.ok_or_else(|| malformed.clone())?;
    // The standard forbids no more than this in the name of a stranger's key.
    if name.is_empty() || name.contains(|c: char| c == '+' || c.is_whitespace()) {
        return Err(malformed);
    }
    let bytes = from_base64(encoded).ok_or_else(|| malformed.clone())?;
    let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(|| malformed.clone())?;
    if signature.is_empty() { Err(malformed) } else { Ok((name, *id, signature.to_vec())) }
}

fn check_name(name: &str) -> Result<(), Error> {
    let spelled =
        !name.is_empty() && name.len() <= NAME_LEN_MAX && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control());
    if spelled { Ok(()) } else { Err(Error::Name { name: name.escape_debug().take(80).collect() }) }
}

fn is_forbidden(c: char) -> bool {
    c < ' ' && c != '\n'
}

fn key_id(name: &str, key: &Public, role: Role) -> [u8; 4] {
    let input = [name.as_bytes(), b"\n", &[role.signature_type()], key.raw()].concat();
    let digest = Digest::of_bytes(&input);
    digest.as_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
