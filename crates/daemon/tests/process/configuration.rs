//! Starts that must fail, each with one clear error: what, why, the next step.

use std::path::Path;

use crate::command::Answer;
use crate::installation::{Installation, Times, cli, id, shipped};
use crate::ledger::Class;
use crate::next_steps::run_steps;

/// Runs a daemon that is to refuse its start; answers what it said. All four parts are there.
#[track_caller]
fn refused(installation: &Installation, variables: &[(&str, &str)], arguments: &[&str], code: &str) -> String {
    let mut command = installation.serve(&shipped());
    command.args(arguments).envs(variables.iter().copied());
    let answer = Answer::of(&mut command).exits(1);
    assert!(answer.stdout.is_empty(), "{answer:#?}");
    let text = answer.stderr;
    for part in ["error: ", &format!("[{code}]"), "why: ", "next: ", &format!("errors/{code}")] {
        assert!(text.contains(part), "no `{part}` in: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    run_steps(installation, &text);
    text
}

fn change(path: &Path, from: &str, to: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
    text
}

#[test]
fn an_unknown_key_is_named_with_the_one_that_was_meant() {
    let installation = Installation::new();
    let before = change(&installation.config(), "[server]\nlisten", "[server]\nlisen");
    for arguments in [&[][..], &["--check-config"]] {
        let said = refused(&installation, &[], arguments, "CONFIG_INVALID");
        assert!(
            said.contains("`server.lisen`") && said.contains("`server.listen`") && said.contains("scalbotics.toml"),
            "{said}"
        );
    }
    std::fs::write(installation.config(), before).unwrap();
    Answer::of(installation.serve(&shipped()).arg("--check-config")).exits(0);
    refused(&installation, &[("SCALBOTICSD_LOG_LEVEL", "loud")], &[], "CONFIG_INVALID");
}

#[test]
fn other_faults_of_the_configuration_are_named() {
    let installation = Installation::new();
    for (from, to, part) in [
        ("[server]", "[server", "scalbotics.toml"),
        ("listen = \"127", "listen = \"999.0.0.1\" #", "scalbotics.toml:11"),
        ("trust_domain = \"acme", "trust_domain = \"Not A Domain", "trust_domain"),
        ("data_dir = ", "data_dirr = ", "data_dir"),
    ] {
        let before = change(&installation.config(), from, to);
        let said = refused(&installation, &[], &[], "CONFIG_INVALID");
        assert!(said.contains(part), "{said}");
        std::fs::write(installation.config(), before).unwrap();
    }
    let missing = installation.path("missing.toml");
    let mut command = installation.environment(&shipped());
    let answer = Answer::of(command.arg("--config").arg(&missing)).exits(1);
    assert!(answer.stderr.contains("missing.toml") && answer.stderr.contains("next: "), "{answer:#?}");
}

#[test]
fn the_format_of_the_command_line_reaches_the_verbs_of_the_daemon() {
    let installation = Installation::new();
    let config = installation.config();
    let line = ["-o", "json", "config", "--config", config.to_str().unwrap(), "show"];
    let shown = Answer::of(installation.environment(&cli()).args(line)).exits(0).json();
    let origin = shown["server.listen"]["origin"].as_str().unwrap();
    assert!(origin.starts_with(config.to_str().unwrap()), "{shown}");
    assert!(shown["server.listen"]["value"].is_string(), "{shown}");
    assert_eq!(shown["limits.drain"]["origin"], "default", "{shown}");
    let new = installation.path("another");
    let line = ["init", "--trust-domain", "b.example", "--admin", "a", "--approver", "b", "--dry-run", "--dir"];
    let mut command = installation.environment(&cli());
    let planned = Answer::of(command.arg("-ojson").args(line).arg(&new)).exits(0).json();
    assert_eq!(planned["dry_run"], true, "{planned}");
    let items = planned["items"].as_array().unwrap();
    assert!(!items.is_empty() && items.iter().all(|item| item["change"] == "created"), "{planned}");
    assert!(!new.exists());
}

#[test]
fn a_second_daemon_on_the_same_data_is_refused_by_pid() {
    let installation = Installation::new();
    let daemon = installation.start();
    let task = id(&installation.submit(Class::Opaque, "held", Times::default()));
    let elsewhere = [("SCALBOTICSD_SERVER_LISTEN", "127.0.0.1:0"), ("SCALBOTICSD_SERVER_ADMIN_LISTEN", "127.0.0.1:0")];
    let said = refused(&installation, &elsewhere, &[], "DATA_IN_USE");
    assert!(said.contains(&daemon.pid().to_string()), "{said}");
    assert!(said.contains("box/data"), "{said}");
    // The first one did not notice.
    assert!(!installation.finish(Class::Opaque, "held", &task));
    installation.ledger.check(Class::Opaque, "held");
    installation.verify_audit();
    daemon.kill();
    // A lock dies with its holder.
    let _again = installation.start();
    assert_eq!(installation.task(&task)["status"], "COMPLETED");
}

#[test]
fn a_busy_port_is_named() {
    let installation = Installation::new();
    for (port, key) in [(installation.api, "server.listen"), (installation.admin, "server.admin_listen")] {
        let holder = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let said = refused(&installation, &[], &[], "ADDRESS_IN_USE");
        assert!(said.contains(&format!("127.0.0.1:{port}")) && said.contains(key), "{said}");
        drop(holder);
    }
    installation.start();
}

#[test]
fn a_daemon_that_is_not_there_is_said_to_be_unreachable() {
    let installation = Installation::new();
    let error = installation.ann(&["task", "list"]).exits(8).error();
    assert!(error.what.contains(&installation.api.to_string()), "{error:?}");
}
