//! `identity ca`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use serde_json::{Value, json};

use super::rotate::{self, RootArgs, RotateArgs};
use super::verb::client;
use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum CaVerb {
    /// Show the issuing CAs, oldest first: which one signs, which are good still, and until when.
    #[command(alias = "list", before_help = "Example: scalbotics identity ca show")]
    Show,
    /// Let a new issuing CA sign from now on; what the one before has signed stays good. The root signs it where its key is.
    #[command(
        before_help = "Example: scalbotics identity ca rotate --config ./box/scalbotics.toml --root-key-file /media/safe/root-ca.key"
    )]
    Rotate(RotateArgs),
    /// Say that what a retired issuing CA has signed is to be renewed at once.
    #[command(before_help = "Example: scalbotics identity ca taint 3f0c8a5d9e1b7c2a4f6d8e0b1a3c5d7e9f1b3d5a")]
    Taint {
        /// The CA, as `identity ca show` prints it.
        authority: String,
    },
    /// Void whatever a tainted issuing CA has signed, for good, and destroy its key.
    #[command(
        before_help = "Example: scalbotics identity ca revoke 3f0c8a5d9e1b7c2a4f6d8e0b1a3c5d7e9f1b3d5a --config ./box/scalbotics.toml"
    )]
    Revoke(RevokeArgs),
}

/// Arguments of `identity ca revoke`.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The CA, as `identity ca show` prints it.
    authority: String,
    /// The root's list of revoked CAs with this one on it, which `scalboticsd ca crl` printed where the root's key is.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    root_crl: Option<PathBuf>,
    #[command(flatten)]
    root: RootArgs,
}

/// Runs a verb.
pub(super) async fn run(session: &Session, verb: &CaVerb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        CaVerb::Show => {
            let items: Vec<Value> = list(session).await?.iter().map(authority_json).collect();
            let columns =
                [column("AUTHORITY", "/id"), column("STATE", "/state"), column("SINCE", "/since"), column("ENDS", "/ends")];
            printer.list(&items, &columns)
        }
        CaVerb::Rotate(args) => rotate::run(session, args, printer).await,
        CaVerb::Taint { authority } => {
            let request = v1::TaintAuthorityRequest { authority: authority.clone(), request_id: session.request_id() };
            show(&client(session).taint_authority(session.request(request)?).await?.into_inner(), printer)
        }
        CaVerb::Revoke(args) => revoke(session, args, confirm, printer).await,
    }
}

async fn revoke(session: &Session, args: &RevokeArgs, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let id = &args.authority;
    confirm.ask(&format!("whatever issuing CA {id} has signed will be void for good, and its key destroyed"), id)?;
    let root_crl = match (&args.root_crl, args.root.is_here()) {
        (Some(file), _) => rotate::read(file)?,
        (None, true) => {
            let gone = |authority: &&v1::Authority| authority.state == "revoked" || authority.id == *id;
            let all = list(session).await?;
            let certificates: String = all.iter().filter(gone).map(|authority| authority.certificate.as_str()).collect();
            args.root.sign_list(&certificates)?
        }
        (None, false) => String::new(),
    };
    let told = !root_crl.is_empty();
    let request = v1::RevokeAuthorityRequest { authority: id.clone(), root_crl, request_id: session.request_id() };
    show(&client(session).revoke_authority(session.request(request)?).await?.into_inner(), printer)?;
    if !told {
        printer.note("this daemon refuses it from now on; other verifiers learn it from the root's list: run the same with --config, or with --root-crl");
    }
    Ok(())
}

async fn list(session: &Session) -> Result<Vec<v1::Authority>, Failure> {
    let request = session.request(v1::ListAuthoritiesRequest {})?;
    Ok(client(session).list_authorities(request).await?.into_inner().authorities)
}

/// Prints one issuing CA.
pub(super) fn show(authority: &v1::Authority, printer: &Printer) -> Result<(), Failure> {
    let columns = [column("authority", "/id"), column("state", "/state"), column("since", "/since"), column("ends", "/ends")];
    printer.one(&authority_json(authority), &columns)
}

fn authority_json(authority: &v1::Authority) -> Value {
    json!({
        "id": authority.id,
        "state": authority.state,
        "since": wire::time(authority.update_time),
        "ends": wire::time(authority.expire_time),
        "certificate": authority.certificate,
    })
}
