//! Verbs of `policy`.

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use scalbotics_proto::v1::policy_service_client::PolicyServiceClient;
use serde_json::{Value, json};

use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Explain a decision, or what would be decided: the deciding rules, along the chain, and what would make it allowed.
    #[command(before_help = "Example: scalbotics policy explain dec_01K9…")]
    Explain(ExplainArgs),
    /// Tell whether you, through an agent, may call a tool now, and why; exit 5 if not.
    #[command(
        before_help = "Example: scalbotics policy can-i --agent reviewer --tool fs.read --args '{\"path\":\"repo/README.md\"}'"
    )]
    CanI(CanIArgs),
}

/// Arguments of `policy can-i`.
#[derive(Debug, Args)]
pub(crate) struct CanIArgs {
    /// The agent.
    #[arg(long)]
    agent: String,
    /// The tool.
    #[arg(long)]
    tool: String,
    /// The arguments, a JSON object.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    args: String,
    /// Ask for a task that has taken in what others may have written: every mark, or of files, programs, tools and web these.
    #[arg(long, value_name = "MARKS", num_args = 0..=1, require_equals = true, value_delimiter = ',', default_missing_value = EVERY_MARK)]
    tainted: Vec<String>,
}

/// Arguments of `policy explain`: a decision, or a question as that of `policy can-i`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The decision.
    #[arg(required_unless_present = "agent", conflicts_with_all = ["agent", "tool", "args", "tainted"])]
    decision: Option<String>,
    /// The agent of a call that nobody makes; you ask through it.
    #[arg(long, requires = "tool")]
    agent: Option<String>,
    /// The tool.
    #[arg(long, requires = "agent")]
    tool: Option<String>,
    /// The arguments, a JSON object.
    #[arg(long, value_name = "JSON", requires = "agent")]
    args: Option<String>,
    /// Ask for a task that has taken in what others may have written: every mark, or of files, programs, tools and web these.
    #[arg(long, value_name = "MARKS", num_args = 0..=1, require_equals = true, value_delimiter = ',', default_missing_value = EVERY_MARK, requires = "agent")]
    tainted: Vec<String>,
}

/// What `--tainted` without marks stands for.
const EVERY_MARK: &str = "files,programs,tools,web";

/// Fetches a decision with its reasons.
pub(crate) async fn explain(session: &Session, decision: &str) -> Result<v1::Decision, Failure> {
    let mut client = PolicyServiceClient::new(session.channel.clone());
    let request = v1::ExplainDecisionRequest { name: session.resource("decisions", decision) };
    Ok(client.explain_decision(session.request(request)?).await?.into_inner())
}

/// What would be decided about a call now. Nothing is recorded that permits anything: the answer has no id.
async fn question(session: &Session, request: v1::CheckAccessRequest) -> Result<v1::Decision, Failure> {
    let mut client = PolicyServiceClient::new(session.channel.clone());
    Ok(client.check_access(session.request(request)?).await?.into_inner())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Explain(args) => {
            let decision = match (&args.decision, &args.agent) {
                (_, Some(agent)) => {
                    let request = v1::CheckAccessRequest {
                        agent: session.resource("agents", agent),
                        tool: args.tool.clone().unwrap_or_default(),
                        args: Some(wire::parse_object("--args", args.args.as_deref().unwrap_or("{}"))?),
                        taint: args.tainted.clone(),
                    };
                    question(session, request).await?
                }
                (decision, None) => explain(session, decision.as_deref().unwrap_or_default()).await?,
            };
            print(&decision, printer)
        }
        Verb::CanI(args) => {
            let request = v1::CheckAccessRequest {
                agent: session.resource("agents", &args.agent),
                tool: args.tool.clone(),
                args: Some(wire::parse_object("--args", &args.args)?),
                taint: args.tainted.clone(),
            };
            let decision = question(session, request).await?;
            print(&decision, printer)?;
            if decision.allow {
                return Ok(());
            }
            Err(Failure::new(Exit::Denied, codes::POLICY_DENIED, format!("agent {} may not call {}", args.agent, args.tool))
                .why(decision.why)
                .next(decision.remedy))
        }
    }
}

fn decision_json(decision: &v1::Decision) -> Value {
    json!({
        "name": decision.id,
        "ruling": ruling(decision),
        "action": decision.action,
        "resource": decision.resource,
        "why": decision.why,
        "remedy": decision.remedy,
        "time": wire::time(decision.time),
        "answers": decision.answers.iter().map(answer_json).collect::<Vec<_>>(),
    })
}

/// The word for a decision; of one that was erased, that it was.
const fn ruling(decision: &v1::Decision) -> &'static str {
    match (decision.erased, decision.allow) {
        (true, _) => "ERASED",
        (false, true) => "ALLOW",
        (false, false) => "DENY",
    }
}

fn answer_json(answer: &v1::Answer) -> Value {
    json!({
        "name": format!("{} {}", answer.principal_kind, answer.principal),
        "engine": answer.engine,
        "ruling": if answer.allow { "ALLOW" } else { "DENY" },
        "policies": answer.policies,
        "errors": answer.errors,
    })
}

fn print(decision: &v1::Decision, printer: &Printer) -> Result<(), Failure> {
    let value = decision_json(decision);
    let columns = [
        column("decision", "/name"),
        column("ruling", "/ruling"),
        column("action", "/action"),
        column("resource", "/resource"),
        column("why", "/why"),
        column("remedy", "/remedy"),
        column("time", "/time"),
    ];
    printer.one(&value, &columns)?;
    let columns = [
        column("PRINCIPAL", "/name"),
        column("ENGINE", "/engine"),
        column("RULING", "/ruling"),
        column("POLICIES", "/policies"),
        column("ERRORS", "/errors"),
    ];
    printer.section(&value, "/answers", &columns)
}
