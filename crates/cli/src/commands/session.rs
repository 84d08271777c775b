//! `login`, `logout`, `whoami`.

use scalbotics_proto::v1;
use scalbotics_proto::v1::session_service_client::SessionServiceClient;
use serde_json::{Value, json};

use super::wire;
use crate::context::Contexts;
use crate::failure::Failure;
use crate::output::{Printer, column};
use crate::session::{Session, exchange, forget};
use crate::tree::Globals;

/// Gets a fresh token, whatever is kept.
pub(super) async fn login(globals: &Globals) -> Result<(), Failure> {
    let contexts = Contexts::load()?;
    let (name, _) = contexts.select(globals.context.as_deref())?;
    forget(name)?;
    let session = Session::open(globals).await?;
    exchange(&session.name, &session.context, &session.trust, &session.channel).await?;
    globals
        .printer()
        .note(&format!("logged in as {} of {} (context {})", session.context.who, session.context.tenant, session.name));
    Ok(())
}

/// Removes the kept token.
pub(super) fn logout(globals: &Globals) -> Result<(), Failure> {
    let contexts = Contexts::load()?;
    let (name, _) = contexts.select(globals.context.as_deref())?;
    let removed = forget(name)?;
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
    if let (Some(ends), Value::Object(map)) = (answer.grant_expire_time, &mut identity) {
        map.insert("sponsor".to_owned(), json!(answer.sponsor));
        map.insert("grant_ends".to_owned(), json!(wire::time(Some(ends))));
        columns.extend([column("sponsor", "/sponsor"), column("grant ends", "/grant_ends")]);
    }
    printer.one(&identity, &columns)
}
