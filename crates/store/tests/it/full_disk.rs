//! A full disk: new work is refused, outcomes find the room that was kept, and it recovers by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use scalbotics_core::ids::{EffectId, TaskId};
use scalbotics_core::ports::{AuditLog, Batch, StoreError, TaskLog};
use scalbotics_core::task::{Command as Ask, State};
use scalbotics_store::{Options, SqliteStore};
use scalbotics_testkit::fixture::World;

use crate::place::{open, options};

/// Names a small file system of its own to the child.
const DIR: &str = "STORE_TEST_FULL_DIR";

/// Calls that are under way when the disk fills up, and the length of each one's result, in bytes.
const CALLS: usize = 20;
const RESULT_LEN: usize = 64 << 10;

/// Room for a few commits, and not for the outcome of a large call, in bytes.
const LITTLE: u64 = 1 << 20;

/// Runs the child in a mount namespace of its own, where it has a disk of 16 MiB.
#[test]
fn sem_1_3_on_a_full_disk_every_outcome_is_written_and_nothing_begins() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=16m tmpfs \"${DIR}\" && exec \"$0\" --exact full_disk::on_this_disk --nocapture --test-threads 1"
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(DIR, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("was full"), "{said}");
}

/// The child. On a large disk it only checks that nothing is refused.
#[tokio::test(flavor = "multi_thread")]
async fn on_this_disk() {
    let world = World::new("acme", 1);
    let Ok(dir) = std::env::var(DIR) else {
        let own = tempfile::tempdir().unwrap();
        open(own.path()).commit(world.submit()).await.unwrap();
        return;
    };
    let (disk, data) = (PathBuf::from(&dir), Path::new(&dir).join("data"));
    let store = SqliteStore::open(&data, &Options { reserve_len: 1 << 20, ..options() }).unwrap();
    world.register(&store).await.unwrap();
    let open_calls = begun(&store, &world, CALLS).await;
    fill(&disk);
    refuses_what_it_has_no_room_for(&store, &world, &disk).await;
    fill(&disk);
    let refused = until_full(&store, &world).await;
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    for state in &open_calls {
        let effect = *state.steps.get("read").unwrap();
        store.commit(landed(&world, state, effect)).await.unwrap();
    }
    // What was kept for them and not needed is room again; once that is taken too, nothing new begins.
    fill(&disk);
    let refused = until_full(&store, &world).await;
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    let refused = until_full_of(&store, &world, 0).await;
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    let next = until_nothing_is_sent(&store, &world, open_calls[0].envelope.id).await;
    let size = store.head(&world.tenant).await.unwrap().size;
    assert_eq!(store.verify_audit(&world.tenant, |_, _| {}).unwrap().size, size);
    println!("was full");

    // A restart on the full disk reads everything, and still begins nothing.
    drop(store);
    let store = SqliteStore::open(&data, &Options { reserve_len: 1 << 20, ..options() }).unwrap();
    assert_eq!(store.state(&world.tenant, next.envelope.id).await.unwrap().as_ref(), Some(&next));
    let refused = until_full(&store, &world).await;
    assert!(matches!(refused, StoreError::Full), "{refused:?}");
    let size = store.head(&world.tenant).await.unwrap().size;

    fs::remove_file(disk.join("filler")).unwrap();
    store.commit(world.intend(&next, "again")).await.unwrap();
    assert_eq!(store.verify_audit(&world.tenant, |_, _| {}).unwrap().size, size + 1);
    let reserve = fs::metadata(data.join("reserve")).unwrap();
    assert_eq!(reserve.len(), 1 << 20, "the room is kept again");
}

async fn begun(store: &SqliteStore, world: &World, count: usize) -> Vec<State> {
    let mut states = Vec::new();
    for _ in 0..count {
        let batch = world.submit();
        let mut sent = world.intend(&batch.state, "read");
        sent.intents.first_mut().unwrap().outcome_len_max = RESULT_LEN as u64;
        states.push(sent.state.clone());
        store.commit(batch).await.unwrap();
        store.commit(sent).await.unwrap();
    }
    states
}

/// With a little room, what is small goes on, and an intent whose outcome would not fit does not begin.
async fn refuses_what_it_has_no_room_for(store: &SqliteStore, world: &World, disk: &Path) {
    let filler = fs::File::options().write(true).open(disk.join("filler")).unwrap();
    filler.set_len(filler.metadata().unwrap().len() - LITTLE).unwrap();
    let begun = world.submit();
    let state = begun.state.clone();
    store.commit(begun).await.unwrap();
    let mut large = world.intend(&state, "read");
    large.intents.first_mut().unwrap().outcome_len_max = 4 * LITTLE;
    assert!(matches!(store.commit(large).await, Err(StoreError::Full)), "there is no room for its outcome");
    store.commit(world.submit()).await.unwrap();
}

/// The largest outcome that was announced.
fn landed(world: &World, state: &State, effect: EffectId) -> Batch {
    let result = world.payload(&vec![7; RESULT_LEN]);
    let landed = Ask::RecordLanded {
        effect,
        attempt: 1,
        result: result.reference,
        truncated: false,
        spent: scalbotics_core::task::Usage::ONE_CALL,
        answer: None,
    };
    let mut batch = world.decided(Some(state), landed);
    batch.payloads.push(result);
    batch
}

/// Takes all room that is left.
fn fill(disk: &Path) {
    let mut filler = fs::File::options().create(true).append(true).open(disk.join("filler")).unwrap();
    while std::io::Write::write(&mut filler, &[1; 4_096]).is_ok_and(|written| written > 0) {}
}

/// Sends one call more and one more, as an intent may still fit where a submission does not, until one is refused; answers the task's state.
async fn until_nothing_is_sent(store: &SqliteStore, world: &World, task: TaskId) -> State {
    for number in 0..64 {
        let state = store.state(&world.tenant, task).await.unwrap().unwrap();
        let step = format!("again-{number}");
        let mut sent = world.intend(&state, &step);
        sent.intents.first_mut().unwrap().outcome_len_max = RESULT_LEN as u64;
        let sent_state = sent.state.clone();
        match store.commit(sent).await {
            Err(StoreError::Full) => return state,
            Err(other) => panic!("{other:?}"),
            // What could begin can be written down.
            Ok(_) => drop(store.commit(landed(world, &sent_state, *sent_state.steps.get(step.as_str()).unwrap())).await.unwrap()),
        }
    }
    panic!("calls are sent although the disk is full");
}

/// Begins tasks with large inputs until one is refused.
async fn until_full(store: &SqliteStore, world: &World) -> StoreError {
    until_full_of(store, world, 16 << 10).await
}

async fn until_full_of(store: &SqliteStore, world: &World, len: usize) -> StoreError {
    for _ in 0..10_000 {
        let (envelope, _) = world.envelope();
        let mut batch = world.decided(None, Ask::Submit { envelope: Box::new(envelope), path: world.path() });
        batch.payloads.push(world.payload(&vec![7; len]));
        if let Err(error) = store.commit(batch).await {
            return error;
        }
    }
    panic!("the disk never filled up");
}
