//! The verbs: arguments, and what is printed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::backup;
use super::error::Error;
use super::restore::{self, Wanted};
use super::vouched::Vouched;
use crate::clock_mark;
use crate::config::{Config, Sources};
use crate::doctor::is_served;
use crate::program::Format;
use crate::start_error::StartError;

/// How long a daemon that runs has to take a word about the clock, in looks.
const TAKEN_LOOKS: u32 = 100;
const TAKEN_LOOK: Duration = Duration::from_millis(100);

/// Verbs of who runs the host.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Copy the database, while tasks run, to a directory that is whole and verified or not there at all; without keys.
    #[command(before_help = "Example: scalbotics admin backup --config ./box/scalbotics.toml --out ./backup-1")]
    Backup {
        /// The directory to make; nothing may stand there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Say what would be made, and make nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Put a backup in the place of the database: nothing runs again by itself, nobody is un-suspended, no approval counts.
    #[command(before_help = "Example: scalbotics admin restore --config ./box/scalbotics.toml --from ./backup-1 --dry-run")]
    Restore {
        /// A directory that `admin backup` made.
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// Say what would be lost, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Do it; the daemon must be stopped.
        #[arg(long, short = 'y')]
        yes: bool,
        /// A human who may act as in the backup, where the standings beside the keystore are lost; everybody else is suspended then. One of
        /// another tenant than that of the configuration is TENANT/NAME.
        #[arg(long, value_name = "NAME")]
        keep: Vec<Vouched>,
    },
    /// A clock that stepped forward, by which nobody is judged and nothing is issued.
    #[command(subcommand)]
    Clock(ClockVerb),
    /// Serve, as scalboticsd does without a verb.
    #[command(before_help = "Example: scalbotics admin start --config ./box/scalbotics.toml --unwitnessed")]
    Start {
        /// Although no witness has confirmed the audit log: without this only reads are answered then. It is recorded.
        #[arg(long)]
        unwitnessed: bool,
    },
}

/// Verbs of `admin clock`.
#[derive(Debug, Subcommand)]
pub(crate) enum ClockVerb {
    /// Say that the clock of this host is right: what is over by it is over for good. The daemon takes it within seconds, and records it.
    #[command(before_help = "Example: scalbotics admin clock accept --config ./box/scalbotics.toml")]
    Accept,
}

/// Runs a verb; answers what to print.
///
/// # Errors
/// Any [`Error`].
pub(crate) async fn run(sources: Sources, verb: Verb, output: Format) -> Result<String, Error> {
    let config = Config::load(sources).map_err(StartError::from)?;
    let done = match verb {
        Verb::Backup { out, dry_run } => backup::make(&config, &out, dry_run)?,
        Verb::Restore { from, dry_run, yes, keep } => {
            let keep = keep.into_iter().collect::<BTreeSet<_>>();
            restore::run(&config, &Wanted { from, dry_run, yes, keep }).await?
        }
        Verb::Clock(ClockVerb::Accept) => accept_clock(&config).await?,
        // Served by the program itself, which has the signals.
        Verb::Start { .. } => Value::Null,
    };
    Ok(match output {
        Format::Json => format!("{done}\n"),
        Format::Table => lines(&done, ""),
    })
}

/// Says that the clock is right, and waits a little for the daemon that runs to take it.
async fn accept_clock(config: &Config) -> Result<Value, Error> {
    let failed = |error: String| Error::Place { path: config.data_dir.clone(), source: std::io::Error::other(error) };
    let at = clock_mark::accept(&config.data_dir).map_err(failed)?;
    let mut looks = TAKEN_LOOKS;
    while looks > 0 && clock_mark::is_untaken(&config.data_dir) && is_served(&config.data_dir) {
        tokio::time::sleep(TAKEN_LOOK).await;
        looks -= 1;
    }
    let taken = if clock_mark::is_untaken(&config.data_dir) { "when the daemon starts within the hour" } else { "by the daemon" };
    Ok(json!({ "clock": at, "taken": taken }))
}

/// An object in lines, what is inside of it indented.
fn lines(value: &Value, indent: &str) -> String {
    let Value::Object(fields) = value else { return format!("{indent}{}\n", plain(value)) };
    let field = |(name, value): (&String, &Value)| {
        let name = name.replace('_', " ");
        match value {
            Value::Array(items) if items.is_empty() => format!("{indent}{name:<14} none\n"),
            Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
                let items: Vec<String> = items.iter().map(plain).collect();
                format!("{indent}{name:<14} {}\n", items.join(", "))
            }
            Value::Array(items) => {
                items.iter().map(|item| format!("{indent}{name}\n{}", lines(item, &format!("{indent}  ")))).collect()
            }
            Value::Object(_) => format!("{indent}{name}\n{}", lines(value, &format!("{indent}  "))),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                format!("{indent}{name:<14} {}\n", plain(value))
            }
        }
    };
    fields.iter().map(field).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "unknown".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people() {
        // Which field comes first depends on what else the build links.
        for (value, text) in [
            (serde_json::json!({ "a_name": "x" }), "a name         x\n"),
            (serde_json::json!({ "none": [] }), "none           none\n"),
            (serde_json::json!({ "list": ["a", 1] }), "list           a, 1\n"),
            (
                serde_json::json!({ "logs": [{ "size": 3 }, { "size": 4 }] }),
                "logs\n  size           3\nlogs\n  size           4\n",
            ),
            (serde_json::json!({ "lost": null }), "lost           unknown\n"),
        ] {
            assert_eq!(lines(&value, ""), text);
        }
    }
}
