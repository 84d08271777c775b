//! Verbs: each does its work, prints what it came to, and says how the process ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use scalbotics_core::tenant::TenantId;

use super::arguments::{Arguments, AuditVerb, ConfigVerb, Format, SourceFlags, Verb};
use super::report::{fail, fail_as, fail_setup, print, speak};
use super::serve::serve;
use crate::clock::{Guarded, System};
use crate::config::{self, Config};
use crate::rpc::codes;
use crate::{Start, StartError, disaster, doctor, export, mapped, offline, setup, witness};

/// Runs the program.
pub async fn run(arguments: Arguments) -> ExitCode {
    let Arguments { sources, check_config, print_default_config, output, verb } = arguments;
    speak(output);
    if print_default_config {
        return print(&config::defaults_text());
    }
    match verb {
        None if check_config => check(sources).await,
        None => serve(sources, Start::default()).await,
        Some(Verb::Initialize(flags)) => match setup::run_initialize(&flags, output).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail_setup(&error),
        },
        Some(Verb::Dev(flags)) => dev(&flags).await,
        Some(Verb::Enroll(flags)) => enroll(sources, &flags),
        Some(Verb::Ca(verb)) => root_ca(sources, &verb),
        Some(Verb::Issuer(verb)) => issuer(sources, &verb, output).await,
        Some(Verb::Doctor(flags)) => doctor::doctor(sources.parts(), &flags, output).await,
        Some(Verb::Audit(verb)) => audit(sources, *verb).await,
        Some(Verb::Admin(verb)) => admin(sources, *verb, output).await,
        Some(Verb::Config(ConfigVerb::Schema { kind })) => print(&kind.schema_text()),
        Some(Verb::Config(ConfigVerb::Validate)) => check(sources).await,
        Some(Verb::Config(ConfigVerb::Show { .. })) => match load(sources) {
            Ok(config) => match output {
                Format::Table => print(&config::origins_text(&config)),
                Format::Json => print(&format!("{}\n", config::origins_json(&config))),
            },
            Err(error) => fail(&error),
        },
    }
}

/// What is said when there are no threads to run on.
#[must_use]
pub fn no_runtime(error: &std::io::Error) -> ExitCode {
    fail_as(codes::INTERNAL.name(), error, "check limits of the service: file descriptors, threads, memory")
}

/// The configuration.
pub(super) fn load(flags: SourceFlags) -> Result<Config, StartError> {
    Ok(Config::load(flags.parts())?)
}

async fn check(flags: SourceFlags) -> ExitCode {
    let checked = match load(flags) {
        Ok(config) => crate::check(&config).await,
        Err(error) => Err(error),
    };
    match checked {
        Ok(not_checked) => {
            let notes: String = not_checked.iter().map(|what| format!("not checked: {what}\n")).collect();
            print(&format!("ok\n{notes}"))
        }
        Err(error) => fail(&error),
    }
}

async fn dev(flags: &setup::Dev) -> ExitCode {
    match setup::run_dev(flags).await {
        Ok(code) => code,
        Err(setup::DevError::Start(error)) => fail(&error),
        Err(setup::DevError::Config(error)) => fail(&StartError::Config(error)),
        Err(setup::DevError::Setup(error)) => fail_setup(&error),
        Err(error) => fail_as(codes::DEV_FAILED.name(), &error, "mend what the lines above say, and run it again"),
    }
}

fn enroll(sources: SourceFlags, flags: &setup::Enroll) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match flags.sign(&config, &Guarded::new(System, None)) {
        Ok(statement) => print(&format!("{}\n", String::from_utf8_lossy(&statement))),
        Err(error) => fail_setup(&error),
    }
}

fn root_ca(sources: SourceFlags, verb: &setup::RootCa) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match verb.run(&config, &Guarded::new(System, None)) {
        Ok(text) => print(&text),
        Err(error) => fail_setup(&error),
    }
}

async fn issuer(sources: SourceFlags, verb: &setup::Trusting, output: Format) -> ExitCode {
    let config = match load(sources) {
        Ok(config) => config,
        Err(error) => return fail(&error),
    };
    match verb.run(&config, output).await {
        Ok(text) => print(&text),
        Err(error) => fail_setup(&error),
    }
}

fn verify(
    flags: SourceFlags,
    data: Option<PathBuf>,
    trust: Option<PathBuf>,
    checkpoints: &[PathBuf],
    in_child: bool,
) -> ExitCode {
    let reading = match mapped::reading(in_child) {
        Ok(reading) => reading,
        Err(ended) => return ended,
    };
    let (data, trust) = match data {
        Some(data) => (data, trust),
        None => match load(flags) {
            Ok(config) => (config.data_dir, trust.or(Some(config.trust_file))),
            Err(error) => return fail(&error),
        },
    };
    match offline::verify(&data, trust.as_deref(), checkpoints, reading) {
        Ok(report) => print(&format!("{report}\n")),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}

async fn audit(flags: SourceFlags, verb: AuditVerb) -> ExitCode {
    match verb {
        AuditVerb::Verify { offline: _, data, trust, checkpoints, mapped } => verify(flags, data, trust, &checkpoints, mapped),
        AuditVerb::Tiles { out, log, data } => export(flags, &out, log, data),
        AuditVerb::Witness(flags) => match witness::run(&flags).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail_as(error.code().name(), &error, error.next_step()),
        },
    }
}

fn export(flags: SourceFlags, tiles: &Path, log: Option<TenantId>, data: Option<PathBuf>) -> ExitCode {
    let (data, tenant) = match (data, log) {
        (Some(data), Some(log)) => (data, log),
        (_, log) => match load(flags) {
            Ok(config) => (config.data_dir, log.unwrap_or(config.tenant)),
            Err(error) => return fail(&error),
        },
    };
    match export::tiles(&data, &tenant, tiles) {
        Ok(report) => print(&format!("{report}\n")),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}

async fn admin(sources: SourceFlags, verb: disaster::Verb, output: Format) -> ExitCode {
    if let disaster::Verb::Start { unwitnessed } = verb {
        return serve(sources, Start { unwitnessed, ..Start::default() }).await;
    }
    match disaster::run(sources.parts(), verb, output).await {
        Ok(text) => print(&text),
        Err(error) => fail_as(error.code().name(), &error, error.next_step()),
    }
}
