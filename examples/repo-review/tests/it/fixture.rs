//! A folder with a small repository, and the program run in it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        for folder in ["repo", "ledger"] {
            std::fs::create_dir_all(path.join(folder)).unwrap();
        }
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        for (path, text) in files {
            let path = self.0.join("repo").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        self.git(&["init", "-q"]);
        self.git(&["add", "--all"]);
        self.git(&["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--no-verify", "-m", "x"]);
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.path("repo")).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.status().unwrap().success(), "{arguments:?}");
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        let names = std::fs::read_dir(self.0.join("ledger")).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| !name.starts_with('.')).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn start(arguments: &[&str], input: &Value) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_repo-review"));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its flags ends before it reads.
    let _ = child.stdin.take().unwrap().write_all(input.to_string().as_bytes());
    child
}

pub(crate) fn run(arguments: &[&str], input: &Value) -> Output {
    start(arguments, input).wait_with_output().unwrap()
}

pub(crate) fn answer(arguments: &[&str], input: &Value) -> Value {
    let done = run(arguments, input);
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// What `fs.search` of the daemon would answer for lines that contain `word`, over these files.
pub(crate) fn search(files: &[(&str, &str)], word: &str) -> Value {
    let mut matches = Vec::new();
    for (path, text) in files {
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(at) = line.find(word) {
                matches.push(json!({"path": format!("repo/{path}"), "line": number, "column": at + 1, "text": line}));
            }
        }
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let skipped = json!({"binary": 0, "large": 0, "links": 0, "special": 0, "unreadable": 0, "deep": 0});
    json!({"matches": matches, "files": files.len(), "bytes": bytes, "skipped": skipped})
}
