//! `dev`: two people with keys of their own, state that survives kill -9, and nothing left after a clean exit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::Answer;
use crate::installation::{cli, ports, shipped};
use crate::process::until;
use crate::serving::Daemon;

/// Time from readiness to the banner.
const PATIENCE: Duration = Duration::from_secs(60);

/// Somebody's folders, with nothing of this process's environment.
pub(crate) struct Home(tempfile::TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::Builder::new().prefix("scalbotics-").tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("home"));
        command.env("SCALBOTICS_CONFIG_DIR", self.path("config")).env("SCALBOTICS_STATE_DIR", self.path("state"));
        command
    }

    fn dev(&self, ports: (u16, u16)) -> Daemon {
        self.dev_with(ports, &[], &[])
    }

    /// The same with more words and variables.
    pub(crate) fn dev_with(&self, (api, admin): (u16, u16), words: &[&str], variables: &[(&str, &str)]) -> Daemon {
        let mut command = self.command(&shipped());
        command.args(["dev", "--port", &api.to_string()]).args(words).envs(variables.iter().copied());
        let mut daemon = Daemon::spawn(command, &self.path("log"), admin);
        assert!(daemon.is_ready(), "{}", self.log());
        // The contexts are written, and then the banner is printed, once the port is known.
        until("the banner is printed", PATIENCE, || self.log().contains("next       scalbotics").then_some(()));
        std::fs::rename(self.path("log"), self.path("banner")).unwrap();
        daemon
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub(crate) fn scalbotics(&self, context: &str, words: &[&str]) -> Answer {
        Answer::of(self.command(&cli()).args(["--context", context]).args(words))
    }
}

#[test]
fn sem_5_5_dev_has_two_people_and_its_state_survives_kill_9() {
    let home = Home::new();
    let ports = ports();
    let daemon = home.dev(ports);
    let banner = std::fs::read_to_string(home.path("banner")).unwrap();
    assert!(banner.contains("dev: approver keys not separated"), "{banner}");

    let contexts: toml::Table = std::fs::read_to_string(home.path("config").join("contexts.toml")).unwrap().parse().unwrap();
    let contexts = contexts["contexts"].as_table().unwrap();
    let text = |context: &str, key: &str| contexts[context].get(key).and_then(|value| value.as_str()).map(str::to_owned);
    assert_ne!(text("dev", "human_uid"), text("dev-approver", "human_uid"));
    assert_eq!(text("dev", "approval_key"), None, "who submits has no key to approve with");
    let paths = [text("dev", "login_key"), text("dev-approver", "login_key"), text("dev-approver", "approval_key")];
    let keys: BTreeSet<Vec<u8>> = paths.iter().map(|path| std::fs::read(path.as_ref().unwrap()).unwrap()).collect();
    assert_eq!(keys.len(), 3, "each key is another");

    home.scalbotics("dev", &["task", "run", "--agent", "clerk", "take stock"]).exits(0);
    let tasks = || home.scalbotics("dev", &["task", "list", "-o", "json"]).exits(0).json();
    let before = tasks();
    assert_eq!((before.as_array().unwrap().len(), &before[0]["status"]), (1, &"COMPLETED".into()), "{before:#}");
    daemon.kill();
    let daemon = home.dev(ports);
    assert_eq!(tasks(), before);
    let seen = home.scalbotics("dev-approver", &["whoami", "-o", "json"]).exits(0);
    assert!(seen.stdout.contains("dev-approver"), "{seen:#?}");

    let root = home.path("state").join("dev");
    assert!(root.is_dir());
    assert!(daemon.stop().0.success(), "{}", home.log());
    assert!(!root.exists(), "a clean exit leaves nothing");
}

#[test]
fn dev_ends_as_the_command_beside_it_ends() {
    let home = Home::new();
    let beside = |words: &[&str]| {
        let (api, _) = ports();
        Answer::of(home.command(&shipped()).args(["-o", "json", "dev", "--port", &api.to_string(), "--"]).args(words))
    };
    beside(&["sh", "-c", "exit 7"]).exits(7);
    beside(&["sh", "-c", "kill -9 $$"]).exits(137);
    let absent = beside(&["/nowhere/at/all"]).exits(1).error();
    assert_eq!((absent.code.as_str(), absent.what.as_str()), ("DEV_FAILED", "cannot run `/nowhere/at/all`"));
}
