//! An agent as desired state wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Mount, Skill};
use crate::digest::Digest;
use crate::model::Route;
use crate::task::Budget;
use crate::tenant::Name;
use crate::tool::Tier;
use crate::workload::Selectors;

/// An agent as desired state wants it; identity, epoch and suspension are the registry's. What several agents of a commit have alike, they
/// share: ten thousand of them are held for as long as the commit is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Unique in the tenant.
    pub name: Name,
    /// Its team, which exists.
    pub team: Name,
    /// One sentence for people and models.
    pub description: Arc<str>,
    /// The tools that it may ask for; all exist and none is above `tier_max`.
    pub tools: Arc<BTreeSet<Name>>,
    /// The workflows that it runs, most preferred first; all exist and use no other tools.
    pub workflows: Arc<[Name]>,
    /// Its workspace.
    pub mounts: Arc<[Mount]>,
    /// The programs that `process.run` may start for it, by absolute path.
    pub programs: Arc<BTreeSet<String>>,
    /// What one task may use where its submitter does not say.
    pub budget: Budget,
    /// The models that drive it; `None` runs workflows only.
    pub model: Option<Arc<Route>>,
    /// The highest tier of its tools.
    pub tier_max: Tier,
    /// Which processes of this host get its identity; `None` where none does.
    pub workload: Option<Box<Selectors>>,
    /// Its bootstrap files, by name below its folder: `SOUL.md`, `MEMORY/notes.md`.
    pub bootstrap: Arc<BTreeMap<String, Bootstrap>>,
    /// Its skills, by name.
    pub skills: Arc<BTreeMap<String, Skill>>,
}

/// A bootstrap file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
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
