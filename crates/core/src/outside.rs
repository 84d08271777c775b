//! People whom an outside issuer vouches for: what the registry knows of them beside their name.
//!
//! **Invariant:** a person of an outside issuer is found by issuer and subject, never by a name or an address of mail, so that nobody becomes
//! somebody else by what they are called there.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::tenant::Name;
use crate::time::{Span, Timestamp};
use crate::tool::Tier;

/// Separates these digests from all others.
const TAG: &str = "scalbotics/outside-person/v1";

/// Most groups that an issuer's word is taken for.
pub const CLAIMED_GROUPS_MAX: usize = 64;

/// Oldest word of an issuer about groups under which a call of tier 2 is made unless the configuration says otherwise: an hour (semantics
/// §3.5).
pub const CLAIMS_AGE_MAX: Span = Span::from_ms(3_600_000);

/// How long a task waits for a login: a day, in which whoever sleeps or is off comes back. Its deadline mostly comes before.
pub const LOGIN_WAIT: Span = Span::from_ms(86_400_000);

/// How old an issuer's word about groups may be for a call, by the tier of its tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimsAge {
    /// For reads; without one, a word of any age.
    pub read: Option<Span>,
    /// For changes of what is the task's own; without one, a word of any age.
    pub change: Option<Span>,
    /// For what touches the world.
    pub risky: Span,
}

impl Default for ClaimsAge {
    fn default() -> Self {
        Self { read: None, change: None, risky: CLAIMS_AGE_MAX }
    }
}

impl ClaimsAge {
    /// Whether what was said at `claims_at` is too old at `now` for a tool of this tier.
    #[must_use]
    pub fn is_over(&self, tier: Tier, claims_at: Timestamp, now: Timestamp) -> bool {
        let most = match tier {
            Tier::Read => self.read,
            Tier::Change => self.change,
            Tier::Risky => Some(self.risky),
        };
        most.is_some_and(|most| now.since_ms(claims_at) > most.as_ms())
    }
}

/// What an outside issuer says of a human.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// The issuer, as its tokens name it.
    pub issuer: String,
    /// Who they are there: a digest of issuer and subject, by which they are found again.
    pub person: Digest,
    /// The groups that it says they are in, as this installation calls them, sorted.
    pub groups: Vec<Name>,
    /// When it said so.
    pub claims_at: Timestamp,
}

/// The digest by which the subject of an issuer is found again.
#[must_use]
pub fn person(issuer: &str, subject: &str) -> Digest {
    Digest::of_parts(TAG, &[issuer.as_bytes(), subject.as_bytes()])
}

impl Outside {
    /// What is known after the issuer has said something else: the later word counts, so that an old token brings back no group.
    #[must_use]
    pub fn after(&self, said: Self) -> Self {
        if said.claims_at >= self.claims_at { said } else { self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_word_counts_and_nobody_shares_a_digest() {
        let word = |at, group: &str| Outside {
            issuer: "https://a".to_owned(),
            person: person("https://a", "1"),
            groups: vec![Name::parse(group).unwrap()],
            claims_at: Timestamp::from_unix_ms(at),
        };
        assert_eq!(word(5, "old").after(word(6, "new")), word(6, "new"));
        assert_eq!(word(5, "old").after(word(5, "new")), word(5, "new"));
        assert_eq!(word(5, "new").after(word(4, "old")), word(5, "new"));
        assert_ne!(person("https://a", "1"), person("https://b", "1"));
        assert_ne!(person("https://a", "1"), person("https://a", "2"));
        assert_ne!(person("ab", "c"), person("a", "bc"), "the parts do not run together");
    }
}
