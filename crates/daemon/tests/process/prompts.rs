//! `initialize` at a terminal: a person answers, and one who goes away leaves nothing half made.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::command::Answer;
use crate::installation::{cli, shipped};
use crate::process::until;

/// Time that a question gets to appear.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every question of a local installation in order, and its answer; a name with a fault is asked for again.
const QUESTIONS: [(&str, &str); 9] = [
    ("Mode", ""),
    ("Trust domain", "acme.example"),
    ("Desired state is kept in", ""),
    ("Admin", "ann"),
    ("Approver", "ann"),
    ("Approver", "bob"),
    ("People log in with", ""),
    ("First agent", "runner"),
    ("Make this installation?", "y"),
];

fn home(command: &mut Command, home: &Path) {
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", home);
    command.env("TERM", "xterm").current_dir(home);
}

/// A program at a terminal of its own (`script` of util-linux makes one).
struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
    seen: usize,
}

impl Terminal {
    fn new(folder: &Path, words: &str) -> Self {
        let mut command = Command::new("script");
        home(&mut command, folder);
        command.args(["--quiet", "--return", "--command", &format!("{} {words}", shipped().display()), "/dev/null"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("`script` of util-linux");
        let shown = Arc::new(Mutex::new(String::new()));
        let (mut stdout, into) = (child.stdout.take().unwrap(), Arc::clone(&shown));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stdout.read(&mut buffer) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..len]));
            }
        });
        Self { child, shown, seen: 0 }
    }

    fn text(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// Waits for a question behind what was seen so far; answers whether it came before the end.
    #[track_caller]
    fn expect(&mut self, question: &str) {
        let asked = format!("? {question}").replace("? Make", "Make");
        let mut plain = String::new();
        let at = until(question, PATIENCE, || {
            plain = without_escapes(&self.text());
            plain.get(self.seen..).unwrap_or_default().find(&asked)
        });
        self.seen += at + asked.len();
    }

    fn send(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn ends(&mut self) -> i32 {
        until("the program ends", PATIENCE, || self.child.try_wait().unwrap()).code().unwrap()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// The text without colours and movements.
fn without_escapes(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(char) = rest.next() {
        if char == '\u{1b}' {
            let _sequence = rest.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(char);
        }
    }
    plain
}

#[test]
fn a_person_at_a_terminal_is_asked_for_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::new(folder.path(), "initialize --dir ./box --listen 127.0.0.1:1");
    for (question, answer) in QUESTIONS {
        terminal.expect(question);
        terminal.send(&format!("{answer}\r"));
    }
    assert_eq!(terminal.ends(), 0, "{}", terminal.text());
    assert!(terminal.text().contains("the only key authority for now"), "{}", terminal.text());
    assert!(folder.path().join("box/trust.json").is_file());
    // The agent has the name that was given, in what is committed.
    let mut command = Command::new("git");
    home(&mut command, folder.path());
    let tree = Answer::of(command.args(["--git-dir", "box/desired.git", "ls-tree", "-r", "--name-only", "main"])).exits(0);
    assert!(tree.stdout.contains("agents/runner.yaml") && !tree.stdout.contains("clerk"), "{}", tree.stdout);
}

#[test]
fn ctrl_c_at_any_question_leaves_nothing() {
    let mut said = 0;
    for stop in 0..QUESTIONS.len() {
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::new(folder.path(), "initialize --dir ./box");
        for (question, answer) in &QUESTIONS[..stop] {
            terminal.expect(question);
            terminal.send(&format!("{answer}\r"));
        }
        terminal.expect(QUESTIONS[stop].0);
        terminal.send("\u{3}");
        assert_eq!(terminal.ends(), 130, "{stop}: {}", terminal.text());
        // Between two questions the terminal makes a signal of it, of which the program dies without a word.
        said += usize::from(terminal.text().contains("SETUP_ENDED"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{stop}");
    }
    assert!(said > 0, "no question was ended with a word");
}

#[test]
fn who_cannot_or_will_not_be_asked_is_told_everything_that_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = "flags are missing: --trust-domain, --admin, --approver";
    let mut command = Command::new(shipped());
    home(&mut command, folder.path());
    let answer = Answer::of(command.arg("initialize")).exits(2);
    assert!(answer.stderr.contains(missing), "{answer:#?}");
    for words in ["initialize --yes", "initialize --no-input", "initialize -y"] {
        let mut terminal = Terminal::new(folder.path(), words);
        assert_eq!(terminal.ends(), 2, "{words}: {}", terminal.text());
        assert!(terminal.text().contains(missing), "{words}: {}", terminal.text());
    }
    // What stands before the verb, and what stands in the environment, counts too.
    let mut command = Command::new("script");
    home(&mut command, folder.path());
    let line = format!("{} --no-input initialize", cli().display());
    let answer = Answer::of(command.args(["--quiet", "--return", "--command", &line, "/dev/null"])).exits(2);
    assert!(answer.stdout.contains(missing), "{answer:#?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
