//! From bytes to typed files: layout, sizes, secrets, syntax, in this order, so that nothing is parsed that is refused.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::Finding;
use super::place::AGENT_ALIAS;
use super::shared::Names;
use super::{
    AgentFile, BOOTSTRAP_LEN_MAX, BOOTSTRAP_TOTAL_MAX, Bootstrap, FILE_LEN_MAX, FILES_MAX, FindingKind, Format, OverlayFile,
    Place, PolicyFile, SKILLS_MAX, Skill, Syntax, TOTAL_LEN_MAX, TeamFile, find_secrets, skill,
};
use crate::digest::Digest;
use crate::egress::{Destination, TOOL_PREFIX};
use crate::model;
use crate::ports::RawFiles;
use crate::tenant::Name;
use crate::tool::Manifest;
use crate::workflow;

/// A typed file with the text that it was read from.
#[derive(Debug)]
pub(super) struct Source<T> {
    /// The path.
    pub(super) path: String,
    /// The text, to find lines in.
    pub(super) text: String,
    /// What it says.
    pub(super) value: T,
    /// The overlay that narrowed it.
    pub(super) narrowed_by: Option<String>,
}

impl<T> Source<T> {
    const fn new(path: String, text: String, value: T) -> Self {
        Self { path, text, value, narrowed_by: None }
    }
}

/// All files that could be read; `None` marks one that is there but was refused, so that names of it do not count as missing.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) teams: BTreeMap<Name, Option<Source<TeamFile>>>,
    pub(super) agents: BTreeMap<Name, Option<Source<AgentFile>>>,
    pub(super) models: BTreeMap<Name, Option<Source<model::File>>>,
    pub(super) destinations: BTreeMap<Name, Option<Source<Destination>>>,
    pub(super) tools: BTreeMap<Name, Option<Source<Manifest>>>,
    pub(super) workflows: BTreeMap<Name, Option<Source<workflow::File>>>,
    pub(super) overlays: BTreeMap<Name, Option<Source<OverlayFile>>>,
    pub(super) policies: Vec<PolicyFile>,
    pub(super) bootstrap: BTreeMap<Name, BTreeMap<String, Bootstrap>>,
    pub(super) skills: BTreeMap<Name, BTreeMap<String, Skill>>,
    names: Names,
}

/// Reads every file; what is wrong goes to `findings`.
pub(super) fn read(raw: RawFiles, format: &dyn Format, findings: &mut Vec<Finding>) -> Files {
    let mut files = Files::default();
    let total: usize = raw.files.values().map(Vec::len).sum();
    if raw.files.len() > FILES_MAX || total > TOTAL_LEN_MAX {
        let what = format!("{} files of {total} bytes together", raw.files.len());
        let why = format!("at most {FILES_MAX} files and {TOTAL_LEN_MAX} bytes are read");
        findings.push(Finding::new("", FindingKind::Size, what, why, "remove files that are not desired state"));
        return files;
    }
    for (path, bytes) in raw.files {
        if let Err(finding) = files.add(&path, bytes, format, findings) {
            findings.push(finding);
        }
    }
    files.check_bootstrap(findings);
    files
}

impl Files {
    fn add(&mut self, path: &str, bytes: Vec<u8>, format: &dyn Format, findings: &mut Vec<Finding>) -> Result<(), Finding> {
        let place = Place::of(path).map_err(|why| {
            Finding::new(path, FindingKind::Layout, "this file may not stand here", why, "move, rename or remove it")
        })?;
        self.mark(&place);
        let text = checked_text(path, bytes, findings)?;
        let Some(text) = text else { return Ok(()) };
        let path = path.to_owned();
        match place {
            Place::Team(id) => {
                let value = format.team(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.teams.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Agent(id) => {
                let mut value = format.agent(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.names.share(&id, &mut value);
                self.agents.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Model(id) => {
                let value = format.model(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.models.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Destination(id) => {
                let value = format.destination(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.destinations.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Tool(id) => {
                let value = format.tool(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.tools.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Workflow(id) => {
                let value = format.workflow(&text).map_err(|syntax| unreadable(&path, syntax))?;
                same_id(&path, &id, &value.id, &text)?;
                self.workflows.insert(id, Some(Source::new(path, text, value)));
            }
            Place::Policy(_) => self.policies.push(PolicyFile { path, text }),
            Place::Bootstrap { agent, file } => self.add_bootstrap(&path, agent, file, text)?,
            Place::Skill { agent, skill } => self.add_skill(&path, agent, skill, &text, format)?,
            Place::Overlay(name) => {
                let value = overlay(&text, format).map_err(|syntax| unreadable(&path, syntax))?;
                self.overlays.insert(name, Some(Source::new(path, text, value)));
            }
            Place::Note => {}
        }
        Ok(())
    }

    /// Whether a file is there that defines the tool, be it refused or not.
    pub(super) fn has_tool(&self, tool: &Name) -> bool {
        let destination = |id: &str| self.destinations.keys().any(|known| known.as_str() == id);
        self.tools.contains_key(tool) || tool.as_str().strip_prefix(TOOL_PREFIX).is_some_and(destination)
    }

    /// Notes that a file is there, whatever becomes of it.
    fn mark(&mut self, place: &Place) {
        match place {
            Place::Team(id) => drop(self.teams.insert(id.clone(), None)),
            Place::Agent(id) => drop(self.agents.insert(id.clone(), None)),
            Place::Model(id) => drop(self.models.insert(id.clone(), None)),
            Place::Destination(id) => drop(self.destinations.insert(id.clone(), None)),
            Place::Tool(id) => drop(self.tools.insert(id.clone(), None)),
            Place::Workflow(id) => drop(self.workflows.insert(id.clone(), None)),
            Place::Overlay(name) => drop(self.overlays.insert(name.clone(), None)),
            Place::Policy(_) | Place::Bootstrap { .. } | Place::Skill { .. } | Place::Note => {}
        }
    }

    fn add_bootstrap(&mut self, path: &str, agent: Name, file: String, text: String) -> Result<(), Finding> {
        check_len(path, &text, "shorten it, or split it over MEMORY/")?;
        let digest = Digest::of_bytes(text.as_bytes());
        self.bootstrap.entry(agent).or_default().insert(file, Bootstrap { text, digest });
        Ok(())
    }

    fn add_skill(&mut self, path: &str, agent: Name, name: String, text: &str, format: &dyn Format) -> Result<(), Finding> {
        check_len(path, text, "shorten it")?;
        let skill = skill::parse(path, &name, text, format)?;
        self.skills.entry(agent).or_default().insert(name, skill);
        Ok(())
    }

    /// Checks what an agent's workspace holds as a whole; an alias that says the same is one file with what it stands for.
    fn check_bootstrap(&mut self, findings: &mut Vec<Finding>) {
        let owners: BTreeSet<Name> = self.bootstrap.keys().chain(self.skills.keys()).cloned().collect();
        for agent in owners {
            let path = format!("workspaces/{agent}");
            if !self.agents.contains_key(&agent) {
                let why = format!("there is no agents/{agent}.yaml");
                findings.push(Finding::new(
                    &path,
                    FindingKind::Reference,
                    "workspace belongs to no agent",
                    why,
                    "add the agent, or remove the folder",
                ));
            }
            let files = self.bootstrap.entry(agent.clone()).or_default();
            if let (Some(own), Some(alias)) = (files.get("AGENT.md"), files.get(AGENT_ALIAS)) {
                if own.digest == alias.digest {
                    files.remove(AGENT_ALIAS);
                } else {
                    let why = format!("{AGENT_ALIAS} is another name of AGENT.md, and they differ");
                    let next = "keep one of them, or make both say the same";
                    let what = "agent has two texts";
                    findings.push(Finding::new(&format!("{path}/{AGENT_ALIAS}"), FindingKind::Value, what, why, next));
                }
            }
            let skills = self.skills.get(&agent);
            if let Some(count) = skills.map(BTreeMap::len).filter(|count| *count > SKILLS_MAX) {
                let why = format!("an agent has at most {SKILLS_MAX} skills, for all go into every prompt");
                findings.push(Finding::new(&path, FindingKind::Size, format!("{count} skills"), why, "remove some"));
            }
            let said = |skill: &Skill| skill.description.len() + skill.body.len();
            let total: usize = files.values().map(|file| file.text.len()).sum();
            let total = total + skills.into_iter().flat_map(BTreeMap::values).map(said).sum::<usize>();
            if total > BOOTSTRAP_TOTAL_MAX {
                let why = format!("an agent's bootstrap files have at most {BOOTSTRAP_TOTAL_MAX} bytes together");
                let what = format!("{total} bytes of bootstrap files");
                findings.push(Finding::new(
                    &path,
                    FindingKind::Size,
                    what,
                    why,
                    "shorten or remove files of MEMORY/ and skills/",
                ));
            }
        }
    }
}

/// Refuses a file that is too long for a prompt.
fn check_len(path: &str, text: &str, next: &str) -> Result<(), Finding> {
    if text.len() <= BOOTSTRAP_LEN_MAX {
        return Ok(());
    }
    let what = format!("file of {} bytes", text.len());
    let why = format!("a bootstrap file has at most {BOOTSTRAP_LEN_MAX} bytes, for it goes into every prompt");
    Err(Finding::new(path, FindingKind::Size, what, why, next))
}

/// The text of a file, or nothing if it holds secrets: those are reported and the file is not looked at further.
fn checked_text(path: &str, bytes: Vec<u8>, findings: &mut Vec<Finding>) -> Result<Option<String>, Finding> {
    if bytes.len() > FILE_LEN_MAX {
        let why = format!("a file has at most {FILE_LEN_MAX} bytes");
        return Err(Finding::new(path, FindingKind::Size, format!("file of {} bytes", bytes.len()), why, "shorten or split it"));
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(Finding::new(path, FindingKind::Syntax, "file is no text", "it is not UTF-8", "save it as UTF-8"));
    };
    if text.contains('\0') {
        return Err(Finding::new(path, FindingKind::Syntax, "file is no text", "it holds a NUL", "save it as plain UTF-8 text"));
    }
    let secrets = find_secrets(&text);
    let clean = secrets.is_empty();
    findings.extend(secrets.into_iter().map(|secret| {
        let next = "remove it from the file and from the history, replace it at its issuer, and pass it by the secret store";
        Finding::new(
            path,
            FindingKind::Secret,
            "a secret stands in this file",
            format!("it looks like a secret of the kind `{}`", secret.kind),
            next,
        )
        .at(Some(secret.line))
    }));
    Ok(clean.then_some(text))
}

fn unreadable(path: &str, syntax: Syntax) -> Finding {
    let next = "mend the line; the file's JSON Schema lists the legal keys";
    Finding::new(path, FindingKind::Syntax, "file cannot be read", syntax.reason, next).at(syntax.line)
}

fn same_id(path: &str, wanted: &Name, given: &Name, text: &str) -> Result<(), Finding> {
    if wanted == given {
        return Ok(());
    }
    let why = format!("its id is `{given}`, but a file is named after its id");
    let next = format!("write `id: {wanted}`, or rename the file");
    Err(Finding::new(path, FindingKind::Value, "id and file name differ", why, next)
        .at(super::finding::line_of(text, given.as_str())))
}

/// An overlay; one of nothing but comments says nothing.
fn overlay(text: &str, format: &dyn Format) -> Result<OverlayFile, Syntax> {
    let silent = |line: &str| line.is_empty() || line.starts_with('#') || line == "---";
    if text.lines().map(str::trim).all(silent) { Ok(OverlayFile::default()) } else { format.overlay(text) }
}
