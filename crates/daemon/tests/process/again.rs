//! A second `initialize`: what it is told anew, by flags and by what a shell happens to hold.

use std::path::Path;

use crate::command::Answer;
use crate::installation::{Installation, shipped};

fn initialize(installation: &Installation, words: &[&str], variables: &[(&str, &str)]) -> Answer {
    let mut command = installation.environment(&shipped());
    command.args(["initialize", "--no-input", "--dir"]).arg(&installation.root).args(words);
    Answer::of(command.envs(variables.iter().copied()))
}

#[track_caller]
fn changes_nothing(answer: &Answer) {
    assert_eq!(answer.code, 0, "{answer:#?}");
    let changed = answer.stdout.lines().find(|line| line.starts_with("created") || line.starts_with("changed"));
    assert!(changed.is_none() && answer.stdout.contains("unchanged  repository"), "{answer:#?}");
}

#[test]
fn other_first_files_are_refused_and_the_same_are_not() {
    let installation = Installation::new();
    let folder = installation.path("desired");
    let words = ["--desired", folder.to_str().unwrap()];
    changes_nothing(&initialize(&installation, &words, &[]));
    changes_nothing(&initialize(&installation, &[], &[]));
    // What is no desired state, such as a note beside it, was committed and is not compared.
    std::fs::write(folder.join("README.md"), "For us.").unwrap();
    changes_nothing(&initialize(&installation, &words, &[]));
    std::fs::write(folder.join("teams/more.yaml"), "id: more\ndescription: More.\n").unwrap();
    let refused = initialize(&installation, &words, &[]).exits(2);
    assert!(refused.stderr.contains("--desired") && refused.stderr.contains("in its repository"), "{refused:#?}");
    // Commits that came later make no other beginning.
    std::fs::remove_file(folder.join("teams/more.yaml")).unwrap();
    let daemon = installation.start();
    installation.ann(&["team", "add", "later", "--description", "Later."]).exits(0);
    changes_nothing(&initialize(&installation, &words, &[]));
    let _ended = daemon.stop();
    initialize(&installation, &["--desired", "/nowhere/at/all"], &[]).exits(1);
}

#[test]
fn what_a_shell_holds_is_a_default_and_contradicts_nothing() {
    let openai =
        [("OPENAI_BASE_URL", "http://127.0.0.1:1/v1"), ("OPENAI_MODEL", "large"), ("OPENAI_API_KEY", "sk-held-0123456789")];
    // One without a model stays without.
    let without = Installation::new();
    let again = initialize(&without, &[], &openai);
    changes_nothing(&again);
    assert!(!again.stdout.contains("model"), "{again:#?}");
    // In a new one they are what is used; another shell's are not, and a flag that says otherwise is refused.
    let dir = tempfile::tempdir().unwrap();
    let run = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = without.environment(&shipped());
        command.args(["initialize", "--no-input", "--trust-domain", "b.example", "--admin", "ann", "--approver", "bob", "--dir"]);
        command.arg(dir.path().join("box")).args(words).env("SCALBOTICS_CONFIG_DIR", dir.path().join("config"));
        Answer::of(command.envs(variables.iter().copied()))
    };
    let made = run(&[], &openai).exits(0);
    assert!(made.stdout.contains("large at http://127.0.0.1:1/v1"), "{made:#?}");
    for (variables, words) in [
        (&[("OPENAI_BASE_URL", "http://127.0.0.1:2/v1"), ("OPENAI_MODEL", "small")][..], &[][..]),
        (&[], &["--model", "large"]),
        (&[], &[]),
    ] {
        let again = run(words, variables);
        changes_nothing(&again);
        assert!(again.stdout.contains("large at http://127.0.0.1:1/v1"), "{again:#?}");
    }
    // A twin is a flag.
    for (words, variables) in
        [(&["--model", "small"][..], &[][..]), (&[], &[("SCALBOTICS_INITIALIZE_MODEL_URL", "http://127.0.0.1:2/v1")])]
    {
        let refused = run(words, variables).exits(2);
        assert!(refused.stderr.contains("change it in its repository"), "{refused:#?}");
    }
}

#[test]
fn a_dev_installation_that_is_kept_is_not_told_of_another_model_in_vain() {
    let installation = Installation::new();
    let root = installation.path("kept");
    let dev = |words: &[&str]| {
        let mut command = installation.environment(&shipped());
        command.args(["dev", "--port", "0", "--persist"]).arg(&root).args(words);
        Answer::of(command.args(["--", "true"]))
    };
    dev(&["--model-url", "http://127.0.0.1:1/v1"]).exits(0);
    dev(&[]).exits(0);
    let refused = dev(&["--model-url", "http://127.0.0.1:2/v1"]);
    assert!(refused.code != 0 && refused.stderr.contains("--model-url"), "{refused:#?}");
    assert!(Path::new(&root).join("scalbotics.toml").is_file());
}
