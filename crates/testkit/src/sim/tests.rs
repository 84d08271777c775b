use super::run;

/// Seeds of a run of the test suite.
const SEEDS: std::ops::Range<u64> = 0..50;

/// Lines of a failing trace that are shown.
const TAIL: usize = 60;

#[test]
fn every_rule_holds_in_every_run() {
    for seed in SEEDS {
        let report = run(seed, None);
        let tail = report.trace.len().saturating_sub(TAIL);
        assert!(report.broken.is_empty(), "seed {seed}: {:#?}\n{}", report.broken, report.trace[tail..].join("\n"));
    }
}

#[test]
fn one_seed_one_trace() {
    for seed in [1, 7, 23, 42] {
        assert_eq!(run(seed, None), run(seed, None), "seed {seed}");
    }
    assert_ne!(run(1, None).trace_digest, run(2, None).trace_digest);
}
