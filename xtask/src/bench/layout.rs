//! `cargo xtask layout`: which functions a daemon runs when it starts, rests and works, in the order of their first use.
//!
//! The linker lays those side by side (docs/decisions/0025-what-runs-lies-together.md). Names are kept without what differs between
//! two builds, so the list serves builds of other features, and of later sources as far as their names stay.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::place::{DRIVEN, Place, THREE_KEYED};
use super::serving::{Daemon, Under};
use super::turn::{GOAL, Model};
use super::{build, probe};
use crate::{cargo, say};

/// The emulator that tells what is executed: Debian's `qemu-user`.
const EMULATOR: &str = "qemu-x86_64";

/// Where the linker's script is, from the root of the repository.
const SCRIPT: &str = "crates/daemon/link/used.ld";

/// How long a daemon rests under the emulator, which is many times slower than the processor: the loops that look every few seconds have looked.
const REST: Duration = Duration::from_secs(20);

/// What the processor runs and the emulator does not, for it has other features and no clock of the kernel's: patterns, placed first.
const UNSEEN: [&str; 4] =
    ["_R*9crc32fast11specialized*", "_R*4sha26sha2567x86_sha*", "_R*6sha1dc5block7backend3x86*", "_R*6rustix7backend4vdso*"];

/// Work of each kind that the traced daemon does; all of it comes before a second task.
const TASKS: usize = 5;

/// Longest part of a name that is kept, in bytes: behind it names differ in details of types.
const NAME_LEN_MAX: usize = 200;

/// The section of functions that their compiler holds for unlikely to run, and what it is called in the script's own.
const UNLIKELY: &str = ".text.unlikely";

/// Functions by address.
type Functions = BTreeMap<u64, Function>;

/// A function, or several of the same code.
#[derive(Debug, Default)]
struct Function {
    /// Where it ends.
    end: u64,
    /// All names that it has, as patterns.
    names: BTreeSet<String>,
    is_unlikely: bool,
}

/// Patterns of functions that are executed, in the order of their first use.
#[derive(Debug, Default, PartialEq, Eq)]
struct Used {
    likely: Vec<String>,
    unlikely: Vec<String>,
}

/// Builds the released daemon with its symbols, lets it work, and writes the script anew.
///
/// # Errors
/// When the emulator is not there, or the daemon cannot be built or does not do its work.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    if Command::new(EMULATOR).arg("--version").output().is_err() {
        bail!("`{EMULATOR}` is not on the path: on Debian, `apt-get install qemu-user`");
    }
    say::line("==> build: the released programs, with their symbols (many minutes)");
    let programs = build(root, &["--config", "profile.release.package.scalbotics-daemon.strip=\"none\""])?;
    say::line("==> a daemon as it was made that rests, instruction by instruction");
    let resting = rest(&Place::as_initialized(root, programs.clone())?)?;
    say::line("==> a daemon that works");
    let place = Place::prepare(root, programs)?;
    let working = work(&place)?;
    let program = place.program("scalboticsd");
    let used = used(BufReader::new(resting.chain(working)), &functions(&program)?, code(&program)?)?;
    let text = script(&used);
    std::fs::write(root.join(SCRIPT), &text).with_context(|| format!("cannot write `{SCRIPT}`"))?;
    place.clear()?;
    say::line(&format!(
        "    {SCRIPT}: {} functions; build again, and measure with `cargo xtask bench --only memory`",
        used.likely.len() + used.unlikely.len()
    ));
    Ok(ExitCode::SUCCESS)
}

/// The trace of a daemon that starts, not for the first time, and has nothing to do.
fn rest(place: &Place) -> Result<File> {
    let trace = place.path("trace");
    Daemon::start(place, Under::Nothing)?.stop()?;
    let daemon = Daemon::start(place, Under::Emulator(EMULATOR, &trace))?;
    std::thread::sleep(REST);
    daemon.stop()?;
    File::open(&trace).context("the emulator wrote no trace")
}

/// The trace of a daemon that starts and works.
fn work(place: &Place) -> Result<File> {
    let trace = place.path("trace");
    let model = Model::start(place)?;
    let daemon = Daemon::start(place, Under::Emulator(EMULATOR, &trace))?;
    // No task whose tool is a read decides how they end: Debian's emulator has no openat2. A model is told that its read failed.
    probe::keyed(place, THREE_KEYED, (0, TASKS))?;
    probe::goals(place, DRIVEN, GOAL, (0, TASKS))?;
    daemon.stop()?;
    drop(model);
    File::open(&trace).context("the emulator wrote no trace")
}

/// The functions of a program.
fn functions(program: &Path) -> Result<Functions> {
    let listed = cargo::output(Command::new("nm").args(["--format=sysv", "--defined-only"]).arg(program))?;
    let mut functions = Functions::new();
    for line in listed.lines() {
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, start, _, "FUNC" | "NOTYPE", len, _, section] = fields.as_slice() else { continue };
        let (Ok(start), true) = (u64::from_str_radix(start, 16), section.starts_with(".text")) else { continue };
        let function = functions.entry(start).or_default();
        function.end = function.end.max(start + u64::from_str_radix(len, 16).unwrap_or(0));
        function.names.insert(pattern(name));
        function.is_unlikely = section.starts_with(UNLIKELY);
    }
    if functions.is_empty() { bail!("`{}` has no symbols", program.display()) } else { Ok(functions) }
}

/// Where the program's code begins, by its own head.
fn code(program: &Path) -> Result<u64> {
    let head = cargo::output(Command::new("readelf").args(["--program-headers", "--wide"]).arg(program))?;
    let segments = head.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
    let mut code = segments.filter_map(|fields| match fields.as_slice() {
        ["LOAD", _, address, _, _, _, "R", "E", _] => Some(hexadecimal(address)),
        _ => None,
    });
    code.next().context("the program has no code")?
}

fn hexadecimal(text: &str) -> Result<u64> {
    let digits = text.trim().strip_prefix("0x").with_context(|| format!("`{text}` is no address"))?;
    u64::from_str_radix(digits, 16).with_context(|| format!("`{text}` is no address"))
}

/// The functions that were executed.
fn used(trace: impl BufRead, functions: &Functions, code: u64) -> Result<Used> {
    let (mut base, mut seen, mut patterns, mut used) = (None, BTreeSet::new(), BTreeSet::new(), Used::default());
    for line in trace.lines() {
        let line = line.context("the emulator's trace cannot be read")?;
        if let Some(loaded) = line.strip_prefix("start_code") {
            base = hexadecimal(loaded)?.checked_sub(code);
            continue;
        }
        let Some((address, _)) = line.split_once(':').filter(|(address, _)| address.starts_with("0x")) else { continue };
        let base = base.context("the emulator's trace does not say where the program was loaded")?;
        let Some(address) = hexadecimal(address)?.checked_sub(base) else { continue };
        let Some((start, function)) = functions.range(..=address).next_back() else { continue };
        if address < function.end && seen.insert(*start) {
            let list = if function.is_unlikely { &mut used.unlikely } else { &mut used.likely };
            list.extend(function.names.iter().filter(|name| patterns.insert((*name).clone())).cloned());
        }
    }
    if used.likely.is_empty() { bail!("nothing of the program is in the emulator's trace") } else { Ok(used) }
}

/// A symbol's name as the linker finds it in other builds too: without digests of crates, places in the name itself, the crate for which a
/// generic function was made and the number of a namesake, and no longer than [`NAME_LEN_MAX`].
fn pattern(name: &str) -> String {
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let name = name.split_once('.').map_or(name, |(name, _)| name);
    let (mut short, mut rest) = (String::new(), name);
    while let Some((before, after)) = rest.split_once(['C', 'B']) {
        let tag = rest.get(before.len()..=before.len()).unwrap_or_default();
        let len = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let is_digest = after.get(len..).is_some_and(|behind| behind.starts_with('_')) && (tag == "B" || after.starts_with('s'));
        short.push_str(before);
        short.push_str(tag);
        short.push_str(if is_digest { "*" } else { "" });
        rest = if is_digest { after.get(len..).unwrap_or_default() } else { after };
    }
    short.push_str(rest);
    if let Some((path, made_for)) = short.rsplit_once("C*_") {
        let digits = made_for.len() - made_for.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let is_a_crate = made_for.get(..digits).and_then(|len| len.parse().ok()) == Some(made_for.len() - digits);
        short.truncate(if is_a_crate { path.len() } else { short.len() });
    }
    short.truncate(short.floor_char_boundary(NAME_LEN_MAX));
    short + "*"
}

/// The script: what is used before everything else.
fn script(used: &Used) -> String {
    let mut text = "/* Written by `cargo xtask layout`: docs/decisions/0025-what-runs-lies-together.md */\n".to_owned();
    let likely: Vec<String> = UNSEEN.iter().map(|name| (*name).to_owned()).chain(used.likely.iter().cloned()).collect();
    for (section, names) in [(".text", &likely), (UNLIKELY, &used.unlikely)] {
        let lines = names.iter().map(|name| format!("    *({section}.{name})\n")).collect::<String>();
        text += &format!("SECTIONS\n{{\n  {section}.used :\n  {{\n{lines}  }}\n}}\nINSERT BEFORE .text;\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Function, Functions, NAME_LEN_MAX, UNSEEN, Used, pattern, script, used};

    fn function(end: u64, names: &[&str], is_unlikely: bool) -> Function {
        Function { end, names: names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), is_unlikely }
    }

    #[test]
    fn a_pattern_has_no_digest_of_a_build_and_no_place_in_its_own_name() {
        assert_eq!(pattern("_RNvNtCslNYArtu3iFV_5alloc3fmt6format"), "_RNvNtC*_5alloc3fmt6format*");
        assert_eq!(pattern("_RNvXs2_NtB7_6borrow7ToOwned8to_owned.9310"), "_RNvXs2_NtB*_6borrow7ToOwned8to_owned*");
        assert_eq!(pattern("_RINvNtCsa_4core3ptr4drophECsb_10hyper_util"), "_RINvNtC*_4core3ptr4drophE*");
        assert_eq!(pattern("sqlite3Step"), "sqlite3Step");
        assert_eq!(pattern(&format!("_R{}", "v".repeat(300))).len(), NAME_LEN_MAX + 1);
    }

    #[test]
    fn functions_come_in_the_order_of_their_first_use_with_all_their_names() {
        let functions = Functions::from([
            (0x100, function(0x120, &["first"], false)),
            (0x120, function(0x140, &["never"], false)),
            (0x140, function(0x180, &["second", "alias"], false)),
            (0x180, function(0x190, &["rare"], true)),
        ]);
        let trace = "start_code  0x0000004000000100\nIN: \n0x4000000150:  48 89 e7  movq\n0x4000000188:  90  nop\n\
                     0x4000000104:  90  nop\n0x7000000000:  90  nop\n";
        let found = used(trace.as_bytes(), &functions, 0x100).unwrap();
        assert_eq!(found.likely, ["alias", "second", "first"]);
        assert_eq!(found.unlikely, ["rare"]);
        let unplaced = "0x4000000150:  48 89 e7  movq\n";
        assert!(used(unplaced.as_bytes(), &functions, 0x100).is_err(), "where the program lies is not told");
    }

    #[test]
    fn a_script_puts_what_is_used_before_the_rest() {
        let used = Used { likely: vec!["a".to_owned()], unlikely: vec!["b".to_owned()] };
        let script = script(&used);
        assert!(script.contains("    *(.text.a)\n  }\n}\nINSERT BEFORE .text;\n"), "{script}");
        assert!(UNSEEN.iter().all(|name| script.contains(&format!("*(.text.{name})"))), "{script}");
        assert!(script.contains("  .text.unlikely.used :\n  {\n    *(.text.unlikely.b)\n  }\n"), "{script}");
    }
}
