//! The trust file (semantics §5.3): all that is believed without proof.

use crate::json::{Document, Value};
use crate::key::Key;
use crate::note::Verifier;
use crate::{Refusal, certificate, fields};

/// Longest trust file that is read, in bytes.
pub const TRUST_LEN_MAX: usize = 256 << 10;

/// What is believed.
#[derive(Debug)]
pub(crate) struct Trust {
    /// The installation.
    pub(crate) trust_domain: String,
    /// Keys of its logs and of witnesses.
    pub(crate) note_keys: Vec<Verifier>,
    /// Keys whose enrolments count.
    pub(crate) approver_admins: Vec<Key>,
    /// Root certificates, DER.
    pub(crate) roots: Vec<Vec<u8>>,
    /// Keys that sign tokens.
    pub(crate) token_keys: Vec<Key>,
    /// Whether approver keys are not separated.
    pub(crate) dev: bool,
}

impl Trust {
    /// Reads a trust file: canonical JSON, with or without a final newline.
    ///
    /// # Errors
    /// A refusal for `trust`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let refused =
            |refusal: Refusal| Refusal::new("trust", refusal.place, format!("the trust file is refused: {}", refusal.what));
        if bytes.len() > TRUST_LEN_MAX {
            return Err(Refusal::new("trust", "", "the trust file is longer than 256 KiB"));
        }
        let document = Document::read(bytes.strip_suffix(b"\n").unwrap_or(bytes)).map_err(refused)?;
        Self::of(&document).map_err(refused)
    }

    fn of(document: &Document<'_>) -> Result<Self, Refusal> {
        let place = String::new;
        let mut fields = fields::of(document.root(), &place)?;
        let key = |what: &str| Refusal::new("trust", what, "a key that is not one");
        let approver_admins = fields.list("approver_admins")?.map(|jwk| Key::of_jwk(jwk).ok_or_else(|| key("approver_admins")));
        let approver_admins = approver_admins.collect::<Result<_, _>>()?;
        let pem = fields.value("ca_bundle_pem")?.text();
        let roots = pem.and_then(|pem| certificate::of_pem(&pem));
        let roots = roots.ok_or_else(|| Refusal::new("trust", "ca_bundle_pem", "certificates that are none"))?;
        let dev = fields.value("dev")?.boolean().ok_or_else(|| Refusal::new("trust", "dev", "neither yes nor no"))?;
        let note_key = |value: Value<'_>, witness: bool| {
            let parsed = value.plain().and_then(Verifier::parse).filter(|verifier| verifier.is_witness() == witness);
            parsed.ok_or_else(|| key(if witness { "witness_keys" } else { "log_keys" }))
        };
        let mut note_keys = fields.list("log_keys")?.map(|text| note_key(text, false)).collect::<Result<Vec<_>, _>>()?;
        let token_keys = list(fields.optional("token_keys")).into_iter();
        let token_keys = token_keys.map(|jwk| Key::of_jwk(jwk).ok_or_else(|| key("token_keys"))).collect::<Result<_, _>>()?;
        let trust_domain = fields.plain("trust_domain")?.to_owned();
        if fields.natural("version")? != 1 {
            return Err(Refusal::new("trust", "version", "not version 1"));
        }
        let witnesses = list(fields.optional("witness_keys"));
        note_keys.extend(witnesses.into_iter().map(|text| note_key(text, true)).collect::<Result<Vec<_>, _>>()?);
        fields.done()?;
        Ok(Self { trust_domain, note_keys, approver_admins, roots, token_keys, dev })
    }
}

/// Items of a list; what is no list is its own item, and no key.
fn list(value: Option<Value<'_>>) -> Vec<Value<'_>> {
    let Some(value) = value else { return Vec::new() };
    value.items().map_or_else(|| vec![value], Iterator::collect)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = concat!(
        r#"{"approver_admins":[{"crv":"Ed25519","kty":"OKP","x":"6kpsY-KcUgq-9VB7Ey7F-ZVHdq6-vnuSQh7qaRRG0iw"}],"#,
        r#""ca_bundle_pem":"","dev":false,"log_keys":["scalbotics.test/log+09d2d927+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"],"#,
        r#""trust_domain":"scalbotics.test","version":1}"#
    );

    #[test]
    fn only_a_trust_file_is_one() {
        let trust = Trust::read(GOOD.as_bytes()).unwrap();
        assert_eq!((trust.note_keys.len(), trust.approver_admins.len(), trust.token_keys.len(), trust.dev), (1, 1, 0, false));
        assert!(Trust::read(format!("{GOOD}\n").as_bytes()).is_ok());
        for bad in [
            "",
            "{}",
            &format!("{GOOD}\n\n"),
            &GOOD.replace("\"version\":1", "\"version\":2"),
            &GOOD.replace("\"version\":1", "\"version\":1,\"witness_keys\":1"),
            &GOOD.replace("\"version\":1", "\"version\":1,\"zeal\":1"),
            &GOOD.replace("09d2d927", "09D2D927"),
            &GOOD.replace("OKP", "EC"),
            &GOOD.replace("false", "0"),
            &GOOD.replace(r#""ca_bundle_pem":"""#, r#""ca_bundle_pem":"x""#),
            &GOOD.replace("\"trust_domain\"", "\"token_keys\":{},\"trust_domain\""),
            &" ".repeat(TRUST_LEN_MAX + 1),
        ] {
            assert_eq!(Trust::read(bad.as_bytes()).unwrap_err().reason, "trust", "{bad}");
        }
    }
}
