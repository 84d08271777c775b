//! The scratch folder: a clone with two planted faults, a ledger, a place for reports, and the desired state.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::leftovers::{self, Claim};
use super::shell::Shell;
use crate::cargo;

/// The planted credential's file, in the clone.
pub(super) const PLANTED_CREDENTIAL: &str = "deploy/cloud.ini";

/// The planted marker's file, in the clone.
pub(super) const PLANTED_MARKER: &str = "deploy/notes.txt";

/// How long the publishing tool holds its answer back, in milliseconds: time to kill the daemon between effect and record.
const LINGER_MS: u64 = 3_000;

/// The folder and everything in it.
#[derive(Debug)]
pub(super) struct Stage {
    folder: PathBuf,
    programs: PathBuf,
    /// Runs commands in the folder, as the people of the installation.
    pub(super) shell: Shell,
    _claim: Claim,
}

impl Stage {
    /// Removes what an earlier run left, and sets the stage anew.
    pub(super) fn prepare(root: &Path, programs: PathBuf) -> Result<Self> {
        let folder = folder(root)?;
        let claim = leftovers::claim(&folder)?;
        let folder = folder.canonicalize().context("cannot find the scratch folder")?;
        let state = folder.join("box");
        let environment = vec![("SCALBOTICS_CONFIG_DIR", state.join("config")), ("SCALBOTICS_STATE_DIR", state.join("state"))];
        let shell = Shell::new(programs.clone(), folder.clone(), environment);
        let stage = Self { folder, programs, shell, _claim: claim };
        for name in ["reports", "ledger"] {
            fs::create_dir(stage.path(name)).with_context(|| format!("cannot make the folder `{name}`"))?;
        }
        fs::copy(root.join("examples/repo-review/check.py"), stage.path("check.py")).context("cannot copy check.py")?;
        stage.clone_and_plant(root)?;
        stage.write_desired(root)?;
        stage.shell.say(&format!(
            "repo/ is a clone of this repository; a commit on top plants a fake credential ({PLANTED_CREDENTIAL}) and a conflict\n\
             marker ({PLANTED_MARKER}). desired/ is the agent, its tools and its workflow, from examples/repo-review."
        ));
        Ok(stage)
    }

    /// A path inside the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The daemon's log.
    pub(super) fn log(&self) -> PathBuf {
        self.path("daemon.log")
    }

    /// The entries of the ledger.
    pub(super) fn entries(&self) -> Vec<PathBuf> {
        let names = fs::read_dir(self.path("ledger")).into_iter().flatten().flatten().map(|entry| entry.path());
        let mut entries: Vec<_> = names.filter(|path| path.extension().is_some_and(|ending| ending == "json")).collect();
        entries.sort();
        entries
    }

    fn clone_and_plant(&self, root: &Path) -> Result<()> {
        let (repo, config) = (self.path("repo"), self.path("gitconfig"));
        fs::write(&config, GIT_CONFIG).context("cannot write git's configuration")?;
        let git = |folder: &Path, arguments: &[&str]| git(&config, folder, arguments);
        if git(root, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]).is_err() {
            bail!("`{}` is no git clone with a commit: the demonstration reviews one, get it by `git clone`", root.display());
        }
        git(root, &["clone", "--quiet", "--no-hardlinks", "--template=", "--", &text(root)?, &text(&repo)?])?;
        // Put together here, so that this source holds nothing that looks like a credential or a conflict.
        let key = ["AK", "IA", "SCALBOTICSDEMO00"].concat();
        let credential = format!("# Planted by cargo xtask demo. It opens nothing.\n[default]\naws_access_key_id = {key}\n");
        let (ours, middle, theirs) = ("<".repeat(7), "=".repeat(7), ">".repeat(7));
        let marker = format!("Deployments\n{ours} HEAD\nat noon\n{middle}\nat midnight\n{theirs} feature\n");
        fs::create_dir_all(repo.join("deploy")).context("cannot make a folder in the clone")?;
        for (path, content) in [(PLANTED_CREDENTIAL, credential), (PLANTED_MARKER, marker)] {
            fs::write(repo.join(path), content).with_context(|| format!("cannot plant `{path}`"))?;
        }
        git(&repo, &["add", "--force", "--", PLANTED_CREDENTIAL, PLANTED_MARKER])?;
        git(&repo, &["commit", "--quiet", "--no-verify", "--message", "Plant a fake credential and a conflict marker"])
    }

    /// Copies the example's desired state, with the paths of this machine in it, and the default policies.
    fn write_desired(&self, root: &Path) -> Result<()> {
        let places = [
            ("@PROGRAM@", self.programs.join("repo-review")),
            ("@REPO@", self.path("repo")),
            ("@REPORTS@", self.path("reports")),
            ("@LEDGER@", self.path("ledger")),
            ("@LINGER_MS@", PathBuf::from(LINGER_MS.to_string())),
        ];
        let places = places.into_iter().map(|(place, path)| Ok((place, quoted(&path)?))).collect::<Result<Vec<_>>>()?;
        let fill = |content: String| places.iter().fold(content, |content, (place, path)| content.replace(place, path));
        copy(&root.join("examples/repo-review/desired"), &self.path("desired"), &fill)?;
        copy(&root.join("crates/adapters/src/policy/defaults"), &self.path("desired/policies"), &|content| content)
    }
}

/// Where the demonstration works: in cargo's target folder.
pub(super) fn folder(root: &Path) -> Result<PathBuf> {
    Ok(cargo::target_directory(root)?.join("demo"))
}

/// Copies the YAML, Markdown and Cedar files of a folder and its folders.
fn copy(from: &Path, to: &Path, fill: &dyn Fn(String) -> String) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("cannot make `{}`", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read `{}`", from.display()))? {
        let path = entry.context("cannot read a folder")?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target, fill)?;
        } else if path.extension().is_some_and(|ending| ["yaml", "md", "cedar"].iter().any(|known| ending == *known)) {
            let content = fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
            fs::write(&target, fill(content)).with_context(|| format!("cannot write `{}`", target.display()))?;
        }
    }
    Ok(())
}

/// A path as it may stand between double quotes in YAML.
fn quoted(path: &Path) -> Result<String> {
    let path = text(path)?;
    if path.chars().any(|c| c.is_control() || matches!(c, '"' | '\\')) || path.contains("{{") {
        bail!("the path {path:?} cannot stand in a YAML file: put the repository elsewhere");
    }
    Ok(path)
}

fn text(path: &Path) -> Result<String> {
    path.to_str().map(str::to_owned).with_context(|| format!("the path {} is no text", path.display()))
}

/// What git is told instead of anybody's configuration. The clone may belong to another than the one who runs this, as in containers;
/// a setting on the command line would not reach the git that reads the cloned side.
const GIT_CONFIG: &str = "[user]\n\tname = demo\n\temail = demo@localhost\n[core]\n\thooksPath = /dev/null\n\tautocrlf = false\n\
                          [commit]\n\tgpgSign = false\n[safe]\n\tdirectory = *\n";

/// git with the configuration in `config` and no other.
fn git(config: &Path, folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", config);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS"] {
        command.env_remove(name);
    }
    cargo::output(&mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{copy, quoted};

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-demo-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn no_place_holder_stays_in_the_desired_state() {
        let folder = folder("desired");
        let root = crate::root().unwrap();
        let names = ["@PROGRAM@", "@REPO@", "@REPORTS@", "@LEDGER@", "@LINGER_MS@"];
        let fill = |content: String| names.iter().fold(content, |content, name| content.replace(name, "/x"));
        copy(&root.join("examples/repo-review/desired"), &folder, &fill).unwrap();
        let mut seen = 0;
        for file in
            ["agents/reviewer.yaml", "tools/report.publish.yaml", "tools/repo.history.yaml", "workflows/review-repository.yaml"]
        {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            assert!(!text.contains("\"@"), "{file}");
            seen += text.matches("\"/x").count();
        }
        assert_eq!(seen, 8);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn paths_that_yaml_would_read_otherwise_are_refused() {
        assert_eq!(quoted(Path::new("/a b/ü")).unwrap(), "/a b/ü");
        for path in ["/a\"b", "/a\\b", "/a\nb", "/{{args.x}}"] {
            assert!(quoted(Path::new(path)).is_err(), "{path:?}");
        }
    }
}
