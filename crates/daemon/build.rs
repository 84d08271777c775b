//! Asks the linker to lay side by side what a daemon runs, and to pack what it relocates:
//! docs/decisions/0025-what-runs-lies-together.md, docs/decisions/0050-what-an-idle-daemon-need-not-hold.md.
#![forbid(unsafe_code)]

use std::process::Command;

use build_rs::{input, output};

/// The linker's script, from the root of the workspace, where the linker is started.
const SCRIPT: &str = "crates/daemon/link/used.ld";

/// Where the names in the script are those of the program's functions.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The first glibc that reads packed relative relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    output::rerun_if_changed("link/used.ld");
    if input::target() == TARGET && input::profile() == "release" {
        // What compilers hold for unlikely lies apart, with names that tell it.
        output::rustc_link_arg_bin("scalboticsd", "-Wl,-z,keep-text-section-prefix");
        output::rustc_link_arg_bin("scalboticsd", "-T");
        output::rustc_link_arg_bin("scalboticsd", SCRIPT);
        if input::host() == TARGET && glibc().is_some_and(|version| version >= PACKED_SINCE) {
            output::rustc_link_arg_bin("scalboticsd", "-Wl,-z,pack-relative-relocs");
        }
    }
}

/// The version of the C library here, if it is glibc and says so.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
