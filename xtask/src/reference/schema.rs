//! The pages of the files that people write, from their JSON Schemas.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::page::{Page, names, read};
use super::row;

/// Where the schemas are.
const FOLDER: &str = "docs/schemas";

/// Ending of their names.
const ENDING: &str = ".schema.json";

/// The one that has a page of its own.
const OF_DAEMON: &str = "daemon";

/// Files of desired state: schema, path, and what it says.
const FILES: [(&str, &str, &str); 8] = [
    ("agent", "agents/<id>.yaml", "An agent: what it may ask for, where it works, what drives it."),
    ("destination", "destinations/<id>.yaml", "A place that agents may call; it makes the tool `http.fetch.<id>`."),
    ("model", "models/<id>.yaml", "A model at a server of the OpenAI-compatible chat API."),
    ("overlay", "env/<name>.yaml", "What is narrower in one environment; `repository.overlay` of the daemon's file chooses it."),
    (
        "skill",
        "workspaces/<agent>/skills/<name>/SKILL.md",
        "The front matter of a skill, between two lines `---`; the instructions follow it as Markdown. All of it goes into every prompt. At most 32\nskills an agent, 64 KiB each. `assets/`, `references/`, `scripts/` and `LICENSE.txt` may stand beside it; no model is shown them.",
    ),
    ("team", "teams/<id>.yaml", "A team: its lead is one of its agents."),
    ("tool", "tools/<id>.yaml", "An own tool: a program that is run in the sandbox."),
    ("workflow", "workflows/<id>.yaml", "Steps that are fixed before a task begins."),
];

/// The page of the daemon's file.
///
/// # Errors
/// When its schema cannot be read.
pub(super) fn configuration(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "configuration.md",
        "The daemon's file",
        "docs/schemas/daemon.schema.json",
        "TOML; `--config FILE` names it. A key is set over the file by the environment, `SCALBOTICSD_SERVER__LISTEN`, and over both by a flag,\n`--set server.listen=127.0.0.1:7420`. An unknown key is an error. `scalboticsd config show --origin` prints every value and where it comes from. Paths are seen\nfrom the file's folder.",
    );
    add(&mut page, &schema(root, OF_DAEMON)?);
    Ok(page)
}

/// The page of the files of desired state.
///
/// # Errors
/// When a schema cannot be read, or is on no page.
pub(super) fn files(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "files.md",
        "Files of desired state",
        FOLDER,
        "What the repository of desired state holds. Unknown keys are refused, and a commit that does not validate as a whole leaves the last good one in force.\n`scalbotics config schema agent` prints the schema of a kind, for editors. Beside these stand `policies/*.cedar`, and in\n`workspaces/<agent>/` the files that tell a model who it is: `SOUL.md`, `AGENT.md` (or `AGENTS.md`, another name\nof it: where both stand, they say the same), `TOOLS.md`, `MEMORY/<name>.md`.",
    );
    let is_shown = |kind: &String| kind == OF_DAEMON || FILES.iter().any(|(known, ..)| known == kind);
    let left_out = names(root, FOLDER, ENDING)?.into_iter().find(|kind| !is_shown(kind));
    ensure!(
        left_out.is_none(),
        "{FOLDER}/{}{ENDING} is on no page: it wants a row in xtask/src/reference/schema.rs",
        left_out.unwrap_or_default()
    );
    for (kind, path, meaning) in FILES {
        page.add(&format!("## `{path}`"));
        page.add(meaning);
        add(&mut page, &schema(root, kind)?);
    }
    Ok(page)
}

fn schema(root: &Path, kind: &str) -> Result<Value> {
    let path = format!("{FOLDER}/{kind}{ENDING}");
    serde_json::from_str(&read(root, &path)?).with_context(|| format!("{path} is no JSON"))
}

fn add(page: &mut Page, schema: &Value) {
    let lines: String = row::rows(schema).iter().map(row::Row::line).collect();
    page.add(&format!("| key | value | default | meaning |\n|---|---|---|---|\n{lines}"));
}

#[cfg(test)]
mod tests {
    use super::{ENDING, FILES, FOLDER, OF_DAEMON, files};

    #[test]
    fn a_schema_that_is_on_no_page_is_found() {
        let root = std::env::temp_dir().join(format!("schemas-{}", std::process::id()));
        std::fs::create_dir_all(root.join(FOLDER)).unwrap();
        let write = |kind: &str| std::fs::write(root.join(FOLDER).join(format!("{kind}{ENDING}")), "{}").unwrap();
        FILES.iter().map(|(kind, ..)| *kind).chain([OF_DAEMON]).for_each(write);
        files(&root).unwrap();
        write("new");
        let said = files(&root).unwrap_err().to_string();
        std::fs::remove_dir_all(&root).unwrap();
        assert!(said.starts_with("docs/schemas/new.schema.json is on no page"), "{said}");
    }
}
