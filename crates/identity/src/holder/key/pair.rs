//! Private keys with their public half.

use std::fmt;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use zeroize::{Zeroize as _, Zeroizing};

use super::{Algorithm, Error, Public, SIGNATURE_LEN, Thumbprint};
use crate::{pem, private_file};

/// Longest file of a key, in bytes; PEM of either algorithm is under 400.
pub const FILE_LEN_MAX: u64 = 4096;

/// A private key, kept by the cryptographic library, which clears it when freed.
pub struct Pair {
    secret: Secret,
    public: Public,
    thumbprint: Thumbprint,
}

enum Secret {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

impl Pair {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn generate(algorithm: Algorithm) -> Result<Self, Error> {
        let fail = |_| Error::Library { what: "generate a key" };
        match algorithm {
            Algorithm::Ed25519 => Self::new(Secret::Ed25519(Ed25519KeyPair::generate().map_err(fail)?)),
            Algorithm::P256 => Self::new(Secret::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(fail)?)),
        }
    }

    fn new(secret: Secret) -> Result<Self, Error> {
        let public = match &secret {
            Secret::Ed25519(key) => Public::from_raw(Algorithm::Ed25519, key.public_key().as_ref())?,
            Secret::P256(key) => Public::from_raw(Algorithm::P256, key.public_key().as_ref())?,
        };
        let thumbprint = public.thumbprint();
        Ok(Self { secret, public, thumbprint })
    }

    /// Parses unencrypted PKCS#8.
    ///
    /// # Errors
    /// [`Error::Private`].
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, Error> {
        if let Ok(key) = Ed25519KeyPair::from_pkcs8(der) {
            return Self::new(Secret::Ed25519(key));
        }
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map_err(|_| Error::Private)?;
        Self::new(Secret::P256(key))
    }

    /// Parses the PEM of unencrypted PKCS#8.
    ///
    /// # Errors
    /// [`Error::Private`].
    pub fn from_pkcs8_pem(text: &[u8]) -> Result<Self, Error> {
        let mut key = PrivatePkcs8KeyDer::from_pem_slice(text).map_err(|_| Error::Private)?;
        let pair = Self::from_pkcs8_der(key.secret_pkcs8_der());
        key.zeroize();
        pair
    }

    /// The key as PKCS#8 version 1, which every other program reads.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn to_pkcs8_der(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let fail = |_| Error::Library { what: "encode a private key" };
        let document = match &self.secret {
            Secret::Ed25519(key) => key.to_pkcs8v1().map_err(fail)?,
            Secret::P256(key) => key.to_pkcs8v1().map_err(fail)?,
        };
        Ok(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The key as PEM of PKCS#8.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, Error> {
        Ok(pem::encode("PRIVATE KEY", &self.to_pkcs8_der()?))
    }

    /// Reads a key file; refused when group or world can reach it.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Private`].
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_pkcs8_pem(&private_file::read(path, FILE_LEN_MAX)?)
    }

    /// Creates the key's file with mode 0600; an existing file is never overwritten.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Library`].
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        private_file::create(path, self.to_pkcs8_pem()?.as_bytes(), private_file::SECRET_MODE)?;
        Ok(())
    }

    /// Signs a message.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LEN], Error> {
        let what = "sign";
        let signature = match &self.secret {
            Secret::Ed25519(key) => key.try_sign(message),
            Secret::P256(key) => key.sign(&SystemRandom::new(), message),
        };
        let signature = signature.map_err(|_| Error::Library { what })?;
        signature.as_ref().try_into().map_err(|_| Error::Library { what })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &Public {
        &self.public
    }

    /// The key's algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm()
    }

    /// The key's name.
    #[must_use]
    pub const fn thumbprint(&self) -> Thumbprint {
        self.thumbprint
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pair({} {}, secret hidden)", self.algorithm(), self.thumbprint)
    }
}
