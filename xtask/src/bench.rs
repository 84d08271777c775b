//! `cargo xtask bench`: the figures of SPECIFICATION.md, measured on this machine with optimised programs.
//!
//! It measures the whole programs from outside; `benches/` is the client that speaks gRPC. Method and results: docs/benchmarks.md.

mod aside;
mod audit;
mod cores;
mod figure;
mod fleet;
mod keyed;
mod known;
pub(crate) mod layout;
mod machine;
mod place;
mod probe;
mod reading;
mod reads;
mod redaction;
mod report;
mod restart;
mod rotation;
mod sandbox;
mod serving;
mod share;
mod small;
mod start;
mod svids;
mod syncs;
mod task;
mod turn;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

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
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
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
    events: u64,
    agents: usize,
}

impl Counts {
    const fn of(options: &Options) -> Self {
        if options.quick {
            Self {
                starts: 5,
                tasks: 40,
                processes: 20,
                slices: 2,
                keyed: 20,
                open_tasks: 1_000,
                restarts: 2,
                events: 100_000,
                agents: 1_000,
            }
        } else {
            Self {
                starts: 30,
                tasks: 400,
                processes: 200,
                slices: 12,
                keyed: 200,
                open_tasks: 10_000,
                restarts: 5,
                events: 1_000_000,
                agents: 10_000,
            }
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
    report.say("==> build: scalboticsd, scalbotics, and the client that measures them (release; many minutes the first time)");
    let programs = build(root, &[])?;
    let place = Place::prepare(root, programs)?;
    let load_before = machine::load();
    let measured = measure(root, &place, options, &report);
    let (figures, notes) = measured.with_context(|| format!("the daemon's log is {}", place.log().display()))?;
    place.clear()?;
    let reached = figures.iter().all(Figure::is_reached);
    let machine = machine::describe(&place, [load_before, machine::load()]);
    report.print(&figures, &[notes, machine, caveats(options)].concat())?;
    Ok(if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Size of the daemon, and time of `--help`
    Size,
    /// Start to first answer, and `scalbotics dev`
    Start,
    /// Resident memory
    Memory,
    /// Tasks of three steps, in turn with bare SQLite
    Tasks,
    /// Agent turns, and those of LangGraph and Agno
    Turns,
    /// Syncs of a task
    Fsyncs,
    /// Sandboxed processes
    Sandbox,
    /// Reads, in turn with a bare echo
    Reads,
    /// Tasks that ask a target outside
    Keyed,
    /// Redaction of clean text
    Redaction,
    /// Certificates of agents: issuing, joining, suspending
    Svids,
    /// Keys and issuing CA rotated under calls: minutes, for old ones go on for one
    Rotation,
    /// What it takes to know who calls, in a daemon that is built for it
    Known,
    // The last, for they leave their tasks and records behind.
    /// Restarts with open tasks
    Restart,
    /// Appends to a long audit log, queries and checks of it, and its share of a task
    Audit,
    /// Ten thousand agents
    Fleet,
}

impl Part {
    fn measure(self, root: &Path, place: &Place, counts: Counts) -> Result<(Vec<Figure>, Vec<String>)> {
        let one = |(figure, note)| (vec![figure], vec![note]);
        match self {
            Self::Size => Ok((vec![small::size(place)?, small::help(place, counts.starts)?], Vec::new())),
            Self::Start => {
                let (first, note) = start::first_answer(place, counts.starts)?;
                Ok((vec![first, start::dev(place, counts.starts / 2)?], vec![note]))
            }
            Self::Memory => small::memory(place).map(one),
            Self::Tasks => task::durable(place, counts.tasks).map(|(figure, notes)| (vec![figure], notes)),
            Self::Turns => turn::agent(root, place, counts.tasks),
            Self::Fsyncs => task::fsyncs(place, counts.tasks).map(one),
            Self::Sandbox => sandbox::process(place, counts.processes).map(one),
            Self::Reads => reads::chain(place, counts.slices).map(|(figure, notes)| (vec![figure], notes)),
            Self::Keyed => keyed::fetches(place, counts.keyed).map(one),
            Self::Redaction => redaction::clean(root, place, counts.starts / 3).map(|(figure, note)| (vec![figure], vec![note])),
            Self::Svids => {
                let (issued, note) = svids::issue(place, counts.events / 20)?;
                let (mut figures, mut notes) = svids::joins(place, counts.tasks)?;
                figures.push(issued);
                notes.push(note);
                Ok((figures, notes))
            }
            Self::Known => known::authentications(root, place).map(|figures| (figures, Vec::new())),
            Self::Rotation => rotation::under_calls(place),
            Self::Fleet => fleet::of_agents(place, counts.agents),
            Self::Audit => {
                let (mut figures, mut notes) = audit::long_log(place, counts.events)?;
                // Last: its tasks would be folded with the others.
                let (share, note) = share::of_tasks(root, place, counts.tasks)?;
                figures.push(share);
                notes.push(note);
                Ok((figures, notes))
            }
            Self::Restart => restart::with_open_tasks(place, counts.open_tasks, counts.restarts).map(one),
        }
    }
}

/// One measurement after the other; nothing runs beside one.
fn measure(root: &Path, place: &Place, options: &Options, report: &Report) -> Result<(Vec<Figure>, Vec<String>)> {
    let (mut figures, mut notes) = (Vec::new(), Vec::new());
    for part in Part::value_variants() {
        if options.only.is_empty() || options.only.contains(part) {
            let help = part.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
            report.say(&format!("==> {}", help.unwrap_or_default()));
            let (measured, told) = part.measure(root, place, Counts::of(options))?;
            figures.extend(measured);
            notes.extend(told);
        }
    }
    Ok((figures, notes))
}

/// Builds the programs as they are released, and the client.
fn build(root: &Path, options: &[&str]) -> Result<PathBuf> {
    let mut command = cargo::command(root);
    command.args(["build", "--release", "--locked", "--quiet"]).args(options);
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
