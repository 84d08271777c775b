//! `scalboticsd doctor` as a program.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::finding::{Finding, Outcome};
use super::run;
use crate::config::Sources;
use crate::program::Format;
use crate::setup::Directories;

/// Finds what is wrong with the installation of a configuration, and says what to do.
#[derive(Debug, Clone, Args)]
#[command(before_help = "Example: scalboticsd --config ./box/scalbotics.toml doctor --fix")]
pub struct Doctor {
    /// Mend what is safe to mend, and say what was done.
    #[arg(long)]
    pub fix: bool,
    /// Ask nobody beyond this machine: no remote repository, issuer or model server.
    #[arg(long)]
    pub offline: bool,
    /// Directories of the person who runs this.
    #[command(flatten)]
    pub directories: Directories,
}

/// Runs the checks and prints them, one a line; exits 1 when one fails.
pub async fn doctor(sources: Sources, flags: &Doctor, output: Format) -> ExitCode {
    let findings = run::run(sources, flags).await;
    let text = match output {
        Format::Json => format!("{}\n", Value::Array(findings.iter().map(Finding::json).collect())),
        Format::Table => findings.iter().map(line).collect(),
    };
    let mut stdout = std::io::stdout().lock();
    let _closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    let failed = findings.iter().any(|finding| finding.outcome == Outcome::Fail);
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn line(finding: &Finding) -> String {
    let mut text = format!("{:<5} {:<20} {}", finding.outcome.word(), finding.check, finding.detail);
    if let Some(fixed) = &finding.fixed {
        text.push_str(&format!("; mended: {fixed}"));
    }
    if !finding.next.is_empty() {
        text.push_str(&format!("; next: {}", finding.next));
    }
    text.push('\n');
    text
}
