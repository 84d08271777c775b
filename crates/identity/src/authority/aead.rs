//! XChaCha20-Poly1305 with random nonces: 192 bits, so that no counter has to survive a crash.

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::entropy;

/// Length of a key, in bytes.
pub(crate) const KEY_LEN: usize = 32;

/// Length of a nonce, in bytes.
pub(crate) const NONCE_LEN: usize = 24;

/// A key that is cleared when dropped.
pub(crate) type Key = Zeroizing<[u8; KEY_LEN]>;

/// The key is not the right one, or the ciphertext or what it is bound to was altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("ciphertext does not open")]
pub(super) struct Closed;

/// A new random key.
pub(crate) fn generate_key() -> Result<Key, entropy::Exhausted> {
    Ok(Zeroizing::new(entropy::bytes()?))
}

/// Encrypts under a nonce that must never have been used with this key.
pub(crate) fn seal(key: &Key, nonce: &[u8; NONCE_LEN], aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, Closed> {
    let cipher = XChaCha20Poly1305::new((&**key).into());
    cipher.encrypt(nonce.into(), Payload { msg: plaintext, aad }).map_err(|_| Closed)
}

/// Decrypts.
pub(crate) fn open(key: &Key, nonce: &[u8; NONCE_LEN], aad: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Closed> {
    let cipher = XChaCha20Poly1305::new((&**key).into());
    cipher.decrypt(nonce.into(), Payload { msg: ciphertext, aad }).map(Zeroizing::new).map_err(|_| Closed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// draft-irtf-cfrg-xchacha-03, A.3.1.
    #[test]
    fn draft_vector() {
        let key: Key = Zeroizing::new(std::array::from_fn(|i| 0x80 + i as u8));
        let nonce: [u8; NONCE_LEN] = std::array::from_fn(|i| 0x40 + i as u8);
        let aad = [0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7];
        let plaintext =
            b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let sealed = seal(&key, &nonce, &aad, plaintext).unwrap();
        assert_eq!(sealed[..4], [0xbd, 0x6d, 0x17, 0x9d]);
        let tag = [0xc0, 0x87, 0x59, 0x24, 0xc1, 0xc7, 0x98, 0x79, 0x47, 0xde, 0xaf, 0xd8, 0x78, 0x0a, 0xcf, 0x49];
        assert_eq!(sealed[plaintext.len()..], tag);
        assert_eq!(**open(&key, &nonce, &aad, &sealed).unwrap(), *plaintext);
        assert_eq!(open(&key, &nonce, &aad[1..], &sealed).map(|_| ()), Err(Closed));
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open(&key, &nonce, &aad, &changed).is_err(), "byte {place}");
        }
    }
}
