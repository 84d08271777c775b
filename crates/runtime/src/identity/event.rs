//! What happens to identities, by a word of a closed set: what is counted, and what dashboards and alerts rest on.

/// What happened to an identity, once it is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A worker of an agent joined by a token.
    Joined,
    /// An agent renewed its certificate.
    Renewed,
    /// A process that the daemon knows got a certificate.
    Attested,
    /// An agent was asked for new keys, in good order.
    Rotated,
    /// Whatever an agent had is void: a key was stolen.
    Voided,
    /// Somebody was suspended: a human, a service or an agent.
    Suspended,
    /// Somebody was resumed.
    Resumed,
    /// Somebody was offboarded.
    Offboarded,
    /// A human's groups are others.
    Bound,
    /// Another issuing CA signs.
    AuthorityActivated,
    /// What an issuing CA signed is renewed, before it is void.
    AuthorityTainted,
    /// What an issuing CA signed is void.
    AuthorityRevoked,
}

impl Event {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Joined,
        Self::Renewed,
        Self::Attested,
        Self::Rotated,
        Self::Voided,
        Self::Suspended,
        Self::Resumed,
        Self::Offboarded,
        Self::Bound,
        Self::AuthorityActivated,
        Self::AuthorityTainted,
        Self::AuthorityRevoked,
    ];

    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Renewed => "renewed",
            Self::Attested => "attested",
            Self::Rotated => "rotated",
            Self::Voided => "voided",
            Self::Suspended => "suspended",
            Self::Resumed => "resumed",
            Self::Offboarded => "offboarded",
            Self::Bound => "bound",
            Self::AuthorityActivated => "ca_activated",
            Self::AuthorityTainted => "ca_tainted",
            Self::AuthorityRevoked => "ca_revoked",
        }
    }
}
