//! `status`, `version`

use clap::Args;
use scalbotics_proto::v1;
use scalbotics_proto::v1::installation_service_client::InstallationServiceClient;
use serde_json::{Map, Value, json};

use super::watch;
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;
use crate::tree::Globals;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Exit 1 unless everything is well.
    #[arg(long, conflicts_with = "watch")]
    exit_code: bool,
    /// Go on looking, and print what changes.
    #[arg(long)]
    watch: bool,
}

/// Fetches the installation's state.
pub(super) async fn get(session: &Session) -> Result<v1::Installation, Failure> {
    let mut client = InstallationServiceClient::new(session.channel.clone());
    Ok(client.get_installation(session.request(v1::GetInstallationRequest {})?).await?.into_inner())
}

/// Prints what runs and how it is.
pub(crate) async fn status(session: &mut Session, args: &StatusArgs, printer: &Printer) -> Result<(), Failure> {
    let status = get(session).await?;
    if args.watch {
        return watch::watch(session, &status, printer).await;
    }
    print(&status_json(&status), printer)?;
    if args.exit_code && status.health != "ok" {
        return Err(Failure::new(Exit::Failed, codes::DEGRADED, "the installation is degraded")
            .why(status.reasons.join("; "))
            .next("scalbotics doctor"));
    }
    Ok(())
}

/// The installation's state as JSON.
pub(super) fn status_json(status: &v1::Installation) -> Value {
    let keepers: Vec<Value> = status.keepers.iter().map(keeper).collect();
    let outside = status.keepers.iter().filter(|keeper| keeper.size > 0).max_by_key(|keeper| keeper.size);
    let outside = outside.map(|keeper| {
        let at = wire::time(keeper.time);
        let by = if keeper.name.is_empty() { String::new() } else { format!(" by {}", keeper.name) };
        format!("size {} of the installation log, kept{by} at {at}", keeper.size)
    });
    let ends = |end: &v1::CertificateEnd| (end.kind.clone(), json!({ "ends": wire::time(end.expire_time), "next": end.next }));
    let nearest = status.certificates.first().map(|end| format!("{}: {}: {}", wire::time(end.expire_time), end.kind, end.next));
    json!({
        "certificates": status.certificates.iter().map(ends).collect::<Map<_, _>>(),
        "certificates_end": nearest,
        "outside_checkpoint": outside,
        "name": status.id,
        "health": status.health,
        "reasons": status.reasons,
        "version": status.version,
        "trust_domain": status.trust_domain,
        "started": wire::time(status.start_time),
        "tasks_running": status.tasks_running,
        "tasks_queued": status.tasks_queued,
        "tasks_waiting": status.tasks_waiting,
        "approvals_waiting": status.approvals_waiting,
        "logins_waiting": status.logins_waiting,
        "audit_size": status.audit_size,
        "commit": status.commit,
        "dev": status.dev,
        "audit_unwitnessed": status.audit_unwitnessed,
        "incarnation": status.incarnation,
        "keepers": keepers,
    })
}

/// Prints the installation's state in full.
pub(super) fn print(value: &Value, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("installation", "/name"),
        column("health", "/health"),
        column("reasons", "/reasons"),
        column("version", "/version"),
        column("trust domain", "/trust_domain"),
        column("started", "/started"),
        column("tasks running", "/tasks_running"),
        column("tasks queued", "/tasks_queued"),
        column("tasks waiting", "/tasks_waiting"),
        column("approvals waiting", "/approvals_waiting"),
        column("logins waiting", "/logins_waiting"),
        column("audit records", "/audit_size"),
        column("kept outside", "/outside_checkpoint"),
        column("unwitnessed", "/audit_unwitnessed"),
        column("certificate ends", "/certificates_end"),
        column("commit in force", "/commit"),
        column("incarnation", "/incarnation"),
        column("dev", "/dev"),
    ];
    printer.one(value, &columns)
}

fn keeper(keeper: &v1::CheckpointKeeper) -> Value {
    json!({
        "name": keeper.name, "witness": keeper.witness, "size": keeper.size, "time": wire::time(keeper.time), "trouble": keeper.trouble,
    })
}

/// Prints both versions; the daemon's only if it answers.
pub(crate) async fn version(globals: &Globals) -> Result<(), Failure> {
    let daemon = match Session::open(globals).await {
        Ok(session) => get(&session).await.map_or_else(|failure| failure.what.clone(), |status| status.version),
        Err(failure) => failure.what.clone(),
    };
    let value = json!({ "name": env!("CARGO_PKG_VERSION"), "client": env!("CARGO_PKG_VERSION"), "daemon": daemon });
    globals.printer().one(&value, &[column("client", "/client"), column("daemon", "/daemon")])
}
