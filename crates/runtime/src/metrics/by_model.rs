//! Numbers of each model that was asked since start.
//!
//! **Invariant:** the label is the id of a model of desired state, and there are at most [`MODELS_MAX`] of them and one more: no
//! request makes a series, and neither does a repository that names new models for ever.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use scalbotics_core::model::Reply;
use scalbotics_core::tenant::Name;

use super::{Sample, Shown, names};

/// Most models with series of their own: some times the routes of a large installation.
const MODELS_MAX: usize = 64;

/// The label of all further ones; no id begins so.
const OTHER: &str = "_other";

/// Numbers of each model.
#[derive(Debug, Default)]
pub struct ByModel {
    all: Mutex<BTreeMap<Cow<'static, str>, Counts>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    answers: u64,
    misses: u64,
    input_tokens: u64,
    output_tokens: u64,
    cost_micros: u64,
}

/// The name of a series, and its number.
type Series = (&'static str, fn(&Counts) -> u64);

impl ByModel {
    /// Counts an answer.
    pub fn answered(&self, model: &Name, reply: &Reply) {
        self.change(model, |counts| {
            counts.answers += 1;
            counts.input_tokens = counts.input_tokens.saturating_add(reply.usage.input);
            counts.output_tokens = counts.output_tokens.saturating_add(reply.usage.output);
            counts.cost_micros = counts.cost_micros.saturating_add(reply.cost);
        });
    }

    /// Counts a request that was not answered.
    pub fn missed(&self, model: &Name) {
        self.change(model, |counts| counts.misses += 1);
    }

    fn change(&self, model: &Name, change: impl FnOnce(&mut Counts)) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = all.get_mut(model.as_str()) {
            return change(counts);
        }
        let key = if all.len() < MODELS_MAX { Cow::Owned(model.to_string()) } else { Cow::Borrowed(OTHER) };
        change(all.entry(key).or_default());
    }

    /// All series, those of one name side by side.
    #[must_use]
    pub fn samples(&self) -> Vec<Sample<'static>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let series: [Series; 5] = [
            (names::MODEL_ANSWERS, |counts| counts.answers),
            (names::MODEL_MISSES, |counts| counts.misses),
            (names::MODEL_INPUT_TOKENS, |counts| counts.input_tokens),
            (names::MODEL_OUTPUT_TOKENS, |counts| counts.output_tokens),
            (names::MODEL_COST, |counts| counts.cost_micros),
        ];
        let of = |(name, number): Series| {
            let sample = |(model, counts)| Sample {
                name,
                labels: vec![("model", Cow::clone(model))],
                shown: Shown::Counter(number(counts)),
            };
            all.iter().map(sample).collect::<Vec<_>>()
        };
        series.into_iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::model::{Finish, Message, Role, Usage};

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn each_model_is_counted_by_itself_and_too_many_together() {
        let numbers = ByModel::default();
        let reply = Reply {
            message: Message::text(Role::Assistant, "yes"),
            finish: Finish::Stop,
            usage: Usage { input: 10, output: 5, ..Usage::default() },
            model: name("large"),
            superseded: Vec::new(),
            cost: 7,
        };
        numbers.answered(&name("large"), &reply);
        numbers.answered(&name("large"), &reply);
        numbers.missed(&name("small"));
        let shown = |numbers: &ByModel, of: &str, model: &str| {
            let samples = numbers.samples();
            let found = samples.iter().find(|sample| sample.name == of && sample.labels[0].1 == model);
            found.map(|sample| if let Shown::Counter(number) = sample.shown { number } else { panic!() })
        };
        for (of, large, small) in [
            (names::MODEL_ANSWERS, 2, 0),
            (names::MODEL_MISSES, 0, 1),
            (names::MODEL_INPUT_TOKENS, 20, 0),
            (names::MODEL_OUTPUT_TOKENS, 10, 0),
            (names::MODEL_COST, 14, 0),
        ] {
            assert_eq!((shown(&numbers, of, "large"), shown(&numbers, of, "small")), (Some(large), Some(small)), "{of}");
        }
        for n in 0..200 {
            numbers.missed(&name(&format!("m{n}")));
        }
        numbers.missed(&name("small"));
        assert_eq!(numbers.samples().len(), 5 * (MODELS_MAX + 1));
        assert_eq!(shown(&numbers, names::MODEL_MISSES, OTHER), Some(200 + 2 - 64));
        assert_eq!(shown(&numbers, names::MODEL_MISSES, "small"), Some(2));
        assert!(Name::parse(OTHER).is_err(), "no model is called so");
    }
}
