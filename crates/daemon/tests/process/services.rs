//! Services from outside: sponsored by a human, narrower than them, and stopped with them or when the grant is over.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id};
use crate::ledger::Class;
use crate::people::CAROL;
use crate::process::until;

/// The context of the service that the tests add.
pub(crate) const CI: &str = "acme-ci";

/// Time within which a suspension, and the end of a grant, bites, and what a busy machine adds to starting the command that looks.
const BITES: Duration = Duration::from_secs(1);
const BUSY: Duration = Duration::from_secs(2);

/// How long a step of the tests runs when nobody stops it, in milliseconds.
const LONG_MS: u64 = 10_000;

impl Installation {
    pub(crate) fn ci(&self, arguments: &[&str]) -> Answer {
        Answer::of(&mut self.cli(CI, arguments))
    }

    /// The public half of the service's key, which is made if it is not there.
    pub(crate) fn ci_key(&self) -> String {
        let key = self.path("ci.pem").display().to_string();
        if !self.path("ci.pem").exists() {
            self.ann(&["service", "keygen", &key]).exits(0);
        }
        format!("{key}.pub")
    }

    /// The service `ci` of the group `operators`, sponsored by the human of a context, by the way that the command line tells.
    pub(crate) fn add_ci(&self, sponsor: &str, more: &[&str]) -> Value {
        let public = self.ci_key();
        let add = ["service", "add", "ci", "--group", "operators", "--login-key", &public];
        let added = Answer::of(&mut self.cli(sponsor, &[&add[..], more].concat())).exits(0).json();
        let (server, trust, key) = (format!("https://127.0.0.1:{}", self.api), self.trust_file(), self.path("ci.pem"));
        let place = ["context", "add", CI, "--server", &server, "--trust-file", trust.to_str().unwrap(), "--of-tenant", "acme"];
        let uid = added["uid"].as_str().unwrap();
        let who = ["--service", "ci", "--service-uid", uid, "--login-key", key.to_str().unwrap()];
        self.ann(&[&place[..], &who].concat()).exits(0);
        added
    }

    fn ci_submits(&self, class: Class, entry: &str, times: Times) -> String {
        let input = json!({ "entry": entry, "before_ms": times.before_ms, "after_ms": times.after_ms }).to_string();
        id(&self.ci(&["task", "run", "--agent", "clerk", "--workflow", class.word(), "--detach", "--input", &input]))
    }

    /// A task of the service whose tool is at work.
    fn ci_at_work(&self, entry: &str) -> String {
        let task = self.ci_submits(Class::Pure, entry, Times { before_ms: LONG_MS, after_ms: 0 });
        until("the tool is at work", Duration::from_secs(30), || self.ledger.has(entry, "begin").then_some(()));
        task
    }

    fn stopped(&self, begun: Instant, entry: &str, task: &str) {
        until("the tool is gone", BITES + BUSY, || self.ledger.living().is_empty().then_some(()));
        assert!(begun.elapsed() < BITES, "the running tool took {:?}", begun.elapsed());
        let shown = self.rest(task);
        assert_ne!(shown["status"], "COMPLETED", "{shown:#}");
        assert!(!self.ledger.has(entry, "landed"), "nothing of it arrived");
    }
}

#[test]
fn a_service_is_added_by_a_key_of_its_own_and_starts_tasks() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let public = installation.ci_key();
    let add = |more: &[&str]| installation.ann(&[&["service", "add", "ci", "--login-key", public.as_str()], more].concat());
    add(&[]).exits(2);
    for refused in [
        &["--expires-in", "91d"] as &[&str],
        &["--expires-in", "999ms"],
        &["--expires-in", "1d", "--group", "admins"],
        &["--expires-in", "1d", "--group", "approvers"],
        &["--expires-in", "1d", "--tier-max", "3"],
    ] {
        add(refused).exits(2);
    }
    add(&["--expires-in", "1d", "--dry-run"]).exits(0);
    installation.ann(&["service", "show", "ci"]).exits(10);
    let added = installation.add_ci(ANN, &["--expires-in", "1d"]);
    assert_eq!(added["spiffe_id"], "spiffe://acme.example/acme/service/ci");
    assert_eq!((&added["sponsor"], &added["standing"], &added["tier_max"]), (&json!("ann"), &json!("active"), &json!(1)));
    assert_eq!(installation.ann(&["service", "list"]).exits(0).json(), json!([added]));
    assert_eq!(add(&["--expires-in", "1d"]).exits(7).error().code, "NAME_TAKEN");

    let me = installation.ci(&["whoami"]).exits(0).json();
    assert_eq!((&me["kind"], &me["name"], &me["uid"]), (&json!("service"), &json!("ci"), &added["uid"]));
    assert_eq!((&me["sponsor"], &me["grant_ends"], &me["can_approve"]), (&json!("ann"), &added["grant_ends"], &json!(false)));
    let task = installation.ci_submits(Class::Pure, "ci-1", Times::default());
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["requested_by"]), (&json!("COMPLETED"), &added["uid"]), "{shown:#}");
    assert_eq!(installation.ci(&["task", "show", &task]).exits(0).json()["status"], "COMPLETED");
    // A service follows its own tasks and no others.
    let other = id(&installation.submit(Class::Pure, "ann-1", Times::default()));
    assert_eq!(installation.ci(&["task", "show", &other]).exits(5).error().code, "POLICY_DENIED");
    // The log says for whom it was: the chain of the call begins with the human.
    let records = installation.ann(&["audit", "tail", "--lines", "200"]).exits(0).lines();
    let uids = |record: &Value| -> Vec<String> {
        record["record"]["chain"].as_array().into_iter().flatten().map(|uid| uid["uid"].as_str().unwrap().to_owned()).collect()
    };
    let chain = records.iter().find(|record| record["record"]["task"] == task.as_str() && uids(record).len() == 3);
    let chain = uids(chain.unwrap_or_else(|| panic!("no chain of three for {task}")));
    assert!(chain[0].starts_with("hum_") && chain[1] == added["uid"] && chain[2].starts_with("agt_"), "{chain:?}");
    // Who logged in and who submitted is the service, and behind whom.
    for action in ["session.login", "task.submit"] {
        let own = |record: &&Value| record["record"]["action"] == action && record["record"]["actor"]["uid"] == added["uid"];
        let found = records.iter().find(own).unwrap_or_else(|| panic!("no {action} of the service"));
        assert_eq!((&uids(found)[..2], &found["record"]["grants"][0]), (&chain[..2], &added["grant"]), "{found:#}");
    }
    installation.verify_audit();
}

#[test]
fn security_7_a_service_is_never_more_than_its_sponsor_its_grant_and_its_group() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["admins"]);
    installation.add_ci(CAROL, &["--expires-in", "1d"]);
    // The grant ends at tier 1: a call that would wait for an approval is denied.
    let risky = installation.rest(&installation.ci_submits(Class::Keyed, "risky", Times::default()));
    assert_eq!((&risky["status"], &risky["failure"]), (&json!("FAILED"), &json!("POLICY_DENIED")), "{risky:#}");
    // What services may never do they may not do when the policies of the installation say that they may.
    let all = "@id(\"everything\")\npermit (principal is Service, action, resource);\n";
    installation.commit(&[("policies/careless.cedar", Some(all))]);
    installation.ann(&["repo", "apply"]).exits(0);
    installation.ci(&["task", "list"]).exits(0);
    let public = installation.ci_key();
    for never in [
        &["approval", "list"] as &[&str],
        &["human", "suspend", "ann"],
        &["human", "bind", "bob", "--group", "admins"],
        &["service", "add", "cd", "--expires-in", "1d", "--login-key", public.as_str()],
        &["service", "renew", "ci", "--expires-in", "90d"],
        &["agent", "suspend", "clerk"],
        &["secret", "list"],
        &["audit", "tail", "--lines", "1"],
        &["repo", "apply"],
    ] {
        let refused = installation.ci(never).exits(5).error();
        assert_eq!(refused.code, "POLICY_DENIED", "{never:?}");
        assert!(refused.why.contains("services-only-work-with-tasks"), "{refused:?}");
    }
    assert_eq!(installation.ci(&["approval", "approve", "apr_1", "--reason", "x"]).exits(5).error().code, "CLI_NO_APPROVAL_KEY");
    // Nor is it more than its sponsor: an auditor submits nothing.
    let task = installation.ci_submits(Class::Pure, "first", Times { before_ms: 1_500, after_ms: 0 });
    until("the tool is at work", Duration::from_secs(30), || installation.ledger.has("first", "begin").then_some(()));
    installation.ann(&["human", "bind", "carol", "--remove", "admins", "--group", "auditors"]).exits(0);
    let shown = installation.rest(&task);
    assert_eq!((&shown["status"], &shown["failure"]), (&json!("FAILED"), &json!("POLICY_DENIED")), "{shown:#}");
    let submit = ["task", "run", "--agent", "clerk", "--workflow", "pure", "--input", "{}"];
    let refused = installation.ci(&submit).exits(5).error();
    assert!(refused.why.contains("human `carol` (in auditors)"), "{refused:?}");
    installation.verify_audit();
}

#[test]
fn an_approval_for_a_service_is_a_humans_and_shows_who_sponsors_it() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let added = installation.add_ci(ANN, &["--expires-in", "1d", "--tier-max", "2"]);
    let task = installation.ci_submits(Class::Keyed, "approved", Times::default());
    let approval = installation.approval_of(&task);
    let shown = installation.bob(&["approval", "show", &approval]).exits(0).json();
    let chain: Vec<&str> = shown["chain"].as_array().unwrap().iter().map(|link| link.as_str().unwrap()).collect();
    assert!(chain.len() == 3 && chain[0].starts_with("human ann (hum_"), "{chain:?}");
    assert_eq!(chain[1], format!("service ci ({})", added["uid"].as_str().unwrap()));
    installation.approve(&approval);
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    installation.verify_audit();
}

#[test]
fn a_suspended_sponsor_stops_what_they_sponsor_within_a_second() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["admins"]);
    installation.add_ci(CAROL, &["--expires-in", "1d"]);
    let task = installation.ci_at_work("sponsored");
    let mut stream =
        installation.cli(CI, &["task", "watch", &task]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(stream.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(!first.is_empty(), "the stream is open");
    installation.ann(&["human", "suspend", "carol"]).exits(0);
    installation.stopped(Instant::now(), "sponsored", &task);
    let ended = until("the stream is cut", BITES + BUSY, || stream.try_wait().unwrap());
    assert!(!ended.success());
    for refused in [&["whoami"] as &[&str], &["login"]] {
        let refused = installation.ci(refused).exits(4).error();
        assert_eq!(refused.code, "PRINCIPAL_SUSPENDED", "{refused:?}");
        assert!(refused.why.contains("sponsors"), "{refused:?}");
    }
    assert_eq!(installation.ann(&["service", "show", "ci"]).exits(0).json()["refused"], "its sponsor may not act");
    // Somebody else takes it over.
    let renewed = installation.ann(&["service", "renew", "ci", "--expires-in", "1h"]).exits(0).json();
    assert_eq!((&renewed["sponsor"], &renewed["refused"]), (&json!("ann"), &json!("")));
    installation.ci(&["login"]).exits(0);
    let next = installation.ci_submits(Class::Pure, "taken-over", Times::default());
    assert_eq!(installation.rest(&next)["status"], "COMPLETED");
    installation.ann(&["human", "offboard", "carol", "--yes"]).exits(0);
    installation.ci(&["whoami"]).exits(0);
    installation.verify_audit();
}

#[test]
fn a_token_of_before_stays_void_when_somebody_else_sponsors_the_service() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_carol(&["admins"]);
    installation.add_ci(CAROL, &["--expires-in", "1d"]);
    installation.ci(&["whoami"]).exits(0);
    installation.ann(&["human", "suspend", "carol"]).exits(0);
    assert_eq!(installation.ci(&["whoami"]).exits(4).error().code, "PRINCIPAL_SUSPENDED");
    // Ann's epoch is what Carol's was when the token was made.
    installation.ann(&["service", "renew", "ci", "--expires-in", "1h"]).exits(0);
    assert_eq!(installation.ci(&["whoami"]).exits(4).error().code, "TOKEN_EXPIRED");
    installation.ci(&["login"]).exits(0);
    installation.ci(&["whoami"]).exits(0);
}

#[test]
fn a_grant_that_is_over_stops_what_runs_under_it_within_a_second() {
    let installation = Installation::new();
    let _daemon = installation.start();
    installation.add_ci(ANN, &["--expires-in", "6s"]);
    // It was given before this, so it is over no later.
    let ends = Instant::now() + Duration::from_secs(6);
    let task = installation.ci_at_work("ending");
    assert!(!installation.ledger.living().is_empty());
    std::thread::sleep(ends.saturating_duration_since(Instant::now()));
    installation.stopped(ends, "ending", &task);
    for refused in [&["whoami"] as &[&str], &["login"]] {
        let refused = installation.ci(refused).exits(4).error();
        assert_eq!(refused.code, "GRANT_OVER", "{refused:?}");
        assert!(refused.next.contains("scalbotics service renew ci --expires-in"), "{refused:?}");
    }
    assert_eq!(installation.ann(&["service", "show", "ci"]).exits(0).json()["refused"], "its grant is over");
    installation.ann(&["service", "renew", "ci", "--expires-in", "1h", "--dry-run"]).exits(0);
    installation.ci(&["login"]).exits(4);
    installation.ann(&["service", "renew", "ci", "--expires-in", "1h"]).exits(0);
    installation.ci(&["login"]).exits(0);
    installation.verify_audit();
}

#[test]
fn a_suspended_service_is_stopped_and_an_offboarded_one_never_comes_back() {
    let installation = Installation::new();
    let daemon = installation.start();
    installation.add_ci(ANN, &["--expires-in", "1d"]);
    let task = installation.ci_at_work("suspended");
    let suspended = installation.ann(&["service", "suspend", "ci"]).exits(0).json();
    installation.stopped(Instant::now(), "suspended", &task);
    assert_eq!((&suspended["standing"], &suspended["epoch"]), (&json!("suspended"), &json!(1)));
    assert_eq!(installation.ci(&["whoami"]).exits(4).error().code, "PRINCIPAL_SUSPENDED");
    assert_eq!(installation.bob(&["service", "resume", "ci"]).exits(5).error().code, "POLICY_DENIED");
    installation.ann(&["service", "resume", "ci"]).exits(0);
    assert_eq!(installation.ann(&["service", "resume", "ci"]).exits(0).json()["standing"], "active", "nothing to change");
    // The token of before is void for good.
    assert_eq!(installation.ci(&["whoami"]).exits(4).error().code, "PRINCIPAL_SUSPENDED");
    installation.ci(&["login"]).exits(0);
    installation.ci(&["whoami"]).exits(0);
    assert_eq!(installation.ann(&["service", "offboard", "ci"]).exits(2).error().code, "CLI_NOT_CONFIRMED");
    installation.ann(&["service", "offboard", "ci", "--dry-run"]).exits(0);
    installation.ann(&["service", "offboard", "ci", "--yes"]).exits(0);
    daemon.kill();
    let _daemon = installation.start();
    installation.ci(&["login"]).exits(4);
    for gone in [&["resume", "ci"] as &[&str], &["renew", "ci", "--expires-in", "1d"]] {
        assert_eq!(installation.ann(&[&["service"], gone].concat()).exits(7).error().code, "NAME_TAKEN");
    }
    let public = installation.ci_key();
    let again = ["service", "add", "ci", "--expires-in", "1d", "--login-key", &public];
    assert_eq!(installation.ann(&again).exits(7).error().code, "NAME_TAKEN", "a name is never used again");
    for absent in ["nobody", "tenants/other/services/ci"] {
        assert_eq!(installation.ann(&["service", "suspend", absent]).exits(10).error().code, "NOT_FOUND");
    }
    installation.verify_audit();
}
