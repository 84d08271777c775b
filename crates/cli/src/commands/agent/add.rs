//! `agent add`

use std::collections::BTreeSet;

use clap::Args;
use scalbotics_core::model::CALL as MODEL_CALL;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::agent_service_client::AgentServiceClient;
use serde_json::{Map, Value, json};

use super::join;
use crate::commands::desired::{Change, Place, Written, commit, put};
use crate::failure::{Exit, Failure};
use crate::output::Printer;
use crate::session::Session;

/// The standing of an agent that is gone for good.
const OFFBOARDED: &str = "offboarded";

/// Limits of a task.
const LIMITS: [&str; 3] = ["calls", "tokens", "seconds"];

/// Arguments of `agent add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// The name, of nobody else and never of anybody before.
    agent: Name,
    /// The team that it is in.
    #[arg(long)]
    team: Name,
    /// One sentence for people and models.
    #[arg(long)]
    description: String,
    /// A tool that it may ask for; may be given several times.
    #[arg(long = "tool", value_name = "TOOL")]
    tools: Vec<String>,
    /// A workflow that it runs, the preferred one first; may be given several times.
    #[arg(long = "workflow", value_name = "WORKFLOW")]
    workflows: Vec<String>,
    /// A directory of its workspace, as `name=/path` or `name=/path:write`; may be given several times.
    #[arg(long = "mount", value_name = "MOUNT")]
    mounts: Vec<String>,
    /// A program that process.run may start for it, by absolute path; may be given several times.
    #[arg(long = "program", value_name = "PATH")]
    programs: Vec<String>,
    /// A model that drives it, the preferred one first; may be given several times.
    #[arg(long = "model", value_name = "MODEL")]
    models: Vec<Name>,
    /// What one task may use, as `calls=100,tokens=50000,seconds=600`; what is left out has its default.
    #[arg(long, value_name = "LIMITS")]
    budget: Option<String>,
    /// The highest tier of its tools: 0, 1 or 2.
    #[arg(long, value_name = "TIER", value_parser = clap::value_parser!(u8).range(0..=2))]
    tier_max: Option<u8>,
    /// Print a one-time token too, by which a worker on another machine becomes this agent: see `agent enroll`.
    #[arg(long)]
    join: bool,
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Commits the agent's file, the rule that lets it call its tools, and the first files of its workspace.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let text = serde_saphyr::to_string(&file(args)?);
    check_name(session, &args.agent).await?;
    let text = text.map_err(|error| Failure::internal("the agent has no YAML form", &error))?;
    let (name, description) = (&args.agent, &args.description);
    let own = |file: &str| format!("workspaces/{name}/{file}");
    let mut files = vec![
        (format!("agents/{name}.yaml"), text),
        (own("SOUL.md"), format!("# {name}\n\n{description}\n")),
        (own("AGENT.md"), "# How to work\n\nDo what the task asks for, and nothing beside it.\n".to_owned()),
        (own("TOOLS.md"), "# Tools\n\nA call that is denied stays denied: say so and go on without it.\n".to_owned()),
        (own("MEMORY/README.md"), "# Memory\n\nWhat should be known before the first task.\n".to_owned()),
    ];
    files.extend(binding(args));
    let look = format!("scalbotics agent show {name}");
    let written = Written { kind: "agent", name: name.as_str(), look, change: Change::Add(files) };
    if !args.join || args.place.is_dry_run() {
        return put(session, &args.place, &written, printer).await;
    }
    let made = commit(session, &args.place, &written).await?;
    join::token(session, name.as_str(), (None, Some(&made)), printer).await
}

/// Refuses the name of an agent that was offboarded: its file would bind nobody, for the name stays theirs.
async fn check_name(session: &Session, name: &Name) -> Result<(), Failure> {
    let request = v1::GetAgentRequest { name: session.resource("agents", name.as_str()) };
    match AgentServiceClient::new(session.channel.clone()).get_agent(session.request(request)?).await {
        Ok(found) if found.get_ref().standing == OFFBOARDED => {
            Err(Failure::told(Exit::Conflict, "NAME_TAKEN", format!("name `{name}` is taken, and names are never used again"))
                .why("an agent of this name was offboarded, which is for good")
                .next("choose another name"))
        }
        // Nobody has the name, or who may write need not be one who may look; somebody who has it is found in the repository.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What `agents/<id>.yaml` says.
fn file(args: &AddArgs) -> Result<Value, Failure> {
    let mut agent = Map::from_iter([
        ("id".to_owned(), json!(args.agent)),
        ("team".to_owned(), json!(args.team)),
        ("description".to_owned(), json!(args.description)),
    ]);
    for (key, values) in [("tools", &args.tools), ("workflows", &args.workflows), ("programs", &args.programs)] {
        if !values.is_empty() {
            agent.insert(key.to_owned(), json!(values));
        }
    }
    if !args.mounts.is_empty() {
        agent.insert("mounts".to_owned(), args.mounts.iter().map(|text| mount(text)).collect::<Result<Value, _>>()?);
    }
    if !args.models.is_empty() {
        agent.insert("model".to_owned(), json!({ "route": args.models }));
    }
    if let Some(text) = &args.budget {
        agent.insert("budget".to_owned(), budget(text)?);
    }
    if let Some(tier) = args.tier_max {
        agent.insert("tier_max".to_owned(), json!(tier));
    }
    Ok(Value::Object(agent))
}

/// The rule that permits the agent what was asked for, by name, and nothing else; without a tool or a model there is nothing to
/// permit.
fn binding(args: &AddArgs) -> Option<(String, String)> {
    let name = &args.agent;
    let model = (!args.models.is_empty()).then_some(MODEL_CALL);
    let tools: BTreeSet<&str> = args.tools.iter().map(String::as_str).chain(model).collect();
    if tools.is_empty() {
        return None;
    }
    let actions: Vec<String> = tools.into_iter().map(|tool| format!("Action::{}", json!(format!("tool/{tool}")))).collect();
    let text = format!(
        "// What the agent {name} may call, beside what other rules permit: written by `agent add`, one action for each tool that was\n\
         // asked for. Tier 2 still waits for an approval, and its file still says what it may ask for.\n\n\
         @id(\"agent-{name}-calls-its-tools\")\npermit (\n  principal is Agent,\n  action in [{}],\n  resource\n)\n\
         when {{ principal.name == \"{name}\" }};\n",
        actions.join(", ")
    );
    Some((format!("policies/agent-{name}.cedar"), text))
}

/// The limits of `calls=100,tokens=50000,seconds=600`.
fn budget(text: &str) -> Result<Value, Failure> {
    let mut limits = Map::new();
    for part in text.split(',') {
        let limit = part.split_once('=').and_then(|(key, number)| Some((key.trim(), number.trim().parse::<u64>().ok()?)));
        let known = limit.filter(|(key, _)| LIMITS.contains(key) && !limits.contains_key(*key));
        let (key, number) = known.ok_or_else(|| {
            Failure::usage(format!("budget {text} is refused"))
                .why(format!("`{part}` is not one of calls, tokens, seconds, each once, `=` and a whole number"))
                .next("scalbotics agent add --help")
        })?;
        limits.insert(key.to_owned(), json!(number));
    }
    Ok(Value::Object(limits))
}

fn mount(text: &str) -> Result<Value, Failure> {
    let (name, path) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!("mount {text} is refused")).why("it is not `name=/path`").next("scalbotics agent add --help")
    })?;
    let (path, write) = path.strip_suffix(":write").map_or((path, false), |path| (path, true));
    Ok(json!({ "name": name, "path": path, "write": write }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_budget() {
        assert_eq!(budget("calls=5, tokens=0,seconds=60").unwrap(), json!({ "calls": 5, "tokens": 0, "seconds": 60 }));
        assert_eq!(budget("tokens=7").unwrap(), json!({ "tokens": 7 }));
        for bad in [
            "",
            "calls",
            "calls=",
            "calls=-1",
            "calls=1.5",
            "calls=1,calls=2",
            "hours=1",
            "calls=1,",
            "calls=99999999999999999999",
        ] {
            assert!(budget(bad).is_err(), "{bad}");
        }
    }
}
