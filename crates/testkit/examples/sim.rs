//! Runs simulations: `sim [--seed N] [--seeds COUNT] [--trace] [--twice]`. Started by `cargo xtask sim`.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use scalbotics_testkit::sim::{Report, run, shrink};

/// Lines of a failing trace that are shown.
const TAIL: usize = 80;

fn main() -> std::io::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |flag: &str| {
        let mut rest = arguments.iter().skip_while(|argument| *argument != flag);
        rest.nth(1).and_then(|value| value.parse::<u64>().ok())
    };
    let (seed, count) = (number("--seed"), number("--seeds"));
    let first = seed.unwrap_or(0);
    let count = count.unwrap_or(if seed.is_some() { 1 } else { 50 });
    let whole = arguments.iter().any(|argument| argument == "--trace");
    let twice = arguments.iter().any(|argument| argument == "--twice");
    let mut out = std::io::stdout().lock();
    let mut failed: u64 = 0;
    for seed in first..first.saturating_add(count) {
        let mut report = run(seed, None);
        if twice {
            compare(&mut report);
        }
        if whole {
            writeln!(out, "{}", report.trace.join("\n"))?;
        }
        if count == 1 {
            writeln!(out, "seed {seed}: {} lines, trace {}", report.trace.len(), report.trace_digest)?;
        }
        if !report.broken.is_empty() {
            failed += 1;
            show(&mut out, &report, failed == 1)?;
        }
    }
    writeln!(out, "{count} runs from seed {first}, {failed} failed")?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The same seed again has to give the same trace.
fn compare(report: &mut Report) {
    let again = run(report.seed, None);
    if again.trace_digest != report.trace_digest {
        let differs = report.trace.iter().zip(&again.trace).find(|(one, other)| one != other);
        report.broken.push(format!("the same seed gave another trace: {differs:?}"));
    }
}

fn show(out: &mut impl std::io::Write, report: &Report, shrinks: bool) -> std::io::Result<()> {
    writeln!(out, "seed {} FAILED, trace {}", report.seed, report.trace_digest)?;
    for broken in &report.broken {
        writeln!(out, "  broken: {broken}")?;
    }
    if !shrinks {
        return Ok(());
    }
    let (ticks, smallest) = match shrink(report.seed) {
        Some((ticks, smallest)) => (ticks, smallest),
        None => return Ok(()),
    };
    writeln!(out, "  it fails already when {ticks} things happen; the end of that trace:")?;
    let tail = smallest.trace.len().saturating_sub(TAIL);
    for line in smallest.trace.iter().skip(tail) {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}
