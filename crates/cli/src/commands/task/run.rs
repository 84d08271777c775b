//! `task run`

use clap::Args;
use scalbotics_core::time::Span;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::submit_task_request::Goal;

use super::until::WaitArgs;
use super::{follow, show, verb};
use crate::codes;
use crate::commands::wire;
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::Session;

/// Arguments of `task run`.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["goal", "workflow"])))]
pub(crate) struct RunArgs {
    /// What is to be reached, in a sentence.
    goal: Option<String>,
    /// Run this workflow of the agent.
    #[arg(long)]
    workflow: Option<String>,
    /// The agent; the only one there is where nothing is said.
    #[arg(long)]
    agent: Option<String>,
    /// Input of the workflow, a JSON object.
    #[arg(long, value_name = "JSON")]
    input: Option<String>,
    /// Most tool calls.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_calls: Option<u64>,
    /// Most model tokens.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_tokens: Option<u64>,
    /// How long the task may take, waiting included.
    #[arg(long, value_name = "DURATION")]
    within: Option<Span>,
    /// 0 lowest to 9 highest.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=9))]
    priority: u32,
    /// Until when it is followed.
    #[command(flatten)]
    wait: WaitArgs,
    /// Submit and return.
    #[arg(long, conflicts_with = "wait")]
    detach: bool,
    /// Check everything and submit nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Submits and follows.
pub(super) async fn run(session: &Session, args: RunArgs, printer: &Printer) -> Result<(), Failure> {
    let (detach, dry_run, wait) = (args.detach, args.dry_run, args.wait.wait);
    let agent = match &args.agent {
        Some(agent) => agent.clone(),
        None => only_agent(session).await?,
    };
    let request = request(session, args, &agent)?;
    let task = verb::client(session).submit_task(session.request(request)?).await?.into_inner();
    if dry_run {
        printer.note("nothing was submitted: the request is sound and would be taken on");
        return show::print(&task, printer);
    }
    if detach {
        return show::print(&task, printer);
    }
    printer.note(&format!("{}  {}", wire::short(&task.name), task.path));
    follow::follow(session, &task.name, wait, printer).await
}

/// The agent of a tenant that has one.
async fn only_agent(session: &Session) -> Result<String, Failure> {
    let request = session.request(v1::ListAgentsRequest::default())?;
    let agents = AgentServiceClient::new(session.channel.clone()).list_agents(request).await?.into_inner().agents;
    let names: Vec<&str> = agents.iter().map(|agent| wire::short(&agent.name)).collect();
    match names.as_slice() {
        [only] => Ok((*only).to_owned()),
        names => Err(Failure::new(Exit::Usage, codes::USAGE, "no agent is named")
            .why(if names.is_empty() { "there is none".to_owned() } else { format!("there are {}", names.join(", ")) })
            .next("name one with --agent")),
    }
}

fn request(session: &Session, args: RunArgs, agent: &str) -> Result<v1::SubmitTaskRequest, Failure> {
    let goal = args.workflow.map(Goal::Workflow).or(args.goal.map(Goal::Text));
    let input = args.input.as_deref().map(|text| wire::parse_object("--input", text)).transpose()?;
    let timeout = args.within.map(|span| {
        let seconds = i64::try_from(span.as_ms() / 1_000).unwrap_or(i64::MAX);
        let nanos = i32::try_from(span.as_ms() % 1_000).unwrap_or(0) * 1_000_000;
        prost_types::Duration { seconds, nanos }
    });
    Ok(v1::SubmitTaskRequest {
        agent: session.resource("agents", agent),
        goal,
        input,
        budget: (args.max_calls.is_some() || args.max_tokens.is_some()).then(|| v1::Budget {
            calls: args.max_calls.unwrap_or_default(),
            tokens: args.max_tokens.unwrap_or_default(),
            ..v1::Budget::default()
        }),
        timeout,
        priority: args.priority,
        request_id: session.request_id(),
        validate_only: args.dry_run,
    })
}
