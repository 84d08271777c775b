//! Death at every named failpoint, for every class of effect. One round a hit: the first hit, the second, until a whole task passes without one.

use crate::installation::{Installation, Times, id, is_at_rest};
use crate::ledger::Class;
use crate::process::until;
use crate::serving::Daemon;

use std::time::Duration;

/// Most rounds of one failpoint; a task makes fewer commits, those of its watchers included.
const ROUNDS_MAX: usize = 40;

/// Time that a round gets until the task rests or the daemon is dead.
const PATIENCE: Duration = Duration::from_secs(60);

/// The failpoints that stand around an effect, in the order of their way.
const EFFECT_POINTS: [&str; 4] = ["effect.send.before", "effect.send.after", "effect.reply.before", "effect.reply.after"];

/// The failpoints around a commit, each with tests of its own below, and those around the question of recovery.
const COMMIT_POINTS: [&str; 2] = ["commit.before", "commit.after"];
const VERIFY_POINTS: [&str; 2] = ["verify.before", "verify.after"];

/// Those around the entry of a certificate, with a test of its own beside the others about joining.
const JOIN_POINTS: [&str; 2] = ["svid.enter.before", "svid.enter.after"];

/// Those around erasing, each with a test of its own beside the others about it.
const ERASURE_POINTS: [&str; 6] = ["erase.before", "erase.after", "keys.before", "keys.after", "rewrap.before", "rewrap.after"];

/// Those of a restore, with a test of its own beside the others about it.
pub(crate) const RESTORE_POINTS: [&str; 8] = [
    "restore.copy.before",
    "restore.copy.after",
    "restore.rewrite.after",
    "restore.anchor.after",
    "restore.aside.after",
    "restore.swap.after",
    "restore.standings.after",
    "restore.done.after",
];

/// How long an entry takes: long enough that a death finds the tool at work.
const TIMES: Times = Times { before_ms: 60, after_ms: 60 };

#[test]
fn every_named_failpoint_is_died_at() {
    let all = [&COMMIT_POINTS[..], &EFFECT_POINTS, &VERIFY_POINTS, &JOIN_POINTS, &ERASURE_POINTS, &RESTORE_POINTS].concat();
    assert_eq!(all, scalbotics_core::failpoint::NAMES);
}

#[test]
fn commit_before_pure() {
    deaths("commit.before", Class::Pure);
}

#[test]
fn commit_before_keyed() {
    deaths("commit.before", Class::Keyed);
}

#[test]
fn commit_before_verifiable() {
    deaths("commit.before", Class::Verifiable);
}

#[test]
fn commit_before_opaque() {
    deaths("commit.before", Class::Opaque);
}

#[test]
fn commit_after_pure() {
    deaths("commit.after", Class::Pure);
}

#[test]
fn commit_after_keyed() {
    deaths("commit.after", Class::Keyed);
}

#[test]
fn commit_after_verifiable() {
    deaths("commit.after", Class::Verifiable);
}

#[test]
fn commit_after_opaque() {
    deaths("commit.after", Class::Opaque);
}

#[test]
fn effect_pure() {
    EFFECT_POINTS.iter().for_each(|point| deaths(point, Class::Pure));
}

#[test]
fn effect_keyed() {
    EFFECT_POINTS.iter().for_each(|point| deaths(point, Class::Keyed));
}

#[test]
fn effect_verifiable() {
    EFFECT_POINTS.iter().for_each(|point| deaths(point, Class::Verifiable));
}

#[test]
fn effect_opaque() {
    EFFECT_POINTS.iter().for_each(|point| deaths(point, Class::Opaque));
}

/// Dies while recovery asks the target; only a verifiable effect is ever asked about.
#[test]
fn verify_of_every_class() {
    for point in VERIFY_POINTS {
        let installation = Installation::new();
        for (round, class) in Class::ALL.into_iter().enumerate() {
            let entry = format!("{}-{round}", class.word());
            let (task, _) = die_once(&installation, ("effect.reply.before", 1), class, &entry);
            let mut daemon = installation.start_mortal(point, 1);
            let ready = daemon.is_ready();
            let asked = class == Class::Verifiable;
            if ready && asked {
                until("the daemon dies while it asks", PATIENCE, || daemon.ended());
            } else if ready {
                installation.rest(&task.unwrap());
                assert!(daemon.ended().is_none(), "{point} was hit for a {} effect", class.word());
            }
            daemon.kill();
            let daemon = installation.start();
            recovered(&installation, class, &entry, None);
            daemon.kill();
        }
        let _daemon = installation.start();
        installation_is_sound(&installation, Class::ALL.len());
    }
}

/// The shipped binary does not know failpoints.
#[test]
fn the_shipped_binary_has_no_failpoints() {
    let installation = Installation::new();
    let mut command = installation.serve(&crate::installation::shipped());
    command.env("SCALBOTICSD_FAILPOINT", "commit.before:1");
    let mut daemon = Daemon::spawn(command, &installation.log(), installation.admin);
    let refused = !daemon.is_ready();
    if refused {
        // To refuse an unknown variable at start is as good as to ignore it; to die later is not.
        assert!(installation.log_text().contains("SCALBOTICSD_FAILPOINT"), "{}", installation.log_text());
        return;
    }
    let task = id(&installation.submit(Class::Pure, "shipped", Times::default()));
    assert_eq!(installation.rest(&task)["status"], "COMPLETED");
    assert!(daemon.ended().is_none());
}

/// Dies at the first hit of the failpoint, at the second, and so on, each with a task of its own.
fn deaths(point: &str, class: Class) {
    let installation = Installation::new();
    for count in 1..=ROUNDS_MAX {
        let entry = format!("{}-{count}", class.word());
        let (task, died) = die_once(&installation, (point, count), class, &entry);
        let _daemon = installation.start();
        let doubted = recovered(&installation, class, &entry, task);
        if count == 1 {
            assert!(died, "{point} is never hit");
            let open = ["effect.send.before", "effect.send.after", "effect.reply.before"].contains(&point);
            assert_eq!(doubted, open && class == Class::Opaque, "{point}: an opaque effect with an unknown outcome is in doubt");
        }
        if !died {
            println!("{point} {}: {} deaths", class.word(), count - 1);
            installation_is_sound(&installation, count);
            return;
        }
    }
    panic!("{point} is still hit after {ROUNDS_MAX} rounds");
}

/// Runs a task under a daemon that is to die; answers the task if it was acknowledged, and whether the daemon died.
fn die_once(installation: &Installation, (point, count): (&str, usize), class: Class, entry: &str) -> (Option<String>, bool) {
    let mut daemon = installation.start_mortal(point, count);
    if !daemon.is_ready() {
        return (None, true);
    }
    let submitted = installation.submit(class, entry, TIMES);
    let task = (submitted.code == 0).then(|| id(&submitted));
    let mut approved = class.tier() < 2;
    let died = until("the task rests or the daemon dies", PATIENCE, || {
        if daemon.ended().is_some() {
            return Some(true);
        }
        let Some(task) = &task else { return None };
        if !approved && let Some(approval) = installation.waiting().first() {
            let name = approval["name"].as_str().unwrap();
            approved = installation.bob(&["approval", "approve", name, "--reason", "as shown"]).code == 0;
        }
        let shown = installation.ann(&["task", "show", task]);
        let shown = (shown.code == 0).then(|| shown.json())?;
        (approved && is_at_rest(&shown) && shown["status"] != "INPUT_REQUIRED").then_some(false)
    });
    daemon.kill();
    (task, died)
}

/// After a restart: the task is there, ends, and the ledger has what the class promises. Answers whether it was in doubt.
fn recovered(installation: &Installation, class: Class, entry: &str, acknowledged: Option<String>) -> bool {
    // A request that nobody answered is made again under its id; one that was answered gives the same task.
    let task = id(&installation.submit(class, entry, TIMES));
    if let Some(acknowledged) = acknowledged {
        assert_eq!(task, acknowledged, "an acknowledged task was lost");
    }
    let doubted = installation.finish(class, entry, &task);
    installation.ledger.check(class, entry);
    installation.ledger.check(Class::Pure, &format!("{entry}-note"));
    doubted
}

fn installation_is_sound(installation: &Installation, tasks: usize) {
    let listed = installation.ann(&["task", "list", "--limit", "1000"]).exits(0).json();
    assert_eq!(listed.as_array().unwrap().len(), tasks, "lost or doubled: {listed:#}");
    installation.verify_audit();
    until("every process of the tool is gone", PATIENCE, || installation.ledger.living().is_empty().then_some(()));
}
