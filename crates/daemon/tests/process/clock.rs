//! A clock that is set back, or far forward, under the shipped daemon: its wall clock is shifted by a preloaded library.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::serving::Daemon;

const HOUR_S: i64 = 3_600;

struct Shifted {
    installation: Installation,
    preload: PathBuf,
}

impl Shifted {
    fn new() -> Self {
        let installation = Installation::new();
        let (source, preload) = (installation.path("clock.c"), installation.path("clock.so"));
        std::fs::write(&source, include_str!("clock.c")).unwrap();
        Answer::of(Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&preload).arg(&source)).exits(0);
        Self { installation, preload }
    }

    /// Shifts the clock, also of a daemon that runs.
    fn shift(&self, seconds: i64) {
        let path = self.installation.path("shift");
        let fresh = self.installation.path("shift.new");
        std::fs::write(&fresh, seconds.to_string()).unwrap();
        std::fs::rename(fresh, path).unwrap();
    }

    fn start(&self) -> Daemon {
        let mut command = self.installation.serve(&shipped());
        command.env("LD_PRELOAD", &self.preload).env("CLOCK_SHIFT", self.installation.path("shift"));
        let mut daemon = Daemon::spawn(command, &self.installation.log(), self.installation.admin);
        assert!(daemon.is_ready(), "{}", self.installation.log_text());
        daemon
    }

    /// The command line with its clock shifted too, as on the same machine.
    fn ann(&self, arguments: &[&str]) -> Answer {
        let mut command = self.installation.cli(ANN, arguments);
        command.env("LD_PRELOAD", &self.preload).env("CLOCK_SHIFT", self.installation.path("shift"));
        Answer::of(&mut command)
    }
}

/// An approval that lapsed stays lapsed, and nothing acknowledged is lost, when the clock goes back over a restart.
#[test]
fn a_clock_set_back_revives_nothing() {
    let shifted = Shifted::new();
    let installation = &shifted.installation;
    shifted.shift(0);
    let daemon = shifted.start();
    let input = json!({ "entry": "lapses", "before_ms": 0, "after_ms": 0 }).to_string();
    let arguments = ["task", "run", "--agent", "clerk", "--workflow", "opaque", "--detach", "--within", "6s", "--input", &input];
    let task = id(&installation.ann(&arguments));
    let approval = installation.approval_of(&task);
    let kept = id(&installation.submit(Class::Pure, "kept", Times::default()));
    assert_eq!(installation.rest(&kept)["status"], "COMPLETED");
    let ended = crate::process::until("the task is over time", std::time::Duration::from_secs(30), || {
        let shown = installation.task(&task);
        (shown["status"] == "FAILED").then_some(shown)
    });
    daemon.kill();

    shifted.shift(-2 * HOUR_S);
    let _daemon = shifted.start();
    // The daemon stands still at its newest record; logins by a clock that is hours off are refused, the kept token works.
    let shown = installation.task(&task);
    assert_eq!((&shown["status"], &shown["failure"]), (&ended["status"], &ended["failure"]), "{shown:#}");
    let late = installation.bob(&["approval", "approve", &approval, "--reason", "late"]);
    assert_eq!(late.code, 7, "{late:#?}");
    assert!(!installation.ledger.has("lapses", "begin"));
    assert_eq!(installation.task(&kept)["status"], "COMPLETED");
    let status = installation.ann(&["status"]).exits(0).json();
    assert!(status["reasons"].to_string().contains("clock"), "nobody is told that the clock is behind: {status:#}");
    let again = id(&installation.submit(Class::Keyed, "again", Times::default()));
    assert!(!installation.finish(Class::Keyed, "again", &again));
    installation.ledger.check(Class::Keyed, "again");
    installation.verify_audit();
}

/// A large step forward is not believed, and is told.
#[test]
fn a_clock_that_jumps_ahead_is_not_believed() {
    let shifted = Shifted::new();
    let installation = &shifted.installation;
    shifted.shift(0);
    let mut daemon = shifted.start();
    let task = id(&installation.submit(Class::Opaque, "waits", Times::default()));
    let approval = installation.approval_of(&task);
    shifted.shift(48 * HOUR_S);
    // By such a clock no token can be judged, an old one neither (semantics 4.7): refused in words that name the clock.
    for refused in [installation.ann(&["status"]), installation.ann(&["task", "show", &task]), installation.ann(&["login"])] {
        let error = refused.exits(7).error();
        assert_eq!(error.code, "CLOCK_UNTRUSTED", "{error:?}");
        assert!(error.why.contains("clock") && error.next.contains("clock"), "{error:?}");
    }
    // Who believes that clock finds the daemon's certificate over, and sends nothing.
    let believer = shifted.ann(&["login"]).exits(8).error();
    assert!(believer.why.contains("certificate expired"), "{believer:?}");
    assert_eq!(daemon.get("/healthz").0, 200);
    assert!(installation.log_text().contains("the clock stepped forward"), "{}", installation.log_text());
    assert!(daemon.ended().is_none());
    shifted.shift(0);
    // Nothing was lost, and nothing lapsed by a time that was not believed.
    assert_eq!(installation.approval_of(&task), approval);
    assert!(!installation.ledger.has("waits", "begin"));
    installation.approve(&approval);
    assert!(!installation.finish(Class::Opaque, "waits", &task));
    installation.ledger.check(Class::Opaque, "waits");
    installation.verify_audit();
}

/// Time in which the daemon has looked at its clock again.
const LOOKS: std::time::Duration = std::time::Duration::from_secs(30);

impl Shifted {
    /// Waits until the daemon believes its clock, or does not.
    #[track_caller]
    fn is_believed(&self, daemon: &Daemon, believed: bool) {
        let wanted = format!("scalbotics_clock_untrusted {}\n", u8::from(!believed));
        crate::process::until(&wanted, LOOKS, || daemon.get("/metrics").1.contains(&wanted).then_some(()));
    }

    /// What `doctor` says of the clock.
    #[track_caller]
    fn doctor(&self) -> serde_json::Value {
        let mut command = self.installation.environment(&shipped());
        command.args(["-o", "json", "doctor", "--offline", "--config"]).arg(self.installation.config());
        command.env("LD_PRELOAD", &self.preload).env("CLOCK_SHIFT", self.installation.path("shift"));
        let found = Answer::of(&mut command);
        let checks = found.json().as_array().unwrap().clone();
        checks.into_iter().find(|check| check["name"] == "clock").unwrap_or_else(|| panic!("{found:#?}"))
    }

    /// Says that the clock is right.
    #[track_caller]
    fn accept(&self) -> serde_json::Value {
        let mut command = self.installation.environment(&crate::installation::cli());
        command.args(["-o", "json", "admin", "clock", "accept", "--config"]).arg(self.installation.config());
        command.env("LD_PRELOAD", &self.preload).env("CLOCK_SHIFT", self.installation.path("shift"));
        Answer::of(&mut command).exits(0).json()
    }
}

/// A start far ahead of the last commit is an alarm as a step is, told in every place, until time returns or somebody on the host says that it is right.
#[test]
fn semantics_4_7_a_start_far_ahead_of_the_last_commit_is_not_believed_until_it_is_accepted() {
    let shifted = Shifted::new();
    let installation = &shifted.installation;
    shifted.shift(0);
    let daemon = shifted.start();
    installation.ann(&["status"]).exits(0);
    shifted.is_believed(&daemon, true);
    assert_eq!(shifted.doctor()["result"], "ok");
    assert!(daemon.stop().0.success());

    // The boot clock vouches for seconds only.
    shifted.shift(3 * HOUR_S);
    let told = shifted.doctor();
    assert!(told["result"] == "fail" && told["detail"].to_string().contains("stepped forward"), "{told:#}");
    let daemon = shifted.start();
    shifted.is_believed(&daemon, false);
    assert!(daemon.get("/readyz").1.contains("s against the last commit"), "{}", daemon.get("/readyz").1);
    let error = installation.ann(&["status"]).exits(7).error();
    assert!(error.code == "CLOCK_UNTRUSTED" && error.next.contains("admin clock accept"), "{error:?}");
    crate::process::until("doctor tells it", LOOKS, || (shifted.doctor()["result"] == "fail").then_some(()));
    // Time returns, over a restart too, and a step while it runs is told alike.
    shifted.shift(0);
    shifted.is_believed(&daemon, true);
    installation.ann(&["status"]).exits(0);
    // What comes and goes between two looks is no record.
    crate::process::until("doctor tells it", LOOKS, || (shifted.doctor()["result"] == "ok").then_some(()));
    shifted.shift(3 * HOUR_S);
    shifted.is_believed(&daemon, false);
    assert!(daemon.get("/readyz").1.contains("s against the boot clock"), "{}", daemon.get("/readyz").1);
    crate::process::until("doctor tells it", LOOKS, || (shifted.doctor()["result"] == "fail").then_some(()));

    assert_eq!(shifted.accept()["taken"], "by the daemon");
    shifted.is_believed(&daemon, true);
    crate::process::until("doctor tells it", LOOKS, || (shifted.doctor()["result"] == "ok").then_some(()));
    assert_eq!(shifted.ann(&["status"]).exits(0).json()["health"], "ok");
    daemon.kill();
    // What was accepted stays so, and the word about it is no word about another step.
    let daemon = shifted.start();
    shifted.is_believed(&daemon, true);
    shifted.ann(&["status"]).exits(0);
    daemon.kill();
    shifted.shift(9 * HOUR_S);
    assert!(shifted.accept()["taken"].to_string().contains("starts"));
    shifted.shift(13 * HOUR_S);
    let daemon = shifted.start();
    shifted.is_believed(&daemon, false);
    assert_eq!(shifted.accept()["taken"], "by the daemon");
    shifted.is_believed(&daemon, true);
    let query = ["audit", "query", "--kind", "installation", "--oldest-first"];
    let records = shifted.ann(&query).exits(0).json();
    let actions: Vec<_> = records.as_array().unwrap().iter().filter_map(|record| record["record"]["action"].as_str()).collect();
    let told: Vec<_> = actions.into_iter().filter(|action| action.starts_with("clock.")).collect();
    let wanted = ["clock.step", "clock.return", "clock.step", "clock.accept", "clock.step", "clock.accept"];
    assert_eq!(told, wanted);
}

impl Shifted {
    /// A command of a worker, whose own clock is shifted by so much.
    fn elsewhere(&self, mut command: Command, seconds: i64) -> Answer {
        let shift = self.installation.path("shift.worker");
        std::fs::write(&shift, seconds.to_string()).unwrap();
        Answer::of(command.env("LD_PRELOAD", &self.preload).env("CLOCK_SHIFT", shift))
    }

    /// Whether a call by the worker's certificate is answered.
    fn reaches(&self, seconds: i64) -> bool {
        let answer = self.installation.path("call.answer");
        let call = self.installation.curl("worker", "SessionService/WhoAmI", &[], &answer);
        self.elsewhere(call, seconds).code == 0 && self.installation.status_of("call") == "0"
    }

    /// The code with which a join token is refused.
    fn join(&self, token: &std::path::Path, seconds: i64) -> String {
        let (server, token) = (format!("https://127.0.0.1:{}", self.installation.api), token.display().to_string());
        let command = self.installation.worker("clerk", "late", &["--server", &server, "--token-file", &token]);
        self.elsewhere(command, seconds).error().code
    }
}

/// A worker's certificate and a join token that ended, by a clock that was believed, stay ended when the clock goes back, also over a restart; ten years
/// ahead and back end nothing.
#[test]
fn semantics_4_7_a_certificate_that_ended_stays_ended() {
    let shifted = Shifted::new();
    let installation = &shifted.installation;
    let text = std::fs::read_to_string(installation.config()).unwrap();
    std::fs::write(installation.config(), format!("{text}\n[identity]\nsvid_lifetime = \"5m\"\n")).unwrap();
    shifted.shift(0);
    let daemon = shifted.start();
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "worker", &token).exits(0);
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    assert!(shifted.reaches(0));
    shifted.shift(10 * 365 * 24 * HOUR_S);
    assert!(!shifted.reaches(0), "by such a clock nobody is judged");
    shifted.shift(0);
    assert!(shifted.reaches(0), "what was not believed has ended nothing");
    daemon.kill();

    // Within an hour a step is time: the certificate is over, and so is the token.
    let later = HOUR_S / 2;
    shifted.shift(later);
    let daemon = shifted.start();
    shifted.ann(&["agent", "list"]).exits(0);
    assert!(!shifted.reaches(later));
    assert_eq!(shifted.join(&token, later), "JOIN_REFUSED");
    // Back, while it runs and over a restart. The worker's clock is right: else it would not believe the daemon.
    shifted.shift(0);
    assert!(!shifted.reaches(later), "a clock set back revives nothing");
    assert_eq!(shifted.join(&token, later), "JOIN_REFUSED");
    daemon.kill();
    let _daemon = shifted.start();
    assert!(!shifted.reaches(later), "nor over a restart");
    assert_eq!(shifted.join(&token, later), "JOIN_REFUSED");
}
