//! A measured figure and its verdict, and what is made of samples.

use serde::Serialize;

/// What a figure must keep to, in its unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bound {
    /// It may not be more.
    Most(f64),
    /// It may not be less.
    Least(f64),
    /// It is only told.
    Open,
}

impl Bound {
    /// Whether the figure keeps to it; what is no number does not.
    fn holds(self, measured: f64) -> bool {
        match self {
            Self::Most(limit) => measured <= limit,
            Self::Least(limit) => measured >= limit,
            Self::Open => !measured.is_nan(),
        }
    }

    /// The same bound elsewhere.
    const fn at(self, place: f64) -> Self {
        match self {
            Self::Most(_) => Self::Most(place),
            Self::Least(_) => Self::Least(place),
            Self::Open => Self::Open,
        }
    }
}

/// One figure. Limits and goals are in its unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Figure {
    /// The id by which SPECIFICATION.md names it.
    pub(super) id: &'static str,
    /// What was measured.
    pub(super) what: String,
    /// The figure that is judged.
    pub(super) measured: f64,
    /// Its unit.
    pub(super) unit: &'static str,
    /// What it may be.
    pub(super) limit: Bound,
    /// Where it is going, on the side of the limit on which it may be.
    pub(super) goal: Option<f64>,
}

impl Figure {
    /// Whether the limit holds.
    pub(super) fn is_reached(&self) -> bool {
        self.limit.holds(self.measured)
    }

    /// The verdict in a word or two.
    pub(super) fn verdict(&self) -> &'static str {
        match self.goal {
            _ if !self.is_reached() => "MISSED",
            Some(goal) if self.limit.at(goal).holds(self.measured) => "goal",
            Some(_) | None if self.limit == Bound::Open => "told",
            Some(_) | None => "ok",
        }
    }
}

/// Samples in microseconds, sorted.
#[derive(Debug, Clone)]
pub(super) struct Samples(Vec<u64>);

impl Samples {
    /// Sorts them.
    pub(super) fn of(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        Self(samples)
    }

    /// The value below which `percent` of the samples are, in milliseconds; 0 without samples.
    pub(super) fn percentile_ms(&self, percent: usize) -> f64 {
        let at = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(at).map_or(0.0, |sample| millis(*sample))
    }

    /// The middle one, in milliseconds.
    pub(super) fn p50_ms(&self) -> f64 {
        self.percentile_ms(50)
    }

    /// The largest, in milliseconds.
    pub(super) fn max_ms(&self) -> f64 {
        self.percentile_ms(100)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Microseconds as milliseconds.
pub(super) fn millis(micros: u64) -> f64 {
    number(micros) / 1_000.0
}

/// A count as a number to divide; exact below 2^53.
pub(super) fn number(count: u64) -> f64 {
    let (high, low) = (u32::try_from(count >> 32), u32::try_from(count & u64::from(u32::MAX)));
    f64::from(high.unwrap_or(u32::MAX)) * 4_294_967_296.0 + f64::from(low.unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Bound, Figure, Samples, number};

    #[test]
    fn percentiles() {
        let samples = Samples::of((1..=100).rev().map(|n| n * 1_000).collect());
        assert_eq!((samples.p50_ms(), samples.percentile_ms(99), samples.max_ms()), (51.0, 100.0, 100.0));
        assert_eq!(Samples::of(vec![7_000]).p50_ms(), 7.0);
        assert_eq!(Samples::of(Vec::new()).max_ms(), 0.0);
    }

    fn verdict(measured: f64, limit: Bound, goal: f64) -> &'static str {
        Figure { id: "x", what: String::new(), measured, unit: "ms", limit, goal: Some(goal) }.verdict()
    }

    #[test]
    fn a_limit_is_reached_by_what_is_not_beyond_it() {
        for (measured, wanted) in [(5.0, "goal"), (5.1, "ok"), (10.0, "ok"), (10.1, "MISSED"), (f64::NAN, "MISSED")] {
            assert_eq!(verdict(measured, Bound::Most(10.0), 5.0), wanted, "{measured}");
        }
        for (measured, wanted) in [(30.0, "goal"), (29.9, "ok"), (15.0, "ok"), (14.9, "MISSED"), (f64::NAN, "MISSED")] {
            assert_eq!(verdict(measured, Bound::Least(15.0), 30.0), wanted, "{measured}");
        }
        let told = Figure { id: "x", what: String::new(), measured: 1.0, unit: "ms", limit: Bound::Open, goal: None };
        assert_eq!(told.verdict(), "told");
    }

    #[test]
    fn counts_are_exact() {
        for count in [0, 1, u64::from(u32::MAX), 1 << 32, (1 << 53) - 1] {
            assert_eq!(format!("{:.0}", number(count)), count.to_string());
        }
    }
}
