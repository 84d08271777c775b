//! Verbs of `tool`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::tool_service_client::ToolServiceClient;
use serde_json::{Value, json};

use crate::commands::wire;
use crate::failure::Failure;
use crate::output::{Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// List tools.
    #[command(alias = "ls", before_help = "Example: scalbotics tool list -o wide")]
    List,
    /// Show a tool with its schemas.
    #[command(alias = "get", before_help = "Example: scalbotics tool show fs.read -o json")]
    Show {
        /// The tool.
        tool: String,
    },
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    let mut client = ToolServiceClient::new(session.channel.clone());
    match verb {
        Verb::List => {
            let answer = client.list_tools(session.request(v1::ListToolsRequest::default())?).await?.into_inner();
            let items: Vec<Value> = answer.tools.iter().map(tool_json).collect();
            let columns = [
                column("TOOL", "/name"),
                column("TIER", "/tier"),
                column("CLASS", "/effect_class"),
                column("KIND", "/kind"),
                column("DESCRIPTION", "/description"),
                wide("DIGEST", "/digest"),
            ];
            printer.list(&items, &columns)
        }
        Verb::Show { tool } => {
            let request = v1::GetToolRequest { name: session.resource("tools", tool) };
            let tool = client.get_tool(session.request(request)?).await?.into_inner();
            let columns = [
                column("tool", "/name"),
                column("description", "/description"),
                column("tier", "/tier"),
                column("class", "/effect_class"),
                column("kind", "/kind"),
                column("digest", "/digest"),
                column("input", "/input_schema"),
                column("output", "/output_schema"),
            ];
            printer.one(&tool_json(&tool), &columns)
        }
    }
}

fn tool_json(tool: &v1::Tool) -> Value {
    let schema = |text: &str| serde_json::from_str::<Value>(text).unwrap_or(Value::Null);
    json!({
        "name": wire::short(&tool.name),
        "description": tool.description,
        "tier": tool.tier,
        "effect_class": tool.effect_class,
        "kind": tool.kind,
        "digest": tool.digest,
        "input_schema": schema(&tool.input_schema),
        "output_schema": schema(&tool.output_schema),
    })
}
