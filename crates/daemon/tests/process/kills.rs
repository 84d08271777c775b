//! The shipped binary, killed at random times with several tasks under way.

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::command::Answer;
use crate::installation::{ANN, Installation, Times, id};
use crate::ledger::Class;
use crate::process::{Numbers, seed, until};

/// Kills of one test; two tests make thirty.
const KILLS: usize = 15;

/// Longest life of a daemon, in milliseconds after it was ready: a task of every class ends within it.
const LIFE_MAX_MS: u64 = 1_500;

#[test]
fn fifteen_kills_from_the_first_moment() {
    kills(0);
}

#[test]
fn fifteen_kills_under_way() {
    kills(150);
}

/// Submissions that were sent, by entry, with the task's id where it was acknowledged.
type Sent = BTreeMap<String, (Class, Option<String>)>;

fn kills(life_min_ms: u64) {
    let mut numbers = Numbers::of(seed());
    let installation = Installation::new();
    let mut sent = Sent::new();
    for kill in 0..KILLS {
        let daemon = installation.start();
        let end = Instant::now() + Duration::from_millis(life_min_ms + numbers.below(LIFE_MAX_MS));
        let submissions: Vec<_> = Class::ALL.into_iter().map(|class| submit(&installation, kill, class, &mut numbers)).collect();
        while Instant::now() < end {
            // Whether this is still answered does not matter; what was answered counts.
            let _ = approve_all(&installation, end);
            std::thread::sleep(Duration::from_millis(10).min(end.saturating_duration_since(Instant::now())));
        }
        daemon.kill();
        for (entry, class, child) in submissions {
            let answer = Answer::from(entry.clone(), child.wait_with_output().unwrap());
            let task = (answer.code == 0).then(|| id(&answer));
            sent.insert(entry, (class, task));
        }
    }
    let _daemon = installation.start();
    finish_all(&installation, &sent);
}

fn submit(installation: &Installation, kill: usize, class: Class, numbers: &mut Numbers) -> (String, Class, Child) {
    let entry = format!("{}-{kill}", class.word());
    let input = json!({ "entry": entry, "before_ms": numbers.below(120), "after_ms": numbers.below(120) }).to_string();
    let arguments = ["task", "run", "--agent", "clerk", "--detach", "--workflow", class.word(), "--request-id", &entry];
    let mut command = installation.cli(ANN, &[&arguments[..], &["--input", &input]].concat());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    (entry, class, child)
}

fn approve_all(installation: &Installation, end: Instant) -> Option<()> {
    for approval in installation.waiting() {
        if Instant::now() >= end {
            return None;
        }
        installation.bob(&["approval", "approve", approval["name"].as_str()?, "--reason", "as shown"]);
    }
    Some(())
}

/// Every acknowledged task is there, every task ends, and the ledger has what its class promises.
fn finish_all(installation: &Installation, sent: &Sent) {
    let acknowledged = sent.values().filter(|(_, task)| task.is_some()).count();
    println!("{KILLS} kills, {} submissions, {acknowledged} acknowledged", sent.len());
    assert!(acknowledged > 0, "no submission was acknowledged, so nothing was tried");
    let mut doubts = 0;
    for (entry, (class, known)) in sent {
        let times = original_times(installation, entry, known.as_deref());
        let Some(task) = times else { continue };
        doubts += usize::from(installation.finish(*class, entry, &task));
        installation.ledger.check(*class, entry);
    }
    println!("{doubts} opaque effects were in doubt");
    let ids: Vec<_> = sent.values().filter_map(|(_, task)| task.clone()).collect();
    let listed = installation.ann(&["task", "list", "--limit", "1000"]).exits(0).json();
    let names: Vec<_> = listed.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap().to_owned()).collect();
    for id in ids {
        assert_eq!(names.iter().filter(|name| **name == id).count(), 1, "{id}");
    }
    assert!(names.len() <= sent.len(), "{} tasks of {} submissions", names.len(), sent.len());
    installation.verify_audit();
    until("every process of the tool is gone", Duration::from_secs(10), || installation.ledger.living().is_empty().then_some(()));
}

/// The task of an entry: the acknowledged one, or one whose acknowledgement was lost. One that was never taken on left no trace.
fn original_times(installation: &Installation, entry: &str, known: Option<&str>) -> Option<String> {
    if let Some(task) = known {
        return Some(task.to_owned());
    }
    let class = Class::ALL.into_iter().find(|class| entry.starts_with(class.word())).unwrap();
    // The same request id with another body is refused if the first one was taken on.
    let again = installation.submit(class, entry, Times { before_ms: 1, after_ms: 1 });
    match again.code {
        0 => Some(id(&again)),
        _ => {
            let lines = installation.ledger.lines();
            println!(
                "{entry}: taken on without an acknowledgement, {} lines",
                lines.iter().filter(|line| line.entry == entry).count()
            );
            assert_eq!(again.code, 2, "{again:#?}");
            None
        }
    }
}
