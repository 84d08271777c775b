//! Verbs of `context`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scalbotics_core::ids::Error as IdError;
use scalbotics_core::principal::{KeyHolder, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use serde_json::{Value, json};

use crate::context::{Contexts, Entry};
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List contexts.
    #[command(alias = "ls", before_help = "Example: scalbotics context list")]
    List,
    /// Make a context the current one.
    #[command(before_help = "Example: scalbotics context use dev-approver")]
    Use {
        /// Its name.
        name: String,
    },
    /// Add or replace a context.
    #[command(
        before_help = "Example: scalbotics context add prod --server https://host:7420 --trust-file trust.json --of-tenant acme --human ann --human-uid hum_… --login-key ann.pem"
    )]
    Add(Box<AddArgs>),
    /// Remove a context; keys stay where they are.
    #[command(alias = "rm", before_help = "Example: scalbotics context remove old")]
    Remove {
        /// Its name.
        name: String,
    },
}

/// Arguments of `context add`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("who").required(true).args(["human", "service"])))]
pub(crate) struct AddArgs {
    /// Name of the context.
    name: String,
    /// `https://host:port` of the daemon.
    #[arg(long)]
    server: String,
    /// Trust file of the installation.
    #[arg(long)]
    trust_file: PathBuf,
    /// Tenant.
    #[arg(long = "of-tenant", alias = "tenant-name", value_name = "TENANT")]
    of_tenant: String,
    /// Name of the human.
    #[arg(long, requires = "human_uid")]
    human: Option<String>,
    /// Identity of the human, as `hum_…`.
    #[arg(long, requires = "human")]
    human_uid: Option<String>,
    /// Name of the service.
    #[arg(long, requires = "service_uid")]
    service: Option<String>,
    /// Identity of the service, as `svc_…`.
    #[arg(long, requires = "service")]
    service_uid: Option<String>,
    /// Private key that logs in.
    #[arg(long)]
    login_key: PathBuf,
    /// Private key that signs approvals.
    #[arg(long)]
    approval_key: Option<PathBuf>,
    /// Make it the current one.
    #[arg(long = "use")]
    make_current: bool,
}

/// Runs a verb.
pub(crate) fn run(verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut contexts = Contexts::load()?;
    match verb {
        Verb::List => list(&contexts, printer),
        Verb::Use { name } => {
            contexts.select(Some(name))?;
            contexts.current = Some(name.clone());
            contexts.save()?;
            printer.note(&format!("context {name} is the current one"));
            Ok(())
        }
        Verb::Add(args) => {
            contexts.contexts.insert(args.name.clone(), entry(args)?);
            if args.make_current || contexts.current.is_none() {
                contexts.current = Some(args.name.clone());
            }
            contexts.save()?;
            printer.note(&format!("context {} added", args.name));
            Ok(())
        }
        Verb::Remove { name } => {
            contexts.select(Some(name))?;
            confirm.ask(&format!("context {name} will be removed; its keys stay where they are"), name)?;
            contexts.contexts.remove(name);
            contexts.current = contexts.current.filter(|current| current != name);
            contexts.save()?;
            printer.note(&format!("context {name} removed"));
            Ok(())
        }
    }
}

fn list(contexts: &Contexts, printer: &Printer) -> Result<(), Failure> {
    let items: Vec<Value> = contexts
        .contexts
        .iter()
        .map(|(name, entry)| {
            json!({
                "name": name, "current": contexts.current.as_deref() == Some(name), "server": entry.server,
                "tenant": entry.tenant, "principal": entry.who, "kind": Uid::from(entry.holder).kind(), "approves": entry.approval_key.is_some(),
                "trust_file": entry.trust_file,
            })
        })
        .collect();
    let columns = [
        column("NAME", "/name"),
        column("CURRENT", "/current"),
        column("SERVER", "/server"),
        column("TENANT", "/tenant"),
        column("PRINCIPAL", "/principal"),
        column("KIND", "/kind"),
        column("APPROVES", "/approves"),
        wide("TRUST FILE", "/trust_file"),
    ];
    printer.list(&items, &columns)
}

fn entry(args: &AddArgs) -> Result<Entry, Failure> {
    let wrong = |flag: &str, error: &dyn std::error::Error| {
        Failure::usage(format!("{flag} is not usable")).why(error.to_string()).next("scalbotics context add --help")
    };
    let no_name = || Failure::usage("nobody is named").next("scalbotics context add --help");
    let (flag, name) = match (&args.human, &args.service) {
        (Some(name), _) => ("--human", name),
        (None, name) => ("--service", name.as_ref().ok_or_else(no_name)?),
    };
    let who = Name::parse(name).map_err(|error| wrong(flag, &error))?;
    let holder = match (&args.human_uid, &args.service_uid) {
        (Some(uid), _) => KeyHolder::Human(uid.parse().map_err(|error: IdError| wrong("--human-uid", &error))?),
        (None, uid) => {
            let uid = uid.as_ref().ok_or_else(no_name)?;
            KeyHolder::Service(uid.parse().map_err(|error: IdError| wrong("--service-uid", &error))?)
        }
    };
    Ok(Entry {
        server: args.server.clone(),
        trust_file: args.trust_file.clone(),
        tenant: TenantId::parse(&args.of_tenant).map_err(|error| wrong("--of-tenant", &error))?,
        who,
        holder,
        login_key: args.login_key.clone(),
        approval_key: args.approval_key.clone(),
    })
}
