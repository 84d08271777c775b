//! A worker's key that was stolen: what the agent had is void and what runs under it ends at once; its tasks and processes go on under the new epoch.

use std::time::Duration;

use scalbotics_proto::workload as v1;
use serde_json::json;

use crate::installation::{Installation, Times, id};
use crate::ledger::Class;
use crate::process::until;
use crate::workload::{PATIENCE, asked, ids, next, own};

/// Time within which new keys bite (security row 5), and what a busy machine adds to starting the command.
const BITES: Duration = Duration::from_secs(3);

/// How long a call takes that nobody stops, in milliseconds: longer than what bites, and than an answer may take that is on its way.
const LONG_MS: u64 = 15_000;

/// One whose clerk is this process too, and has the time for what is long.
fn installation() -> Installation {
    Installation::with(|desired| {
        desired.set_agent("workload", json!({ "unix": { "uid": own().0 } }));
        for class in [Class::Keyed, Class::Opaque] {
            let mut manifest = desired.ledger_manifest(class);
            manifest["timeout"] = json!("60s");
            desired.put(&format!("tools/ledger.{}.yaml", class.word()), manifest);
        }
    })
}

impl Installation {
    /// A task of one call that is at work.
    fn at_work(&self, class: Class) -> String {
        let task = id(&self.submit(class, class.word(), Times { before_ms: LONG_MS, after_ms: 0 }));
        self.approve(&self.approval_of(&task));
        until("the tool is at work", PATIENCE, || self.ledger.has(class.word(), "begin").then_some(()));
        task
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn security_5_a_stolen_key_ends_what_runs_and_the_agent_goes_on_by_new_ones() {
    let installation = installation();
    let _daemon = installation.start_workload();
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "clerk", &token).exits(0);
    let waits = id(&installation.submit(Class::Keyed, "waits", Times::default()));
    let approval = installation.approval_of(&waits);
    let mut client = installation.client().await;
    let mut identities = client.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner();
    let first = next(&mut identities, PATIENCE).await.unwrap();
    let mut stream = installation.stream("clerk", &waits, "stream");
    let (opaque, keyed) = (installation.at_work(Class::Opaque), installation.at_work(Class::Keyed));

    let token = installation.token_file(&installation.ann(&["agent", "rotate-keys", "clerk", "--compromised"]).exits(0));
    // The thief: the open stream is cut, and no other call is answered.
    until("the stream is cut", BITES, || stream.try_wait().unwrap());
    assert_eq!(installation.status_of("stream"), "16");
    assert_eq!(installation.call("clerk", "SessionService/WhoAmI", &[]).0, "16");
    // What ran was killed before it landed, and is asked again by its key, under the new epoch.
    until("the call is made again", PATIENCE, || (installation.ledger.of("keyed", "begin").len() == 2).then_some(()));
    assert!(!installation.ledger.has("keyed", "landed"), "the first attempt was stopped");
    // What cannot be asked again had a little time to answer, and is nobody's guess.
    let shown = installation.rest(&opaque);
    assert_eq!((&shown["status"], &shown["calls"][0]["phase"]), (&json!("INPUT_REQUIRED"), &json!("in_doubt")), "{shown:#}");
    assert!(!installation.ledger.has("opaque", "landed") && !installation.ledger.is_at_work("opaque"));
    // A process of the agent has another certificate at once, and the worker joins anew.
    let renewed = next(&mut identities, PATIENCE).await.unwrap();
    assert_eq!(ids(&renewed), ids(&first));
    assert_ne!(renewed.svids[0].x509_svid_key, first.svids[0].x509_svid_key);
    installation.enroll("clerk", "anew", &token).exits(0);
    assert_eq!(installation.call("anew", "SessionService/WhoAmI", &[]).0, "0");
    assert_eq!(installation.call("clerk", "SessionService/WhoAmI", &[]).0, "16", "beside the new one, too");
    // Tasks go on: what was approved before, what waited, and what is new.
    assert_eq!(installation.rest(&keyed)["status"], "COMPLETED");
    installation.ledger.check(Class::Keyed, "keyed");
    installation.approve(&approval);
    assert_eq!(installation.rest(&waits)["status"], "COMPLETED");
    let fresh = id(&installation.submit(Class::Pure, "fresh", Times::default()));
    assert_eq!(installation.rest(&fresh)["status"], "COMPLETED");
    installation.verify_audit();
}
