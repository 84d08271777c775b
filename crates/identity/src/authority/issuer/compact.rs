//! Parsing of compact JWS: shape, header and signature, in this order, before anything else.

use serde::de::DeserializeOwned;

use super::Refusal;
use crate::encoding::from_base64url;
use crate::holder::key::{Public, SIGNATURE_LEN};
use crate::jws::Header;

/// Longest token, in bytes: 64 groups of 63 bytes and everything else fit with room to spare.
pub const TOKEN_LEN_MAX: usize = 8 * 1024;

/// A token whose shape and header are good and whose signature nobody has verified.
#[derive(Debug)]
pub(in crate::authority) struct Compact<'a> {
    signed: &'a str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    pub(in crate::authority) fn parse(token: &'a str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_LEN_MAX {
            return Err(Refusal::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Shape)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Shape)?;
        let decode = |part: &str| from_base64url(part).filter(|bytes| !bytes.is_empty()).ok_or(Refusal::Shape);
        let compact = Self {
            signed,
            header: decode(header)?,
            payload: decode(payload)?,
            signature: from_base64url(signature).ok_or(Refusal::Shape)?,
        };
        compact.header()?;
        Ok(compact)
    }

    fn header(&self) -> Result<Header<'_>, Refusal> {
        serde_json::from_slice(&self.header).map_err(|_| Refusal::Header)
    }

    /// The header's `kid`, to look a key up by.
    pub(in crate::authority) fn kid(&self) -> Result<&str, Refusal> {
        Ok(self.header()?.kid)
    }

    /// Claims that nobody vouches for, to look a key up by.
    pub(in crate::authority) fn unverified<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(&self.payload).map_err(|_| Refusal::Claims)
    }

    /// The claims, once `typ`, `alg` and the signature by `key` are good.
    pub(in crate::authority) fn verify<T: DeserializeOwned>(&self, typ: &str, key: &Public) -> Result<T, Refusal> {
        let header = self.header()?;
        if header.typ != typ {
            return Err(Refusal::Type);
        }
        if header.alg != key.algorithm().as_jws() {
            return Err(Refusal::Algorithm);
        }
        if self.signature.len() != SIGNATURE_LEN {
            return Err(Refusal::Signature);
        }
        key.verify(self.signed.as_bytes(), &self.signature).map_err(|_| Refusal::Signature)?;
        self.unverified()
    }
}
