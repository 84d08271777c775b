//! Help, reviewed like an interface: `help/<noun>.txt` holds that of a noun and all its verbs. With `UPDATE_SNAPSHOTS=1` the files are written.

use std::path::Path;

use super::program::Home;

const NOUNS: [&str; 17] = [
    "scalbotics",
    "admin",
    "agent",
    "approval",
    "audit",
    "context",
    "human",
    "identity",
    "policy",
    "repo",
    "secret",
    "service",
    "task",
    "team",
    "tenant",
    "model",
    "tool",
];
const ALONE: [&str; 9] = ["completion", "doctor", "help", "login", "logout", "man", "status", "version", "whoami"];

fn verbs(help: &str) -> Vec<String> {
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    commands.filter_map(|line| line.split_whitespace().next().map(ToOwned::to_owned)).filter(|verb| verb != "help").collect()
}

fn shown(home: &Home, words: &[&str]) -> String {
    let flag = home.run(&[words, &["--help"]].concat());
    assert!(flag.code == 0 && flag.stderr.is_empty(), "{words:?}: {flag:?}");
    let verb = home.run(&[&["help"], words].concat());
    assert_eq!((verb.code, verb.stdout.trim_end()), (0, flag.stdout.trim_end()), "{words:?}: both ways show the same");
    format!("$ scalbotics {}\n{}\n", [words, &["--help"]].concat().join(" "), flag.stdout)
}

/// The help of a command, and of all that are below it.
fn all_below(home: &Home, words: &[&str]) -> String {
    let own = shown(home, words);
    let below: String = verbs(&own).iter().map(|verb| all_below(home, &[words, &[verb.as_str()]].concat())).collect();
    own + &below
}

fn compare(name: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/help").join(format!("{name}.txt"));
    // Trailing blanks mean nothing and editors take them away.
    let found: String = found.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(found.lines()).find(|(kept, found)| kept != found);
    assert!(kept == found, "help of {name} differs from {}: first at {differs:?}", path.display());
}

#[test]
fn every_help_is_the_one_that_was_reviewed() {
    let home = Home::new();
    for noun in NOUNS {
        let text = if noun == "scalbotics" { shown(&home, &[]) } else { all_below(&home, &[noun]) };
        compare(noun, &text);
    }
    let text: String = ALONE.iter().map(|verb| shown(&home, &[verb])).collect();
    compare("others", &text);
    let known: Vec<String> = verbs(&home.run(&["--help"]).stdout);
    let listed = |verb: &&String| NOUNS.contains(&verb.as_str()) || ALONE.contains(&verb.as_str());
    let missed: Vec<_> = known.iter().filter(|verb| !listed(verb)).map(String::as_str).collect();
    assert_eq!(missed, ["initialize", "dev", "config"], "these are the daemon's to help with");
}

#[test]
fn topics() {
    let home = Home::new();
    let shown = |topic: &str| format!("$ scalbotics help {topic}\n{}\n", home.run(&["help", topic]).stdout);
    compare("topics", &["exit-codes", "environment"].map(shown).concat());
    let codes = home.run(&["help", "exit-codes"]).stdout;
    for line in ["  0  ok", "  6  waiting for approval", "  8  daemon unreachable", "143  terminated"] {
        assert!(codes.lines().any(|shown| shown == line), "{line}: {codes}");
    }
    let environment = home.run(&["help", "environment"]).stdout;
    for name in ["SCALBOTICS_CONTEXT ", "SCALBOTICS_TASK_RUN_AGENT ", "SCALBOTICS_CONFIG_DIR ", "NO_COLOR"] {
        assert!(environment.contains(name), "{name}: {environment}");
    }
    assert!(home.run(&["--version"]).stdout.starts_with("scalbotics "));
}
