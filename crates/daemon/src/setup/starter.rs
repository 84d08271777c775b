//! The first team and agent of an installation: a clerk that takes stock of a folder and needs no model.

use std::collections::BTreeMap;

use super::Plan;
use super::error::{self, Error};

/// Files of the starter, by path; `@FILES@` is the folder that the clerk may use.
const FILES: &[(&str, &str)] = &[
    ("teams/ops.yaml", include_str!("starter/team.yaml")),
    ("agents/clerk.yaml", include_str!("starter/agent.yaml")),
    ("workflows/take-stock.yaml", include_str!("starter/workflow.yaml")),
    ("workspaces/clerk/SOUL.md", include_str!("starter/SOUL.md")),
    ("workspaces/clerk/AGENT.md", include_str!("starter/AGENT.md")),
    ("workspaces/clerk/TOOLS.md", include_str!("starter/TOOLS.md")),
    ("workspaces/clerk/MEMORY/README.md", include_str!("starter/MEMORY.md")),
];

/// The folder that the clerk may use, inside the installation.
pub(crate) const FOLDER: &str = "files";

/// The files of the first commit: the starter's and the default policies.
pub(super) fn files(plan: &Plan) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let folder = plan.path(FOLDER);
    std::fs::create_dir_all(&folder).map_err(error::file("create", &folder))?;
    let folder = folder.display().to_string();
    let starter = FILES.iter().map(|(path, text)| ((*path).to_owned(), text.replace("@FILES@", &folder).into_bytes()));
    let policies =
        scalbotics_adapters::policy::defaults().iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    Ok(starter.chain(policies).collect())
}
