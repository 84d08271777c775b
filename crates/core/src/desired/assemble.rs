//! From a commit's files to a snapshot, or to everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::sync::Arc;

use super::finding::{Finding, line_of, line_of_path};
use super::read::{self, Files, Source};
use super::shared::{Agents, Checked};
use super::{Agent, AgentFile, FINDINGS_MAX, FindingKind, Format, MOUNTS_MAX, Mount, PROGRAMS_MAX, PolicyFile, Snapshot};
use super::{destinations, links, overlay};
use crate::model::{CALL, Model, OUTPUT_TOKENS_MAX, Route, RouteFile, TOOLS_MAX, ToolChoice};
use crate::ports::RawFiles;
use crate::tenant::{Name, TenantId};
use crate::tool::{Builtin, Definition};
use crate::workflow::{Fault, Workflow};
use crate::workload::Selectors;

/// First words of names that belong to built-in tools, and to the workflows that models are offered as tools.
const RESERVED: [&str; 5] = ["fs", "http", "model", "process", crate::conversation::WORKFLOW];

/// Directories that no agent gets, beside the root: what the kernel shows as files.
const MOUNTS_REFUSED: [&str; 3] = ["/dev", "/proc", "/sys"];

impl Snapshot {
    /// Checks a commit's files, narrows them by the overlay, if one is chosen, and joins them.
    ///
    /// # Errors
    /// Every [`Finding`], in order of file and line, at most [`FINDINGS_MAX`]; never an empty list.
    pub fn assemble(tenant: TenantId, raw: RawFiles, format: &dyn Format, overlay: Option<&Name>) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let commit = raw.commit.clone();
        let mut files = read::read(raw, format, &mut findings);
        overlay::apply(&mut files, overlay, &mut findings);
        let policies = std::mem::take(&mut files.policies);
        let mut tools = tools(&tenant, &files, &mut findings);
        tools.append(&mut destinations::tools(&tenant, &files, &mut findings));
        let workflows = workflows(&files, &tools, &mut findings);
        let models = models(&files, &tenant, &mut findings);
        let agents = agents(&mut files, &models, &mut findings);
        links::check(&files, &tools, &workflows, &mut findings);
        if !findings.is_empty() {
            findings.sort();
            findings.truncate(FINDINGS_MAX);
            return Err(findings);
        }
        let teams = files.teams.into_iter().filter_map(|(id, file)| file.map(|file| (id, file.value))).collect();
        let bundle_digest = PolicyFile::bundle_digest(&policies);
        Ok(Self { tenant, commit, teams, agents, models, tools, workflows, policies, bundle_digest })
    }
}

fn tools(tenant: &TenantId, files: &Files, findings: &mut Vec<Finding>) -> BTreeMap<Name, Arc<Definition>> {
    let mut tools = BTreeMap::new();
    for (id, file) in &files.tools {
        let Some(file) = file else { continue };
        let first = id.as_str().split('.').next().unwrap_or_default();
        if RESERVED.contains(&first) {
            let why = format!("names that begin with `{first}.` belong to the built-in tools");
            findings.push(Finding::new(
                &file.path,
                FindingKind::Value,
                format!("tool `{id}` is refused"),
                why,
                "choose another id",
            ));
            continue;
        }
        if let Some(foreign) = file.value.secrets.iter().find(|given| given.name.tenant != *tenant) {
            let what = format!("tool `{id}` is refused: it wants `{}`", foreign.name);
            let why = "a tool gets secrets of its own tenant only";
            let next = format!("name `secret://{tenant}/{0}`, and put it with `scalbotics secret put {0}`", foreign.name.name);
            let line = line_of(&file.text, &foreign.name.to_string());
            findings.push(Finding::new(&file.path, FindingKind::Reference, what, why, next).at(line));
            continue;
        }
        match Definition::from_manifest(file.value.clone()) {
            Ok(definition) => drop(tools.insert(id.clone(), Arc::new(definition))),
            Err(error) => {
                let why = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                let next = "mend the field; the reference page of tools says what each one means";
                findings.push(Finding::new(&file.path, FindingKind::Value, format!("tool `{id}` is refused"), why, next));
            }
        }
    }
    tools
}

fn models(files: &Files, tenant: &TenantId, findings: &mut Vec<Finding>) -> BTreeMap<Name, Arc<Model>> {
    let mut models = BTreeMap::new();
    for (id, file) in &files.models {
        let Some(file) = file else { continue };
        match Model::of_file(file.value.clone(), tenant) {
            Ok(model) => drop(models.insert(id.clone(), Arc::new(model))),
            Err(error) => {
                let (what, next) = (format!("model `{id}` is refused"), "mend the field; the file's JSON Schema lists them all");
                let finding = Finding::new(&file.path, FindingKind::Value, what, error.to_string(), next);
                findings.push(finding.at(line_of(&file.text, error.field())));
            }
        }
    }
    models
}

/// The route of an agent; what is wrong with it is a finding. Models that do not exist are found with the other names.
fn route(file: &Source<AgentFile>, models: &BTreeMap<Name, Arc<Model>>, findings: &mut Vec<Finding>) -> Option<Route> {
    let wanted: &RouteFile = file.value.model.as_ref()?;
    let caps = wanted.route.iter().filter_map(|id| models.get(id)).map(|model| model.output_tokens_max);
    match wanted.resolve(caps.min().unwrap_or(OUTPUT_TOKENS_MAX)) {
        Ok(route) => {
            check_choice(file, &route, findings);
            Some(route)
        }
        Err((field, why)) => {
            let next = "mend the field, or the models that the route names";
            let finding = Finding::new(&file.path, FindingKind::Value, format!("model.{field} is refused"), why, next);
            findings.push(finding.at(line_of(&file.text, field)));
            None
        }
    }
}

/// What a first answer has to call is something that the model is offered.
fn check_choice(file: &Source<AgentFile>, route: &Route, findings: &mut Vec<Finding>) {
    let Some(choice) = &route.tool_choice else { return };
    // In the order in which a conversation offers them, and no more of them.
    let tools: BTreeSet<&str> = file.value.tools.iter().map(Name::as_str).filter(|tool| *tool != CALL).collect();
    let workflows = file.value.workflows.iter().map(|id| format!("{}.{id}", crate::conversation::WORKFLOW));
    let mut offered = workflows.chain(tools.into_iter().map(str::to_owned)).take(TOOLS_MAX);
    let fits = match choice {
        ToolChoice::Tool(name) => offered.any(|other| other == name.as_str()),
        ToolChoice::Required => offered.next().is_some(),
        ToolChoice::None => true,
    };
    if !fits {
        let why = format!("it wants {}, which the agent's model is not offered", choice.words());
        let next = "name one of the agent's `tools`, one of its `workflows` as `workflow.ID`, or `required` where it has any";
        let finding = Finding::new(&file.path, FindingKind::Reference, "model.tool_choice is refused", why, next);
        findings.push(finding.at(line_of(&file.text, "tool_choice")));
    }
}

fn workflows(
    files: &Files,
    tools: &BTreeMap<Name, Arc<Definition>>,
    findings: &mut Vec<Finding>,
) -> BTreeMap<Name, Arc<Workflow>> {
    let tools = super::with_builtins(tools);
    let mut workflows = BTreeMap::new();
    for (id, file) in &files.workflows {
        let Some(file) = file else { continue };
        match Workflow::parse(&file.value, &tools) {
            Ok(workflow) => drop(workflows.insert(id.clone(), Arc::new(workflow))),
            // The tool's own finding says what is wrong.
            Err(error) if matches!(&error.fault, Fault::UnknownTool { tool } if files.has_tool(tool)) => {}
            Err(error) => {
                let unknown = matches!(error.fault, Fault::UnknownTool { .. });
                let kind = if unknown { FindingKind::Reference } else { FindingKind::Value };
                let next = error.fault.next_step();
                let line = line_of_path(&file.text, &error.at);
                let mut why = error.fault.to_string();
                if let Some(source) = error.fault.source() {
                    why = format!("{why}: {source}");
                }
                findings.push(Finding::new(&file.path, kind, error.to_string(), why, next).at(line));
            }
        }
    }
    workflows
}

fn agents(files: &mut Files, models: &BTreeMap<Name, Arc<Model>>, findings: &mut Vec<Finding>) -> BTreeMap<Name, Arc<Agent>> {
    let mut agents = Agents::default();
    for (id, file) in &files.agents {
        let Some(file) = file else { continue };
        let bootstrap = files.bootstrap.remove(id).unwrap_or_default();
        let mut skills = files.skills.remove(id).unwrap_or_default();
        skills.values_mut().for_each(|skill| skill.narrow(&file.value.tools));
        check_lists(file, findings);
        check_mounts(file, findings);
        check_programs(file, findings);
        check_workload(file, findings);
        let model = route(file, models, findings);
        let budget = match file.value.budget.unwrap_or_default().budget() {
            Ok(budget) => budget,
            Err(field) => {
                let finding = Finding::new(
                    &file.path,
                    FindingKind::Value,
                    format!("budget.{field} is refused"),
                    "it is out of range",
                    "see the file's JSON Schema",
                );
                findings.push(finding.at(line_of(&file.text, field)));
                continue;
            }
        };
        agents.add(id, &file.value, Checked { budget, model, bootstrap, skills });
    }
    agents.finish()
}

/// Refuses what stands twice in the lists of an agent.
fn check_lists(file: &Source<AgentFile>, findings: &mut Vec<Finding>) {
    for (field, names) in [("tools", &file.value.tools), ("workflows", &file.value.workflows)] {
        let mut seen = BTreeSet::new();
        for name in names.iter().filter(|name| !seen.insert(*name)) {
            let what = format!("`{name}` stands twice in {field}");
            let finding = Finding::new(&file.path, FindingKind::Value, what, "a list names each once", "remove one of them");
            findings.push(finding.at(line_of(&file.text, name.as_str())));
        }
    }
}

fn check_mounts(file: &Source<AgentFile>, findings: &mut Vec<Finding>) {
    let mounts = &file.value.mounts;
    let mut refuse = |what: String, why: &str, word: &str| {
        let finding = Finding::new(&file.path, FindingKind::Value, what, why, "mend the mount");
        findings.push(finding.at(line_of(&file.text, word)));
    };
    if mounts.len() > MOUNTS_MAX {
        refuse(format!("{} mounts are refused", mounts.len()), "an agent has at most 32 mounts", "mounts");
    }
    for (index, mount) in mounts.iter().enumerate() {
        if mounts.iter().take(index).any(|other| other.name == mount.name) {
            refuse(format!("mount `{}` stands twice", mount.name), "names of mounts are unique", mount.name.as_str());
        }
        if let Some(why) = path_fault(mount) {
            refuse(format!("path of mount `{}` is refused", mount.name), why, mount.name.as_str());
        }
    }
}

fn check_programs(file: &Source<AgentFile>, findings: &mut Vec<Finding>) {
    let AgentFile { programs, tools, .. } = &file.value;
    let mut refuse = |what: String, why: &str, word: &str| {
        let next = "name each program once by its absolute path, and the tool process.run beside";
        findings.push(Finding::new(&file.path, FindingKind::Value, what, why, next).at(line_of(&file.text, word)));
    };
    if programs.len() > PROGRAMS_MAX {
        refuse(format!("{} programs are refused", programs.len()), "an agent has at most 64 programs", "programs");
    }
    let runs = tools.iter().any(|tool| tool.as_str() == Builtin::ProcessRun.id());
    // An overlay may leave either without the other: then nothing is started.
    if runs == programs.is_empty() && file.narrowed_by.is_none() {
        let why = if runs { "process.run starts only what `programs` lists" } else { "only process.run starts them" };
        refuse("programs is refused".to_owned(), why, if runs { "process.run" } else { "programs" });
    }
    for (index, program) in programs.iter().enumerate() {
        if programs.iter().take(index).any(|other| other == program) {
            refuse(format!("program `{program}` stands twice"), "a list names each once", program);
        }
        if let Some(why) = absolute_fault(program).or(program.ends_with('/').then_some("it is a directory")) {
            refuse(format!("program `{program}` is refused"), why, program);
        }
    }
}

/// Selectors that every process would match, or none, are a mistake.
fn check_workload(file: &Source<AgentFile>, findings: &mut Vec<Finding>) {
    let Some(fault) = file.value.workload.as_ref().and_then(Selectors::fault) else { return };
    let (what, next) = ("workload is refused", "name a user, a group, a program or a unit; the file's JSON Schema lists them");
    let finding = Finding::new(&file.path, FindingKind::Value, what, fault.to_string(), next);
    findings.push(finding.at(line_of(&file.text, "workload")));
}

fn path_fault(mount: &Mount) -> Option<&'static str> {
    let path = mount.path.as_str();
    let plain = path.trim_end_matches('/');
    let below = |root: &str| plain == root || plain.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
    absolute_fault(path).or_else(|| {
        (plain.is_empty() || MOUNTS_REFUSED.iter().any(|root| below(root)))
            .then_some("the root, /dev, /proc and /sys are no workspace")
    })
}

/// Why a path is not absolute and plain, if it is not.
fn absolute_fault(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("it is not absolute");
    }
    let parts = path.split('/').skip(1).any(|part| part == ".." || part == ".");
    (parts || path.contains("//") || path.chars().any(char::is_control))
        .then_some("it holds `.`, `..`, an empty part or a control character")
}
