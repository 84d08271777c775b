use std::path::{Path, PathBuf};

use super::{Cli, command};

#[test]
fn the_tree_is_sound() {
    command().debug_assert();
}

fn leaves<'a>(path: &str, command: &'a clap::Command, found: &mut Vec<(String, &'a clap::Command)>) {
    let path = format!("{path} {}", command.get_name()).trim().to_owned();
    let mut subcommands = command.get_subcommands().peekable();
    if subcommands.peek().is_none() {
        found.push((path.clone(), command));
    }
    subcommands.for_each(|sub| leaves(&path, sub, found));
}

fn every_leaf(check: impl Fn(&str, &clap::Command)) {
    let tree = command();
    let mut found = Vec::new();
    leaves("", &tree, &mut found);
    assert!(found.len() > 20);
    found.iter().for_each(|(path, leaf)| check(path, leaf));
}

const HANDED_ON: [&str; 8] = [
    "scalbotics initialize",
    "scalbotics dev",
    "scalbotics config",
    "scalbotics admin backup",
    "scalbotics admin restore",
    "scalbotics admin clock",
    "scalbotics admin start",
    "scalbotics identity issuer",
];

/// Words of a shell line; quotes are single or double and hold no quotes.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Why a command line would be refused; asking for help or handing on is none.
fn refusal(line: &str) -> Option<String> {
    let words = words(line);
    let arguments: Vec<_> = words.iter().map(std::ffi::OsString::from).collect();
    let tree = command();
    if crate::commands::handed_on(&tree, &arguments).is_some() {
        return None;
    }
    match tree.try_get_matches_from(&words) {
        Ok(_) => None,
        Err(error) if error.kind() == clap::error::ErrorKind::DisplayHelp => None,
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn every_example_is_first_and_can_be_typed() {
    every_leaf(|path, leaf| {
        if HANDED_ON.contains(&path) {
            return;
        }
        let example = leaf.get_before_help().map(ToString::to_string).unwrap_or_default();
        let line = example.strip_prefix("Example: ").expect(path);
        let line = line.split(['|', '>', '<']).next().unwrap_or_default().trim();
        assert!(line.starts_with("scalbotics ") && refusal(line).is_none(), "{path}: {line}: {:?}", refusal(line));
        let own: Vec<&str> = path.split(' ').skip(1).collect();
        let typed = words(line);
        assert!(typed.windows(own.len()).any(|window| window == own), "{path}: {line}");
    });
}

#[test]
fn every_flag_has_a_twin_in_the_environment() {
    let tree = command();
    let mut seen = std::collections::BTreeSet::new();
    let mut check = |arg: &clap::Arg| {
        if arg.get_long().is_some() {
            let twin = arg.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            assert!(twin.starts_with("SCALBOTICS_"), "{}", arg.get_id());
            assert!(seen.insert(twin), "{} shares its variable", arg.get_id());
        }
    };
    tree.get_arguments().for_each(&mut check);
    let mut found = Vec::new();
    leaves("", &tree, &mut found);
    found.iter().flat_map(|(_, leaf)| leaf.get_arguments()).for_each(&mut check);
    assert!(seen.contains("SCALBOTICS_TASK_RUN_MAX_CALLS"), "{seen:?}");
}

#[test]
fn other_names_of_nouns_and_verbs_are_known_and_hidden() {
    let lines = [
        "scalbotics tasks ls",
        "scalbotics task get x",
        "scalbotics agents ls",
        "scalbotics agent get x",
        "scalbotics approvals ls",
        "scalbotics approval get x",
        "scalbotics contexts ls",
        "scalbotics context rm x",
        "scalbotics tools ls",
        "scalbotics tool get x",
        "scalbotics policies can-i --agent a --tool t",
        "scalbotics audits tail",
        "scalbotics repos status",
    ];
    for line in lines {
        assert_eq!(refusal(line), None, "{line}");
    }
    let help = command().render_long_help().to_string();
    assert!(!help.contains("tasks") && !help.contains("approvals "), "{help}");
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The string literals behind `.next(` in the sources, placeholders filled in.
fn next_steps() -> Vec<String> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut steps = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let text = std::fs::read_to_string(file).unwrap().replace("\\\"", "'");
        for (at, _) in text.match_indices("next(") {
            let rest = text[at + 5..].trim_start().trim_start_matches("format!(").trim_start();
            if let Some((literal, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                steps.push(literal.replace("{flag}", "--input").replace("{}", "x").replace("{id}", "x"));
            }
        }
    }
    steps
}

#[test]
fn every_next_step_that_is_a_command_can_be_typed() {
    let mut commands = 0;
    for step in next_steps() {
        // A step is a command as a whole, or words in which commands stand in backticks.
        let whole = step.starts_with("scalbotic");
        let (told, words): (Vec<_>, Vec<_>) =
            step.split('`').enumerate().partition(|(at, _)| if whole { *at == 0 } else { at % 2 == 1 });
        assert!(words.iter().all(|(_, part)| !part.contains("scalbotics ")), "a command outside of backticks: {step}");
        for (_, line) in told.into_iter().filter(|(_, part)| part.starts_with("scalbotics ")) {
            commands += 1;
            assert_eq!(refusal(line), None, "{step}");
        }
    }
    assert!(commands > 15, "only {commands} were found");
}

#[test]
fn defaults_come_from_the_tree() {
    use clap::FromArgMatches as _;
    let matches = command().try_get_matches_from(["scalbotics", "status", "-o", "json", "--fields", "a,b/c", "-y"]).unwrap();
    let cli = Cli::from_arg_matches(&matches).unwrap();
    assert!(cli.globals.yes && !cli.globals.no_input && cli.globals.printer().fields.is_some());
    assert!(command().try_get_matches_from(["scalbotics", "status", "-q", "-v"]).is_err());
    assert!(command().try_get_matches_from(["scalbotics", "status", "--fields", ""]).is_err());
}
