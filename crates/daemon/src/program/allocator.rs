//! What the allocator is told. It reads the environment before anything of ours runs, so a program whose allocator was told nothing is started
//! once more in its own place: docs/decisions/0059-freed-memory-is-given-back.md.

use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::config;

/// Has freed memory given back at once, unless the environment says when. Where the program cannot be started again it goes on as it is: that
/// costs memory and nothing else.
pub fn give_memory_back() {
    if config::is_purge_delay_said() {
        return;
    }
    let mut words = std::env::args_os();
    if let (Ok(program), Some(name)) = (std::env::current_exe(), words.next()) {
        let _not_started = Command::new(program).arg0(name).args(words).env(config::PURGE_DELAY_VARIABLE, "0").exec();
    }
}
