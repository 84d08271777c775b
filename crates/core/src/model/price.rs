//! What tokens cost.

use serde::{Deserialize, Serialize};

use super::Usage;

/// Most that a million tokens may cost, in micro units: a million of the currency, a typing error above any price list.
pub(super) const PRICE_MAX: u64 = 1_000_000_000_000;

/// The price of a million tokens as it is written, in micro units of the currency; what is left out costs nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Price")]
pub struct PriceFile {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
    /// Of those of the prompt that the server remembered; as `input` where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<u64>,
}

/// The price of a million tokens, in micro units of the currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Price {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer.
    pub output: u64,
    /// Of those of the prompt that the server remembered.
    pub cached: u64,
}

impl From<PriceFile> for Price {
    fn from(file: PriceFile) -> Self {
        Self { input: file.input, output: file.output, cached: file.cached.unwrap_or(file.input) }
    }
}

impl Price {
    /// What an answer cost, in micro units, rounded up.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> u64 {
        let cached = usage.cached.min(usage.input);
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        let sum = part(usage.input - cached, self.input)
            .saturating_add(part(cached, self.cached))
            .saturating_add(part(usage.output, self.output));
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs() {
        let price = Price::from(PriceFile { input: 2_500_000, output: 10_000_000, cached: Some(250_000) });
        let usage = |input, cached, output| Usage { input, cached, output, ..Usage::default() };
        for (usage, cost) in [
            (usage(0, 0, 0), 0),
            (usage(1, 0, 0), 3),
            (usage(1_000_000, 0, 0), 2_500_000),
            (usage(1_000_000, 1_000_000, 0), 250_000),
            (usage(10, 99, 0), 3),
            (usage(1_000, 400, 200), 1_500 + 100 + 2_000),
            (usage(u64::MAX, 0, u64::MAX), u64::MAX),
        ] {
            assert_eq!(price.cost(&usage), cost, "{usage:?}");
        }
        assert_eq!(Price::from(PriceFile { input: 5, ..PriceFile::default() }).cached, 5);
    }
}
