//! Keys and issuing CAs that are rotated under a worker that watches, renews and switches: no call of it fails (semantics §4.8).

use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::installation::{Installation, Times, id};
use crate::ledger::Class;
use crate::process::until;

/// Time in which a worker that looks every 15 seconds has renewed, on a busy machine too; a minute is what it has.
const RENEWS: Duration = Duration::from_secs(45);

/// Time between two calls, so that they stay below what one principal may ask in a second.
const APART: Duration = Duration::from_millis(50);

/// Time within which a stream is cut, and what a busy machine adds.
const CUT: Duration = Duration::from_secs(5);

/// The worker's own process, which goes when this is dropped.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Ends the calls when this is dropped, also by a test that fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Waits until the worker has other keys and certificates than these; answers what it has.
fn renewed(installation: &Installation, before: &[u8]) -> Vec<u8> {
    until("the worker has renewed", RENEWS, || {
        std::fs::read(installation.path("clerk/svid.pem")).ok().filter(|now| now != before)
    })
}

#[test]
fn sem_4_8_new_keys_and_a_new_ca_fail_no_call_and_no_stream_of_a_worker_that_watches() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let token = installation.token_file(&installation.ann(&["agent", "join-token", "clerk"]).exits(0));
    installation.enroll("clerk", "clerk", &token).exits(0);
    // A task that waits for an approval, so that its streams stay open by themselves.
    let task = id(&installation.submit(Class::Keyed, "waits", Times::default()));
    installation.approval_of(&task);
    let mut worker = installation.worker("clerk", "clerk", &["--watch"]);
    let _watching = Watching(worker.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
    let (calls, ended) = (AtomicU32::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let _ends = Ends(&ended);
        // Each call is by the keys that lie there at its moment, over a connection of its own. They are read once, for curl reads the file twice.
        std::fs::create_dir(installation.path("caller")).unwrap();
        std::fs::copy(installation.path("clerk/bundle.pem"), installation.path("caller/bundle.pem")).unwrap();
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                std::fs::copy(installation.path("clerk/svid.pem"), installation.path("caller/svid.pem")).unwrap();
                assert_eq!(installation.call("caller", "SessionService/WhoAmI", &[]).0, "0", "after {calls:?}");
                calls.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(APART);
            }
        });
        let first = std::fs::read(installation.path("clerk/svid.pem")).unwrap();
        let mut before = installation.stream("clerk", &task, "before");
        installation.ann(&["agent", "rotate-keys", "clerk"]).exits(0);
        let second = renewed(&installation, &first);
        let mut between = installation.stream("clerk", &task, "between");
        assert!(before.try_wait().unwrap().is_none(), "it has its minute: the worker opens the next one before it ends this one");

        let ca = installation.authorities()[0].1.clone();
        installation.rotate();
        installation.ca(&["taint", &ca]).exits(0);
        renewed(&installation, &second);
        let mut after = installation.stream("clerk", &task, "after");
        let config = installation.config().to_str().unwrap().to_owned();
        installation.ca(&["revoke", &ca, "--config", &config]).exits(0);
        // What the revoked authority vouched for is cut, open or not, and nothing else.
        for (stream, name) in [(&mut before, "before"), (&mut between, "between")] {
            until("the stream of a revoked authority's certificate is cut", CUT, || stream.try_wait().unwrap());
            assert_eq!(installation.status_of(name), "16", "{name}");
        }
        let so_far = calls.load(Ordering::Relaxed);
        until("calls go on", RENEWS, || {
            (calls.load(Ordering::Relaxed) > so_far + 3 || ended.load(Ordering::Relaxed)).then_some(())
        });
        assert!(after.try_wait().unwrap().is_none(), "{}", installation.status_of("after"));
        after.kill().unwrap();
        after.wait().unwrap();
    });
    assert!(calls.load(Ordering::Relaxed) > 0);
    installation.verify_audit();
}
