//! `workspaces/<agent>/skills/<name>/SKILL.md`: instructions for one kind of work, in the public Agent Skills format.
//!
//! A file is YAML between two lines `---`, then Markdown. Name and description are required; keys that the format does not have are
//! refused, as in every other file.
//!
//! **Invariant:** a skill grants nothing: `allowed-tools` is read as a subset of the agent's tools, and what else it names is nothing.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Format;
use super::finding::{Finding, line_of};
use super::{FindingKind, SKILL_COMPATIBILITY_LEN_MAX, SKILL_DESCRIPTION_LEN_MAX, SKILL_FRONT_LEN_MAX, SKILL_NAME_LEN_MAX};
use crate::digest::Digest;
use crate::tenant::Name;

/// The line that the front matter stands between.
const FENCE: &str = "---";

/// The front matter of `SKILL.md`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[schemars(rename = "Skill")]
pub struct SkillFile {
    /// The skill's name: at most 64 of a-z, 0-9 and single hyphens between them; must equal the folder's name.
    pub name: String,
    /// What the skill does and when to use it, 1 to 1 024 characters.
    pub description: String,
    /// The licence, or the file that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// What the skill needs around it, 1 to 500 characters; nothing is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compatibility: Option<String>,
    /// Further words about the skill, for people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The tools that the skill works with, separated by blanks; of those only what the agent has, for a skill grants nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_tools: Option<String>,
}

/// A skill of an agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skill {
    /// What it does and when to use it.
    pub description: String,
    /// What it says, behind the front matter.
    pub body: String,
    /// The agent's tools that it works with; `None` where it does not say.
    pub tools: Option<BTreeSet<Name>>,
    /// Plain SHA-256 of the whole file.
    pub digest: Digest,
}

impl Skill {
    /// Keeps of the tools that the skill names only those that the agent has.
    pub(super) fn narrow(&mut self, tools: &[Name]) {
        if let Some(own) = &mut self.tools {
            own.retain(|tool| tools.contains(tool));
        }
    }
}

/// Whether a skill may have this name.
pub(super) fn is_skill_name(name: &str) -> bool {
    let legal = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    name.len() <= SKILL_NAME_LEN_MAX && name.split('-').all(legal)
}

/// Reads the text of `SKILL.md` in the folder `folder`.
pub(super) fn parse(path: &str, folder: &str, text: &str, format: &dyn Format) -> Result<Skill, Finding> {
    let refused = |kind, what: &str, why: String, next: &str| Finding::new(path, kind, what, why, next);
    let (front, body) = split(text).map_err(|why| {
        let next = "begin the file with a line `---`, `name:` and `description:`, and another line `---`";
        refused(FindingKind::Syntax, "file cannot be read", why, next).at(Some(1))
    })?;
    let file = format.skill(front).map_err(|syntax| {
        let next = "mend the front matter; its JSON Schema lists the legal keys";
        // The front matter begins on the second line.
        refused(FindingKind::Syntax, "file cannot be read", syntax.reason, next).at(syntax.line.map(|line| line + 1))
    })?;
    if let Some((field, why)) = fault(&file, folder) {
        let what = format!("{field} is refused");
        return Err(refused(FindingKind::Value, &what, why, "mend the field").at(line_of(text, field)));
    }
    let tools = file.allowed_tools.map(|list| list.split_whitespace().filter_map(|tool| Name::parse(tool).ok()).collect());
    Ok(Skill {
        description: file.description.trim().to_owned(),
        body: body.trim().to_owned(),
        tools,
        digest: Digest::of_bytes(text.as_bytes()),
    })
}

/// Front matter and body.
fn split(text: &str) -> Result<(&str, &str), String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let opening = lines.next().filter(|line| line.trim_end() == FENCE).ok_or("it does not begin with a line `---`")?;
    let mut end = opening.len();
    for line in lines {
        if line.trim_end() == FENCE {
            let front = text.get(opening.len()..end).unwrap_or_default();
            let body = text.get(end + line.len()..).unwrap_or_default();
            return Ok((front, body));
        }
        end += line.len();
        if end > SKILL_FRONT_LEN_MAX {
            return Err(format!("its front matter has more than {SKILL_FRONT_LEN_MAX} bytes"));
        }
    }
    Err("its front matter has no end: there is no second line `---`".to_owned())
}

/// The field that is out of its range, and why.
fn fault(file: &SkillFile, folder: &str) -> Option<(&'static str, String)> {
    if !is_skill_name(&file.name) {
        let why = format!("it is not 1 to {SKILL_NAME_LEN_MAX} of a-z, 0-9 and single hyphens between them");
        return Some(("name", why));
    }
    if file.name != folder {
        return Some(("name", format!("it is `{}`, but the folder is `{folder}`", file.name)));
    }
    if let Some(why) = text_fault(&file.description, SKILL_DESCRIPTION_LEN_MAX) {
        return Some(("description", why));
    }
    let compatibility = file.compatibility.as_ref()?;
    text_fault(compatibility, SKILL_COMPATIBILITY_LEN_MAX).map(|why| ("compatibility", why))
}

fn text_fault(text: &str, len_max: usize) -> Option<String> {
    if text.trim().is_empty() {
        return Some("it is empty".to_owned());
    }
    if text.chars().count() > len_max {
        return Some(format!("it has more than {len_max} characters"));
    }
    let control = text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'));
    control.then(|| "it holds a control character".to_owned())
}
