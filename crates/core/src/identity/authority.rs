//! Issuing authorities: the CA certificates that sign SVIDs one after another, and the states that one goes through.
//!
//! **Invariant:** at most one authority is prepared and exactly one, once there was any, is active; states only go forward.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::svid::ROTATION_OVERLAP_MS;
use crate::time::Timestamp;

/// Most authorities that are remembered at once: years of yearly rotations, or an afternoon of bad ones.
pub const AUTHORITIES_MAX: usize = 16;

/// Length of an authority's id, in characters: the 20 bytes of its subject key identifier (RFC 5280 §4.2.1.2).
const ID_LEN: usize = 40;

/// The text is not the id of an authority.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the id of an authority: 40 digits of 0-9 and a-f")]
pub struct AuthorityIdError {
    /// The first characters of the text.
    pub text: String,
}

/// Names an authority: its subject key identifier in hexadecimal, as other programs show it too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuthorityId(String);

impl AuthorityId {
    /// Parses untrusted text: one authority has exactly one text.
    ///
    /// # Errors
    /// [`AuthorityIdError`].
    pub fn parse(text: &str) -> Result<Self, AuthorityIdError> {
        let spelled = text.len() == ID_LEN && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let refused = || AuthorityIdError { text: text.chars().take(80).collect() };
        if spelled { Ok(Self(text.to_owned())) } else { Err(refused()) }
    }

    /// The id of a subject key identifier.
    #[must_use]
    pub fn of_key_identifier(bytes: [u8; 20]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or('0', |byte| char::from(*byte));
        Self(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AuthorityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AuthorityId {
    type Err = AuthorityIdError;

    fn from_str(text: &str) -> Result<Self, AuthorityIdError> {
        Self::parse(text)
    }
}

impl Serialize for AuthorityId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for AuthorityId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What an authority may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityState {
    /// It has a key, and no certificate yet.
    Prepared,
    /// It signs.
    Active,
    /// Another signs; what it signed is good until its end.
    Retired,
    /// What it signed is good for now, and is to be renewed under another within [`ROTATION_OVERLAP_MS`]: it may be revoked then.
    Tainted,
    /// Nothing that it signed is good.
    Revoked,
}

impl AuthorityState {
    /// The word, as users see it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::Active => "active",
            Self::Retired => "retired",
            Self::Tainted => "tainted",
            Self::Revoked => "revoked",
        }
    }

    /// Whether what it signed is accepted.
    #[must_use]
    pub const fn vouches(self) -> bool {
        match self {
            Self::Active | Self::Retired | Self::Tainted => true,
            Self::Prepared | Self::Revoked => false,
        }
    }
}

/// An authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// Its id.
    pub id: AuthorityId,
    /// Its state.
    pub state: AuthorityState,
    /// Since when it is in this state.
    pub changed_at: Timestamp,
    /// Last moment of its certificate; none while it is prepared.
    pub not_after: Option<Timestamp>,
    /// Its certificate, DER; empty while it is prepared.
    pub certificate: Vec<u8>,
}

impl Authority {
    /// Whether what it signed is accepted at `now`.
    #[must_use]
    pub fn vouches(&self, now: Timestamp) -> bool {
        self.state.vouches() && self.not_after.is_some_and(|end| now <= end)
    }

    /// Until when whoever has a certificate of it may count on that: its end, or where it is tainted [`ROTATION_OVERLAP_MS`] from then on, since
    /// it may be revoked at any moment after. None where what it signed is not accepted at `now`.
    #[must_use]
    pub fn counted_on_until(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.not_after.filter(|_| self.vouches(now))?;
        Some(if self.state == AuthorityState::Tainted { end.min(self.changed_at.plus_ms(ROTATION_OVERLAP_MS)) } else { end })
    }
}

/// Why a state does not follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// There is no such authority.
    #[error("there is no authority `{id}`")]
    Absent {
        /// Its id.
        id: AuthorityId,
    },
    /// The step is not one from its state.
    #[error("authority `{id}` is {state}, so it cannot be {to}", state = state.word(), to = to.word())]
    Step {
        /// Its id.
        id: AuthorityId,
        /// Its state.
        state: AuthorityState,
        /// The state that was wanted.
        to: AuthorityState,
    },
    /// One is prepared already.
    #[error("authority `{id}` is prepared already")]
    Prepared {
        /// The one that is.
        id: AuthorityId,
    },
    /// There are [`AUTHORITIES_MAX`].
    #[error("there are {AUTHORITIES_MAX} authorities, and none of them has ended")]
    TooMany,
}

/// All authorities that are remembered, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorities(Vec<Authority>);

impl Authorities {
    /// Those that were kept.
    #[must_use]
    pub const fn new(kept: Vec<Authority>) -> Self {
        Self(kept)
    }

    /// All, in order.
    #[must_use]
    pub fn all(&self) -> &[Authority] {
        &self.0
    }

    /// The one with this id.
    #[must_use]
    pub fn get(&self, id: &AuthorityId) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.id == *id)
    }

    /// The one that signs.
    #[must_use]
    pub fn active(&self) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.state == AuthorityState::Active)
    }

    /// The one that waits for its certificate.
    #[must_use]
    pub fn prepared(&self) -> Option<&Authority> {
        self.0.iter().find(|authority| authority.state == AuthorityState::Prepared)
    }

    /// Forgets those that ended before `now`, since nothing under them is good any more; answers their ids. The active one stays,
    /// so that it can be shown.
    pub fn forget_ended(&mut self, now: Timestamp) -> Vec<AuthorityId> {
        let ended =
            |authority: &Authority| authority.state != AuthorityState::Active && authority.not_after.is_some_and(|end| end < now);
        let ids = self.0.iter().filter(|authority| ended(authority)).map(|authority| authority.id.clone()).collect();
        self.0.retain(|authority| !ended(authority));
        ids
    }

    /// Takes up a new one, that has a key and no certificate.
    ///
    /// # Errors
    /// [`AuthorityError::Prepared`], [`AuthorityError::TooMany`].
    pub fn prepare(&mut self, id: AuthorityId, now: Timestamp) -> Result<(), AuthorityError> {
        if let Some(found) = self.prepared() {
            return Err(AuthorityError::Prepared { id: found.id.clone() });
        }
        if self.0.len() >= AUTHORITIES_MAX {
            return Err(AuthorityError::TooMany);
        }
        let (state, certificate) = (AuthorityState::Prepared, Vec::new());
        self.0.push(Authority { id, state, changed_at: now, not_after: None, certificate });
        Ok(())
    }

    /// Lets the prepared one sign, with its certificate (DER) that ends at `not_after`; the one that signed until now is retired.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`], [`AuthorityError::Step`].
    pub fn activate(
        &mut self,
        id: &AuthorityId,
        (certificate, not_after): (Vec<u8>, Timestamp),
        now: Timestamp,
    ) -> Result<(), AuthorityError> {
        self.check(id, AuthorityState::Active)?;
        for authority in &mut self.0 {
            if authority.id == *id {
                authority.certificate.clone_from(&certificate);
                (authority.state, authority.changed_at) = (AuthorityState::Active, now);
                authority.not_after = Some(not_after);
            } else if authority.state == AuthorityState::Active {
                (authority.state, authority.changed_at) = (AuthorityState::Retired, now);
            }
        }
        Ok(())
    }

    /// Taints a retired authority, or revokes a tainted one.
    ///
    /// # Errors
    /// [`AuthorityError::Absent`], [`AuthorityError::Step`]: the one that signs is never tainted, for nothing could be renewed.
    pub fn mark(&mut self, id: &AuthorityId, to: AuthorityState, now: Timestamp) -> Result<(), AuthorityError> {
        self.check(id, to)?;
        for authority in self.0.iter_mut().filter(|authority| authority.id == *id) {
            (authority.state, authority.changed_at) = (to, now);
        }
        Ok(())
    }

    fn check(&self, id: &AuthorityId, to: AuthorityState) -> Result<(), AuthorityError> {
        let state = self.get(id).ok_or_else(|| AuthorityError::Absent { id: id.clone() })?.state;
        match (state, to) {
            (AuthorityState::Prepared, AuthorityState::Active)
            | (AuthorityState::Retired, AuthorityState::Tainted)
            | (AuthorityState::Tainted, AuthorityState::Revoked) => Ok(()),
            (
                AuthorityState::Prepared
                | AuthorityState::Active
                | AuthorityState::Retired
                | AuthorityState::Tainted
                | AuthorityState::Revoked,
                _,
            ) => Err(AuthorityError::Step { id: id.clone(), state, to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_000);
    const END: Timestamp = Timestamp::from_unix_ms(2_000);

    fn id(digit: char) -> AuthorityId {
        AuthorityId::parse(&digit.to_string().repeat(ID_LEN)).unwrap()
    }

    fn with(states: &[(char, AuthorityState)]) -> Authorities {
        let one = |(digit, state): &(char, AuthorityState)| Authority {
            id: id(*digit),
            state: *state,
            changed_at: NOW,
            not_after: (*state != AuthorityState::Prepared).then_some(END),
            certificate: Vec::new(),
        };
        Authorities::new(states.iter().map(one).collect())
    }

    #[test]
    fn every_step_that_there_is_and_no_other() {
        use AuthorityState::{Active, Prepared, Retired, Revoked, Tainted};
        let all = [Prepared, Active, Retired, Tainted, Revoked];
        for from in all {
            for to in all {
                let mut book = with(&[('a', from)]);
                let before = book.clone();
                let made = if to == Active { book.activate(&id('a'), (vec![1], END), NOW) } else { book.mark(&id('a'), to, NOW) };
                let good = [(Prepared, Active), (Retired, Tainted), (Tainted, Revoked)].contains(&(from, to));
                assert_eq!(made.is_ok(), good, "{from:?} to {to:?}");
                assert_eq!(book == before, !good, "{from:?} to {to:?}");
            }
        }
        assert_eq!(with(&[]).mark(&id('a'), Tainted, NOW), Err(AuthorityError::Absent { id: id('a') }));
    }

    #[test]
    fn one_signs_and_one_waits() {
        let mut book = with(&[('a', AuthorityState::Active)]);
        book.prepare(id('b'), NOW).unwrap();
        assert_eq!(book.prepare(id('c'), NOW), Err(AuthorityError::Prepared { id: id('b') }));
        book.activate(&id('b'), (vec![1], END), NOW).unwrap();
        assert_eq!(book.active().map(|it| it.id.clone()), Some(id('b')));
        assert_eq!(book.get(&id('a')).map(|it| it.state), Some(AuthorityState::Retired));
        assert!(book.prepared().is_none());
    }

    #[test]
    fn what_ended_is_forgotten_and_makes_room() {
        let many: Vec<(char, AuthorityState)> = "0123456789abcde"
            .chars()
            .map(|digit| (digit, AuthorityState::Retired))
            .chain([('f', AuthorityState::Active)])
            .collect();
        let mut book = with(&many);
        assert_eq!(book.all().len(), AUTHORITIES_MAX);
        assert_eq!(book.prepare(id('a'), NOW), Err(AuthorityError::TooMany));
        assert!(book.forget_ended(END).is_empty(), "its last moment counts");
        let later = END.plus_ms(1);
        assert_eq!(book.forget_ended(later).len(), AUTHORITIES_MAX - 1);
        assert_eq!(book.active().map(|it| it.id.clone()), Some(id('f')), "shown still");
        assert!(book.active().is_some_and(|it| it.vouches(END) && !it.vouches(later)));
        assert!(!with(&[('a', AuthorityState::Revoked)]).all()[0].vouches(NOW));
    }

    #[test]
    fn sem_4_8_what_is_tainted_is_counted_on_for_a_minute() {
        let until = |state, not_after, now| {
            let authority = Authority { id: id('a'), state, changed_at: NOW, not_after: Some(not_after), certificate: vec![1] };
            authority.counted_on_until(now)
        };
        let (minute, far) = (NOW.plus_ms(ROTATION_OVERLAP_MS), NOW.plus_ms(10 * ROTATION_OVERLAP_MS));
        for state in [AuthorityState::Active, AuthorityState::Retired] {
            assert_eq!(until(state, far, NOW), Some(far), "{state:?}");
        }
        assert_eq!(until(AuthorityState::Tainted, far, NOW), Some(minute));
        assert_eq!(
            until(AuthorityState::Tainted, far, minute.plus_ms(1)),
            Some(minute),
            "it is accepted until somebody revokes it"
        );
        assert_eq!(until(AuthorityState::Tainted, NOW.plus_ms(1), NOW), Some(NOW.plus_ms(1)), "nothing outlives its end");
        assert_eq!(until(AuthorityState::Revoked, far, NOW), None);
        assert_eq!(until(AuthorityState::Active, NOW, NOW.plus_ms(1)), None);
    }

    #[test]
    fn ids_have_one_text() {
        let good = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(AuthorityId::parse(good).unwrap().to_string(), good);
        let bytes = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45,
            0x67,
        ];
        assert_eq!(AuthorityId::of_key_identifier(bytes).as_str(), good);
        for bad in ["", "0", &good.to_uppercase(), &format!("{good}0"), &good.replace('a', "g"), &good.replace('0', " ")] {
            assert!(AuthorityId::parse(bad).is_err(), "{bad}");
        }
    }
}
