//! Running the program in a home of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use scalbotics_core::identity::TrustDomain;
use scalbotics_identity::holder::key::{Algorithm, Pair};
use scalbotics_identity::holder::signed_note::Verifier;
use scalbotics_identity::holder::trust;

/// A certificate authority that nobody uses: enough for a trust file.
const CA: &str = include_str!("ca.pem");

/// A home directory with nothing in it yet.
pub(crate) struct Home {
    directory: tempfile::TempDir,
}

/// What a run left.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program with these words, its environment empty but for the home.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scalbotics"));
        command.args(words).env_clear().env("HOME", self.directory.path()).env("PATH", self.directory.path());
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, words: &[&str]) -> Ran {
        self.command(words).output().unwrap().into()
    }

    /// A context called `dead`, whose server is this port of this machine, with a sound trust file and keys.
    pub(crate) fn with_context(&self, port: u16) {
        let domain = TrustDomain::parse("scalbotics.test").unwrap();
        let log = Pair::generate(Algorithm::Ed25519).unwrap();
        let file = trust::File {
            log_keys: vec![Verifier::new("scalbotics.test/log", log.public().clone()).unwrap()],
            witness_keys: Vec::new(),
            trust_domain: domain,
            approver_admins: Vec::new(),
            token_keys: Vec::new(),
            ca_bundle_pem: CA.to_owned(),
            dev: false,
        };
        file.save(&self.path("trust.json")).unwrap();
        Pair::generate(Algorithm::Ed25519).unwrap().save(&self.path("login.pem")).unwrap();
        let server = format!("https://127.0.0.1:{port}");
        let human = format!("hum_{:0>26}", 1);
        let added = self.run(&[
            "context",
            "add",
            "dead",
            "--server",
            &server,
            "--trust-file",
            &text(&self.path("trust.json")),
            "--of-tenant",
            "acme",
            "--human",
            "ann",
            "--human-uid",
            &human,
            "--login-key",
            &text(&self.path("login.pem")),
        ]);
        assert_eq!(added.code, 0, "{added:?}");
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// A port on which nobody listens: it was free a moment ago, and the kernel gives it to nobody else so soon.
pub(crate) fn dead_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
