//! Checkpoints on a branch of a remote repository, served by git's own program.

use std::time::Duration;

use scalbotics_core::audit::checkpoint::Checkpoint;
use serde_json::Value;

use crate::git_server::{GitServer, TOKEN};
use crate::installation::{ANN, Installation};
use crate::process::until;

const PATIENCE: Duration = Duration::from_secs(60);

/// What `status` says of the branch, once it is so.
fn standing(installation: &Installation, wanted: impl Fn(&Value) -> bool) -> Value {
    until("the branch", PATIENCE, || {
        let status = installation.ann(&["status"]).exits(0).json();
        let of_git = |keeper: &&Value| keeper["name"].as_str().unwrap().starts_with("git ");
        let keeper = status["keepers"].as_array().unwrap().iter().find(of_git).unwrap().clone();
        wanted(&keeper).then_some(keeper)
    })
}

fn held(server: &GitServer) -> Checkpoint {
    let note = server.git(&["--git-dir", "kept.git", "show", "checkpoints:checkpoint"]);
    Checkpoint::of_note(&format!("{note}\n")).unwrap()
}

/// Lets an installation keep its checkpoints at this address, with a token in its secret store.
fn keep_at(installation: &Installation, address: &str) {
    let daemon = installation.start();
    installation.secret(ANN, &["put", "checkpoint-token"], TOKEN.as_bytes()).exits(0);
    drop(daemon);
    let path = installation.config();
    let config = std::fs::read_to_string(&path).unwrap();
    let branch = format!("[audit.checkpoint_git]\nurl = \"{address}\"\ntoken = \"checkpoint-token\"\nevery = \"1s\"\n");
    std::fs::write(&path, format!("{config}\n{branch}")).unwrap();
}

#[test]
fn sem_7_3_checkpoints_go_to_a_branch_that_only_moves_forward() {
    let installation = Installation::new();
    let server = GitServer::new(&installation.path("served"));
    let address = server.repository("kept.git");
    keep_at(&installation, &address);
    let daemon = installation.start();
    let first = standing(&installation, |keeper| keeper["size"].as_u64() > Some(0));
    assert_eq!((&first["witness"], &first["trouble"]), (&Value::from(false), &Value::from("")));
    assert!(held(&server).size >= first["size"].as_u64().unwrap());
    // More happens: a commit on top of the one before.
    let later = standing(&installation, |keeper| keeper["size"].as_u64() > first["size"].as_u64());
    let commits: u64 = server.git(&["--git-dir", "kept.git", "rev-list", "--count", "checkpoints"]).parse().unwrap();
    assert!(commits >= 2, "{commits}");
    // What is kept is a checkpoint that `audit verify` compares with.
    let kept = installation.path("kept.checkpoint");
    std::fs::write(&kept, server.git(&["--git-dir", "kept.git", "show", "checkpoints:checkpoint"]) + "\n").unwrap();

    // The remote is away and comes back: the daemon says so, and goes on.
    server.set_down(true);
    let away = standing(&installation, |keeper| keeper["trouble"] != "");
    assert!(away["trouble"].as_str().unwrap().contains("503"), "{away:#}");
    server.set_down(false);
    standing(&installation, |keeper| keeper["size"].as_u64() > later["size"].as_u64());
    // The copy is lost: the branch still moves forward only.
    drop(daemon);
    std::fs::remove_dir_all(installation.root.join("data/checkpoints.git")).unwrap();
    let before = held(&server).size;
    let daemon = installation.start();
    standing(&installation, |keeper| keeper["size"].as_u64() > Some(before));
    drop(daemon);
    let config = installation.config();
    let words = ["audit", "verify", "--offline", "--config", config.to_str().unwrap(), "--checkpoint", kept.to_str().unwrap()];
    installation.ann(&words).exits(0);
    assert!(!installation.log_text().contains(TOKEN));
}

#[test]
fn a_branch_that_holds_another_log_is_left_alone() {
    let (first, second) = (Installation::new(), Installation::new());
    let server = GitServer::new(&first.path("served"));
    let address = server.repository("kept.git");
    [&first, &second].into_iter().for_each(|installation| keep_at(installation, &address));
    let daemon = first.start();
    standing(&first, |keeper| keeper["size"].as_u64() > Some(0));
    drop(daemon);
    let head = server.git(&["--git-dir", "kept.git", "rev-parse", "checkpoints"]);
    let _daemon = second.start();
    let refused = standing(&second, |keeper| keeper["trouble"] != "");
    let said = refused["trouble"].as_str().unwrap();
    assert!(["another history", "knows the log at size", "another log"].iter().any(|part| said.contains(part)), "{said}");
    assert_eq!(server.git(&["--git-dir", "kept.git", "rev-parse", "checkpoints"]), head);
}
