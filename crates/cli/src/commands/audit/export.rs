//! `audit export`: the evidence of one task, as one file for whoever verifies it elsewhere.

use std::path::{Path, PathBuf};

use scalbotics_core::digest::Digest;
use scalbotics_core::in_words;
use scalbotics_identity::private_file;
use scalbotics_proto::v1;
use serde_json::json;
use tokio_stream::StreamExt as _;

use super::verb;
use crate::codes;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Longest bundle that is taken, in bytes: no verifier reads a longer one.
const LEN_MAX: usize = 64 << 20;

/// What is exported, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// The task, as `task_…`.
    #[arg(long)]
    task: String,
    /// The file to make; one that is there is never overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Leave out goal, arguments, results, reasons, decisions, statements and token; the records commit to them all the same.
    #[arg(long, value_name = "WHAT", value_parser = ["payloads"])]
    without: Option<String>,
    /// Take the token along that submitted the task though it is not over: whoever has the file could use it until then.
    #[arg(long, conflicts_with = "without")]
    with_live_token: bool,
}

/// Fetches the evidence and writes it.
pub(super) async fn export(session: &Session, export: &Export, printer: &Printer) -> Result<(), Failure> {
    let request = v1::ExportEvidenceRequest {
        name: session.resource("tasks", &export.task),
        without_payloads: export.without.is_some(),
        with_live_token: export.with_live_token,
    };
    let mut parts = verb::client(session).export_evidence(session.request(request)?).await?.into_inner();
    let mut bundle = Vec::new();
    while let Some(part) = parts.next().await {
        bundle.extend(part?.data);
        if bundle.len() > LEN_MAX {
            return Err(cannot(&export.out, Exit::Failed).why("the daemon sends more than 64 MiB").next("--without payloads"));
        }
    }
    write(&export.out, &bundle)?;
    let made = json!({
        "name": export.out,
        "task": export.task,
        "bytes": bundle.len(),
        "sha256": Digest::of_bytes(&bundle).to_string(),
    });
    let columns = [column("evidence", "/name"), column("bytes", "/bytes"), column("sha256", "/sha256")];
    printer.one(&made, &columns)?;
    printer.note(&format!("verify it where you like: scalbotics-verify {} --trust trust.json", export.out.display()));
    Ok(())
}

fn cannot(path: &Path, exit: Exit) -> Failure {
    Failure::new(exit, codes::EVIDENCE, format!("no evidence was written to {}", path.display()))
}

/// A file that holds these very bytes is what was wanted; any other stays as it is.
fn write(path: &Path, bundle: &[u8]) -> Result<(), Failure> {
    match private_file::create(path, bundle, private_file::SECRET_MODE) {
        Ok(()) => Ok(()),
        Err(private_file::Error::Exists { .. }) => {
            let known = private_file::read_public(path, LEN_MAX as u64);
            if known.is_ok_and(|known| *known == bundle) {
                return Ok(());
            }
            Err(cannot(path, Exit::Conflict).why("the file is there already, with other contents").next("choose another name"))
        }
        Err(error) => {
            Err(cannot(path, Exit::Failed).why(in_words(&error)).next("choose a file in a directory that you can write"))
        }
    }
}
