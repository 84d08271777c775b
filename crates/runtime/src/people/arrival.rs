//! People who come by an outside issuer: found again, or registered when they come for the first time.
//!
//! **Invariant:** who is suspended or offboarded stays so whatever their issuer says, for they are found by issuer and subject (semantics §4.3).

use scalbotics_core::agent::Standing;
use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::digest::Digest;
use scalbotics_core::ids::{HumanUid, RequestId};
use scalbotics_core::outside::Outside;
use scalbotics_core::ports::Human;
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::{Name, NameError, TenantId};

use super::roll::{self, Newcomer};
use super::{Error, Service};
use crate::change::ChangeError;

/// The action of the record.
const ACTION: &str = "session.exchange";

/// What somebody is called whose issuer calls them nothing.
const UNNAMED: &str = "person";

/// Longest part of a name that comes from the issuer, in bytes; the rest is for what tells two of the same name apart.
const CALLED_LEN_MAX: usize = 40;

/// Hexadecimal digits that tell two of the same name apart.
const APART: usize = 12;

/// Somebody whom an outside issuer vouches for; the caller has verified its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The tenant that they are in.
    pub tenant: TenantId,
    /// What the issuer says.
    pub outside: Outside,
    /// What it calls them, to find a name for them when they come for the first time.
    pub called: Option<String>,
    /// The key that they are to be known by from now on, for the record.
    pub key: String,
    /// The request.
    pub request: RequestId,
    /// Its trace.
    pub trace: String,
}

impl Service {
    /// The human whom an outside issuer vouches for, with what it says of them now, and whether they came for the first time; the commit holds the
    /// record of the login. One who may not act is answered as they are, and nothing is written.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn arrive(&self, arrival: Arrival) -> Result<(Human, bool), Error> {
        let ports = &self.changes.ports;
        let _turn = self.turns.alone().await;
        let known = ports.roster.human_of(&arrival.tenant, arrival.outside.person).await.map_err(ChangeError::from)?;
        let is_new = known.is_none();
        let human = match known {
            Some(known) if known.standing != Standing::Active => return Ok((known, false)),
            Some(known) => {
                let outside =
                    known.outside.as_ref().map_or_else(|| arrival.outside.clone(), |old| old.after(arrival.outside.clone()));
                Human { outside: Some(outside), ..known }
            }
            None => self.newcomer(&arrival).await?,
        };
        let at = ports.clock.now();
        let mut record = Record::new(Kind::Rpc, at, human.tenant.clone(), Uid::Human(human.uid), ACTION);
        record.target = Some(format!("{}/{}", human.uid, arrival.key));
        record.outcome = Some(OutcomeNote { word: "ok".to_owned(), attempt: None, commitment: None });
        record.request = Some(arrival.request);
        record.trace = Some(arrival.trace);
        self.changes.admit(&record, at)?;
        ports.registry.put_human(human.clone(), record.into()).await.map_err(ChangeError::from)?;
        self.tasks.logged_in(human.uid);
        Ok((human, is_new))
    }

    /// Somebody who comes for the first time, in no group but those that their issuer says.
    async fn newcomer(&self, arrival: &Arrival) -> Result<Human, Error> {
        let ports = &self.changes.ports;
        let person = &arrival.outside.person;
        let short = called(arrival.called.as_deref()).map_err(|error| Error::Unnamed { source: error })?;
        let is_free = self.human(&arrival.tenant, &short).await.map_err(ChangeError::from)?.is_none();
        let name = if is_free { short } else { apart(&short, person)? };
        roll::check(ports, &arrival.tenant, (Newcomer::Human, &name), &person.to_string()).await?;
        Ok(Human {
            uid: HumanUid::from_u128(ports.ids.next()),
            tenant: arrival.tenant.clone(),
            name,
            groups: Vec::new(),
            login_key: String::new(),
            enrolment: None,
            standing: Standing::Active,
            epoch: 0,
            outside: Some(arrival.outside.clone()),
        })
    }
}

/// A name out of what the issuer calls somebody: what stands before an `@`, in small letters, everything else a hyphen.
fn called(text: Option<&str>) -> Result<Name, NameError> {
    let text = text.unwrap_or_default();
    let text = text.split('@').next().unwrap_or_default();
    let mut name = String::new();
    for char in text.chars().map(|char| char.to_ascii_lowercase()) {
        let plain = char.is_ascii_lowercase() || (char.is_ascii_digit() && !name.is_empty());
        if name.len() == CALLED_LEN_MAX {
            break;
        }
        if plain {
            name.push(char);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    Name::parse(name.trim_end_matches('-')).or_else(|_| Name::parse(UNNAMED))
}

/// The name that tells them apart from somebody of the same name.
fn apart(short: &Name, person: &Digest) -> Result<Name, Error> {
    let digits: String = person.to_string().chars().take(APART).collect();
    Name::parse(&format!("{short}-{digits}")).map_err(|source| Error::Unnamed { source })
}

#[cfg(test)]
mod tests {
    use scalbotics_core::outside::person;

    use super::*;

    #[test]
    fn names_are_made_of_whatever_an_issuer_says() {
        for (said, name) in [
            (Some("ann"), "ann"),
            (Some("Ann.Example@acme.test"), "ann-example"),
            (Some("7of9"), "of9"),
            (Some("Анна"), "person"),
            (Some("a\u{202e}b\0c"), "a-b-c"),
            (Some("--"), "person"),
            (Some(""), "person"),
            (None, "person"),
            (Some("x-"), "x"),
            (Some("../admins"), "admins"),
        ] {
            assert_eq!(called(said).unwrap().as_str(), name, "{said:?}");
        }
        let long = called(Some(&"long name ".repeat(100))).unwrap();
        assert!(long.as_str().len() <= CALLED_LEN_MAX);
        let (one, other) = (apart(&long, &person("https://a", "1")).unwrap(), apart(&long, &person("https://a", "2")).unwrap());
        assert_ne!(one, other);
        assert!(one.as_str().len() <= 63 && one.as_str().starts_with(long.as_str()), "{one}");
    }
}
