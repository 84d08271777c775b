//! Verbs of `secret`.

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use scalbotics_proto::v1::secret_service_client::SecretServiceClient;
use serde_json::{Value, json};

use super::value;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Keep a new secret; its value comes on standard input, or is typed and not shown.
    #[command(before_help = "Example: scalbotics secret put github-token < token.txt")]
    Put(ValueArgs),
    /// List secrets and when each was last used; nobody can list values.
    #[command(alias = "ls", before_help = "Example: scalbotics secret list -o wide")]
    List,
    /// Replace the value of a secret; calls that begin afterwards get the new one.
    #[command(before_help = "Example: scalbotics secret rotate github-token < token.txt")]
    Rotate(ValueArgs),
    /// Remove a secret; calls that name it fail from then on.
    #[command(alias = "rm", before_help = "Example: scalbotics secret remove github-token")]
    Remove {
        /// The secret.
        name: String,
        /// Only show what would be removed.
        #[arg(long)]
        dry_run: bool,
    },
}

/// Arguments of `secret put` and `secret rotate`.
#[derive(Debug, Args)]
pub(crate) struct ValueArgs {
    /// The secret.
    name: String,
    /// Keep a line break at the end of standard input as part of the value.
    #[arg(long)]
    exact: bool,
    /// Only show what would be kept.
    #[arg(long)]
    dry_run: bool,
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = SecretServiceClient::new(session.channel.clone());
    let name_of = |name: &str| session.resource("secrets", name);
    match verb {
        Verb::Put(args) => {
            let value = value::read(&args.name, args.exact, confirm.no_input)?;
            let request = v1::PutSecretRequest {
                name: name_of(&args.name),
                value: value.expose().to_vec(),
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            show(&client.put_secret(session.request(request)?).await?.into_inner(), printer)
        }
        Verb::List => list(session, &mut client, printer).await,
        Verb::Rotate(args) => {
            let value = value::read(&args.name, args.exact, confirm.no_input)?;
            let request = v1::RotateSecretRequest {
                name: name_of(&args.name),
                value: value.expose().to_vec(),
                validate_only: args.dry_run,
                request_id: session.request_id(),
            };
            show(&client.rotate_secret(session.request(request)?).await?.into_inner(), printer)
        }
        Verb::Remove { name, dry_run } => {
            if !dry_run {
                confirm.ask(&format!("secret {name} will be removed; its value is gone then"), name)?;
            }
            let request =
                v1::RemoveSecretRequest { name: name_of(name), validate_only: *dry_run, request_id: session.request_id() };
            show(&client.remove_secret(session.request(request)?).await?.into_inner(), printer)
        }
    }
}

async fn list(
    session: &Session,
    client: &mut SecretServiceClient<crate::session::Proving>,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut items: Vec<Value> = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListSecretsRequest { page_token, page_size: 1_000, ..v1::ListSecretsRequest::default() };
        let answer = client.list_secrets(session.request(request)?).await?.into_inner();
        items.extend(answer.secrets.iter().map(secret_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let columns = [
        column("SECRET", "/name"),
        column("VERSION", "/version"),
        column("CREATED", "/created_at"),
        column("ROTATED", "/rotated_at"),
        column("LAST USED", "/used_at"),
        wide("BY", "/by"),
        wide("FINGERPRINT", "/fingerprint"),
        wide("REFERENCE", "/reference"),
        wide("UID", "/uid"),
    ];
    printer.list(&items, &columns)
}

fn show(secret: &v1::Secret, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("secret", "/name"),
        column("reference", "/reference"),
        column("version", "/version"),
        column("created", "/created_at"),
        column("rotated", "/rotated_at"),
        column("last used", "/used_at"),
        column("by", "/by"),
        column("fingerprint", "/fingerprint"),
        column("uid", "/uid"),
    ];
    printer.one(&secret_json(secret), &columns)
}

fn secret_json(secret: &v1::Secret) -> Value {
    json!({
        "name": wire::short(&secret.name),
        "reference": secret.reference,
        "uid": secret.uid,
        "version": secret.version,
        "created_at": wire::time(secret.create_time),
        "rotated_at": wire::time(secret.rotate_time),
        "used_at": wire::time(secret.use_time),
        "by": secret.by,
        "fingerprint": secret.fingerprint,
    })
}
