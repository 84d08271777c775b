//! The outside world: a ledger that keeps what really happened, and the tool that writes into it.
//!
//! The tool is this test program, started again by the sandbox with `role` as its only test. What it answers goes through a file,
//! since the test harness writes to standard output.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

/// The variable that makes this program a tool, and tells of which kind.
pub(crate) const CLASS: &str = "LEDGER_CLASS";

/// The variable with the ledger's folder.
pub(crate) const FOLDER: &str = "LEDGER_FOLDER";

/// The variable with the idempotency key.
pub(crate) const KEY: &str = "LEDGER_KEY";

/// The variable with the file for the answer, and the argument that asks whether an effect landed.
const OUT: &str = "LEDGER_OUT";
const VERIFY: &str = "ledger-verify";

/// Runs the tool and prints its answer; `$0` is the ledger, so that the command line tells whose process this is.
const SCRIPT: &str = "export LEDGER_OUT=\"$TMPDIR/out\"; \"$@\" >/dev/null 2>\"$TMPDIR/err\"; code=$?; \
                      if [ -f \"$LEDGER_OUT\" ]; then cat \"$LEDGER_OUT\"; fi; if [ $code != 0 ]; then cat \"$TMPDIR/err\" >&2; fi; exit $code";

/// The classes of effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Pure,
    Keyed,
    Verifiable,
    Opaque,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Pure, Self::Keyed, Self::Verifiable, Self::Opaque];

    /// As manifests write it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Pure => "pure",
            Self::Keyed => "keyed",
            Self::Verifiable => "verifiable",
            Self::Opaque => "opaque",
        }
    }

    /// Keyed and opaque ones need an approval, so that both ways are tried.
    pub(crate) const fn tier(self) -> u8 {
        match self {
            Self::Pure => 0,
            Self::Verifiable => 1,
            Self::Keyed | Self::Opaque => 2,
        }
    }
}

/// The command line that runs the tool in the sandbox.
pub(crate) fn argv(folder: &Path, verify: bool) -> Vec<String> {
    let exe = std::env::current_exe().unwrap();
    let words = ["/bin/sh", "-c", SCRIPT, folder.to_str().unwrap(), exe.to_str().unwrap()];
    let rest = ["--exact", "ledger::role", "--nocapture", "--test-threads=1"];
    let verify = verify.then_some(VERIFY);
    words.into_iter().chain(rest).chain(verify).map(str::to_owned).collect()
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// `begin`, `landed`, `known` (a repeated key), `end`, `overlap` or `verify`.
    pub(crate) event: String,
    pub(crate) entry: String,
    pub(crate) key: String,
    pub(crate) at_ms: u64,
}

/// The ledger, as the checker reads it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    pub(crate) folder: PathBuf,
}

impl Ledger {
    /// Everything that happened, in order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let text = std::fs::read_to_string(self.folder.join("lines")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let value: Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| value[name].as_str().unwrap().to_owned();
                Line { event: text("event"), entry: text("entry"), key: text("key"), at_ms: value["at_ms"].as_u64().unwrap() }
            })
            .collect()
    }

    /// What happened to an entry.
    pub(crate) fn of(&self, entry: &str, event: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.entry == entry && line.event == event).collect()
    }

    pub(crate) fn has(&self, entry: &str, event: &str) -> bool {
        !self.of(entry, event).is_empty()
    }

    /// Whether an attempt at an entry lives.
    pub(crate) fn is_at_work(&self, entry: &str) -> bool {
        File::open(self.folder.join(format!("{entry}.alive"))).is_ok_and(|file| file.try_lock().is_err())
    }

    /// Processes of the tool that live, whatever they are at.
    pub(crate) fn living(&self) -> Vec<u32> {
        crate::process::with_marker(self.folder.to_str().unwrap())
    }

    /// Fails unless the entry is there as its class promises: once, under one key, and never two attempts at one time.
    #[track_caller]
    pub(crate) fn check(&self, class: Class, entry: &str) {
        let (landed, lines) = (self.of(entry, "landed"), self.lines());
        let about: Vec<_> = lines.iter().filter(|line| line.entry == entry).collect();
        assert!(!self.has(entry, "overlap"), "two attempts at one time: {about:#?}");
        match class {
            Class::Pure => assert!(!landed.is_empty(), "lost: {entry}"),
            Class::Keyed => {
                assert_eq!(landed.len(), 1, "{about:#?}");
                assert!(about.iter().all(|line| line.key == landed[0].key && !line.key.is_empty()), "another key: {about:#?}");
            }
            Class::Verifiable | Class::Opaque => assert_eq!(landed.len(), 1, "{about:#?}"),
        }
    }
}

/// One request to the ledger, from inside the sandbox.
struct Request {
    folder: PathBuf,
    class: String,
    key: String,
    entry: String,
    before_ms: u64,
    after_ms: u64,
}

impl Request {
    fn write(&self, event: &str) {
        let at_ms = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis() as u64;
        let line = json!({ "event": event, "entry": self.entry, "key": self.key, "at_ms": at_ms });
        let mut file = OpenOptions::new().create(true).append(true).open(self.folder.join("lines")).unwrap();
        // One write, so that lines never mix and none is half there.
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// The lock that a living attempt holds; another one that lives is written down.
    fn alive(&self) -> File {
        let path = self.folder.join(format!("{}.alive", self.entry));
        let file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        if file.try_lock().is_err() {
            self.write("overlap");
        }
        file
    }

    /// Applies the effect: a key that the ledger knows changes nothing.
    fn apply(&self) -> bool {
        let gate = OpenOptions::new().create(true).append(true).open(self.folder.join("gate")).unwrap();
        gate.lock().unwrap();
        let ledger = Ledger { folder: self.folder.clone() };
        let known = self.class == "keyed" && ledger.lines().iter().any(|line| line.event == "landed" && line.key == self.key);
        self.write(if known { "known" } else { "landed" });
        known
    }

    fn perform(&self) -> Value {
        let _alive = self.alive();
        self.write("begin");
        std::thread::sleep(Duration::from_millis(self.before_ms));
        let existed = self.apply();
        std::thread::sleep(Duration::from_millis(self.after_ms));
        self.write("end");
        json!({ "entry": self.entry, "existed": existed })
    }

    /// Whether the effect landed, as `verify` answers it.
    fn verify(&self) -> Option<Value> {
        let _alive = self.alive();
        self.write("verify");
        let ledger = Ledger { folder: self.folder.clone() };
        ledger.has(&self.entry, "landed").then(|| json!({ "entry": self.entry, "existed": true }))
    }
}

/// The tool, where the environment says so; else the ledger tried by hand.
#[test]
fn role() {
    let Ok(class) = std::env::var(CLASS) else { return a_key_is_applied_once() };
    let mut args = String::new();
    std::io::stdin().read_to_string(&mut args).unwrap();
    let args: Value = serde_json::from_str(&args).unwrap();
    let number = |name: &str| args[name].as_u64().unwrap_or_default();
    let request = Request {
        folder: std::env::var(FOLDER).unwrap().into(),
        key: std::env::var(KEY).unwrap_or_default(),
        entry: args["entry"].as_str().unwrap().to_owned(),
        before_ms: number("before_ms"),
        after_ms: number("after_ms"),
        class,
    };
    let answer = if std::env::args().any(|arg| arg == VERIFY) { request.verify() } else { Some(request.perform()) };
    let Some(answer) = answer else { std::process::exit(1) };
    std::fs::write(std::env::var(OUT).unwrap(), answer.to_string()).unwrap();
}

fn a_key_is_applied_once() {
    let dir = tempfile::tempdir().unwrap();
    let request = |class: &str| Request {
        folder: dir.path().to_owned(),
        class: class.to_owned(),
        key: format!("key-{class}"),
        entry: class.to_owned(),
        before_ms: 0,
        after_ms: 0,
    };
    let ledger = Ledger { folder: dir.path().to_owned() };
    assert_eq!(request("keyed").perform()["existed"], false);
    assert_eq!(request("keyed").perform()["existed"], true);
    ledger.check(Class::Keyed, "keyed");
    assert!(request("opaque").verify().is_none());
    request("opaque").perform();
    request("opaque").perform();
    assert_eq!(ledger.of("opaque", "landed").len(), 2, "only a key keeps an effect from being doubled");
    assert!(request("opaque").verify().is_some());
    let held = request("opaque").alive();
    assert!(ledger.is_at_work("opaque"));
    request("opaque").perform();
    drop(held);
    assert!(!ledger.is_at_work("opaque") && !ledger.is_at_work("never"));
    assert_eq!(ledger.of("opaque", "overlap").len(), 1);
}
