//! PEM of private keys (RFC 7468 §10), without leaving copies of the secret behind.

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::Error;
use crate::encoding::to_base64;

/// Characters of base64 on a line (RFC 7468 §2).
const LINE_LEN: usize = 64;

/// The PEM text of a PKCS#8 key.
pub(crate) fn encode(der: &[u8]) -> Zeroizing<String> {
    let body = Zeroizing::new(to_base64(der));
    // Room for all at once: a growing string would leave copies of the secret in freed memory.
    let mut text = Zeroizing::new(String::with_capacity(body.len() + body.len() / LINE_LEN + 80));
    text.push_str("-----BEGIN PRIVATE KEY-----\n");
    for (place, character) in body.chars().enumerate() {
        if place > 0 && place % LINE_LEN == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END PRIVATE KEY-----\n");
    text
}

/// The PKCS#8 bytes of the first private key in a PEM text.
pub(crate) fn decode(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut key = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| Error::Private)?;
    let der = Zeroizing::new(key.secret_pkcs8_der().to_vec());
    key.zeroize();
    Ok(der)
}
