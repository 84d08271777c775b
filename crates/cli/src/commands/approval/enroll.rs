//! `approval enroll`: whose key signs whose approvals. An approver-admin's key says so, which only `scalboticsd` can use; the daemon
//! believes that signature and nobody's word.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use scalbotics_core::in_words;
use scalbotics_core::principal::KeyHolder;
use scalbotics_proto::v1;
use scalbotics_proto::v1::human_service_client::HumanServiceClient;

use crate::codes;
use crate::commands::{daemon_program, human, said};
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::Session;

/// Longest statement, in bytes: ids, a key and two signatures have less than one KiB.
const STATEMENT_LEN_MAX: u64 = 16 << 10;

/// Arguments of `approval enroll`.
#[derive(Debug, Args)]
pub(crate) struct EnrollArgs {
    /// The human; you where nobody is named.
    name: Option<String>,
    /// Statement that `scalboticsd enroll` printed where the approver-admin's key is.
    #[arg(long, value_name = "FILE", required_unless_present = "approval_key")]
    statement: Option<PathBuf>,
    /// Have it signed here: public approval key, the file with `.pub` that `human keygen` made for the person.
    #[arg(long, value_name = "FILE", conflicts_with = "statement", requires = "config")]
    approval_key: Option<PathBuf>,
    /// Configuration of the installation, beside which the approver-admin's keystore is.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    config: Option<PathBuf>,
    /// Key file that opens the approver-admin's keystore, where it is kept elsewhere.
    #[arg(long, value_name = "FILE", conflicts_with = "statement")]
    admin_key_file: Option<PathBuf>,
    /// Only show who would approve.
    #[arg(long)]
    dry_run: bool,
}

/// Has the statement signed, or takes a signed one, and hands it to the daemon.
pub(super) async fn enroll(session: &Session, args: &EnrollArgs, printer: &Printer) -> Result<(), Failure> {
    let mut client = HumanServiceClient::new(session.channel.clone());
    let who = match (&args.name, session.person.holder) {
        (Some(name), _) => name.as_str(),
        (None, KeyHolder::Human(_)) => session.person.name.as_str(),
        (None, KeyHolder::Service(_)) => return Err(Failure::usage("name the human: a service approves nothing")),
    };
    let name = session.resource("humans", who);
    let enrolment = match (&args.statement, &args.approval_key, &args.config) {
        (Some(file), ..) => read(file)?,
        (None, Some(key), Some(config)) => {
            let request = session.request(v1::GetHumanRequest { name: name.clone() })?;
            let human = client.get_human(request).await?.into_inner();
            sign(&human, (key, config), args)?
        }
        (None, None, _) | (None, Some(_), None) => return Err(Failure::usage("there is nothing to enroll")),
    };
    let request = v1::EnrollApproverRequest { name, enrolment, validate_only: args.dry_run, request_id: session.request_id() };
    let human = client.enroll_approver(session.request(request)?).await?.into_inner();
    human::show(&human, printer)?;
    if !args.dry_run {
        printer.note("to approve, they add --approval-key with the private half when they run `scalbotics context add`");
        if !human.groups.iter().any(|group| group == "approvers") {
            let name = crate::commands::wire::short(&human.name);
            printer.note(&format!(
                "policies that name approvers do not mean {name} yet: scalbotics human bind {name} --group approvers"
            ));
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("{} is no enrolment statement", file.display()))
            .why(why)
            .next("give the file with what was printed where it was signed: `scalboticsd enroll --help`")
    };
    let len = std::fs::metadata(file).map_err(|error| wrong(in_words(&error)))?.len();
    if len > STATEMENT_LEN_MAX {
        return Err(wrong(format!("it has {len} bytes, more than a statement")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| wrong(in_words(&error)))?;
    Ok(text.trim().as_bytes().to_vec())
}

/// Has `scalboticsd` sign: only it opens keystores.
fn sign(human: &v1::Human, (key, config): (&Path, &Path), args: &EnrollArgs) -> Result<Vec<u8>, Failure> {
    let program = daemon_program();
    let mut command = Command::new(&program);
    command.arg("--config").arg(config).args(["enroll", "--human-uid", &human.uid, "--approval-key"]).arg(key);
    // A statement counts for people of one tenant.
    if let Some(tenant) = human.name.split('/').nth(1) {
        command.args(["--tenant", tenant]);
    }
    if let Some(file) = &args.admin_key_file {
        command.arg("--admin-key-file").arg(file);
    }
    let output = command.output().map_err(|error| {
        Failure::new(Exit::Failed, codes::NO_DAEMON, format!("cannot run {}", program.display()))
            .why(error.to_string())
            .next("install `scalboticsd` beside `scalbotics`, or on PATH")
    })?;
    if !output.status.success() {
        return Err(Failure::new(Exit::Failed, codes::SIGN, "the enrolment statement was not signed")
            .why(said(&output.stderr))
            .next(
                "run this where the approver-admin's key is, or sign there (`scalboticsd enroll --help`) and hand it over by --statement",
            ));
    }
    Ok(output.stdout.trim_ascii().to_vec())
}
