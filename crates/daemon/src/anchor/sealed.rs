//! A document of one line, with a signature of the log key under it (C2SP signed-note over its kind and digest).

use std::io;

use scalbotics_core::digest::{Digest, Digester};
use scalbotics_core::ports::{SignError, Signer};
use scalbotics_identity::holder::signed_note::{self, Verifier};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a document is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is not a line of JSON with a note behind it.
    #[error("it is not a document of this kind: {what}")]
    Form {
        /// What is wrong.
        what: String,
    },
    /// No known key has signed it.
    #[error("its signature does not count")]
    Signature(#[from] signed_note::Error),
    /// The note is about other bytes.
    #[error("its signature is about another document")]
    Other,
    /// The log key did not sign.
    #[error("log key did not sign it")]
    Sign(#[from] SignError),
}

/// What is signed of a document.
fn text(kind: &str, line: &[u8]) -> String {
    format!("scalbotics {kind}\nsha256 {}\n", Digest::of_bytes(line))
}

/// The digest of a document's line, which is not kept meanwhile: one of ten thousand agents has a megabyte; and its length, in bytes.
///
/// # Errors
/// [`Error::Form`].
pub(crate) fn digest(document: &impl Serialize) -> Result<(Digest, u64), Error> {
    let mut digesting = Digesting { digester: Digester::default(), len: 0 };
    serde_json::to_writer(&mut digesting, document).map_err(|error| Error::Form { what: error.to_string() })?;
    Ok((digesting.digester.finish(), digesting.len))
}

/// Takes in what is written.
struct Digesting {
    digester: Digester,
    len: u64,
}

impl io::Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digester.push(bytes);
        self.len = self.len.saturating_add(bytes.len() as u64);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a document.
///
/// # Errors
/// [`Error::Form`], [`Error::Sign`].
pub(crate) fn seal(kind: &str, document: &impl Serialize, signer: &dyn Signer) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec(document).map_err(|error| Error::Form { what: error.to_string() })?;
    let note = signer.sign_note(&text(kind, &bytes))?;
    bytes.push(b'\n');
    bytes.extend_from_slice(note.as_bytes());
    Ok(bytes)
}

/// The document of these bytes, once a signature of one of `keys` over it has verified.
///
/// # Errors
/// [`Error`] but [`Error::Sign`].
pub(crate) fn open<T: DeserializeOwned>(kind: &str, bytes: &[u8], keys: &[Verifier]) -> Result<T, Error> {
    let form = |what: &str| Error::Form { what: what.to_owned() };
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(|| form("it has one line"))?;
    let (line, note) = (bytes.get(..end).unwrap_or_default(), bytes.get(end + 1..).unwrap_or_default());
    let note = std::str::from_utf8(note).map_err(|_| form("what follows is no text"))?;
    if signed_note::verify(note, keys)?.text != text(kind, line) {
        return Err(Error::Other);
    }
    serde_json::from_slice(line).map_err(|error| Error::Form { what: error.to_string() })
}

#[cfg(test)]
mod tests {
    use scalbotics_identity::authority::log_signer::LogSigner;
    use scalbotics_identity::holder::key::{Algorithm, Pair};

    use super::*;

    #[test]
    fn only_the_signed_bytes_of_the_same_kind_are_opened() {
        let signer = LogSigner::new("td.test/audit/system", Pair::generate(Algorithm::Ed25519).unwrap()).unwrap();
        let other = LogSigner::new("td.test/audit/system", Pair::generate(Algorithm::Ed25519).unwrap()).unwrap();
        let keys = [signer.verifier().clone()];
        let bytes = seal("anchor", &vec![1, 2, 3], &signer).unwrap();
        assert_eq!(digest(&vec![1, 2, 3]).unwrap(), (Digest::of_bytes(b"[1,2,3]"), 7), "of what is signed");
        assert_eq!(open::<Vec<u8>>("anchor", &bytes, &keys).unwrap(), [1, 2, 3]);
        assert!(matches!(open::<Vec<u8>>("backup", &bytes, &keys), Err(Error::Other)));
        assert!(matches!(open::<Vec<u8>>("anchor", &bytes, &[other.verifier().clone()]), Err(Error::Signature(_))));
        assert!(matches!(open::<String>("anchor", &bytes, &keys), Err(Error::Form { .. })));
        for at in 0..bytes.len() {
            assert!(open::<Vec<u8>>("anchor", &bytes[..at], &keys).is_err(), "cut at {at}");
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(open::<Vec<u8>>("anchor", &changed, &keys).is_err(), "changed at {at}");
        }
    }
}
