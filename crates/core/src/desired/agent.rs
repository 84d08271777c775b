//! An agent as desired state wants it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Mount, Skill};
use crate::digest::Digest;
use crate::model::Route;
use crate::task::Budget;
use crate::tenant::Name;
use crate::tool::Tier;
use crate::workload::Selectors;

/// An agent as desired state wants it; identity, epoch and suspension are the registry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Unique in the tenant.
    pub name: Name,
    /// Its team, which exists.
    pub team: Name,
    /// One sentence for people and models.
    pub description: String,
    /// The tools that it may ask for; all exist and none is above `tier_max`.
    pub tools: BTreeSet<Name>,
    /// The workflows that it runs, most preferred first; all exist and use no other tools.
    pub workflows: Vec<Name>,
    /// Its workspace.
    pub mounts: Vec<Mount>,
    /// The programs that `process.run` may start for it, by absolute path.
    pub programs: BTreeSet<String>,
    /// What one task may use where its submitter does not say.
    pub budget: Budget,
    /// The models that drive it; `None` runs workflows only.
    pub model: Option<Route>,
    /// The highest tier of its tools.
    pub tier_max: Tier,
    /// Which processes of this host get its identity; `None` where none does.
    pub workload: Option<Selectors>,
    /// Its bootstrap files, by name below its folder: `SOUL.md`, `MEMORY/notes.md`.
    pub bootstrap: BTreeMap<String, Bootstrap>,
    /// Its skills, by name.
    pub skills: BTreeMap<String, Skill>,
}

/// A bootstrap file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bootstrap {
    /// Its text.
    pub text: String,
    /// Plain SHA-256 of its bytes.
    pub digest: Digest,
}

impl Agent {
    /// Names and digests of its bootstrap files and skills, which a task records (semantics §9.3).
    #[must_use]
    pub fn bootstrap_digests(&self) -> Vec<(String, Digest)> {
        let files = self.bootstrap.iter().map(|(name, file)| (name.clone(), file.digest));
        let skills = self.skills.iter().map(|(name, skill)| (format!("skills/{name}/SKILL.md"), skill.digest));
        files.chain(skills).collect()
    }
}
