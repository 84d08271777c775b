//! What kind of token somebody brings (RFC 8693 §3).

/// What kind of token somebody brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// An ID token of OpenID Connect.
    IdToken,
    /// An access token that is a JWT (RFC 9068, or as the issuer makes them).
    AccessToken,
    /// A JWT of either kind.
    Jwt,
}

impl TokenKind {
    /// The kind of a `subject_token_type`.
    #[must_use]
    pub fn parse(urn: &str) -> Option<Self> {
        match urn {
            "urn:ietf:params:oauth:token-type:id_token" => Some(Self::IdToken),
            "urn:ietf:params:oauth:token-type:access_token" => Some(Self::AccessToken),
            "urn:ietf:params:oauth:token-type:jwt" => Some(Self::Jwt),
            _ => None,
        }
    }

    /// Whether a token of this kind may have this `typ`; one that says nothing may be either.
    pub(super) fn takes(self, typ: Option<&str>) -> bool {
        let typ = typ.map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        match typ {
            None | Some("jwt") => true,
            Some("at+jwt") => self != Self::IdToken,
            Some(_) => false,
        }
    }
}
