//! The verb.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, value_parser};
use scalbotics_core::tenant::Name;
use scalbotics_identity::holder::worker_warrant::Verifier;
use scalbotics_proto::v1;

use super::desk::Desk;
use super::link::Worker;
use super::warrants::Judge;
use crate::commands::agent::enroll::{Directory, renew};
use crate::context::variable;
use crate::failure::Failure;
use crate::output::Printer;

/// Programs that one worker may run at one time at most.
const PLACES_MAX: i64 = 64;

/// Arguments of `agent run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The agent whose worker this is.
    agent: Name,
    /// The directory in which it joined, by `agent enroll`.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// A program that calls may run, by its absolute path; repeat it for more. Nothing else is ever started.
    #[arg(long = "allow", value_name = "PROGRAM", required = true)]
    allowed: Vec<String>,
    /// A variable that a tool's file may set for its program, such as that of the idempotency key; repeat it for more.
    #[arg(long = "allow-env", value_name = "NAME")]
    allowed_env: Vec<String>,
    /// Programs that run at one time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=PLACES_MAX))]
    jobs: u32,
    /// A variable of this environment that programs get, beside HOME, LANG and PATH; repeat it for more.
    #[arg(long = "pass-env", value_name = "NAME")]
    passed: Vec<String>,
}

/// Attends until it is told to end, renewing its certificate meanwhile.
pub(crate) async fn run(args: &RunArgs, printer: &Printer) -> Result<(), Failure> {
    if let Some(relative) = args.allowed.iter().find(|program| !program.starts_with('/')) {
        return Err(Failure::usage(format!("`{relative}` is no absolute path"))
            .why("a warrant names a program by its absolute path, as the tool's file does")
            .next("scalbotics agent run --help"));
    }
    if !args.dir.is_dir() {
        return Err(Failure::usage(format!("nobody joined in {}", args.dir.display()))
            .why("there is no such directory")
            .next("scalbotics agent enroll --help"));
    }
    for absent in args.allowed.iter().filter(|program| Path::new(program).try_exists().is_ok_and(|there| !there)) {
        printer.note(&format!("`{absent}` is allowed, and not there yet"));
    }
    let directory = Directory::open(&args.dir)?;
    let facts = directory.facts_of(&args.agent)?;
    let (_, svid) = directory.svid()?;
    let verifier = Verifier::new(&directory.roots()?, &facts.trust_domain);
    let verifier = verifier.map_err(|error| Failure::internal("the trust bundle cannot be used", &error))?;
    let set = |names: &[String]| names.iter().cloned().collect();
    let judge = Judge { verifier, me: svid.id, allowed: set(&args.allowed), allowed_env: set(&args.allowed_env) };
    let places = usize::try_from(args.jobs).unwrap_or(1);
    let desk = Desk::new(places, environment(&args.passed)?);
    let worker = Worker { directory: &directory, facts: &facts, printer, judge, desk, instance: drawn()?, places: args.jobs };
    let tell = |certificate: &v1::Certificate| {
        printer.note(&format!("certificate {} came", certificate.serial));
        Ok(())
    };
    let (mut running, mut renewing) = (std::pin::pin!(worker.run()), std::pin::pin!(renew::watch(&directory, tell, printer)));
    let mut renews = true;
    loop {
        tokio::select! {
            ended = &mut running => return ended,
            // Whoever may renew no more is cut too, and what runs then has its time to end.
            failed = &mut renewing, if renews => {
                renews = false;
                if let Err(failure) = failed {
                    printer.note(&format!("renews no more: {}: {}", failure.what, failure.why));
                }
            }
        }
    }
}

/// What every program gets.
fn environment(passed: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let mut env = BTreeMap::from([
        ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG".to_owned(), "C.UTF-8".to_owned()),
    ]);
    let home = variable("HOME").and_then(|home| home.into_string().ok());
    env.extend(home.map(|home| ("HOME".to_owned(), home)));
    for name in passed {
        let value = variable(name).and_then(|value| value.into_string().ok()).ok_or_else(|| {
            Failure::usage(format!("variable `{name}` is not set"))
                .why("a program would run without what its owner wants it to have")
                .next("set it, or leave `--pass-env` out")
        })?;
        env.insert(name.clone(), value);
    }
    Ok(env)
}

/// A number that no other process draws.
fn drawn() -> Result<[u8; 16], Failure> {
    let mut drawn = [0; 16];
    let all = rustix::rand::getrandom(&mut drawn, rustix::rand::GetRandomFlags::empty());
    let all = all.map_err(|error| Failure::internal("no random numbers", &error))?;
    if all == drawn.len() { Ok(drawn) } else { Err(Failure::internal("no random numbers", &std::io::Error::other("too few"))) }
}
