//! `agent join-token` and `agent rotate-keys`: what an administrator does for workers.

use clap::Args;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde_json::{Value, json};

use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column};
use crate::session::Session;

/// Arguments of `agent rotate-keys`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The agent.
    agent: String,
    /// A key was stolen: whatever the agent has is void at once and for good, and its workers join anew by the token that is printed.
    #[arg(long)]
    compromised: bool,
}

/// Makes a join token and prints it, with the commit that made the agent where there was one.
pub(super) async fn token(session: &Session, agent: &str, made: Option<&Value>, printer: &Printer) -> Result<(), Failure> {
    let request = v1::CreateJoinTokenRequest { name: session.resource("agents", agent), request_id: session.request_id() };
    let token = AgentServiceClient::new(session.channel.clone()).create_join_token(session.request(request)?).await?.into_inner();
    let shown = json!({
        "name": wire::short(&token.agent),
        "commit": made.and_then(|made| made.get("commit")),
        "files": made.and_then(|made| made.get("files")),
        "token": token.token,
        "ends": wire::time(token.expire_time),
        "server": session.context.server,
    });
    let columns = [
        column("agent", "/name"),
        column("commit", "/commit"),
        column("files", "/files"),
        column("token", "/token"),
        column("ends", "/ends"),
        column("server", "/server"),
    ];
    printer.one(&shown, &columns)?;
    printer.note(&format!(
        "it is shown once. Write it to a file on the worker's machine, and run there:\n  \
         scalbotics agent enroll {} --server {} --token-file TOKEN_FILE --dir DIRECTORY --watch",
        wire::short(&token.agent),
        session.context.server
    ));
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
        return token(session, &args.agent, None, printer).await;
    }
    let shown = json!({"agent": args.agent, "certificates_end": wire::time(rotated.void_time)});
    printer.one(&shown, &[column("agent", "/agent"), column("certificates end", "/certificates_end")])
}
