//! SIGTERM drains, SIGHUP reloads.

use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::installation::{Installation, Times, id, shipped};
use crate::ledger::Class;
use crate::process::{until, with_marker};
use crate::serving::Daemon;
use crate::witness;

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn sigterm_waits_for_a_running_tool() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Verifiable, "drained", Times { before_ms: 1_200, after_ms: 1_200 }));
    until("the tool runs", PATIENCE, || installation.ledger.has("drained", "begin").then_some(()));
    // What other tests look for to say that nothing of an effect lives is there as long as it does.
    let shown = installation.task(&task);
    assert!(installation.ledger.is_at_work("drained") && !installation.ledger.living().is_empty());
    assert_eq!(with_marker(shown["calls"][0]["name"].as_str().unwrap()).len(), 2, "two helpers: {shown:#}");
    let (status, took) = daemon.stop();
    assert_eq!(status.code(), Some(0), "{}", installation.log_text());
    assert!(took < Duration::from_secs(20), "the drain took {took:?}");
    assert!(installation.ledger.has("drained", "end"), "the tool was cut off");
    assert!(installation.ledger.living().is_empty());
    let _daemon = installation.start();
    assert!(!installation.finish(Class::Verifiable, "drained", &task));
    assert!(!installation.ledger.has("drained", "verify"), "the outcome was lost, and asked for");
    installation.ledger.check(Class::Verifiable, "drained");
    installation.verify_audit();
}

#[test]
fn sigterm_with_a_waiting_task_ends_at_once_and_loses_nothing() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Opaque, "waits", Times::default()));
    let approval = installation.approval_of(&task);
    let (status, took) = daemon.stop();
    assert_eq!(status.code(), Some(0), "{}", installation.log_text());
    assert!(took < Duration::from_secs(10), "nothing ran, and the drain took {took:?}");
    let _daemon = installation.start();
    assert_eq!(installation.approval_of(&task), approval);
    assert!(!installation.finish(Class::Opaque, "waits", &task));
    installation.ledger.check(Class::Opaque, "waits");
}

/// A start that is told to end, with what a busy machine adds; the witness alone would have held it for five seconds.
const GIVEN_UP: Duration = Duration::from_secs(4);

#[test]
fn a_start_that_waits_is_given_up_at_a_signal_and_loses_nothing() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Opaque, "waits", Times::default()));
    let approval = installation.approval_of(&task);
    assert!(daemon.stop().0.success());
    let config = std::fs::read_to_string(installation.config()).unwrap();
    // A witness that takes the question and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    witness::configure(&installation, silent.local_addr().unwrap().port());
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::spawn(installation.serve(&shipped()), &installation.log(), installation.admin);
        let _asked = silent.accept().unwrap();
        let told = Instant::now();
        daemon.signal(signal);
        assert_eq!(daemon.wait().code(), Some(0), "{}", installation.log_text());
        assert!(told.elapsed() < GIVEN_UP, "{signal:?}: {:?}", told.elapsed());
        assert_eq!(daemon.get("/readyz").0, 0);
    }
    let log = installation.log_text();
    assert_eq!(log.matches("ended before anything was served").count(), 2, "{log}");
    std::fs::write(installation.config(), config).unwrap();
    let _daemon = installation.start();
    assert_eq!(installation.approval_of(&task), approval);
    assert!(!installation.finish(Class::Opaque, "waits", &task));
    installation.ledger.check(Class::Opaque, "waits");
    installation.verify_audit();
}

#[test]
fn systemd_is_told_when_it_is_ready_reloads_and_stops() {
    let installation = Installation::new();
    let path = installation.path("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let told = || {
        let mut buffer = [0; 256];
        let len = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("systemd is told nothing: {error}"));
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    };
    let mut command = installation.serve(&shipped());
    command.env("NOTIFY_SOCKET", &path);
    let mut daemon = Daemon::spawn(command, &installation.log(), installation.admin);
    assert_eq!(told(), "READY=1");
    assert_eq!(daemon.get("/readyz").0, 200, "ready is what it says");
    for _ in 0..2 {
        daemon.signal(Signal::HUP);
        let reloading = told();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap_or_else(|| panic!("{reloading}"));
        assert!(time.parse::<u64>().is_ok_and(|us| us > 0), "{reloading}");
        assert_eq!(told(), "READY=1");
    }
    daemon.signal(Signal::TERM);
    assert_eq!(told(), "STOPPING=1");
    assert!(daemon.wait().success(), "{}", installation.log_text());
}

#[test]
fn sighup_takes_a_good_configuration_and_refuses_a_bad_one() {
    let installation = Installation::new();
    let mut daemon = installation.start();
    let good = std::fs::read_to_string(installation.config()).unwrap();
    std::fs::write(installation.config(), format!("{good}\n[limitz]\nx = 1\n")).unwrap();
    daemon.signal(Signal::HUP);
    until("the refusal is logged", PATIENCE, || installation.log_text().contains("limitz").then_some(()));
    assert!(daemon.ended().is_none());
    let task = id(&installation.submit(Class::Pure, "still", Times::default()));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    // One call a second is taken over while serving: the twelfth at once is refused.
    let limit = "\n[limits.requests_per_second]\nread = 1\nwrite = 1\nstream = 1\nlogin = 100\n";
    std::fs::write(installation.config(), format!("{good}{limit}")).unwrap();
    daemon.signal(Signal::HUP);
    until("the new limit is in force", PATIENCE, || {
        let answer = installation.ann(&["task", "list"]);
        (answer.code != 0).then(|| assert_eq!(answer.error().code, "RATE_LIMITED"))
    });
    std::fs::write(installation.config(), &good).unwrap();
    daemon.signal(Signal::HUP);
    until("the old limit is in force", PATIENCE, || (0..5).all(|_| installation.ann(&["task", "list"]).code == 0).then_some(()));
}
