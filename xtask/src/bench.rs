//! `cargo xtask bench`: the figures of SPECIFICATION.md, measured on this machine with optimised programs.
//!
//! It measures the whole programs from outside; `benches/` is the client that speaks gRPC. Method and results: docs/benchmarks.md.

mod cores;
mod figure;
mod keyed;
mod machine;
mod place;
mod probe;
mod reading;
mod reads;
mod report;
mod restart;
mod sandbox;
mod serving;
mod small;
mod start;
mod syncs;
mod task;
mod turn;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use crate::cargo;
use figure::Figure;
use place::Place;
use report::{Format, Report};

/// How the benchmark runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A tenth of the samples: to see that it works, not to judge by
    #[arg(long)]
    quick: bool,
    /// How the result is printed
    #[arg(long, short, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// How many samples each measurement takes.
#[derive(Debug, Clone, Copy)]
struct Counts {
    starts: usize,
    tasks: usize,
    processes: usize,
    slices: usize,
    keyed: usize,
    open_tasks: usize,
    restarts: usize,
}

impl Counts {
    const fn of(options: &Options) -> Self {
        if options.quick {
            Self { starts: 5, tasks: 40, processes: 20, slices: 2, keyed: 20, open_tasks: 1_000, restarts: 2 }
        } else {
            Self { starts: 30, tasks: 400, processes: 200, slices: 12, keyed: 200, open_tasks: 10_000, restarts: 5 }
        }
    }
}

/// Builds, measures, judges. Fails when a limit is missed.
///
/// # Errors
/// When something cannot be measured at all; nothing is judged then.
pub(crate) fn command(root: &Path, options: &Options) -> Result<ExitCode> {
    let report = Report::new(options.output);
    report.say(
        "This measures scalboticsd and scalbotics on this machine, as released. It builds them, makes an installation in cargo's",
    );
    report.say("target folder, listens on 127.0.0.1 only, and removes the installation at the end.");
    let programs = build(root, &report)?;
    let place = Place::prepare(root, programs)?;
    let load_before = machine::load();
    let measured = measure(root, &place, Counts::of(options), &report);
    let (figures, notes) = measured.with_context(|| format!("the daemon's log is {}", place.log().display()))?;
    place.clear()?;
    let reached = figures.iter().all(Figure::is_reached);
    let machine = machine::describe(&place, [load_before, machine::load()]);
    report.print(&figures, &[notes, machine, caveats(options)].concat())?;
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One measurement after the other; nothing runs beside one.
fn measure(root: &Path, place: &Place, counts: Counts, report: &Report) -> Result<(Vec<Figure>, Vec<String>)> {
    let (mut figures, mut notes) = (Vec::new(), Vec::new());
    report.say("==> size, and time of --help");
    figures.push(small::size(place)?);
    figures.push(small::help(place, counts.starts)?);
    report.say("==> start to first answer, and `scalbotics dev`");
    let (figure, note) = start::first_answer(place, counts.starts)?;
    figures.push(figure);
    notes.push(note);
    figures.push(start::dev(place, counts.starts / 2)?);
    report.say("==> memory");
    let (figure, note) = small::memory(place)?;
    figures.push(figure);
    notes.push(note);
    report.say("==> tasks of three steps, in turn with bare SQLite");
    let (figure, task_notes) = task::durable(place, counts.tasks)?;
    figures.push(figure);
    notes.extend(task_notes);
    report.say("==> agent turns, and those of LangGraph and Agno");
    let (turns, turn_notes) = turn::agent(root, place, counts.tasks)?;
    figures.extend(turns);
    notes.extend(turn_notes);
    report.say("==> fsyncs");
    let (figure, note) = task::fsyncs(place, counts.tasks)?;
    figures.push(figure);
    notes.push(note);
    report.say("==> sandboxed processes");
    let (figure, note) = sandbox::process(place, counts.processes)?;
    figures.push(figure);
    notes.push(note);
    report.say("==> reads, in turn with a bare echo");
    let (figure, read_notes) = reads::chain(place, counts.slices)?;
    figures.push(figure);
    notes.extend(read_notes);
    report.say("==> tasks that ask a target outside");
    let (figure, note) = keyed::fetches(place, counts.keyed)?;
    figures.push(figure);
    notes.push(note);
    // The last, for it leaves its tasks behind.
    report.say("==> restarts with open tasks");
    let (figure, note) = restart::with_open_tasks(place, counts.open_tasks, counts.restarts)?;
    figures.push(figure);
    notes.push(note);
    Ok((figures, notes))
}

/// Builds the programs as they are released, and the client.
fn build(root: &Path, report: &Report) -> Result<PathBuf> {
    report.say("==> build: scalboticsd, scalbotics, and the client that measures them (release; many minutes the first time)");
    let mut command = cargo::command(root);
    command.args(["build", "--release", "--locked", "--quiet"]);
    for package in ["scalbotics-daemon", "scalbotics-cli", "scalbotics-bench", "scalbotics-testkit"] {
        command.args(["-p", package]);
    }
    if !command.status().context("cannot start cargo")?.success() {
        bail!("the programs do not build");
    }
    Ok(cargo::target_directory(root)?.join("release"))
}

fn caveats(options: &Options) -> Vec<String> {
    if options.quick { vec!["quick: few samples, not to judge by".to_owned()] } else { Vec::new() }
}
