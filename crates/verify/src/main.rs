//! `scalbotics-verify BUNDLE --trust trust.json`: verifies the evidence of one task, offline.
//!
//! Exit codes: 0 verified, 1 refused, 2 usage, or a file that cannot be read.
#![forbid(unsafe_code)]

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use scalbotics_verify::{BUNDLE_LEN_MAX, Options, TRUST_LEN_MAX, verify};

/// What `--help` prints.
const HELP: &str = "\
scalbotics-verify BUNDLE --trust TRUST_FILE [--json] [--open]

Verifies the evidence of one task, without a daemon and without a network: prints each step, and what was not checked.

  BUNDLE          the file of `scalbotics audit export`
  --trust FILE    the trust file, kept off the daemon's host; without it the evidence is refused
  --json          one JSON object instead of lines
  --open          accept the evidence of a task that had not ended
  -h, --help      this text
  -V, --version   the version

Exit codes: 0 verified, 1 refused, 2 wrong usage or a file that cannot be read.
";

/// What the command line asks for.
#[derive(Debug, Default)]
struct Asked {
    bundle: Option<String>,
    trust: Option<String>,
    json: bool,
    options: Options,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
    let code = match arguments.iter().find_map(|argument| shown(argument)) {
        Some(text) => print(&text),
        None => parse(&arguments).and_then(|asked| run(&asked)),
    };
    match code {
        Ok(code) => code,
        Err(why) => {
            // Nobody is left to be told when this fails.
            let _unheard = writeln!(std::io::stderr(), "error: {why}");
            ExitCode::from(2)
        }
    }
}

/// What a flag prints that asks for nothing else.
fn shown(argument: &str) -> Option<String> {
    match argument {
        "-h" | "--help" => Some(HELP.to_owned()),
        "-V" | "--version" => Some(format!("scalbotics-verify {}\n", env!("CARGO_PKG_VERSION"))),
        _ => None,
    }
}

fn print(text: &str) -> Result<ExitCode, String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot print: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: &[String]) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let place = match argument.as_str() {
            "--json" => {
                asked.json = true;
                continue;
            }
            "--open" => {
                asked.options.open = true;
                continue;
            }
            "--trust" => {
                let file = rest.next().ok_or("--trust needs a file; try --help")?;
                (&mut asked.trust, file.as_str())
            }
            flag if flag.starts_with('-') => match flag.strip_prefix("--trust=") {
                Some(file) => (&mut asked.trust, file),
                None => return Err(format!("`{}` is not a flag; try --help", flag.escape_debug())),
            },
            file => (&mut asked.bundle, file),
        };
        if place.0.replace(place.1.to_owned()).is_some() {
            return Err("there is one bundle and one trust file; try --help".to_owned());
        }
    }
    if asked.bundle.is_some() { Ok(asked) } else { Err("there is no bundle; try --help".to_owned()) }
}

/// Reads a file, one byte beyond its limit at most.
fn read(path: &str, len_max: usize) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| format!("cannot read `{}`: {error}", path.escape_debug());
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(len_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn run(asked: &Asked) -> Result<ExitCode, String> {
    let bundle = read(asked.bundle.as_deref().unwrap_or_default(), BUNDLE_LEN_MAX)?;
    let trust = asked.trust.as_deref().map(|path| read(path, TRUST_LEN_MAX)).transpose()?;
    let report = verify(&bundle, trust.as_deref(), asked.options);
    let text = if asked.json { format!("{}\n", report.to_json()) } else { report.to_text() };
    let printed = print(&text)?;
    Ok(if report.refusal().is_some() { ExitCode::FAILURE } else { printed })
}
