//! Verbs of `human`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use scalbotics_proto::v1::human_service_client::HumanServiceClient;
use serde_json::{Value, json};

use super::add::{AddArgs, add};
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};
use crate::session::{Proving, Session};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make a key pair of your own, to log in or to approve; needs no installation.
    #[command(before_help = "Example: scalbotics human keygen ./carol.pem")]
    Keygen {
        /// Where the private half goes; the public one is beside it, with `.pub`.
        file: PathBuf,
    },
    /// Register a human by the public key that they made.
    #[command(before_help = "Example: scalbotics human add carol --group operators --login-key ./carol.pem.pub")]
    Add(AddArgs),
    /// List humans.
    #[command(alias = "ls", before_help = "Example: scalbotics human list")]
    List,
    /// Show a human.
    #[command(alias = "get", before_help = "Example: scalbotics human show carol")]
    Show {
        /// The human.
        name: String,
    },
    /// Bind groups to a human, or take them away; counts from their next call on.
    #[command(before_help = "Example: scalbotics human bind carol --group approvers --remove operators")]
    Bind(BindArgs),
    /// Suspend a human: tokens are void, streams are cut, and what runs for them is stopped.
    #[command(before_help = "Example: scalbotics human suspend carol")]
    Suspend(StandingArgs),
    /// Let a suspended human log in again.
    #[command(before_help = "Example: scalbotics human resume carol")]
    Resume(StandingArgs),
    /// Suspend a human for good; the name is never used again.
    #[command(before_help = "Example: scalbotics human offboard carol")]
    Offboard(StandingArgs),
}

/// Arguments of `human bind`.
#[derive(Debug, Args)]
pub(crate) struct BindArgs {
    /// The human.
    name: String,
    /// Bind this group; may be given several times.
    #[arg(long = "group", value_name = "GROUP", required_unless_present = "remove")]
    groups: Vec<String>,
    /// Take this group away; may be given several times.
    #[arg(long, value_name = "GROUP")]
    remove: Vec<String>,
    /// Only show what would be.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of the verbs that change whether a human may act.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// The human.
    name: String,
    /// Only show what would be.
    #[arg(long)]
    dry_run: bool,
}

impl StandingArgs {
    fn request(&self, session: &Session) -> v1::HumanStandingRequest {
        let name = session.resource("humans", &self.name);
        v1::HumanStandingRequest { name, validate_only: self.dry_run, request_id: session.request_id() }
    }
}

/// The service's client.
pub(super) fn client(session: &Session) -> HumanServiceClient<Proving> {
    HumanServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = client(session);
    match verb {
        Verb::Keygen { file } => super::keygen(file, printer),
        Verb::Add(args) => add(session, args, printer).await,
        Verb::List => list(session, printer).await,
        Verb::Show { name } => {
            let request = v1::GetHumanRequest { name: session.resource("humans", name) };
            show(&client.get_human(session.request(request)?).await?.into_inner(), printer)
        }
        Verb::Bind(args) => {
            let request = v1::BindHumanRequest {
                name: session.resource("humans", &args.name),
                add_groups: args.groups.clone(),
                remove_groups: args.remove.clone(),
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            show(&client.bind_human(session.request(request)?).await?.into_inner(), printer)
        }
        Verb::Suspend(args) => show(&client.suspend_human(session.request(args.request(session))?).await?.into_inner(), printer),
        Verb::Resume(args) => show(&client.resume_human(session.request(args.request(session))?).await?.into_inner(), printer),
        Verb::Offboard(args) => {
            if !args.dry_run {
                let plan =
                    format!("{} will be gone for good: no login, no running task, and the name is never used again", args.name);
                confirm.ask(&plan, &args.name)?;
            }
            show(&client.offboard_human(session.request(args.request(session))?).await?.into_inner(), printer)
        }
    }
}

async fn list(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListHumansRequest { page_token, page_size: 1_000, ..v1::ListHumansRequest::default() };
        let answer = client(session).list_humans(session.request(request)?).await?.into_inner();
        items.extend(answer.humans.iter().map(human_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let columns = [
        column("HUMAN", "/name"),
        column("STANDING", "/standing"),
        column("GROUPS", "/groups"),
        column("APPROVES", "/can_approve"),
        wide("EPOCH", "/epoch"),
        wide("UID", "/uid"),
    ];
    printer.list(&items, &columns)
}

/// Prints one human.
pub(crate) fn show(human: &v1::Human, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("human", "/name"),
        column("uid", "/uid"),
        column("standing", "/standing"),
        column("groups", "/groups"),
        column("approves", "/can_approve"),
        column("epoch", "/epoch"),
    ];
    printer.one(&human_json(human), &columns)
}

fn human_json(human: &v1::Human) -> Value {
    json!({
        "name": wire::short(&human.name),
        "uid": human.uid,
        "standing": human.standing,
        "groups": human.groups,
        "can_approve": human.can_approve,
        "epoch": human.epoch,
    })
}
