//! Verbs of `tenant`.

use clap::{Args, Subcommand};
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::tenant_service_client::TenantServiceClient;
use serde_json::{Value, json};

use super::add::{AddArgs, add};
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};
use crate::session::{Proving, Session};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Add a tenant: with a repository, a wrapping key and an audit log of its own, and its first human.
    #[command(before_help = "Example: scalbotics tenant add beta --admin carol --login-key ./carol.pem.pub")]
    Add(AddArgs),
    /// List tenants, and how their desired state is.
    #[command(alias = "ls", before_help = "Example: scalbotics tenant list")]
    List,
    /// Show a tenant.
    #[command(alias = "get", before_help = "Example: scalbotics tenant show beta")]
    Show {
        /// The tenant.
        #[arg(value_name = "TENANT")]
        name: Name,
    },
    /// Suspend a tenant: nobody and nothing of it acts, streams are cut, running tools are stopped.
    #[command(before_help = "Example: scalbotics tenant suspend beta")]
    Suspend(StandingArgs),
    /// Let a suspended tenant act again, with the tokens and certificates that its people and agents have.
    #[command(before_help = "Example: scalbotics tenant resume beta")]
    Resume(StandingArgs),
}

/// Arguments of the verbs that change whether a tenant may act.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// The tenant.
    #[arg(value_name = "TENANT")]
    name: Name,
    /// Only show what would be.
    #[arg(long)]
    dry_run: bool,
}

impl StandingArgs {
    fn request(&self, session: &Session) -> v1::TenantStandingRequest {
        v1::TenantStandingRequest { name: full(&self.name), validate_only: self.dry_run, request_id: session.request_id() }
    }
}

/// The API's client.
pub(super) fn client(session: &Session) -> TenantServiceClient<Proving> {
    TenantServiceClient::new(session.channel.clone())
}

fn full(tenant: &Name) -> String {
    format!("tenants/{tenant}")
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = client(session);
    let tenant = match verb {
        Verb::Add(args) => return add(session, args, printer).await,
        Verb::List => return list(session, printer).await,
        Verb::Show { name } => client.get_tenant(session.request(v1::GetTenantRequest { name: full(name) })?).await?,
        Verb::Suspend(args) => {
            if !args.dry_run {
                let plan = format!("nobody and nothing of {} will act: calls are refused, running tools are stopped", args.name);
                confirm.ask(&plan, args.name.as_str())?;
            }
            client.suspend_tenant(session.request(args.request(session))?).await?
        }
        Verb::Resume(args) => client.resume_tenant(session.request(args.request(session))?).await?,
    };
    show(&tenant.into_inner(), printer)
}

async fn list(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListTenantsRequest { page_token, page_size: 1_000 };
        let answer = client(session).list_tenants(session.request(request)?).await?.into_inner();
        items.extend(answer.tenants.iter().map(tenant_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let columns = [
        column("TENANT", "/name"),
        column("STANDING", "/standing"),
        column("OPERATES", "/operating"),
        column("DESIRED STATE", "/desired_state"),
        column("REMOTE", "/remote"),
        wide("HOST ACCESS", "/host_access"),
        wide("BRANCH", "/branch"),
        wide("DIRECTORY", "/directory"),
        wide("CREATED", "/created"),
    ];
    printer.list(&items, &columns)
}

/// Prints one tenant.
pub(super) fn show(tenant: &v1::Tenant, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("tenant", "/name"),
        column("standing", "/standing"),
        column("operates", "/operating"),
        column("desired state", "/desired_state"),
        column("directory", "/directory"),
        column("remote", "/remote"),
        column("branch", "/branch"),
        column("overlay", "/overlay"),
        column("host access", "/host_access"),
        column("created", "/created"),
        column("admin uid", "/admin_uid"),
    ];
    printer.one(&tenant_json(tenant), &columns)
}

fn tenant_json(tenant: &v1::Tenant) -> Value {
    json!({
        "name": wire::short(&tenant.name),
        "standing": tenant.standing,
        "operating": tenant.operating,
        "desired_state": tenant.desired_state,
        "directory": tenant.directory,
        "remote": tenant.remote,
        "branch": tenant.branch,
        "overlay": tenant.overlay,
        "host_access": tenant.host_access,
        "created": wire::time(tenant.create_time),
        "admin_uid": tenant.admin_uid,
    })
}
