//! Proofs as texts: C2SP tlog-proof for an entry, our own format for the growth of a log, and the body of a request to a witness
//! (C2SP tlog-witness).
//!
//! **Invariant:** one proof has one text; what is parsed is exactly what is written, but for `extra` data, which is not trusted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::checkpoint::NOTE_LEN_MAX;
use crate::digest::Digest;

/// First line of a C2SP tlog-proof.
const INCLUSION: &str = "c2sp.org/tlog-proof@v1";

/// First line of our consistency proof.
const CONSISTENCY: &str = "scalbotics.dev/consistency-proof@v1";

/// Most hashes of a proof.
pub const HASHES_MAX: usize = 63;

/// Longest text that is parsed, in bytes: the hashes, extra data and a note.
pub const TEXT_LEN_MAX: usize = 4 * NOTE_LEN_MAX;

/// Why a text is not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is longer than [`TEXT_LEN_MAX`].
    #[error("proof is too long")]
    Len,
    /// Its first line is not that of this format.
    #[error("proof does not begin with the line of its format")]
    Format,
    /// The extra data is not base 64.
    #[error("proof has extra data that is not base 64")]
    Extra,
    /// A number is not decimal without leading zeros, or its word is missing.
    #[error("proof has no number where one belongs")]
    Number,
    /// A hash is not 32 bytes in base 64, or there are more than [`HASHES_MAX`].
    #[error("proof has a hash that is not one, or too many")]
    Hash,
    /// There is no empty line and no checkpoint behind it.
    #[error("proof has no checkpoint")]
    Checkpoint,
}

/// The proof that an entry is in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inclusion {
    /// Index of the entry.
    pub index: u64,
    /// The hashes, from the leaf's sibling up.
    pub proof: Vec<Digest>,
    /// The checkpoint, a signed note.
    pub note: String,
}

/// The proof that a log grew out of an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consistency {
    /// Size of the older log.
    pub old_size: u64,
    /// Its root.
    pub old_root: Digest,
    /// The hashes (RFC 6962 §2.1.2).
    pub proof: Vec<Digest>,
    /// The checkpoint of the newer one, a signed note.
    pub note: String,
}

/// What a witness is asked: to cosign a checkpoint of a log that grew out of the one of `old_size` leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Size of the log as the witness knows it.
    pub old_size: u64,
    /// The hashes (RFC 6962 §2.1.2).
    pub proof: Vec<Digest>,
    /// The checkpoint, a signed note.
    pub note: String,
}

impl Inclusion {
    /// The text: `<name>.tlog-proof`.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{INCLUSION}\nindex {}\n{}\n{}", self.index, hash_lines(&self.proof), self.note)
    }

    /// Parses the text. Neither the proof nor a signature is checked.
    ///
    /// # Errors
    /// [`Error`], the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rest = begin(text, INCLUSION)?;
        let rest = match rest.strip_prefix("extra ").and_then(|rest| rest.split_once('\n')) {
            Some((extra, rest)) => STANDARD.decode(extra).map(|_| rest).map_err(|_| Error::Extra)?,
            None => rest,
        };
        let (index, rest) = number_line(rest, "index ")?;
        let (proof, note) = hashes(rest)?;
        Ok(Self { index, proof, note: note.to_owned() })
    }
}

impl Consistency {
    /// The text: `<name>.consistency-proof`.
    #[must_use]
    pub fn text(&self) -> String {
        let (size, root) = (self.old_size, STANDARD.encode(self.old_root.as_bytes()));
        format!("{CONSISTENCY}\nold {size}\nroot {root}\n{}\n{}", hash_lines(&self.proof), self.note)
    }

    /// Parses the text. Neither the proof nor a signature is checked.
    ///
    /// # Errors
    /// [`Error`], the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (old_size, rest) = number_line(begin(text, CONSISTENCY)?, "old ")?;
        let (root, rest) = rest.strip_prefix("root ").and_then(|rest| rest.split_once('\n')).ok_or(Error::Hash)?;
        let old_root = hash(root)?;
        let (proof, note) = hashes(rest)?;
        Ok(Self { old_size, old_root, proof, note: note.to_owned() })
    }
}

impl AddCheckpoint {
    /// The body of the request.
    #[must_use]
    pub fn text(&self) -> String {
        format!("old {}\n{}\n{}", self.old_size, hash_lines(&self.proof), self.note)
    }

    /// Parses the body of a request. Neither the proof nor a signature is checked.
    ///
    /// # Errors
    /// [`Error`], the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if text.len() > TEXT_LEN_MAX {
            return Err(Error::Len);
        }
        let (old_size, rest) = number_line(text, "old ")?;
        let (proof, note) = hashes(rest)?;
        Ok(Self { old_size, proof, note: note.to_owned() })
    }
}

fn begin<'a>(text: &'a str, format: &str) -> Result<&'a str, Error> {
    if text.len() > TEXT_LEN_MAX {
        return Err(Error::Len);
    }
    text.strip_prefix(format).and_then(|rest| rest.strip_prefix('\n')).ok_or(Error::Format)
}

fn number_line<'a>(text: &'a str, word: &str) -> Result<(u64, &'a str), Error> {
    let (number, rest) = text.strip_prefix(word).and_then(|rest| rest.split_once('\n')).ok_or(Error::Number)?;
    let value: u64 = number.parse().map_err(|_| Error::Number)?;
    if value.to_string() == number { Ok((value, rest)) } else { Err(Error::Number) }
}

fn hash_lines(proof: &[Digest]) -> String {
    proof.iter().map(|hash| STANDARD.encode(hash.as_bytes()) + "\n").collect()
}

fn hash(text: &str) -> Result<Digest, Error> {
    let bytes: Option<[u8; 32]> = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Digest::from_bytes).ok_or(Error::Hash)
}

/// Hashes up to the empty line, and what stands behind it.
fn hashes(mut text: &str) -> Result<(Vec<Digest>, &str), Error> {
    let mut proof = Vec::new();
    loop {
        let (line, rest) = text.split_once('\n').ok_or(Error::Checkpoint)?;
        text = rest;
        if line.is_empty() {
            return if text.is_empty() { Err(Error::Checkpoint) } else { Ok((proof, text)) };
        }
        if proof.len() == HASHES_MAX {
            return Err(Error::Hash);
        }
        proof.push(hash(line)?);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "example.org/audit/acme\n2\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=\n\n\u{2014} a b\n";
    const HASH: &str = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";

    fn proof(count: usize) -> Vec<Digest> {
        vec![Digest::of_bytes(b"x"); count]
    }

    #[test]
    fn one_proof_one_text() {
        let inclusion = Inclusion { index: 7, proof: proof(2), note: NOTE.to_owned() };
        assert_eq!(inclusion.text(), format!("c2sp.org/tlog-proof@v1\nindex 7\n{HASH}\n{HASH}\n\n{NOTE}"));
        assert_eq!(Inclusion::parse(&inclusion.text()), Ok(inclusion.clone()));
        assert_eq!(Inclusion::parse(&inclusion.text().replace("index", "extra AAAA\nindex")), Ok(inclusion));
        let alone = Inclusion { index: 0, proof: Vec::new(), note: NOTE.to_owned() };
        assert_eq!(alone.text(), format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{NOTE}"));
        assert_eq!(Inclusion::parse(&alone.text()), Ok(alone));

        let growth = Consistency { old_size: 1, old_root: Digest::of_bytes(b"x"), proof: proof(1), note: NOTE.to_owned() };
        let text = format!("scalbotics.dev/consistency-proof@v1\nold 1\nroot {HASH}\n{HASH}\n\n{NOTE}");
        assert_eq!((growth.text(), Consistency::parse(&text)), (text.clone(), Ok(growth)));

        let asked = AddCheckpoint { old_size: 1, proof: proof(HASHES_MAX), note: NOTE.to_owned() };
        assert_eq!(AddCheckpoint::parse(&asked.text()), Ok(asked));
    }

    #[test]
    fn refuses_other_texts() {
        let good = Inclusion { index: 7, proof: proof(2), note: NOTE.to_owned() }.text();
        for (from, to, error) in [
            ("@v1", "@v2", Error::Format),
            ("@v1\n", "@v1\r\n", Error::Format),
            ("index 7", "index 07", Error::Number),
            ("index 7", "index +7", Error::Number),
            ("index 7", "index ", Error::Number),
            ("index 7", "Index 7", Error::Number),
            ("index 7", "extra A\nindex 7", Error::Extra),
            ("index 7", "extra AAAA\nextra AAAA\nindex 7", Error::Number),
            ("LXEW", "LXE", Error::Hash),
            ("LXEW", " LXEW", Error::Hash),
            ("SIE=\n", "SIE\n", Error::Hash),
        ] {
            assert_eq!(Inclusion::parse(&good.replacen(from, to, 1)), Err(error), "{from} → {to}");
        }
        let many = Inclusion { index: 7, proof: proof(HASHES_MAX + 1), note: NOTE.to_owned() };
        assert_eq!(Inclusion::parse(&many.text()), Err(Error::Hash));
        for bad in ["old 1\n", "old 1\n\n", "old 1", "old 01\n\nx", "1\n\nx", "", "old 1\n\n\n"] {
            assert!(AddCheckpoint::parse(bad).is_err() || bad == "old 1\n\n\n", "{bad:?}");
        }
        assert_eq!(AddCheckpoint::parse(&"x".repeat(TEXT_LEN_MAX + 1)), Err(Error::Len));
    }
}
