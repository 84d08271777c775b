//! A daemon that takes a connection and answers nothing: nobody waits for it longer than `--timeout` says.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::command::Answer;
use crate::installation::{ANN, Installation};

/// What a command may take that was given a second, with what a busy machine adds; without a limit it took for ever.
const SOON: Duration = Duration::from_secs(15);

/// A port before the daemon's, from which no answer comes: from the first byte on, or once the connection is encrypted.
fn silent(api: u16, encrypts: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for taken in listener.incoming() {
            let (client, daemon) = (taken.unwrap(), TcpStream::connect(("127.0.0.1", api)).unwrap());
            let is_silent = Arc::new(AtomicBool::new(!encrypts));
            let said = (client.try_clone().unwrap(), daemon.try_clone().unwrap(), Arc::clone(&is_silent));
            std::thread::spawn(move || answers(said.1, said.0, &said.2));
            std::thread::spawn(move || questions(client, daemon, &is_silent));
        }
    });
    port
}

/// Hands on what the client says. Its second word follows the whole handshake of the daemon: from then on nothing comes back.
fn questions(mut client: TcpStream, mut daemon: TcpStream, is_silent: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    for word in 0_usize.. {
        let Ok(len @ 1..) = client.read(&mut buffer) else { break };
        if word > 0 {
            is_silent.store(true, Ordering::SeqCst);
        }
        if daemon.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
    let _gone = daemon.shutdown(Shutdown::Both);
}

fn answers(mut daemon: TcpStream, mut client: TcpStream, is_silent: &AtomicBool) {
    let mut buffer = [0; 16 << 10];
    while let Ok(len @ 1..) = daemon.read(&mut buffer) {
        if !is_silent.load(Ordering::SeqCst) && client.write_all(&buffer[..len]).is_err() {
            break;
        }
    }
}

#[test]
fn a_login_that_nobody_answers_ends_with_its_timeout() {
    let installation = Installation::new();
    let _daemon = installation.start();
    let contexts = std::fs::read_to_string(installation.path("config/contexts.toml")).unwrap();
    for encrypts in [false, true] {
        let elsewhere = installation.path(if encrypts { "encrypted" } else { "plain" });
        std::fs::create_dir_all(&elsewhere).unwrap();
        let port = silent(installation.api, encrypts);
        let through = contexts.replace(&format!("127.0.0.1:{}", installation.api), &format!("127.0.0.1:{port}"));
        assert_ne!(through, contexts);
        std::fs::write(elsewhere.join("contexts.toml"), through).unwrap();
        for words in [&["login"][..], &["whoami"], &["task", "list"]] {
            let mut command = installation.cli(ANN, &[words, &["--timeout", "1s"]].concat());
            command.env("SCALBOTICS_CONFIG_DIR", &elsewhere).env("SCALBOTICS_STATE_DIR", elsewhere.join("state"));
            let begun = Instant::now();
            let late = Answer::of(&mut command).exits(9).error();
            assert_eq!(late.code, "CLI_TIMED_OUT", "{words:?}: {late:?}");
            assert!(begun.elapsed() < SOON, "{words:?} took {:?}", begun.elapsed());
        }
    }
    installation.ann(&["login"]).exits(0);
}
