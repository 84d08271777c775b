//! `service add`: nothing secret is made or sent; the program keeps its own key.

use std::path::PathBuf;

use clap::Args;
use scalbotics_core::time::Span;
use scalbotics_proto::v1;

use super::verb;
use crate::commands::human;
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

/// Arguments of `service add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name, of no other service and never of one before.
    name: String,
    /// Bind this group; may be given several times. A service is never in `admins` or `approvers`.
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// How long the grant lasts by which the service acts, such as `30d`; at most 90 days.
    #[arg(long, value_name = "DURATION")]
    expires_in: Span,
    /// Highest tier of a tool that is called under the grant: 0 reads, 1 changes what can be undone, 2 waits for an approval.
    #[arg(long, value_name = "TIER", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=2))]
    tier_max: u32,
    /// Public login key, the file with `.pub` that `service keygen` made.
    #[arg(long, value_name = "FILE")]
    login_key: PathBuf,
    /// Only show which would be registered.
    #[arg(long)]
    dry_run: bool,
}

/// Registers a service, which the caller sponsors.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let request = v1::AddServiceRequest {
        name: session.resource("services", &args.name),
        groups: args.groups.clone(),
        login_key: human::public_key(&args.login_key)?,
        tier_max: args.tier_max,
        lifetime: Some(verb::length(args.expires_in)),
        validate_only: args.dry_run,
        request_id: session.request_id(),
    };
    let service = verb::client(session).add_service(session.request(request)?).await?.into_inner();
    verb::show(&service, printer)?;
    if !args.dry_run {
        let context = &session.context;
        printer.note(&format!(
            "you sponsor it: when you may not act, it may not either. Give its machine the trust file {} and run there",
            context.trust_file.display()
        ));
        printer.note(&format!(
            "  scalbotics context add {}-{} --server {} --trust-file TRUST_FILE --of-tenant {} --service {} --service-uid {} \
             --login-key KEY_FILE --use",
            context.tenant, args.name, context.server, context.tenant, args.name, service.uid,
        ));
    }
    Ok(())
}
