//! Asks the linker to lay side by side what a daemon runs: docs/decisions/0025-what-runs-lies-together.md.
#![forbid(unsafe_code)]

use build_rs::{input, output};

/// The linker's script, from the root of the workspace, where the linker is started.
const SCRIPT: &str = "crates/daemon/link/used.ld";

/// Where the names in the script are those of the program's functions.
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn main() {
    output::rerun_if_changed("link/used.ld");
    if input::target() == TARGET && input::profile() == "release" {
        // What compilers hold for unlikely lies apart, with names that tell it.
        output::rustc_link_arg_bin("scalboticsd", "-Wl,-z,keep-text-section-prefix");
        output::rustc_link_arg_bin("scalboticsd", "-T");
        output::rustc_link_arg_bin("scalboticsd", SCRIPT);
    }
}
