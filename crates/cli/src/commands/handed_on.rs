//! Verbs that need the installation's keys: they become `scalboticsd`, with their arguments as they are.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;

use crate::codes;
use crate::failure::{Exit, Failure};

/// The verbs, with their other names.
const VERBS: &[(&str, &[&str])] = &[("initialize", &["initialize", "init"]), ("dev", &["dev"]), ("config", &["config"])];

/// The verb that `scalboticsd` does, and what is written behind it: nothing of that is this program's to read.
pub(crate) fn handed_on<'a>(tree: &clap::Command, arguments: &'a [OsString]) -> Option<(&'static str, &'a [OsString])> {
    let mut rest = arguments.get(1..)?;
    while let [first, after @ ..] = rest {
        let word = first.to_str()?;
        let Some(flag) = word.strip_prefix('-').filter(|flag| !flag.is_empty()) else {
            let found = VERBS.iter().find(|(_, names)| names.contains(&word));
            return found.map(|(verb, _)| (*verb, after));
        };
        rest = if takes_next(tree, flag)? { after.get(1..)? } else { after };
    }
    None
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
fn daemon() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name("scalboticsd"));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from("scalboticsd"))
}

/// Replaces this process by `scalboticsd VERB ARGUMENTS`; comes back only to say why not.
pub(crate) fn exec<S: AsRef<OsStr>>(verb: S, arguments: &[OsString]) -> Result<(), Failure> {
    let program = daemon();
    let error = std::process::Command::new(&program).arg(verb).args(arguments).exec();
    Err(Failure::new(Exit::Failed, codes::NO_DAEMON, format!("cannot run {}", program.display()))
        .why(error.to_string())
        .next("install `scalboticsd` beside `scalbotics`, or on PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_behind_the_verb_is_the_daemons() {
        let cases: [(&str, Option<(&str, &str)>); 13] = [
            ("init --yes -o json --dir x", Some(("initialize", "--yes -o json --dir x"))),
            ("initialize --help", Some(("initialize", "--help"))),
            ("dev -- true --timeout 5s", Some(("dev", "-- true --timeout 5s"))),
            ("--context dev dev --port 1", Some(("dev", "--port 1"))),
            ("--context=dev -q config show", Some(("config", "show"))),
            ("-ojson config show", Some(("config", "show"))),
            ("-o json config show", Some(("config", "show"))),
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
            let found = handed_on(&tree, &words)
                .map(|(verb, rest)| (verb, rest.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")));
            assert_eq!(found.as_ref().map(|(verb, rest)| (*verb, rest.as_str())), wanted, "{line}");
        }
    }
}
