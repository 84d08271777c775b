//! `agent add`

use clap::Args;
use scalbotics_core::tenant::Name;
use serde_json::{Map, Value, json};

use crate::commands::desired::{Change, Place, Written, put};
use crate::failure::Failure;
use crate::output::Printer;
use crate::session::Session;

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
    /// Where it is written.
    #[command(flatten)]
    place: Place,
}

/// Commits the agent's file and the first files of its workspace.
pub(super) async fn add(session: &Session, args: &AddArgs, printer: &Printer) -> Result<(), Failure> {
    let mut agent = Map::from_iter([
        ("id".to_owned(), json!(args.agent)),
        ("team".to_owned(), json!(args.team)),
        ("description".to_owned(), json!(args.description)),
    ]);
    for (key, values) in [("tools", &args.tools), ("workflows", &args.workflows)] {
        if !values.is_empty() {
            agent.insert(key.to_owned(), json!(values));
        }
    }
    if !args.mounts.is_empty() {
        agent.insert("mounts".to_owned(), args.mounts.iter().map(|text| mount(text)).collect::<Result<Value, _>>()?);
    }
    let text = serde_saphyr::to_string(&Value::Object(agent));
    let text = text.map_err(|error| Failure::internal("the agent has no YAML form", &error))?;
    let (name, description) = (&args.agent, &args.description);
    let own = |file: &str| format!("workspaces/{name}/{file}");
    let files = vec![
        (format!("agents/{name}.yaml"), text),
        (own("SOUL.md"), format!("# {name}\n\n{description}\n")),
        (own("AGENT.md"), "# How to work\n\nDo what the task asks for, and nothing beside it.\n".to_owned()),
        (own("TOOLS.md"), "# Tools\n\nA call that is denied stays denied: say so and go on without it.\n".to_owned()),
        (own("MEMORY/README.md"), "# Memory\n\nWhat should be known before the first task.\n".to_owned()),
    ];
    let look = format!("scalbotics agent show {name}");
    put(session, &args.place, &Written { kind: "agent", name: name.as_str(), look, change: Change::Add(files) }, printer).await
}

fn mount(text: &str) -> Result<Value, Failure> {
    let (name, path) = text.split_once('=').ok_or_else(|| {
        Failure::usage(format!("mount {text} is refused")).why("it is not `name=/path`").next("scalbotics agent add --help")
    })?;
    let (path, write) = path.strip_suffix(":write").map_or((path, false), |path| (path, true));
    Ok(json!({ "name": name, "path": path, "write": write }))
}
