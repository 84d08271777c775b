//! A command line that clap refuses, in the four parts of every other error.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::failure::{Exit, Failure};
use crate::output::Format;
use crate::tree;

/// Prints help and versions as they are; reports everything else as a failure, all that is missing at once.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _closed_stdout = error.print();
        return ExitCode::SUCCESS;
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let _closed_stderr = error.print();
        return Exit::Usage.into();
    }
    let failure = failure(&error.render().to_string(), arguments);
    failure.report(format(arguments));
    failure.exit.into()
}

/// From clap's text: what is wrong and what is missing in its first paragraphs, tips or what a value's reader said, and the command in its
/// usage line; where it has none, the command that the words name.
fn failure(text: &str, arguments: &[OsString]) -> Failure {
    let (complaint, usage) = text.split_once("\nUsage: ").unwrap_or((text, ""));
    let mut what: Vec<&str> = Vec::new();
    let mut why: Vec<&str> = Vec::new();
    let is_said = |line: &&str| !line.is_empty() && !line.starts_with("For more information");
    for line in complaint.lines().map(str::trim).filter(is_said) {
        match (line.strip_prefix("tip: "), line.starts_with('[')) {
            (Some(tip), _) => why.push(tip),
            (None, true) => why.push(line.trim_matches(['[', ']'])),
            (None, false) => what.push(line.strip_prefix("error: ").unwrap_or(line)),
        }
    }
    let is_word = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    let command: Vec<&str> = usage.split_whitespace().take_while(is_word).collect();
    let command = if command.is_empty() { leaf(arguments) } else { command.join(" ") };
    let what = what.join(" ");
    let value = what.split_once("': ").filter(|_| what.starts_with("invalid value"));
    let (what, why) = match (why.is_empty(), value, usage.lines().next().map(str::trim).filter(|line| !line.is_empty())) {
        (false, _, _) => (what, why.join("; ")),
        (true, Some((wrong, said)), _) => (format!("{wrong}'"), said.to_owned()),
        (true, None, Some(usage)) => (what, format!("the usage is: {usage}")),
        (true, None, None) => (what, "it is not how the command is written".to_owned()),
    };
    Failure::usage(what).why(why).next(format!("{command} --help"))
}

/// The command that the words name, as far as they name one; the value of a flag before it is no word of it.
fn leaf(arguments: &[OsString]) -> String {
    let tree = tree::command();
    let (mut names, mut command) = (vec!["scalbotics"], &tree);
    let mut words = arguments.iter().skip(1).map(|word| word.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        let is_flag = |arg: &&clap::Arg| {
            let long = word.strip_prefix("--").is_some_and(|name| arg.get_long() == Some(name));
            let short = word.strip_prefix('-').and_then(|name| name.parse::<char>().ok());
            long || (short.is_some() && short == arg.get_short())
        };
        if tree.get_arguments().chain(command.get_arguments()).find(is_flag).is_some_and(|arg| arg.get_action().takes_values()) {
            words.next();
        } else if let Some(below) = command.find_subcommand(word) {
            names.push(below.get_name());
            command = below;
        }
    }
    names.join(" ")
}

/// The format that was asked for, from words that do not parse.
fn format(arguments: &[OsString]) -> Format {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let after = |flag: &str| {
        words.windows(2).find_map(|pair| if let [first, next] = pair { (*first == flag).then_some(*next) } else { None })
    };
    let joined =
        words.iter().find_map(|word| word.strip_prefix("--output=").or(word.strip_prefix("-o").filter(|rest| !rest.is_empty())));
    let named = after("--output").or(after("-o")).or(joined);
    named.and_then(parse).or_else(twin).unwrap_or(Format::Table)
}

/// The format of the flag's twin in the environment.
fn twin() -> Option<Format> {
    let matches = tree::command().ignore_errors(true).try_get_matches_from(["scalbotics"]).ok()?;
    matches.try_get_one::<Format>("output").ok().flatten().copied()
}

fn parse(text: &str) -> Option<Format> {
    clap::ValueEnum::from_str(text.trim_start_matches('='), false).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Failure {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let error = tree::command().try_get_matches_from(&words).unwrap_err();
        failure(&error.render().to_string(), &words)
    }

    #[test]
    fn what_is_wrong_and_what_was_meant() {
        let cases: [(&str, &[&str], &str, &str); 10] = [
            ("scalbotics tsk list", &["unrecognized subcommand 'tsk'"], "'task'", "scalbotics --help"),
            ("scalbotics task lst", &["unrecognized subcommand 'lst'"], "'list'", "scalbotics task --help"),
            ("scalbotics task run --agnt a x", &["--agnt"], "'--agent'", "scalbotics task run --help"),
            ("scalbotics task run", &["GOAL"], "", "scalbotics task run --help"),
            ("scalbotics approval approve", &["<APPROVAL>", "--reason <REASON>"], "", "scalbotics approval approve --help"),
            (
                "scalbotics task settle",
                &["<TASK>", "<EFFECT>", "--reason <REASON>", "--landed"],
                "",
                "scalbotics task settle --help",
            ),
            ("scalbotics status -o jsn", &["'jsn'"], "possible values: table, wide, json", "scalbotics status --help"),
            ("scalbotics agent add a/b", &["'a/b' for '<AGENT>'"], "name `a/b` is not 1 to 63", "scalbotics agent add --help"),
            (
                "scalbotics --context task agent add a --tier-max 3",
                &["'3' for '--tier-max <TIER>'"],
                "3 is not in 0..=2",
                "scalbotics agent add --help",
            ),
            (
                "scalbotics --timeout 5x task list",
                &["'5x'"],
                "duration `5x` is not a whole number",
                "scalbotics task list --help",
            ),
        ];
        for (line, what, why, next) in cases {
            let failure = refused(line);
            assert!(what.iter().all(|part| failure.what.contains(part)), "{line}: {}", failure.what);
            assert!(failure.why.contains(why), "{line}: {}", failure.why);
            assert!(failure.next.starts_with(next), "{line}: {}", failure.next);
            assert!(!failure.what.contains('\n'), "{line}");
        }
    }

    #[test]
    fn the_format_is_found_in_words_that_do_not_parse() {
        let cases = [
            ("task lst -o json", Format::Json),
            ("--output jsonl x", Format::Jsonl),
            ("x --output=yaml", Format::Yaml),
            ("-ojson x", Format::Json),
            ("-o=json x", Format::Json),
            ("x -o", Format::Table),
            ("x -o what", Format::Table),
        ];
        for (line, wanted) in cases {
            let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            assert_eq!(format(&words), wanted, "{line}");
        }
    }
}
