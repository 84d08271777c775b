//! The first team and agent of an installation: one that takes stock of a folder and needs no model.

use std::collections::BTreeMap;
use std::path::Path;

use super::Plan;

/// The first agent, unless somebody names another.
pub(crate) const AGENT: &str = "clerk";

/// Files of the starter, by path; `@FILES@` is the folder that the agent may use, `@AGENT@` its name.
const FILES: &[(&str, &str)] = &[
    ("teams/ops.yaml", include_str!("starter/team.yaml")),
    ("agents/@AGENT@.yaml", include_str!("starter/agent.yaml")),
    ("workflows/take-stock.yaml", include_str!("starter/workflow.yaml")),
    ("workspaces/@AGENT@/SOUL.md", include_str!("starter/SOUL.md")),
    ("workspaces/@AGENT@/AGENT.md", include_str!("starter/AGENT.md")),
    ("workspaces/@AGENT@/TOOLS.md", include_str!("starter/TOOLS.md")),
    ("workspaces/@AGENT@/MEMORY/README.md", include_str!("starter/MEMORY.md")),
];

/// The folder that the agent may use, inside the installation.
pub(crate) const FOLDER: &str = "files";

/// The files of the first commit: the starter's and the default policies.
pub(super) fn files(plan: &Plan) -> BTreeMap<String, Vec<u8>> {
    let mut files = first(&plan.path(FOLDER), plan.agent.as_str());
    if let Some(model) = &plan.model {
        model.add_to(&mut files, plan.agent.as_str());
    }
    files
}

/// The files of a tenant's first commit, whose first agent may use `folder`.
pub(crate) fn first(folder: &Path, agent: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = folder.display().to_string();
    let named = |text: &str| text.replace("@FILES@", &folder).replace("@AGENT@", agent);
    let starter = FILES.iter().map(|(path, text)| (named(path), named(text).into_bytes()));
    let policies =
        scalbotics_adapters::policy::defaults().iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    starter.chain(policies).collect()
}
