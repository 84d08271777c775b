//! Readers that go away, and outputs that are full.

use std::io::Read as _;
use std::process::Stdio;

use super::program::{Home, Ran};

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    let mut child = home.command(&["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Nothing is read: the pipe holds less than the script, so the program is writing when it breaks.
    let mut stdout = child.stdout.take().unwrap();
    let mut some = [0; 16];
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let ran = child.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(141), "{ran:?}");
    assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
}

#[test]
fn a_full_output_is_one() {
    let home = Home::new();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran: Ran = home.command(&["help", "exit-codes"]).stdout(full).output().unwrap().into();
    assert!(ran.code == 1 && ran.stderr.contains("[CLI_STDOUT]"), "{ran:?}");
}
