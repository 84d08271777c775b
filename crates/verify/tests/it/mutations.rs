//! Ten thousand changes of the bundle, each of which is refused with a reason.

use std::collections::BTreeMap;

use scalbotics_verify::{Options, verify};
use serde_json::Value;

use crate::structure;
use crate::{BUNDLE, OLD_BUNDLE, OLD_TRUST, TRUST};

/// Changes in all.
const CHANGES: u64 = 10_000;

/// Seeded numbers (splitmix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit.max(1) as u64) as usize
    }
}

/// A change of bytes: the text is mostly no canonical text any more.
fn bytes(dice: &mut Dice) -> Vec<u8> {
    let (mut bytes, len) = (BUNDLE.to_vec(), BUNDLE.len());
    let at = dice.below(len);
    match dice.below(9) {
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = dice.below(256) as u8,
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, b" \n\t\r0\"x,"[dice.below(8)]),
        4 => bytes.truncate(at),
        5 => bytes.extend_from_slice(&BUNDLE[at..]),
        6 => bytes.swap(at, dice.below(len)),
        7 => drop(bytes.drain(at..(at + 1 + dice.below(200)).min(len))),
        _ => {
            let letters: Vec<usize> = (at..len).filter(|at| bytes[*at].is_ascii_alphabetic()).take(1).collect();
            letters.into_iter().for_each(|letter| bytes[letter] ^= 0x20);
        }
    }
    bytes
}

#[test]
fn ten_thousand_changes_are_refused() {
    let value: Value = serde_json::from_slice(BUNDLE).unwrap();
    assert_eq!(structure::text(&value).as_bytes(), BUNDLE, "the text is canonical, and so are the changed ones");
    let places = structure::places(&value);
    let mut reasons: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut done = 0_u64;
    for seed in 0.. {
        let mut dice = Dice(seed);
        let changed = if seed % 2 == 0 {
            bytes(&mut dice)
        } else {
            let (mut value, place) = (value.clone(), &places[dice.below(places.len())]);
            structure::change(&mut value, place, &mut dice);
            structure::text(&value).into_bytes()
        };
        if changed == BUNDLE {
            continue;
        }
        let report = verify(&changed, Some(TRUST), Options::default());
        let refusal = report.refusal().unwrap_or_else(|| panic!("seed {seed} is accepted: {}", report.to_text()));
        assert!(!refusal.reason.is_empty() && !refusal.what.is_empty(), "seed {seed}");
        *reasons.entry(refusal.reason).or_default() += 1;
        done += 1;
        if done == CHANGES {
            break;
        }
    }
    assert!(reasons.len() >= 8, "{reasons:?}");
}

#[test]
fn every_place_is_bound() {
    for (bundle, trust, rounds) in [(BUNDLE, TRUST, 4), (OLD_BUNDLE, OLD_TRUST, 1)] {
        let value: Value = serde_json::from_slice(bundle).unwrap();
        for (number, place) in (0_u64..).zip(structure::places(&value)) {
            for round in 0..rounds {
                let mut changed = value.clone();
                structure::change(&mut changed, &place, &mut Dice(number * 4 + round));
                if changed == value {
                    continue;
                }
                let report = verify(structure::text(&changed).as_bytes(), Some(trust), Options::default());
                assert!(report.refusal().is_some(), "{place}, round {round}");
            }
        }
    }
}
