//! A database that is cut while `audit verify --offline` reads it: the process that maps it is ended by a signal, and the verdict is said.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use scalbotics_core::audit::Kind;
use scalbotics_core::ids::InstallationId;
use scalbotics_core::ports::AuditLog as _;
use scalbotics_store::{Options, SqliteStore, settle};
use scalbotics_testkit::fixture::World;

use crate::installation::shipped;

/// Records of the log: a check of them takes long enough to be met.
const RECORDS: u64 = 60_000;

/// Times that it is tried to meet one.
const TRIES: u32 = 8;

/// A store with a long log, all of it in the database file.
fn long_log(dir: &Path) {
    let world = World::new("acme", 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(dir, &Options::new(InstallationId::from_u128(1))).unwrap();
        for from in (0..RECORDS).step_by(1_000) {
            let records = (from..from + 1_000).map(|n| world.record(Kind::Rpc, &format!("action.{n}"))).collect();
            store.append(records, Vec::new()).await.unwrap();
        }
    });
    drop(runtime);
    settle(dir).unwrap();
}

/// Cuts the file as soon as a process that checks it has mapped it; answers how the whole check ended.
fn cut_while_it_is_checked(database: &Path) -> Output {
    let data = database.parent().unwrap();
    let mut command = Command::new(shipped());
    command.args(["audit", "verify", "--offline", "--data"]).arg(data).stdout(Stdio::piped()).stderr(Stdio::piped());
    let checking = command.spawn().unwrap();
    let whole = std::fs::metadata(database).unwrap().len();
    let begun = Instant::now();
    while !is_mapped(database) && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_micros(200));
    }
    File::options().write(true).open(database).unwrap().set_len(whole / 8).unwrap();
    checking.wait_with_output().unwrap()
}

/// Whether any process maps the file.
fn is_mapped(database: &Path) -> bool {
    let name = database.to_str().unwrap();
    let maps = |process: PathBuf| std::fs::read_to_string(process.join("maps")).is_ok_and(|maps| maps.contains(name));
    std::fs::read_dir("/proc").unwrap().flatten().any(|process| maps(process.path()))
}

#[test]
fn a_database_that_is_cut_while_it_is_checked_gives_a_verdict_and_no_signal() {
    let origin = tempfile::tempdir().unwrap();
    long_log(origin.path());
    for _ in 0..TRIES {
        let place = tempfile::tempdir().unwrap();
        let database = place.path().join("core.db");
        std::fs::copy(origin.path().join("core.db"), &database).unwrap();
        let ended = cut_while_it_is_checked(&database);
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        if ended.status.success() {
            // It was over before it was cut.
            continue;
        }
        assert_eq!(ended.status.code(), Some(1), "{said}");
        assert!(said.contains("error: ") && said.contains(" next: "), "{said}");
        assert!(ended.stdout.is_empty(), "{:?}", ended.stdout);
        if said.contains("note: a page of the database could not be read, or the file was cut meanwhile") {
            return;
        }
    }
    panic!("in {TRIES} times no process that had mapped the file was ended by a signal");
}
