//! The signature algorithms that an outside issuer may use; `none` and those with a shared secret are no values of it.

/// A signature algorithm of an outside issuer (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
}

impl Algorithm {
    /// All of them; of those of RSA, the first that an issuer may use is that of its keys that name none.
    pub const ALL: [Self; 9] =
        [Self::Es256, Self::Es384, Self::EdDsa, Self::Rs256, Self::Ps256, Self::Rs384, Self::Ps384, Self::Rs512, Self::Ps512];

    /// The name in `alg`.
    #[must_use]
    pub const fn as_jws(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
        }
    }

    /// The algorithm of a name; none for every other text, in whatever case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_jws() == text)
    }

    /// Whether its keys are of RSA.
    pub(super) const fn is_rsa(self) -> bool {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => true,
            Self::Es256 | Self::Es384 | Self::EdDsa => false,
        }
    }
}
