//! Real processes: copies of a program of the host, ended, replaced, exchanged and deleted while they are looked at.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use scalbotics_core::digest::Digest;
use scalbotics_core::workload::{Seen, Wanted};
use scalbotics_testkit::FixedClock;

use super::*;

const ALL: Wanted = Wanted { path: true, sha256: true, unit: true };

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// A copy of `sleep`, so that it may be replaced.
fn program(dir: &Path) -> PathBuf {
    let path = dir.join("worker");
    std::fs::copy("/bin/sleep", &path).unwrap();
    path.canonicalize().unwrap()
}

fn run(path: &Path) -> Running {
    Running(Command::new(path).arg("100").stdin(Stdio::null()).spawn().unwrap())
}

fn peer(running: &Running) -> Result<Peer, Error> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    Peer::of_process(i32::try_from(running.0.id()).unwrap(), uid, gid)
}

/// Waits until the child has become the program: it is a copy of this one for a moment.
fn settled(running: &Running, path: &Path) -> Peer {
    let peer = peer(running).unwrap();
    for _ in 0..1_000 {
        if std::fs::read_link(peer.file("exe")).is_ok_and(|found| found == path) {
            return peer;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("the program did not start");
}

fn attestor() -> Attestor {
    Attestor::new(Arc::new(FixedClock::default()))
}

#[tokio::test]
async fn user_program_and_digest_are_seen_across_a_socket() {
    let (near, far) = tokio::net::UnixStream::pair().unwrap();
    let peer = Arc::new(Peer::of(&near).unwrap());
    let own = std::env::current_exe().unwrap();
    let seen = attestor().look(&peer, ALL).await.unwrap();
    assert_eq!((seen.uid, seen.gid), (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
    assert_eq!(seen.path.as_deref(), own.to_str());
    assert_eq!(seen.sha256, Some(Digest::of_bytes(&std::fs::read(own).unwrap())));
    let none = attestor().look(&peer, Wanted::default()).await.unwrap();
    assert_eq!(none, Seen { uid: seen.uid, gid: seen.gid, ..Seen::default() }, "only what is wanted is looked at");
    drop(far);
}

#[test]
fn a_process_that_has_ended_is_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    let mut running = run(&path);
    let peer = settled(&running, &path);
    assert!(attestor().look_now(&peer, ALL).unwrap().sha256.is_some());
    running.0.kill().unwrap();
    // A zombie has still a number and a start time, but has ended.
    std::thread::sleep(std::time::Duration::from_millis(50));
    assert!(matches!(attestor().look_now(&peer, ALL), Err(Error::Gone)));
    running.0.wait().unwrap();
    assert!(matches!(attestor().look_now(&peer, ALL), Err(Error::Gone)));
    assert!(matches!(Peer::of_process(peer.pid(), peer.uid(), peer.gid()), Err(Error::Gone)));
    assert!(matches!(Peer::of_process(0, 0, 0), Err(Error::Unknown)));
}

#[test]
fn a_number_that_is_anothers_by_now_is_found_out() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    let first = run(&path);
    let first_peer = settled(&first, &path);
    std::thread::sleep(std::time::Duration::from_millis(30));
    let second = run(&path);
    let second_peer = settled(&second, &path);
    assert!(attestor().look_now(&second_peer, ALL).is_ok());
    // The start time of another process under this number.
    assert!(attestor().look_now(&first_peer, ALL).is_ok());
    let mut reused = second_peer;
    reused.started = first_peer.started.clone();
    assert!(matches!(attestor().look_now(&reused, ALL), Err(Error::Changed)));
    // Another user's process under this number.
    let pid = i32::try_from(second.0.id()).unwrap();
    let other = rustix::process::geteuid().as_raw() + 1;
    let others = Peer::of_process(pid, other, 0).unwrap();
    assert!(matches!(attestor().look_now(&others, ALL), Err(Error::Changed)));
}

#[test]
fn a_program_that_was_replaced_or_deleted_has_no_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    let good = Digest::of_bytes(&std::fs::read(&path).unwrap());
    let running = run(&path);
    let peer = settled(&running, &path);
    let before = attestor().look_now(&peer, ALL).unwrap();
    assert_eq!((before.path.as_deref(), before.sha256), (path.to_str(), Some(good)));
    // Another file has its place.
    std::fs::write(dir.path().join("other"), b"#!/bin/sh\n").unwrap();
    std::fs::rename(dir.path().join("other"), &path).unwrap();
    let replaced = attestor().look_now(&peer, ALL).unwrap();
    assert_eq!((replaced.path, replaced.sha256), (None, Some(good)), "what runs is hashed, not what lies there");
    // Nothing has.
    std::fs::remove_file(&path).unwrap();
    let deleted = attestor().look_now(&peer, ALL).unwrap();
    assert_eq!((deleted.path, deleted.sha256), (None, Some(good)));
    // A file whose name looks like what the kernel says of a deleted one.
    std::fs::copy("/bin/sleep", dir.path().join("worker (deleted)")).unwrap();
    assert_eq!(attestor().look_now(&peer, ALL).unwrap().path, None);
}

#[test]
fn a_process_that_becomes_another_program_is_seen_as_that() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    let shell = Path::new("/bin/sh").canonicalize().unwrap();
    let fifo = dir.path().join("go");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let script = format!("read x < {}; exec {} 100", fifo.display(), path.display());
    let running = Running(Command::new(&shell).arg("-c").arg(script).spawn().unwrap());
    let peer = settled(&running, &shell);
    let attestor = attestor();
    let as_shell = attestor.look_now(&peer, ALL).unwrap();
    assert_eq!(as_shell.path.as_deref(), shell.to_str());
    let link = peer.file("exe");
    let held = program::Program::open(&link).unwrap().unwrap();
    std::fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"go\n").unwrap();
    let same = settled(&running, &path);
    assert!(matches!(held.check(), Err(Error::Changed)), "what was hashed is not what runs any more");
    let as_worker = attestor.look_now(&same, ALL).unwrap();
    assert_eq!(as_worker.path.as_deref(), path.to_str());
    assert_ne!(as_worker.sha256, as_shell.sha256);
}

#[test]
fn a_program_over_the_limit_is_not_hashed() {
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    // A sparse tail; the kernel runs it all the same.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(PROGRAM_LEN_MAX + 1).unwrap();
    let running = run(&path);
    let peer = settled(&running, &path);
    let begun = std::time::Instant::now();
    let seen = attestor().look_now(&peer, ALL).unwrap();
    assert_eq!((seen.path.as_deref(), seen.sha256), (path.to_str(), None));
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
}

/// Looks from inside of a process without any capability at another user's process.
#[test]
fn without_the_capability_another_users_program_is_not_seen() {
    if rustix::process::geteuid().as_raw() != 0 {
        // Only root may become somebody else; CI and developers' containers run as root.
        assert!(!Rights::plain(1_000, 1_000).see(Some(0), None));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = program(dir.path());
    rustix::fs::chmod(dir.path(), 0o755.into()).unwrap();
    let other = Running(Command::new(&path).arg("100").uid(4_242).gid(4_242).spawn().unwrap());
    let exe = format!("/proc/{}/exe", other.0.id());
    let looked = Command::new("/bin/readlink").arg(&exe).uid(4_243).gid(4_243).output().unwrap();
    assert!(!looked.status.success(), "the kernel itself refuses");
    let peer = Peer::of_process(i32::try_from(other.0.id()).unwrap(), 4_242, 4_242).unwrap();
    let seen = attestor().look_now(&peer, ALL).unwrap();
    assert_eq!((seen.uid, seen.path.is_some()), (4_242, Rights::own().see(None, None)));
    for (rights, uid, gid, sees) in [
        (Rights::plain(7, 8), Some(7), None, true),
        (Rights::plain(7, 8), Some(7), Some(8), true),
        (Rights::plain(7, 8), Some(7), Some(9), false),
        (Rights::plain(7, 8), Some(9), None, false),
        (Rights::plain(7, 8), None, Some(8), false),
        (Rights::plain(7, 8), None, None, false),
    ] {
        assert_eq!(rights.see(uid, gid), sees, "{rights:?} {uid:?} {gid:?}");
    }
}
