//! Links `scalbotics-verify` statically, so that it runs where nothing else is: docs/decisions/0028-evidence-of-a-task.md.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use build_rs::{input, output};

/// The program.
const PROGRAM: &str = "scalbotics-verify";

/// Libraries that rustc asks for as shared ones, by name, and what the linker reads in their place.
const SHARED: [(&str, &str); 7] = [
    ("c", "GROUP(-l:libc.a -l:libgcc.a -l:libgcc_eh.a)"),
    ("dl", "INPUT(-l:libdl.a)"),
    ("gcc_s", "INPUT(-l:libgcc_eh.a -l:libgcc.a)"),
    ("m", "INPUT(-l:libm.a)"),
    ("pthread", "INPUT(-l:libpthread.a)"),
    ("rt", "INPUT(-l:librt.a)"),
    ("util", "INPUT(-l:libutil.a)"),
];

/// What has to be there beside them: the start of a program that moves itself to where it was loaded.
const START: &str = "rcrt1.o";

fn main() {
    output::rerun_if_changed("build.rs");
    if !is_for_this_machine() {
        return;
    }
    if let Some(file) = missing() {
        output::warning(&format!("{PROGRAM} is linked dynamically: the C compiler has no {file} (of glibc's static libraries)"));
        return;
    }
    let folder = input::out_dir();
    if let Err(error) = stand_ins(&folder) {
        output::error(&format!("cannot write to {}: {error}", folder.display()));
        return;
    }
    output::rustc_link_arg_bins("-static-pie");
    output::rustc_link_arg_bins(&format!("-L{}", folder.display()));
}

/// Whether the C library is this machine's glibc, and not linked statically anyway.
fn is_for_this_machine() -> bool {
    let target = input::target();
    let is_static = input::cargo_cfg_target_feature().iter().any(|feature| feature == "crt-static");
    target.ends_with("-unknown-linux-gnu") && target == input::host() && !is_static
}

/// Writes a linker's script for each shared library, which names static ones.
fn stand_ins(folder: &Path) -> io::Result<()> {
    SHARED.iter().try_for_each(|(name, script)| fs::write(folder.join(format!("lib{name}.so")), script))
}

/// The first file that the C compiler, which links, does not have.
fn missing() -> Option<String> {
    let compiler = input::rustc_linker().unwrap_or_else(|| PathBuf::from("cc"));
    let archives = ["c", "dl", "gcc", "gcc_eh", "m", "pthread", "rt", "util"].map(|name| format!("lib{name}.a"));
    archives.into_iter().chain([START.to_owned()]).find(|file| !has(&compiler, file))
}

/// Whether the compiler finds a file: it answers with its path then, and with the bare name otherwise.
fn has(compiler: &Path, file: &str) -> bool {
    let asked = Command::new(compiler).arg(format!("-print-file-name={file}")).output();
    asked.is_ok_and(|said| said.status.success() && Path::new(String::from_utf8_lossy(&said.stdout).trim()).is_absolute())
}
