//! Verbs of `service`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scalbotics_core::time::Span;
use scalbotics_proto::v1;
use scalbotics_proto::v1::service_service_client::ServiceServiceClient;
use serde_json::{Value, json};

use super::add::{AddArgs, add};
use crate::commands::{human, wire};
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};
use crate::session::{Proving, Session};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Make the login key pair of a service, where it will run; needs no installation.
    #[command(before_help = "Example: scalbotics service keygen ./ci.pem")]
    Keygen {
        /// Where the private half goes; the public one is beside it, with `.pub`.
        file: PathBuf,
    },
    /// Register a service by the public key that was made for it; you sponsor it until its grant ends.
    #[command(before_help = "Example: scalbotics service add ci --group operators --expires-in 30d --login-key ./ci.pem.pub")]
    Add(AddArgs),
    /// List services, who sponsors them, and until when.
    #[command(alias = "ls", before_help = "Example: scalbotics service list")]
    List,
    /// Show a service.
    #[command(alias = "get", before_help = "Example: scalbotics service show ci")]
    Show {
        /// The service.
        name: String,
    },
    /// Give a service a new grant in place of its old one; you sponsor it from then on.
    #[command(before_help = "Example: scalbotics service renew ci --expires-in 30d")]
    Renew(RenewArgs),
    /// Suspend a service: tokens are void, streams are cut, and what runs for it is stopped.
    #[command(before_help = "Example: scalbotics service suspend ci")]
    Suspend(StandingArgs),
    /// Let a suspended service log in again, under the grant that it has.
    #[command(before_help = "Example: scalbotics service resume ci")]
    Resume(StandingArgs),
    /// Suspend a service for good; the name is never used again.
    #[command(before_help = "Example: scalbotics service offboard ci")]
    Offboard(StandingArgs),
}

/// Arguments of `service renew`.
#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    /// The service.
    name: String,
    /// How long the new grant lasts, such as `30d`; at most 90 days.
    #[arg(long, value_name = "DURATION")]
    expires_in: Span,
    /// Highest tier of a tool that is called under it; that of the grant before where nothing is said.
    #[arg(long, value_name = "TIER", value_parser = clap::value_parser!(u32).range(0..=2))]
    tier_max: Option<u32>,
    /// Only show what would be.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of the verbs that change whether a service may act.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// The service.
    name: String,
    /// Only show what would be.
    #[arg(long)]
    dry_run: bool,
}

impl StandingArgs {
    fn request(&self, session: &Session) -> v1::ServiceStandingRequest {
        let name = session.resource("services", &self.name);
        v1::ServiceStandingRequest { name, validate_only: self.dry_run, request_id: session.request_id() }
    }
}

/// The API's client.
pub(super) fn client(session: &Session) -> ServiceServiceClient<Proving> {
    ServiceServiceClient::new(session.channel.clone())
}

/// A length of time for the wire.
pub(super) fn length(span: Span) -> prost_types::Duration {
    let (seconds, rest_ms) = (span.as_ms() / 1_000, span.as_ms() % 1_000);
    prost_types::Duration {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(rest_ms.saturating_mul(1_000_000)).unwrap_or(0),
    }
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = client(session);
    let service = match verb {
        Verb::Keygen { file } => return human::keygen(file, printer),
        Verb::Add(args) => return add(session, args, printer).await,
        Verb::List => return list(session, printer).await,
        Verb::Show { name } => {
            let request = v1::GetServiceRequest { name: session.resource("services", name) };
            client.get_service(session.request(request)?).await?
        }
        Verb::Renew(args) => {
            let request = v1::RenewServiceRequest {
                name: session.resource("services", &args.name),
                lifetime: Some(length(args.expires_in)),
                tier_max: args.tier_max,
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            client.renew_service(session.request(request)?).await?
        }
        Verb::Suspend(args) => client.suspend_service(session.request(args.request(session))?).await?,
        Verb::Resume(args) => client.resume_service(session.request(args.request(session))?).await?,
        Verb::Offboard(args) => {
            if !args.dry_run {
                let plan =
                    format!("{} will be gone for good: no login, no running task, and the name is never used again", args.name);
                confirm.ask(&plan, &args.name)?;
            }
            client.offboard_service(session.request(args.request(session))?).await?
        }
    };
    show(&service.into_inner(), printer)
}

async fn list(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListServicesRequest { page_token, page_size: 1_000, ..v1::ListServicesRequest::default() };
        let answer = client(session).list_services(session.request(request)?).await?.into_inner();
        items.extend(answer.services.iter().map(service_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let columns = [
        column("SERVICE", "/name"),
        column("STANDING", "/standing"),
        column("GROUPS", "/groups"),
        column("SPONSOR", "/sponsor"),
        column("ENDS", "/grant_ends"),
        column("REFUSED", "/refused"),
        wide("TIER MAX", "/tier_max"),
        wide("EPOCH", "/epoch"),
        wide("UID", "/uid"),
        wide("SPIFFE ID", "/spiffe_id"),
    ];
    printer.list(&items, &columns)
}

/// Prints one service.
pub(super) fn show(service: &v1::Service, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("service", "/name"),
        column("uid", "/uid"),
        column("spiffe id", "/spiffe_id"),
        column("standing", "/standing"),
        column("groups", "/groups"),
        column("epoch", "/epoch"),
        column("sponsor", "/sponsor"),
        column("grant", "/grant"),
        column("tier max", "/tier_max"),
        column("grant ends", "/grant_ends"),
        column("refused", "/refused"),
    ];
    printer.one(&service_json(service), &columns)
}

fn service_json(service: &v1::Service) -> Value {
    json!({
        "name": wire::short(&service.name),
        "uid": service.uid,
        "spiffe_id": service.spiffe_id,
        "standing": service.standing,
        "groups": service.groups,
        "epoch": service.epoch,
        "sponsor": wire::short(&service.sponsor),
        "grant": service.grant,
        "tier_max": service.tier_max,
        "grant_ends": wire::time(service.expire_time),
        "refused": service.refused,
    })
}
