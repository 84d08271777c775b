//! Signed notes, checkpoints and cosignatures (C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature`).

use crate::base;
use crate::hash::{Hash, sha256};
use crate::key::Key;

/// Longest note, in bytes: a checkpoint and the signatures of some dozen witnesses.
const NOTE_LEN_MAX: usize = 64 << 10;

/// Signature type of a key that signs the note itself.
const PLAIN: u8 = 0x01;

/// Signature type of a witness: cosignature/v1, with a time.
const COSIGNATURE: u8 = 0x04;

/// A key that signs notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verifier {
    /// Its name.
    pub(crate) name: String,
    id: [u8; 4],
    kind: u8,
    key: Key,
}

impl Verifier {
    /// A key of its text, `name+hash+base64`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, rest) = text.split_once('+')?;
        let (id, encoded) = rest.split_once('+')?;
        let bytes = base::from_base64(encoded)?;
        let (kind, raw) = bytes.split_first()?;
        let named = [name.as_bytes(), b"\n", &bytes].concat();
        let own: [u8; 4] = sha256(&named).first_chunk().copied()?;
        let is_sound = is_name(name) && matches!(*kind, PLAIN | COSIGNATURE) && base::to_hex(&own) == id;
        is_sound.then_some(Self { name: name.to_owned(), id: own, kind: *kind, key: Key::ed25519(raw)? })
    }

    /// The same key under another name.
    fn renamed(&self, name: &str) -> Self {
        let named = [name.as_bytes(), b"\n", &[self.kind], self.key.raw()].concat();
        let id = sha256(&named).first_chunk().copied().unwrap_or_default();
        Self { name: name.to_owned(), id, kind: self.kind, key: self.key.clone() }
    }

    /// Whether it is a witness's.
    pub(crate) const fn is_witness(&self) -> bool {
        self.kind == COSIGNATURE
    }

    fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        if !self.is_witness() {
            return self.key.verifies(text.as_bytes(), signature);
        }
        let Some((time, signature)) = signature.split_first_chunk::<8>() else { return false };
        let message = format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(*time));
        self.key.verifies(message.as_bytes(), signature)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c == '+' || c.is_whitespace() || c.is_control())
}

/// A log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    /// Which log.
    pub(crate) origin: String,
    /// Number of leaves.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: Hash,
}

/// A note of which every signature was verified.
#[derive(Debug)]
pub(crate) struct Verified<'k> {
    /// What it says.
    pub(crate) checkpoint: Checkpoint,
    /// The keys that signed, each once.
    pub(crate) signers: Vec<&'k Verifier>,
}

/// Verifies a note: each of its signatures must be that of a known key, and no key signs twice.
///
/// The standard lets a verifier overlook signatures of unknown keys; here they would be bytes that nothing binds.
///
/// # Errors
/// The reason and what is wrong.
pub(crate) fn verify<'k>(note: &str, known: &'k [Verifier]) -> Result<Verified<'k>, (&'static str, String)> {
    let malformed = |what: &str| ("form", format!("the checkpoint is not a signed note: {what}"));
    if note.len() > NOTE_LEN_MAX || note.chars().any(|c| c < ' ' && c != '\n') {
        return Err(malformed("too long, or with a control character"));
    }
    let (text, lines) = note.split_once("\n\n").ok_or_else(|| malformed("no empty line"))?;
    let text = format!("{text}\n");
    let checkpoint = parse(&text).ok_or_else(|| malformed("not the three lines of a checkpoint"))?;
    let lines = lines.strip_suffix('\n').ok_or_else(|| malformed("no whole signature line"))?;
    let mut signers: Vec<&Verifier> = Vec::new();
    for line in lines.split('\n') {
        let parts = line.strip_prefix("\u{2014} ").and_then(|rest| rest.split_once(' '));
        let (name, encoded) = parts.filter(|(name, _)| is_name(name)).ok_or_else(|| malformed("a signature line"))?;
        let bytes = base::from_base64(encoded).ok_or_else(|| malformed("a signature that is not base64"))?;
        let (id, signature) = bytes.split_first_chunk::<4>().ok_or_else(|| malformed("a signature that is too short"))?;
        let signer = known.iter().find(|key| key.name == name && key.id == *id);
        let name = crate::fields::shown(name);
        let signer = signer.ok_or_else(|| ("signer", format!("the trust file has no key `{name}+{}`", base::to_hex(id))))?;
        if !signer.verifies(&text, signature) {
            return Err(("signature", format!("the signature of `{name}` does not verify")));
        }
        if signers.contains(&signer) {
            return Err(malformed("one key signs twice"));
        }
        signers.push(signer);
    }
    Ok(Verified { checkpoint, signers })
}

/// Whether an origin is that of a restored log: the first one's, a slash, and the number of the incarnation, from 2 on.
pub(crate) fn is_later(origin: &str, first: &str) -> bool {
    let number = origin.strip_prefix(first).and_then(|rest| rest.strip_prefix('/'));
    number.is_some_and(|text| text.parse::<u32>().is_ok_and(|number| number > 1 && number.to_string() == text))
}

/// The keys, and that of the log `first` under the name that a restored log signs the note with.
pub(crate) fn with_later(keys: &[Verifier], note: &str, first: &str) -> Vec<Verifier> {
    let origin = note.lines().next().unwrap_or_default();
    let own = keys.iter().filter(|key| key.name == first && !key.is_witness() && is_later(origin, first));
    keys.iter().cloned().chain(own.map(|key| key.renamed(origin))).collect()
}

/// The checkpoint of a note's text.
pub(crate) fn parse(text: &str) -> Option<Checkpoint> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let number: u64 = size.parse().ok()?;
    if lines.next().is_some() || !is_name(origin) || number.to_string() != size {
        return None;
    }
    Some(Checkpoint { origin: origin.to_owned(), size: number, root: base::hash_of_base64(root)? })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    const TEXT: &str = "acme.test/audit/acme\n7\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";

    fn pair(seed: u8) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
    }

    fn verifier(name: &str, pair: &Ed25519KeyPair, kind: u8) -> Verifier {
        let bytes = [&[kind], pair.public_key().as_ref()].concat();
        let id: [u8; 4] = *sha256(&[name.as_bytes(), b"\n", &bytes].concat()).first_chunk().unwrap();
        Verifier::parse(&format!("{name}+{}+{}", base::to_hex(&id), STANDARD.encode(bytes))).unwrap()
    }

    fn line(key: &Verifier, pair: &Ed25519KeyPair, text: &str) -> String {
        let signature = match key.kind {
            COSIGNATURE => {
                let message = format!("cosignature/v1\ntime 5\n{text}");
                [&5_u64.to_be_bytes(), pair.sign(message.as_bytes()).as_ref()].concat()
            }
            _ => pair.sign(text.as_bytes()).as_ref().to_vec(),
        };
        format!("\u{2014} {} {}\n", key.name, STANDARD.encode([key.id.as_slice(), &signature].concat()))
    }

    #[test]
    fn every_signature_counts_or_refuses() {
        let (log_pair, witness_pair) = (pair(1), pair(2));
        let (log, witness) = (verifier("acme.test/audit", &log_pair, PLAIN), verifier("w.test", &witness_pair, COSIGNATURE));
        let known = [log.clone(), witness.clone()];
        let (first, second) = (line(&log, &log_pair, TEXT), line(&witness, &witness_pair, TEXT));
        let verified = verify(&format!("{TEXT}\n{first}{second}"), &known).unwrap();
        assert_eq!((verified.checkpoint.size, verified.signers.len()), (7, 2));
        let stranger = line(&verifier("x.test", &witness_pair, PLAIN), &witness_pair, TEXT);
        let late = second.replace(" AAAA", " AAAB");
        for (note, reason) in [
            (format!("{TEXT}\n{first}{stranger}"), "signer"),
            (format!("{TEXT}\n{first}{first}"), "form"),
            (format!("{}\n{first}", TEXT.replace('7', "8")), "signature"),
            (format!("{}\n{second}", TEXT.replace('7', "8")), "signature"),
            (format!("{TEXT}\n{}", line(&log, &witness_pair, TEXT)), "signature"),
            (TEXT.to_owned(), "form"),
            (format!("{TEXT}\n"), "form"),
            (format!("{TEXT}\n{first}\n"), "form"),
            (format!("{TEXT}\n{}", first.trim_end()), "form"),
            (format!("x{TEXT}\n{first}"), "signature"),
            (format!("{}\n{first}", TEXT.replace('7', "07")), "form"),
            (format!("{TEXT}extension\n\n{first}"), "form"),
            (format!("{TEXT}\n{}", first.replace('\u{2014}', "-")), "form"),
        ] {
            assert_eq!(verify(&note, &known).unwrap_err().0, reason, "{note}");
        }
        assert!(late == second || verify(&format!("{TEXT}\n{first}{late}"), &known).is_err());
    }

    #[test]
    fn keys_have_one_text() {
        let good = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert!(Verifier::parse(good).is_some());
        for bad in [
            "",
            "PeterNeumann",
            &good.replace("c74f20a3", "c74f20a4"),
            &good.replace("c74f20a3", "C74F20A3"),
            &good.replace("Peter", "Pater"),
            &good.replace("ARpc", "Apc"),
            &good.replace("Neumann", " Neumann"),
        ] {
            assert!(Verifier::parse(bad).is_none(), "{bad}");
        }
    }
}
