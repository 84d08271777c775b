//! Numbers of identities: certificates, join tokens, and what happened to whom.

use super::{Counter, Sample, Shown, names};
use crate::identity::{Event, Spoiled};

/// Numbers of identities.
#[derive(Debug, Default)]
pub struct Identity {
    /// [`names::SVIDS`] issued
    pub svids_issued: Counter,
    /// [`names::SVIDS`] refused
    pub svids_refused: Counter,
    /// [`names::SVIDS`] cut short for new keys
    pub svids_cut_short: Counter,
    /// [`names::JOIN_TOKENS`] made
    pub join_tokens_made: Counter,
    /// [`names::JOIN_TOKENS_REFUSED`], in the order of [`Spoiled::ALL`]
    tokens_refused: [Counter; Spoiled::ALL.len()],
    /// [`names::IDENTITY_EVENTS`], in the order of [`Event::ALL`]
    events: [Counter; Event::ALL.len()],
}

impl Identity {
    /// Counts a join token that was refused.
    pub(crate) fn token_refused(&self, why: Spoiled) {
        count(&Spoiled::ALL, &self.tokens_refused, why);
    }

    /// Counts what happened to an identity.
    pub fn happened(&self, event: Event) {
        count(&Event::ALL, &self.events, event);
    }

    /// Join tokens that were refused, for whatever reason.
    #[must_use]
    pub fn tokens_refused(&self) -> u64 {
        self.tokens_refused.iter().map(Counter::get).sum()
    }

    /// All series, those of one name side by side.
    pub(super) fn samples(&self) -> Vec<Sample<'_>> {
        let labelled = |name, key, value, number| Sample::labelled(name, (key, value), Shown::Counter(number));
        let mut samples = vec![
            labelled(names::SVIDS, "event", "issued", self.svids_issued.get()),
            labelled(names::SVIDS, "event", "refused", self.svids_refused.get()),
            labelled(names::SVIDS, "event", "cut_short", self.svids_cut_short.get()),
            labelled(names::JOIN_TOKENS, "event", "made", self.join_tokens_made.get()),
            labelled(names::JOIN_TOKENS, "event", "refused", self.tokens_refused()),
        ];
        let refused = Spoiled::ALL.iter().zip(&self.tokens_refused);
        samples.extend(refused.map(|(why, count)| labelled(names::JOIN_TOKENS_REFUSED, "reason", why.word(), count.get())));
        let events = Event::ALL.iter().zip(&self.events);
        samples.extend(events.map(|(event, count)| labelled(names::IDENTITY_EVENTS, "event", event.word(), count.get())));
        samples
    }
}

fn count<T: PartialEq>(all: &[T], counters: &[Counter], one: T) {
    let counter = all.iter().position(|known| *known == one).and_then(|place| counters.get(place));
    if let Some(counter) = counter {
        counter.add(1);
    }
}
