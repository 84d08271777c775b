//! Verbs of `agent`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde_json::{Value, json};

use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List agents.
    #[command(alias = "ls", before_help = "Example: scalbotics agent list")]
    List,
    /// Show an agent.
    #[command(alias = "get", before_help = "Example: scalbotics agent show reviewer")]
    Show {
        /// The agent.
        agent: String,
    },
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    let mut client = AgentServiceClient::new(session.channel.clone());
    match verb {
        Verb::List => {
            let mut items: Vec<Value> = Vec::new();
            let mut page_token = String::new();
            loop {
                let request = v1::ListAgentsRequest { page_token, page_size: 1_000, ..v1::ListAgentsRequest::default() };
                let answer = client.list_agents(session.request(request)?).await?.into_inner();
                items.extend(answer.agents.iter().map(agent_json));
                page_token = answer.next_page_token;
                if page_token.is_empty() {
                    break;
                }
            }
            let columns = [
                column("AGENT", "/name"),
                column("TEAM", "/team"),
                column("STANDING", "/standing"),
                column("WORKFLOWS", "/workflows"),
                wide("TOOLS", "/tools"),
                wide("UID", "/uid"),
            ];
            printer.list(&items, &columns)
        }
        Verb::Show { agent } => {
            let request = v1::GetAgentRequest { name: session.resource("agents", agent) };
            let agent = client.get_agent(session.request(request)?).await?.into_inner();
            let columns = [
                column("agent", "/name"),
                column("uid", "/uid"),
                column("team", "/team"),
                column("description", "/description"),
                column("standing", "/standing"),
                column("workflows", "/workflows"),
                column("tools", "/tools"),
                column("mounts", "/mounts"),
            ];
            printer.one(&agent_json(&agent), &columns)
        }
    }
}

fn agent_json(agent: &v1::Agent) -> Value {
    json!({
        "name": wire::short(&agent.name),
        "uid": agent.uid,
        "team": agent.team,
        "description": agent.description,
        "standing": agent.standing,
        "tools": agent.tools,
        "workflows": agent.workflows,
        "mounts": agent.mounts,
    })
}
