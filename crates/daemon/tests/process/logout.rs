//! Logging out from outside: the token of the session is nothing from then on, whoever has a copy of it, also after a restart.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id};
use crate::ledger::Class;
use crate::process::until;
use crate::services::CI;

/// Time within which a stream is cut, and what a busy machine adds.
const CUT: Duration = Duration::from_secs(5);

impl Installation {
    /// The command line with what it keeps in another place.
    fn apart(&self, context: &str, state: &Path, arguments: &[&str]) -> Command {
        let mut command = self.cli(context, arguments);
        command.env("SCALBOTICS_STATE_DIR", state);
        command
    }

    /// A thief's copy of the kept token of a context.
    fn stolen(&self, context: &str) -> PathBuf {
        let (copy, file) = (self.path(&format!("stolen-{context}")), format!("tokens/{context}.json"));
        std::fs::create_dir_all(copy.join("tokens")).unwrap();
        std::fs::copy(self.path("state").join(&file), copy.join(&file)).unwrap();
        copy
    }

    fn records_of(&self, action: &str) -> Vec<Value> {
        let found = self.ann(&["audit", "query", "--action", action, "--oldest-first"]).exits(0).json();
        found.as_array().unwrap().iter().map(|record| record["record"].clone()).collect()
    }
}

#[test]
fn issue_5_a_logout_ends_the_session_at_the_daemon_for_good() {
    let installation = Installation::new();
    let daemon = installation.start();
    let me = installation.ann(&["whoami"]).exits(0).json();
    let stolen = installation.stolen(ANN);
    let thief = |arguments: &[&str]| Answer::of(&mut installation.apart(ANN, &stolen, arguments));
    thief(&["whoami"]).exits(0);
    // Another session of the same person.
    let other = installation.path("other");
    Answer::of(&mut installation.apart(ANN, &other, &["login"])).exits(0);
    // A task that waits for an approval, so that its stream stays open by itself.
    let task = id(&installation.submit(Class::Keyed, "waits", Times::default()));
    installation.approval_of(&task);
    let mut watch = installation.apart(ANN, &stolen, &["task", "watch", &task]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let (mut first, mut told) = (String::new(), BufReader::new(watch.stdout.take().unwrap()));
    told.read_line(&mut first).unwrap();
    assert!(!first.is_empty(), "the stream is open");

    installation.ann(&["logout"]).exits(0);
    let refused = |answer: Answer| {
        let refused = answer.exits(4).error();
        assert_eq!(refused.code, "TOKEN_EXPIRED", "{refused:?}");
        assert!(refused.why.contains("logout") && refused.next == "scalbotics login", "{refused:?}");
    };
    refused(thief(&["whoami"]));
    let ended = until("the stream is cut", CUT, || watch.try_wait().unwrap());
    assert!(!ended.success());
    // Who has no session any more is told nothing else, and the other session goes on.
    thief(&["logout"]).exits(0);
    Answer::of(&mut installation.apart(ANN, &other, &["whoami"])).exits(0);
    let stolen_again = installation.path("stolen-again");
    std::fs::create_dir_all(stolen_again.join("tokens")).unwrap();
    std::fs::copy(other.join(format!("tokens/{ANN}.json")), stolen_again.join(format!("tokens/{ANN}.json"))).unwrap();
    Answer::of(&mut installation.apart(ANN, &other, &["logout"])).exits(0);

    daemon.kill();
    let daemon = installation.start();
    refused(Answer::of(&mut installation.apart(ANN, &stolen_again, &["whoami"])));
    installation.ann(&["whoami"]).exits(0);
    // The record names the session that the login of it began.
    let (logins, logouts) = (installation.records_of("session.login"), installation.records_of("session.logout"));
    assert_eq!(logouts.len(), 2, "{logouts:#?}");
    for logout in &logouts {
        assert_eq!((&logout["actor"]["uid"], &logout["outcome"]["word"]), (&me["uid"], &json!("ok")), "{logout:#}");
        assert!(logins.iter().any(|login| login["target"] == logout["target"]), "{logout:#}");
    }
    installation.verify_audit();

    // Where nobody is told, this side is logged out and says what is left.
    assert!(daemon.stop().0.success());
    let away = installation.ann(&["logout"]).exits(8).error();
    assert!(away.what.contains("the daemon was not told") && away.next.contains("ten minutes"), "{away:?}");
    assert!(!installation.path("state").join(format!("tokens/{ANN}.json")).exists());
    installation.ann(&["logout"]).exits(0);
}

#[test]
fn issue_5_a_service_logs_out_and_an_agent_has_no_session() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let added = installation.add_ci(ANN, &["--expires-in", "1d"]);
    installation.ci(&["whoami"]).exits(0);
    let stolen = installation.stolen(CI);
    installation.ci(&["logout"]).exits(0);
    let refused = Answer::of(&mut installation.apart(CI, &stolen, &["whoami"])).exits(4).error();
    assert_eq!(refused.code, "TOKEN_EXPIRED");
    installation.ci(&["whoami"]).exits(0);
    let logout = installation.records_of("session.logout").pop().unwrap();
    assert_eq!((&logout["actor"]["uid"], &logout["grants"][0]), (&added["uid"], &added["grant"]), "{logout:#}");
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "clerk", &token).exits(0);
    assert_eq!(installation.call("clerk", "SessionService/EndSession", &[]).0, "3", "INVALID_ARGUMENT");
    assert_eq!(installation.call("clerk", "SessionService/WhoAmI", &[]).0, "0");
    installation.verify_audit();
}
