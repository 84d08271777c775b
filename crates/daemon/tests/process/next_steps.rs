//! Every printed `next:` line that is a command is run as printed, by a shell.

use std::path::Path;

use serde_json::json;

use crate::command::{Answer, Error};
use crate::denied::forbid;
use crate::installation::{ANN, BOB, Installation, Times, cli, id};
use crate::ledger::Class;

/// Runs a printed command as a person would: in a shell, with their context.
pub(crate) fn follow(installation: &Installation, context: &str, next: &str) -> Answer {
    let folder = cli().parent().unwrap().to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = installation.environment(Path::new("/bin/sh"));
    Answer::of(command.args(["-c", next]).env("PATH", path).env("SCALBOTICS_CONTEXT", context))
}

/// The steps of these errors, each run; a command line that is refused, or a program that is not there, fails.
#[track_caller]
fn all_work(installation: &Installation, context: &str, errors: &[Error]) -> usize {
    let commands: Vec<_> = errors.iter().filter(|error| error.next.starts_with("scalbotic")).collect();
    for error in &commands {
        let answer = follow(installation, context, &error.next);
        assert!(
            ![2, 126, 127].contains(&answer.code) && answer.code < 128,
            "`{}` does not work: {answer:#?} {error:?}",
            error.next
        );
    }
    commands.len()
}

#[test]
fn every_next_step_works_as_printed() {
    let installation = Installation::with(forbid);
    let daemon = installation.start();
    let input = |entry: &str| json!({ "entry": entry, "before_ms": 0, "after_ms": 0 }).to_string();
    let run = |workflow: &str, entry: &str| {
        installation.ann(&["task", "run", "--agent", "clerk", "--workflow", workflow, "--input", &input(entry)])
    };
    let task = id(&installation.submit(Class::Pure, "done", Times::default()));
    installation.rest(&task);
    let waits = run("opaque", "waits").exits(6);
    let approval = installation.waiting()[0]["name"].as_str().unwrap().to_owned();
    let by_ann = [
        waits,
        run("pure", "forbidden").exits(5),
        run("none", "x").exits(2),
        installation.ann(&["task", "run", "--agent", "nobody", "hello"]).exits(10),
        installation.ann(&["task", "run", "--agent", "clerk", "hello"]).exits(2),
        installation.ann(&["task", "show", "task_00000000000000000000000000"]).exits(10),
        installation.ann(&["task", "retry", &task]).exits(7),
        installation.ann(&["task", "cancel", &task]).exits(7),
        installation.ann(&["task", "settle", &task, "eff_00000000000000000000000000", "--landed", "--reason", "x"]),
        installation.ann(&["approval", "approve", &approval, "--reason", "x"]).exits(5),
        installation.ann(&["approval", "show", "apr_00000000000000000000000000"]).exits(10),
        installation.ann(&["agent", "show", "nobody"]).exits(10),
        installation.ann(&["tool", "show", "nothing"]).exits(10),
        installation.ann(&["policy", "explain", "dec_00000000000000000000000000"]).exits(10),
        installation.ann(&["audit", "show", "999999999"]).exits(10),
    ];
    let errors: Vec<_> = by_ann.iter().map(Answer::error).collect();
    let followed = all_work(&installation, ANN, &errors);
    installation.bob(&["approval", "deny", &approval, "--reason", "no"]).exits(0);
    let by_bob = [
        installation.bob(&["approval", "approve", &approval, "--reason", "late"]).exits(7),
        installation.bob(&["task", "run", "--agent", "clerk", "--workflow", "pure", "--input", &input("bob")]).exits(5),
        installation.bob(&["task", "cancel", &task]).exits(5),
    ];
    let errors: Vec<_> = by_bob.iter().map(Answer::error).collect();
    let followed = followed + all_work(&installation, BOB, &errors);
    daemon.kill();
    let errors = [installation.ann(&["status"]).exits(8).error()];
    let followed = followed + all_work(&installation, ANN, &errors);
    assert!(followed >= 10, "only {followed} of the errors print a command");
    println!("{followed} printed commands were run");
}
