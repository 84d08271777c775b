//! Amounts of money.

/// Micro units as units of the currency: `0.000020`.
pub(crate) fn money(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts() {
        for (micros, text) in [(0, "0.000000"), (20, "0.000020"), (400_000, "0.400000"), (12_000_001, "12.000001")] {
            assert_eq!(money(micros), text);
        }
    }
}
