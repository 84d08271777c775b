//! What others of the host can do to the Workload API and to one another: sockets that say nothing, strangers without number, streams that nobody
//! reads; and what a daemon of its own user sees of them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use scalbotics_core::digest::Digest;
use scalbotics_proto::workload as v1;
use serde_json::json;
use tonic::Code;

use crate::installation::{Installation, shipped};
use crate::serving::Daemon;
use crate::workload::{Client, PATIENCE, WORKER, asked, channel_of, flood, id, ids, next, own, python, with_workloads};

/// What a client's side begins with, and its first frame, of settings (RFC 9113 §3.4).
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A user for the daemon; nobody on any host either.
const SERVICE: u32 = 4_244;

/// `CAP_SYS_PTRACE` as a mask (capabilities(7)).
const SYS_PTRACE: u64 = 1 << 19;

/// Whether the other end closes the connection within the time that anything may take.
fn is_closed(mut stream: &UnixStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = [0; 4_096];
    loop {
        match stream.read(&mut bytes) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

#[test]
fn issue_5_sockets_that_say_nothing_are_closed_and_hold_no_stop() {
    let (uid, _) = own();
    let installation = with_workloads(&[("clerk", json!({ "unix": { "uid": uid } }))]);
    let daemon = installation.start_workload();
    // Nothing, half of the first word, the first word and nothing else.
    let words: [&[u8]; 3] = [b"", &HELLO[..10], HELLO];
    let connect = |word: &[u8]| {
        let mut stream = UnixStream::connect(installation.socket()).unwrap();
        stream.write_all(word).unwrap();
        stream
    };
    let silent = words.map(connect);
    for (stream, word) in silent.iter().zip(words) {
        assert!(is_closed(stream), "{word:?}");
    }
    let held: Vec<_> = words.iter().cycle().take(60).map(|word| connect(word)).collect();
    let (status, took) = daemon.stop();
    // The drain gives 30 s to what has something to do; these have nothing.
    assert!(status.success() && took < Duration::from_secs(25), "{took:?}");
    drop(held);
}

#[tokio::test]
async fn issue_5_strangers_take_no_place_of_who_may_be_somebody() {
    let (uid, _) = own();
    assert_eq!(uid, 0, "only root may be other users: run the tests in a container");
    let installation = with_workloads(&[("worker", json!({ "unix": { "uid": WORKER } }))]);
    installation.open_to_others();
    let daemon = installation.start_workload();
    // This user is nobody's: eight of its connections stay, and the others are closed at once.
    let held = flood(&installation.socket(), 300);
    let is_open = |stream: &UnixStream| {
        stream.set_nonblocking(true).unwrap();
        let mut reader = stream;
        // The daemon's first words are there, or have been read.
        match reader.read(&mut [0; 4_096]) {
            Ok(len) => len > 0,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        }
    };
    let begun = Instant::now();
    while held.iter().filter(|stream| is_open(stream)).count() != 8 {
        assert!(begun.elapsed() < Duration::from_secs(8), "{}", held.iter().filter(|stream| is_open(stream)).count());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut worker, _child) = installation.client_as(WORKER).await;
    worker.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap();
    // They are told no, as the standard wants it, while there is a place for them.
    drop(held);
    let told = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Ok(channel) = channel_of(&installation).await {
                let refused = Client::new(channel).fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap_err();
                if refused.code() == Code::PermissionDenied {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    told.await.expect("a stranger is told no");
    let lines = installation.log_text().lines().filter(|line| line.contains("\"WARN\"") || line.contains("\"INFO\"")).count();
    assert!(lines < 100, "a connection of a stranger is no line of the log: {lines}");
    assert!(daemon.stop().0.success());
}

#[tokio::test]
async fn issue_5_streams_of_one_user_are_so_many() {
    let (uid, _) = own();
    let installation = with_workloads(&[("clerk", json!({ "unix": { "uid": uid } }))]);
    let mut command = installation.serve(&shipped());
    command.env("SCALBOTICSD_IDENTITY_WORKLOAD_SOCKET", installation.socket());
    command.args(["--set", "limits.requests_per_second.stream=1000"]);
    let mut daemon = Daemon::spawn(command, &installation.log(), installation.admin);
    assert!(daemon.is_ready());
    let (mut open, mut clients) = (Vec::new(), Vec::new());
    let refused = 'all: loop {
        assert!(open.len() <= 512, "there is no limit");
        let mut client = Client::new(channel_of(&installation).await.unwrap());
        for _ in 0..16 {
            match client.fetch_x509_bundles(asked(v1::X509BundlesRequest {})).await {
                Ok(stream) => open.push(stream.into_inner()),
                Err(refused) => break 'all refused,
            }
        }
        clients.push(client);
    };
    assert_eq!((refused.code(), open.len()), (Code::ResourceExhausted, 512), "{refused}");
    assert!(refused.message().contains("STREAMS_EXHAUSTED") || !refused.details().is_empty(), "{refused}");
    // One that ends makes room, and all of them are ended by a suspension.
    drop(open.pop());
    let again = tokio::time::timeout(PATIENCE, async {
        loop {
            let mut client = Client::new(channel_of(&installation).await.unwrap());
            if client.fetch_x509_bundles(asked(v1::X509BundlesRequest {})).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    again.await.unwrap();
    installation.ann(&["--yes", "agent", "suspend", "clerk"]).exits(0);
    for stream in &mut open {
        stream.message().await.unwrap();
        assert_eq!(stream.message().await.unwrap_err().code(), Code::PermissionDenied);
    }
}

/// The daemon as the drop-in of the page about workloads starts it: a user without any right but to look at processes of others.
#[tokio::test]
async fn issue_5_a_daemon_of_its_own_user_sees_others_and_what_it_starts_does_not() {
    let (uid, _) = own();
    assert_eq!(uid, 0, "only root may be other users: run the tests in a container");
    let digest = Digest::of_bytes(&std::fs::read(python()).unwrap()).to_string();
    // Not by its path: that of this machine's Python may lie where only root may look.
    let selectors = json!({ "unix": { "uid": WORKER, "gid": WORKER, "sha256": digest } });
    let installation = Installation::with(|desired| {
        desired.remove_ledger();
        desired.set_agent("workload", selectors);
    });
    installation.open_to_others();
    let program = installation.path("scalboticsd");
    std::fs::hard_link(shipped(), &program).or_else(|_| std::fs::copy(shipped(), &program).map(drop)).unwrap();
    give(installation.path("").as_path(), SERVICE);
    let number = SERVICE.to_string();
    let mut command = installation.environment(Path::new("setpriv"));
    command.args(["--reuid", &number, "--regid", &number, "--clear-groups", "--no-new-privs"]);
    command.args(["--bounding-set=-all,+sys_ptrace", "--inh-caps=-all,+sys_ptrace", "--ambient-caps=-all,+sys_ptrace"]);
    command.arg(&program).arg("--config").arg(installation.config());
    command.env("SCALBOTICSD_IDENTITY_WORKLOAD_SOCKET", installation.socket());
    let mut daemon = Daemon::spawn(command, &installation.log(), installation.admin);
    assert!(daemon.is_ready(), "the daemon ended at start: {}", installation.log_text());
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let mask = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    };
    assert_eq!((mask("CapEff:"), mask("CapAmb:")), (SYS_PTRACE, 0), "{status}");
    let (mut worker, _child) = installation.client_as(WORKER).await;
    let mut stream = worker.fetch_x509svid(asked(v1::X509svidRequest {})).await.unwrap().into_inner();
    assert_eq!(ids(&next(&mut stream, PATIENCE).await.unwrap()), [id("clerk")]);
    assert!(daemon.stop().0.success());
}

/// Gives a folder and everything in it to a user.
fn give(folder: &Path, uid: u32) {
    std::os::unix::fs::lchown(folder, Some(uid), Some(uid)).unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            give(&path, uid);
        } else if !path.ends_with("scalboticsd") {
            std::os::unix::fs::lchown(&path, Some(uid), Some(uid)).unwrap();
        }
    }
}
