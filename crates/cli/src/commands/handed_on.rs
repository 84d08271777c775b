//! Verbs that need the installation's keys: they become `scalboticsd`, with their arguments as they are.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use crate::codes;
use crate::failure::{Exit, Failure};

/// The verbs, with their other names.
const VERBS: &[(&str, &[&str])] =
    &[("initialize", &["initialize", "init"]), ("dev", &["dev"]), ("config", &["config"]), ("admin", &["admin"])];

/// Verbs of `admin` that are about the host and its files; the others ask the daemon.
const OF_THE_HOST: [&str; 4] = ["backup", "restore", "clock", "start"];

/// Verbs of `admin` that ask the daemon.
const OF_THE_DAEMON: [&str; 4] = ["erase", "hold", "holds", "retention"];

/// The noun of `identity` that is about the daemon's configuration, with its other name.
const ISSUERS: [&str; 2] = ["issuer", "issuers"];

/// Flags before the verb that the daemon knows too; the others say which daemon to talk to, and how, which these verbs never do.
const SHARED: [&str; 2] = ["-o", "--output"];

/// Flags before the verb by which nobody is asked; only `initialize` asks anybody.
const UNASKED: [&str; 3] = ["-y", "--yes", "--no-input"];

/// The words for `scalboticsd`: the flags before the verb that it knows, the verb that it does, and what is written behind it;
/// nothing of that is this program's to read.
pub(crate) fn handed_on(tree: &clap::Command, arguments: &[OsString]) -> Option<Vec<OsString>> {
    let (mut words, mut unasked) = (Vec::new(), Vec::new());
    let mut rest = arguments.get(1..)?;
    while let [first, after @ ..] = rest {
        let word = first.to_str()?;
        let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
            if let ("identity", [noun, rest @ ..]) = (word, after) {
                let is_theirs = noun.to_str().is_some_and(|noun| ISSUERS.contains(&noun));
                words.push(OsString::from("issuer"));
                words.extend_from_slice(rest);
                return is_theirs.then_some(words);
            }
            let (verb, _) = VERBS.iter().find(|(_, names)| names.contains(&word))?;
            if *verb == "admin" && !is_of_the_host(after) {
                return None;
            }
            words.push(OsString::from(verb));
            words.extend(unasked.iter().filter(|_| *verb == "initialize").cloned());
            words.extend_from_slice(after);
            words.extend(unasked.into_iter().filter(|flag| *verb == "admin" && flag != "--no-input" && restores(after)));
            return Some(words);
        };
        let shared =
            SHARED.iter().any(|flag| word == *flag || (word.starts_with(flag) && (flag.len() == 2 || word.contains('='))));
        let next = if takes_next(tree, flag)? { Some(after.first()?) } else { None };
        if UNASKED.contains(&word) {
            unasked.push(first.clone());
        }
        if shared {
            words.push(first.clone());
            words.extend(next.cloned());
        }
        rest = if next.is_some() { after.get(1..)? } else { after };
    }
    None
}

/// Whether the words of `admin` name a verb that is about the host.
fn is_of_the_host(words: &[OsString]) -> bool {
    let verb = |word: &OsString| {
        word.to_str().filter(|word| OF_THE_HOST.contains(word) || OF_THE_DAEMON.contains(word)).map(str::to_owned)
    };
    words.iter().find_map(verb).is_some_and(|word| OF_THE_HOST.contains(&word.as_str()))
}

/// Whether the words of `admin` are those of a restore, the one verb of it that is confirmed.
fn restores(words: &[OsString]) -> bool {
    words.iter().any(|word| word == "restore")
}

/// Whether a flag before the verb takes the next word; `None` for one that is not known or asks for help.
fn takes_next(tree: &clap::Command, flag: &str) -> Option<bool> {
    let long = flag.strip_prefix('-');
    let name = long.unwrap_or(flag).split('=').next()?;
    let mut flags = tree.get_arguments();
    let known = match long {
        Some(_) => flags.find(|arg| arg.get_long() == Some(name))?,
        None => flags.find(|arg| arg.get_short().is_some_and(|short| name.starts_with(short)))?,
    };
    let joined = flag.contains('=') || (long.is_none() && flag.chars().count() > 1);
    Some(known.get_action().takes_values() && !joined)
}

/// The daemon's program: beside this one, else by `PATH`.
pub(crate) fn daemon_program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("scalboticsd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("scalboticsd"))
}

/// Replaces this process by `scalboticsd WORDS`; comes back only to say why not.
pub(crate) fn exec(words: impl IntoIterator<Item = OsString>) -> Result<(), Failure> {
    let program = daemon_program();
    let error = std::process::Command::new(&program).args(words).exec();
    Err(Failure::new(Exit::Failed, codes::NO_DAEMON, format!("cannot run {}", program.display()))
        .why(error.to_string())
        .next("install `scalboticsd` beside `scalbotics`, or on PATH"))
}

/// The same for a verb that was found by parsing.
pub(crate) fn exec_verb(verb: &str, arguments: &[OsString]) -> Result<(), Failure> {
    exec(std::iter::once(OsString::from(verb)).chain(arguments.iter().cloned()))
}

/// What and why of the error that `scalboticsd` printed.
pub(crate) fn said(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    // As it prints where a variable asks for JSON.
    if let Ok(told) = serde_json::from_str::<serde_json::Value>(&text) {
        let part = |name: &str| told.pointer(&format!("/error/{name}")).and_then(serde_json::Value::as_str).unwrap_or_default();
        return format!("{}: {}", part("what"), part("why"));
    }
    let part = |name: &str| text.lines().find_map(|line| line.trim_start().strip_prefix(name)).map(str::trim);
    match (part("error:"), part("why:")) {
        (Some(what), Some(why)) => format!("{what}: {why}"),
        (_, _) => text.trim().replace('\n', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_daemons_words_are_passed_on() {
        let report =
            b"error: cannot read the key [SETUP_KEYS]\n  why: no such file\n next: look\n  ref: docs: errors/SETUP_KEYS\n";
        assert_eq!(said(report), "cannot read the key [SETUP_KEYS]: no such file");
        assert_eq!(said(b"{\"error\":{\"what\":\"cannot read\",\"why\":\"no file\"}}\n"), "cannot read: no file");
        assert_eq!(said(b"killed\nat once\n"), "killed at once");
    }

    #[test]
    fn everything_behind_the_verb_is_the_daemons() {
        let cases: [(&str, Option<&str>); 25] = [
            ("--no-input -y init --dir x", Some("initialize --no-input -y --dir x")),
            ("--yes dev --port 1", Some("dev --port 1")),
            ("init --yes -o json --dir x", Some("initialize --yes -o json --dir x")),
            ("initialize --help", Some("initialize --help")),
            ("dev -- true --timeout 5s", Some("dev -- true --timeout 5s")),
            ("--context dev dev --port 1", Some("dev --port 1")),
            ("--context=dev -q config show", Some("config show")),
            ("-ojson config show", Some("-ojson config show")),
            ("-o json config show", Some("-o json config show")),
            ("--output=json -q init", Some("--output=json initialize")),
            ("--yes admin restore --from x", Some("admin restore --from x --yes")),
            ("-y --no-input admin backup --out x", Some("admin backup --out x")),
            ("admin -o json backup --out hold", Some("admin -o json backup --out hold")),
            ("admin hold add --reason backup", None),
            ("admin --help", None),
            ("-o json identity issuer list --config x", Some("-o json issuer list --config x")),
            ("identity issuers add --help", Some("issuer add --help")),
            ("identity ca show", None),
            ("-o json admin erase --task restore", None),
            ("--context dev task list", None),
            ("--help dev", None),
            ("--unknown dev", None),
            ("task run dev", None),
            ("-o", None),
            ("", None),
        ];
        let tree = crate::tree::command();
        for (line, wanted) in cases {
            let words: Vec<OsString> = std::iter::once("scalbotics").chain(line.split_whitespace()).map(OsString::from).collect();
            let found = handed_on(&tree, &words);
            let found = found.map(|words| words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" "));
            assert_eq!(found.as_deref(), wanted, "{line}");
        }
    }
}
