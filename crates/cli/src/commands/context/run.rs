//! Verbs of `context`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scalbotics_core::ids::Error as IdError;
use scalbotics_core::principal::{KeyHolder, Uid};
use scalbotics_core::tenant::{Name, TenantId};
use serde_json::{Value, json};

use super::issuer::IssuerArgs;
use crate::context::{Contexts, Entry, Person, key_path};
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};

/// Longest name of a context, in characters.
const NAME_LEN_MAX: usize = 64;

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
#[command(group(clap::ArgGroup::new("who").required(true).multiple(true).args(["human", "service", "issuer"])))]
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
    #[arg(long, requires = "service_uid", conflicts_with_all = ["human", "issuer"])]
    service: Option<String>,
    /// Identity of the service, as `svc_…`.
    #[arg(long, requires = "service")]
    service_uid: Option<String>,
    /// Private key that logs in; with an issuer, the one that tokens are bound to, made at the first login where none is named.
    #[arg(long, required_unless_present = "issuer")]
    login_key: Option<PathBuf>,
    /// Private key that signs approvals.
    #[arg(long)]
    approval_key: Option<PathBuf>,
    /// Make it the current one.
    #[arg(long = "use")]
    make_current: bool,
    #[command(flatten)]
    issuer: IssuerArgs,
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
            if !is_name(&args.name) {
                return Err(Failure::usage("the name of the context is not usable")
                    .why(format!("it is at most {NAME_LEN_MAX} letters, digits, `.`, `_`, `-` and `@`, and begins with no `.`"))
                    .next("scalbotics context add --help"));
            }
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
                "tenant": entry.tenant, "principal": entry.person.as_ref().map(|person| &person.name),
                "kind": entry.person.as_ref().map(|person| Uid::from(person.holder).kind()), "issuer": entry.issuer.as_ref().map(|issuer| &issuer.url),
                "store": entry.issuer.as_ref().map(|issuer| issuer.store.word()),
                "approves": entry.approval_key.is_some(),
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
        wide("ISSUER", "/issuer"),
        wide("STORE", "/store"),
    ];
    printer.list(&items, &columns)
}

fn entry(args: &AddArgs) -> Result<Entry, Failure> {
    let wrong = |flag: &str, error: &dyn std::error::Error| {
        Failure::usage(format!("{flag} is not usable")).why(error.to_string()).next("scalbotics context add --help")
    };
    let person = person(args, &wrong)?;
    let issuer = args.issuer.issuer()?;
    let login_key = match &args.login_key {
        Some(file) => file.clone(),
        None => key_path(&args.name)?,
    };
    Ok(Entry {
        server: args.server.clone(),
        trust_file: args.trust_file.clone(),
        tenant: TenantId::parse(&args.of_tenant).map_err(|error| wrong("--of-tenant", &error))?,
        person,
        login_key,
        approval_key: args.approval_key.clone(),
        issuer,
    })
}

/// Who was named; nobody where the issuer says it.
fn person(args: &AddArgs, wrong: &impl Fn(&str, &dyn std::error::Error) -> Failure) -> Result<Option<Person>, Failure> {
    let named = |flag: &str, name: &str| Name::parse(name).map_err(|error| wrong(flag, &error));
    Ok(match (&args.human, &args.human_uid, &args.service, &args.service_uid) {
        (Some(name), Some(uid), ..) => {
            let uid = uid.parse().map_err(|error: IdError| wrong("--human-uid", &error))?;
            Some(Person { name: named("--human", name)?, holder: KeyHolder::Human(uid) })
        }
        (_, _, Some(name), Some(uid)) => {
            let uid = uid.parse().map_err(|error: IdError| wrong("--service-uid", &error))?;
            Some(Person { name: named("--service", name)?, holder: KeyHolder::Service(uid) })
        }
        _ => None,
    })
}

/// The name of a context is a name of files too.
fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-@".contains(c);
    !text.is_empty() && text.len() <= NAME_LEN_MAX && !text.starts_with('.') && text.chars().all(known)
}
