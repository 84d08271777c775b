//! Verbs of `agent`.

use clap::{Args, Subcommand};
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use scalbotics_proto::v1::task_service_client::TaskServiceClient;
use serde_json::{Map, Value, json};

use super::add::{AddArgs, add};
use super::enroll::{self, EnrollArgs};
use super::join::{self, RotateArgs, TokenArgs};
use super::logs::{LogsArgs, logs};
use super::offboard::{self, OffboardArgs};
use super::run::{self as worker, RunArgs};
use crate::commands::{identity, wire};
use crate::failure::Failure;
use crate::output::{Confirm, Printer, column, wide};
use crate::session::Session;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Commit a new agent to the local repository; returns when it is in force.
    #[command(
        before_help = "Example: scalbotics agent add reviewer --team ops --description 'Reads what changed.' --tool fs.read"
    )]
    Add(Box<AddArgs>),
    /// The worker's side of joining: make its key here, get a certificate for a join token, and renew it.
    #[command(
        before_help = "Example: scalbotics agent enroll reviewer --server https://daemon.example:7420 --token-file ./token --dir ./reviewer --watch"
    )]
    Enroll(EnrollArgs),
    /// Print a one-time token by which a worker becomes this agent within ten minutes; you stand for it from then on.
    #[command(before_help = "Example: scalbotics agent join-token reviewer")]
    JoinToken(TokenArgs),
    /// List agents.
    #[command(alias = "ls", before_help = "Example: scalbotics agent list")]
    List(ListArgs),
    /// Print the audit records of an agent's tasks, newest last, and with --follow go on as they come.
    #[command(before_help = "Example: scalbotics agent logs reviewer --follow")]
    Logs(LogsArgs),
    /// Ask for new keys: the agent's certificates go on for a minute, in which its workers renew, or end at once with --compromised.
    #[command(before_help = "Example: scalbotics agent rotate-keys reviewer")]
    RotateKeys(RotateArgs),
    /// Run a worker: attend at the daemon, and carry out the calls of the tools that name this agent as their worker.
    #[command(before_help = "Example: scalbotics agent run till --dir ./till --allow /opt/shop/refund")]
    Run(RunArgs),
    /// Suspend an agent: nothing new is sent for it, and what it runs is stopped.
    #[command(before_help = "Example: scalbotics agent suspend reviewer")]
    Suspend(StandingArgs),
    /// Let a suspended agent act again; with --join print a token, by which its worker joins anew.
    #[command(before_help = "Example: scalbotics agent resume reviewer --join")]
    Resume(ResumeArgs),
    /// Suspend an agent for good, after showing what it has, and take its bindings out of desired state; the name is never used again.
    #[command(before_help = "Example: scalbotics agent offboard reviewer")]
    Offboard(OffboardArgs),
    /// Show an agent.
    #[command(alias = "get", before_help = "Example: scalbotics agent show reviewer")]
    Show {
        /// The agent.
        agent: String,
    },
}

/// Most agents of one page of the API.
const PAGE_MAX: i32 = 1_000;

/// Arguments of `agent list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// At most so many; all of them where nobody says.
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=i64::from(PAGE_MAX)))]
    limit: Option<i32>,
    /// Go on from the page before.
    #[arg(long, default_value = "")]
    page_token: String,
}

/// Arguments of the verbs that change whether an agent may act.
#[derive(Debug, Args)]
pub(crate) struct StandingArgs {
    /// The agent.
    pub(super) agent: String,
    /// Only show what would be.
    #[arg(long)]
    pub(super) dry_run: bool,
}

/// Arguments of `agent resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    standing: StandingArgs,
    /// Print a one-time token too: certificates of before stay void.
    #[arg(long, conflicts_with = "dry_run")]
    join: bool,
}

impl StandingArgs {
    pub(super) fn request(&self, session: &Session) -> Result<tonic::Request<v1::AgentStandingRequest>, Failure> {
        let name = session.resource("agents", &self.agent);
        session.request(v1::AgentStandingRequest { name, validate_only: self.dry_run, request_id: session.request_id() })
    }
}

/// Tasks of an agent that had not ended when it was suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) running: usize,
    pub(super) queued: usize,
    pub(super) waiting: usize,
}

impl Open {
    fn words(self, dry_run: bool) -> String {
        let Self { running, queued, waiting } = self;
        let blocked = if dry_run { "no call of it would be allowed" } else { "no call of it is allowed any more" };
        let (stop, end) = if dry_run { ("to stop", "to end") } else { ("stopped", "ended") };
        format!("{blocked} · {running} running {stop} · {queued} queued {end} · {waiting} waiting held")
    }
}

/// Most tasks of one state that are counted; whoever has more looks at `task list`.
const COUNTED_MAX: i32 = 1_000;

/// Counts them, for who may list them.
pub(super) async fn open_tasks(session: &Session, agent: &str) -> Option<Open> {
    let mut client = TaskServiceClient::new(session.channel.clone());
    let mut counts = [0; 4];
    for (count, status) in counts.iter_mut().zip(["WORKING", "SUBMITTED", "INPUT_REQUIRED", "AUTH_REQUIRED"]) {
        let filter = format!("agent = \"{agent}\" AND status = \"{status}\"");
        let request = v1::ListTasksRequest { page_size: COUNTED_MAX, filter, ..v1::ListTasksRequest::default() };
        *count = client.list_tasks(session.request(request).ok()?).await.ok()?.into_inner().tasks.len();
    }
    let [running, queued, for_people, for_logins] = counts;
    Some(Open { running, queued, waiting: for_people + for_logins })
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    let mut client = AgentServiceClient::new(session.channel.clone());
    match verb {
        Verb::Add(args) => add(session, &args, printer).await,
        Verb::Logs(args) => logs(session, &args, printer).await,
        Verb::Suspend(args) => {
            let before = open_tasks(session, &args.agent).await;
            show(&client.suspend_agent(args.request(session)?).await?.into_inner(), printer)?;
            if let Some(before) = before {
                printer.note(&before.words(args.dry_run));
            }
            Ok(())
        }
        Verb::Enroll(args) => enroll::run(&args, printer).await,
        Verb::Run(args) => worker::run(&args, printer).await,
        Verb::JoinToken(args) => join::token(session, &args.agent, (args.out.as_deref(), None), printer).await,
        Verb::RotateKeys(args) => join::rotate(session, &args, printer).await,
        Verb::Resume(args) => {
            let resumed = client.resume_agent(args.standing.request(session)?).await?.into_inner();
            if !args.join {
                return show(&resumed, printer);
            }
            join::token(session, &args.standing.agent, (None, None), printer).await
        }
        Verb::Offboard(args) => {
            offboard::plan(session, &args, confirm, printer).await?;
            show(&client.offboard_agent(args.request(session)?).await?.into_inner(), printer)?;
            offboard::unbind(session, &args, printer).await
        }
        Verb::List(args) => list(session, &args, printer).await,
        Verb::Show { agent } => {
            let request = v1::GetAgentRequest { name: session.resource("agents", &agent) };
            let found = client.get_agent(session.request(request)?).await?.into_inner();
            let mut shown = agent_json(&found);
            // Who may look at agents may not be one who may look at certificates.
            if let Ok(svids) = identity::svids(session, Some(&agent)).await {
                let good: Vec<&v1::Svid> = svids.iter().filter(|svid| svid.counts).collect();
                let ends = good.iter().map(|svid| svid.expire_time).min_by_key(|ends| wire::unix_ms(*ends)).map(wire::time);
                let last = good.iter().map(|svid| svid.expire_time).max_by_key(|ends| wire::unix_ms(*ends)).map(wire::time);
                if let (Some(ends), Some(last), Value::Object(fields)) = (ends, last, &mut shown) {
                    fields.insert("certificates".to_owned(), json!(good.len()));
                    fields.insert("certificates_end".to_owned(), json!(ends));
                    let next = format!("{last}, unless its worker renews: `scalbotics agent enroll {agent} --dir DIR --watch`");
                    fields.insert("certificates_last".to_owned(), json!(next));
                }
            }
            print(&shown, printer)
        }
    }
}

/// Lists agents: all pages, or as many as were asked for.
async fn list(session: &Session, args: &ListArgs, printer: &Printer) -> Result<(), Failure> {
    let mut client = AgentServiceClient::new(session.channel.clone());
    let (mut items, mut page_token): (Vec<Value>, _) = (Vec::new(), args.page_token.clone());
    loop {
        let page_size = args.limit.unwrap_or(PAGE_MAX);
        let request = v1::ListAgentsRequest { page_token, page_size, ..v1::ListAgentsRequest::default() };
        let answer = client.list_agents(session.request(request)?).await?.into_inner();
        items.extend(answer.agents.iter().map(agent_json));
        page_token = answer.next_page_token;
        if page_token.is_empty() || args.limit.is_some() {
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
    printer.list(&items, &columns)?;
    if let Some(limit) = args.limit.filter(|_| !page_token.is_empty()) {
        printer.note(&format!("more: scalbotics agent list --limit {limit} --page-token {page_token}"));
    }
    Ok(())
}

fn show(agent: &v1::Agent, printer: &Printer) -> Result<(), Failure> {
    print(&agent_json(agent), printer)
}

fn print(agent: &Value, printer: &Printer) -> Result<(), Failure> {
    let columns = [
        column("agent", "/name"),
        column("uid", "/uid"),
        column("team", "/team"),
        column("description", "/description"),
        column("standing", "/standing"),
        column("workflows", "/workflows"),
        column("tools", "/tools"),
        column("mounts", "/mounts"),
        column("skills", "/skills"),
        column("files", "/files"),
        column("worker", "/worker"),
        column("certificates", "/certificates"),
        column("first one ends", "/certificates_end"),
        column("last one ends", "/certificates_last"),
    ];
    printer.one(agent, &columns)
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
        "skills": agent.skills.iter().map(|skill| skill.name.as_str()).collect::<Vec<_>>(),
        "skill_details": agent.skills.iter().map(|skill| (skill.name.clone(), skill_json(skill))).collect::<Map<_, _>>(),
        "worker": agent.worker_attends.then_some("attends"),
        "files": agent.bootstrap.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
        "digests": agent.bootstrap.iter().map(|file| (file.path.clone(), json!(file.digest))).collect::<Map<_, _>>(),
    })
}

fn skill_json(skill: &v1::Skill) -> Value {
    json!({ "description": skill.description, "tools": skill.tools })
}
