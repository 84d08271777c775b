//! Numbers of authentication: how many calls are known by what, and why others are not.

use scalbotics_runtime::audit::Unauthenticated;
use scalbotics_runtime::metrics::{Counter, Sample, Shown};

use super::codes::{self, Code};
use super::metrics::{AUTHENTICATED, UNAUTHENTICATED};

/// Why somebody is not authenticated, in few words: more would tell apart who asks.
const REASONS: [&str; 6] = ["refused", "expired", "suspended", "grant_over", "clock", "unavailable"];

/// What was brought, in the order of their counters; processes and handshakes are counted by themselves.
const KINDS: [(Unauthenticated, &str); 6] = [
    (Unauthenticated::Missing, "missing"),
    (Unauthenticated::Token, "token"),
    (Unauthenticated::Certificate, "certificate"),
    (Unauthenticated::Assertion, "assertion"),
    (Unauthenticated::Outside, "outside_token"),
    (Unauthenticated::Join, "join"),
];

/// Numbers of authentication.
#[derive(Debug, Default)]
pub struct Authentications {
    /// [`AUTHENTICATED`] token
    pub tokens: Counter,
    /// [`AUTHENTICATED`] certificate
    pub certificates: Counter,
    /// [`UNAUTHENTICATED`], in the order of kinds and reasons
    refused: [[Counter; REASONS.len()]; KINDS.len()],
}

impl Authentications {
    /// Counts who was not authenticated, by the code that they are told.
    pub fn refused(&self, kind: Unauthenticated, code: Code) {
        let (kind, reason) = (KINDS.iter().position(|(known, _)| *known == kind), position(reason(code)));
        if let Some(counter) = kind.and_then(|kind| self.refused.get(kind)?.get(reason)) {
            counter.add(1);
        }
    }

    /// All series, those of one name side by side.
    pub(super) fn samples(&self) -> Vec<Sample<'_>> {
        let known = |kind, counter: &Counter| Sample::labelled(AUTHENTICATED, ("kind", kind), Shown::Counter(counter.get()));
        let mut samples = vec![known("token", &self.tokens), known("certificate", &self.certificates)];
        for ((_, kind), counters) in KINDS.iter().zip(&self.refused) {
            samples.extend(REASONS.iter().zip(counters).map(|(reason, counter)| Sample {
                name: UNAUTHENTICATED,
                labels: vec![("kind", (*kind).into()), ("reason", (*reason).into())],
                shown: Shown::Counter(counter.get()),
            }));
        }
        samples
    }
}

fn reason(code: Code) -> &'static str {
    let reasons = [
        (codes::TOKEN_EXPIRED, "expired"),
        (codes::PRINCIPAL_SUSPENDED, "suspended"),
        (codes::GRANT_OVER, "grant_over"),
        (codes::CLOCK_UNTRUSTED, "clock"),
        (codes::ISSUER_UNAVAILABLE, "unavailable"),
        (codes::STORE_FAILED, "unavailable"),
    ];
    reasons.iter().find(|(known, _)| *known == code).map_or("refused", |(_, reason)| reason)
}

fn position(reason: &str) -> usize {
    REASONS.iter().position(|known| *known == reason).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_in_one_series() {
        let numbers = Authentications::default();
        for (code, reason) in [
            (codes::UNAUTHENTICATED, "refused"),
            (codes::JOIN_REFUSED, "refused"),
            (codes::TOKEN_EXPIRED, "expired"),
            (codes::PRINCIPAL_SUSPENDED, "suspended"),
            (codes::GRANT_OVER, "grant_over"),
            (codes::CLOCK_UNTRUSTED, "clock"),
            (codes::STORE_FAILED, "unavailable"),
        ] {
            let of = |samples: Vec<Sample<'_>>| {
                let found = samples
                    .into_iter()
                    .find(|one| one.name == UNAUTHENTICATED && one.labels[0].1 == "certificate" && one.labels[1].1 == reason);
                if let Some(Shown::Counter(count)) = found.map(|one| one.shown) { count } else { panic!("{reason}") }
            };
            let before = of(numbers.samples());
            numbers.refused(Unauthenticated::Certificate, code);
            assert_eq!(of(numbers.samples()), before + 1, "{reason}");
        }
        numbers.refused(Unauthenticated::Workload, codes::UNAUTHENTICATED);
        numbers.refused(Unauthenticated::Handshake, codes::UNAUTHENTICATED);
        assert_eq!(numbers.samples().len(), 2 + KINDS.len() * REASONS.len());
    }
}
