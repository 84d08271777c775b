//! `scalboticsd`: the daemon, and the verbs that need its keys or files.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::time::Duration;

use scalbotics_daemon::program::{Arguments, give_memory_back, run};

/// Threads that drive the loops: the work that takes long has threads of its own.
const WORKERS: usize = 2;

/// Threads for file tools, git and compilation at one time; they end when idle.
const BLOCKING_MAX: usize = 16;

/// How long such a thread waits for the next work. Its end gives its part of the heap back, which an idle allocator never does by
/// itself; less than the look at the repository every few seconds, so that an idle daemon has none (decisions/0050).
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(1);

/// How long the end waits for threads that are at work with files or git: nobody awaits them any more, and what they write is safe to be cut
/// off. Less than the two seconds in which a start is given up.
const END_MAX: Duration = Duration::from_secs(1);

/// Takes a tenth of the time of an agent's turn off, in C code too (decisions/0031).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|word| word == scalbotics_adapters::tool::process::SUBCOMMAND) {
        return scalbotics_adapters::tool::process::sandbox_main(arguments);
    }
    give_memory_back();
    #[cfg(feature = "failpoints")]
    scalbotics_daemon::failpoint::arm();
    // Where the host gives huge pages to everybody, stacks and heap of an idle daemon would hold several times what they use. A
    // kernel that cannot be told so costs memory and nothing else.
    let _as_before = rustix::thread::disable_transparent_huge_pages(true);
    // What a service's unit lets the daemon do, it does itself: git and tools that it starts have no part in it (capabilities(7), ambient set).
    let _none_before = rustix::thread::clear_ambient_capability_set();
    let arguments = match Arguments::of_process() {
        Ok(arguments) => arguments,
        Err(end) => return end,
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(WORKERS).max_blocking_threads(BLOCKING_MAX).thread_name("scalboticsd").enable_all();
    runtime.thread_keep_alive(BLOCKING_KEEP_ALIVE);
    match runtime.build() {
        Ok(runtime) => {
            let code = runtime.block_on(run(arguments));
            // A fetch that hangs keeps nobody waiting for the end.
            runtime.shutdown_timeout(END_MAX);
            code
        }
        Err(error) => scalbotics_daemon::program::no_runtime(&error),
    }
}
