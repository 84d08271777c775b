//! `agent join-token` and `agent rotate-keys`: what an administrator does for workers.

use std::path::{Path, PathBuf};

use clap::Args;
use scalbotics_core::in_words;
use scalbotics_identity::private_file;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde_json::{Value, json};

use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Arguments of `agent join-token`.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// The agent.
    pub(super) agent: String,
    /// Write the token to this file, which only you can read, and do not print it.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

/// Arguments of `agent rotate-keys`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The agent.
    agent: String,
    /// A key was stolen: whatever the agent has is void at once and for good, and its workers join anew by the token that is printed.
    #[arg(long)]
    compromised: bool,
}

/// Makes a join token and prints it or writes it to `out`; with the commit that made the agent where there was one.
pub(super) async fn token(
    session: &Session,
    agent: &str,
    (out, made): (Option<&Path>, Option<&Value>),
    printer: &Printer,
) -> Result<(), Failure> {
    let request = v1::CreateJoinTokenRequest { name: session.resource("agents", agent), request_id: session.request_id() };
    let token = AgentServiceClient::new(session.channel.clone()).create_join_token(session.request(request)?).await?.into_inner();
    if let Some(out) = out {
        private_file::create(out, token.token.as_bytes(), private_file::SECRET_MODE).map_err(|error| {
            Failure::new(Exit::Failed, codes::KEY, format!("the join token cannot be written to {}", out.display()))
                .why(in_words(&error))
                .next("name a file that is not there yet, and ask for another token")
        })?;
    }
    let shown = json!({
        "name": wire::short(&token.agent),
        "commit": made.and_then(|made| made.get("commit")),
        "files": made.and_then(|made| made.get("files")),
        "token": out.is_none().then_some(&token.token),
        "token_file": out.map(|out| out.display().to_string()),
        "ends": wire::time(token.expire_time),
        "server": session.context.server,
    });
    let columns = [
        column("agent", "/name"),
        column("commit", "/commit"),
        column("files", "/files"),
        column("token", "/token"),
        column("token file", "/token_file"),
        column("ends", "/ends"),
        column("server", "/server"),
    ];
    printer.one(&shown, &columns)?;
    printer.note(
        "the token is told once: carry it to the worker's machine in a file, and see `scalbotics agent enroll --help` there",
    );
    Ok(())
}

/// Asks for new keys; where one was stolen, prints the token by which workers join anew.
pub(super) async fn rotate(session: &Session, args: &RotateArgs, printer: &Printer) -> Result<(), Failure> {
    let name = session.resource("agents", &args.agent);
    let request = v1::RotateAgentKeysRequest { name, compromised: args.compromised, request_id: session.request_id() };
    let mut client = AgentServiceClient::new(session.channel.clone());
    let rotated = client.rotate_agent_keys(session.request(request)?).await?.into_inner();
    if args.compromised {
        printer.note(&format!("certificates of agent {} count for nothing any more", args.agent));
        return token(session, &args.agent, (None, None), printer).await;
    }
    let shown = json!({"agent": args.agent, "certificates_end": wire::time(rotated.void_time)});
    printer.one(&shown, &[column("agent", "/agent"), column("certificates end", "/certificates_end")])
}
