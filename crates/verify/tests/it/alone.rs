//! The program by itself: nothing of the machine that it runs on is in it but the kernel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{BUNDLE, TRUST};

/// The program as it was built beside these tests.
const PROGRAM: &str = env!("CARGO_BIN_EXE_scalbotics-verify");

/// Kinds of program headers, and of entries of the dynamic section (System V ABI, `elf(5)`).
const PT_DYNAMIC: u64 = 2;
const PT_INTERP: u64 = 3;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;

/// The bytes of a little-endian number.
fn number(bytes: &[u8], at: u64, width: usize) -> u64 {
    let at = usize::try_from(at).unwrap();
    bytes[at..at + width].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The kinds, offsets and lengths of a 64-bit program's headers.
fn headers(elf: &[u8]) -> Vec<(u64, u64, u64)> {
    assert_eq!(elf[..6], *b"\x7fELF\x02\x01", "no little-endian ELF of 64 bits");
    let (first, size, count) = (number(elf, 32, 8), number(elf, 54, 2), number(elf, 56, 2));
    let header = |n| first + n * size;
    (0..count).map(|n| (number(elf, header(n), 4), number(elf, header(n) + 8, 8), number(elf, header(n) + 32, 8))).collect()
}

/// What a program asks of a machine before it runs: somebody who loads it, and libraries.
fn asks(elf: &[u8]) -> (usize, usize) {
    let headers = headers(elf);
    let loaders = headers.iter().filter(|(kind, ..)| *kind == PT_INTERP).count();
    let dynamic = headers.iter().filter(|(kind, ..)| *kind == PT_DYNAMIC);
    let entries = dynamic.flat_map(|(_, offset, length)| (0..length / 16).map(move |n| number(elf, offset + n * 16, 8)));
    (loaders, entries.take_while(|tag| *tag != DT_NULL).filter(|tag| *tag == DT_NEEDED).count())
}

#[test]
fn it_is_static() {
    let why = "build it where the C library's static half is (Debian: libc6-dev, Fedora: glibc-static)";
    assert_eq!(asks(&fs::read(PROGRAM).unwrap()), (0, 0), "the program has an interpreter or needs libraries: {why}");
    // The reader does see both: these tests have them, unless all of the build is static.
    let tests = fs::read(std::env::current_exe().unwrap()).unwrap();
    assert!(cfg!(target_feature = "crt-static") || matches!(asks(&tests), (1, 1..)));
}

/// A directory with the program, the evidence and the trust file.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    fs::copy(PROGRAM, folder.join("scalbotics-verify")).unwrap();
    fs::write(folder.join("task.evidence"), BUNDLE).unwrap();
    fs::write(folder.join("trust.json"), TRUST).unwrap();
    folder
}

/// A command whose root is `root`, where the machine lets anybody have one of their own.
fn rooted(root: &str, program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "chroot", root, program]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

#[test]
fn a_task_verifies_where_nothing_else_is() {
    let folder = folder("alone");
    let mut here = Command::new("./scalbotics-verify");
    here.env_clear();
    let may_have_a_root = rooted("/", "true").output().is_ok_and(|tried| tried.status.success());
    let alone = may_have_a_root.then(|| rooted(".", "/scalbotics-verify"));
    for mut run in [Some(here), alone].into_iter().flatten() {
        run.args(["task.evidence", "--trust", "trust.json"]).current_dir(&folder);
        let ran = run.output().unwrap();
        assert!(ran.status.success() && ran.stdout.ends_with(b"verified\n"), "{run:?}: {ran:?}");
    }
    fs::remove_dir_all(folder).unwrap();
}
