//! `login`, `logout`, `whoami`.

use std::ffi::OsString;

use clap::Args;
use scalbotics_core::time::Timestamp;
use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde_json::{Value, json};

use super::wire;
use crate::codes;
use crate::context::{Contexts, Entry, Issuer, Store};
use crate::failure::{Exit, Failure};
use crate::issuer::{Opener, Way};
use crate::output::{Printer, column, tell};
use crate::session::{self, Session, forget, fresh};
use crate::tree::Globals;

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// By a code that is entered in a browser anywhere, where the context has an identity provider.
    #[arg(long)]
    device: bool,
    /// By a browser of another machine, whose last address is pasted here.
    #[arg(long, conflicts_with = "device")]
    headless: bool,
    /// Program that opens an address, or `none`; else what BROWSER names, else the desktop's.
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["device", "headless"])]
    browser: Option<OsString>,
    /// Where the refresh token is kept from now on: file, or keyring, that of the desktop; else where the context says.
    #[arg(long, value_name = "STORE", value_enum, hide_possible_values = true)]
    store: Option<Store>,
    /// Only show what is kept of a login; exit 4 where nothing is.
    #[arg(long, conflicts_with_all = ["device", "headless", "browser", "store"])]
    status: bool,
}

/// Logs in anew, whatever is kept.
pub(super) async fn login(globals: &Globals, args: LoginArgs) -> Result<(), Failure> {
    let contexts = Contexts::load()?;
    let (name, context) = contexts.select(globals.context.as_deref())?;
    let printer = globals.printer();
    if args.status {
        return standing(name, context, &printer);
    }
    let who = match &context.issuer {
        Some(issuer) => {
            let store = args.store.unwrap_or(issuer.store);
            at_issuer(name, &Issuer { store, ..issuer.clone() }, args, globals).await?
        }
        None if args.device || args.headless || args.browser.is_some() || args.store.is_some() => {
            return Err(Failure::usage(format!("context {name} has no identity provider"))
                .why("it logs in with a key of its own, without a browser")
                .next("scalbotics login"));
        }
        None => {
            forget(name)?;
            let session = Session::open(globals).await?;
            fresh(&session.name, &session.context, &session.trust, &session.channel).await?;
            session.person.name.to_string()
        }
    };
    printer.note(&format!("logged in as {who} of {} (context {name})", context.tenant));
    Ok(())
}

async fn at_issuer(name: &str, issuer: &Issuer, args: LoginArgs, globals: &Globals) -> Result<String, Failure> {
    let way = match (args.device, args.headless) {
        (true, _) => Way::Device,
        (false, true) if globals.no_input => {
            return Err(Failure::usage("nothing may be asked, and --headless asks for an address")
                .why("--no-input is set")
                .next("give `scalbotics login` the flag --device"));
        }
        (false, true) => Way::Paste,
        (false, false) => Way::Browser(Opener::of(args.browser)),
    };
    // Quiet or not: without it nobody can log in.
    let say = |text: &str| text.lines().for_each(tell);
    session::at_issuer(name, issuer, &way, globals, say).await
}

/// What is kept of a login.
fn standing(name: &str, context: &Entry, printer: &Printer) -> Result<(), Failure> {
    let standing = session::standing(name, context);
    let time = |at: Option<Timestamp>| at.map(wire::shown);
    let usable = standing.renews || standing.token_ends.is_some();
    let shown = json!({
        "name": name, "principal": context.person.as_ref().map(|person| &person.name), "tenant": context.tenant,
        "issuer": context.issuer.as_ref().map(|issuer| &issuer.url), "subject": standing.subject,
        "logged_in": usable, "since": time(standing.since), "renews": standing.renews, "store": standing.store.map(Store::word), "token_ends": time(standing.token_ends),
    });
    let columns = [
        column("context", "/name"),
        column("principal", "/principal"),
        column("tenant", "/tenant"),
        column("issuer", "/issuer"),
        column("subject", "/subject"),
        column("logged in", "/logged_in"),
        column("since", "/since"),
        column("renews itself", "/renews"),
        column("renewed from", "/store"),
        column("token ends", "/token_ends"),
    ];
    printer.one(&shown, &columns)?;
    if usable {
        return Ok(());
    }
    Err(Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("context {name} is not logged in"))
        .why("neither a token that counts nor a refresh token is kept")
        .next("scalbotics login"))
}

/// Forgets what is kept, here, at the daemon and at the issuer.
pub(super) async fn logout(globals: &Globals) -> Result<(), Failure> {
    let contexts = Contexts::load()?;
    let (name, context) = contexts.select(globals.context.as_deref())?;
    let removed = session::out(name, context, globals).await?;
    globals.printer().note(if removed { "logged out" } else { "was not logged in" });
    Ok(())
}

/// Asks the daemon who this is.
pub(super) async fn whoami(session: &Session, printer: &Printer) -> Result<(), Failure> {
    let answer =
        SessionServiceClient::new(session.channel.clone()).who_am_i(session.request(v1::WhoAmIRequest {})?).await?.into_inner();
    let mut identity = json!({
        "name": answer.display_name,
        "kind": answer.kind,
        "uid": answer.uid,
        "tenant": answer.tenant,
        "groups": answer.groups,
        "token_ends": wire::time(answer.expire_time),
        "can_approve": answer.can_approve,
        "context": session.name,
    });
    let mut columns = vec![
        column("name", "/name"),
        column("kind", "/kind"),
        column("uid", "/uid"),
        column("tenant", "/tenant"),
        column("groups", "/groups"),
        column("can approve", "/can_approve"),
        column("token ends", "/token_ends"),
        column("context", "/context"),
    ];
    if let Value::Object(map) = &mut identity {
        if let Some(ends) = answer.grant_expire_time {
            map.insert("sponsor".to_owned(), json!(answer.sponsor));
            map.insert("grant_ends".to_owned(), json!(wire::time(Some(ends))));
            columns.extend([column("sponsor", "/sponsor"), column("grant ends", "/grant_ends")]);
        }
        if let Some(issuer) = &session.context.issuer {
            map.insert("issuer".to_owned(), json!(issuer.url));
            columns.push(column("issuer", "/issuer"));
        }
    }
    printer.one(&identity, &columns)
}
