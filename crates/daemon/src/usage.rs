//! A command line that clap refuses, in the four parts of every other error.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, ValueEnum};

use crate::program::{self, Arguments, Format, Told};
use crate::setup;

/// The code, with a page in the docs; the command line has the same.
const CODE: &str = "CLI_USAGE";

/// Verbs that the command line hands on.
const VERBS: [&str; 4] = ["initialize", "dev", "admin", "config"];

/// What a wrong command line exits with.
const EXIT: u8 = 2;

/// Prints help and versions as they are, and everything else as an error; answers how to end.
pub(crate) fn report(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _closed_stdout = error.print();
        return ExitCode::SUCCESS;
    }
    let tree = setup::with_twins(Arguments::command());
    if let Some(format) = format(arguments) {
        program::speak(format);
    }
    program::say(&parts(&error.render().to_string(), &leaf(&tree, arguments)), EXIT)
}

/// The format that was asked for, from words that do not parse; else that of the flag's twin in the environment.
fn format(arguments: &[OsString]) -> Option<Format> {
    let words: Vec<&str> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let after = |flag: &str| {
        words.windows(2).find_map(|pair| if let [first, next] = pair { (*first == flag).then_some(*next) } else { None })
    };
    let joined =
        words.iter().find_map(|word| word.strip_prefix("--output=").or(word.strip_prefix("-o").filter(|rest| !rest.is_empty())));
    let named = after("--output").or(after("-o")).or(joined);
    let parse = |text: &str| <Format as ValueEnum>::from_str(text.trim_start_matches('='), false).ok();
    let twin = || {
        let matches = Arguments::command().ignore_errors(true).try_get_matches_from(["scalboticsd"]).ok()?;
        matches.try_get_one::<Format>("output").ok().flatten().copied()
    };
    named.and_then(parse).or_else(twin)
}

/// The command that the words name, as far as they name one.
fn leaf(tree: &clap::Command, arguments: &[OsString]) -> String {
    let (mut words, mut command) = (vec![tree.get_name()], tree);
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(below) = command.find_subcommand(word) {
            words.push(below.get_name());
            command = below;
        }
    }
    words.join(" ")
}

/// From clap's text: what is wrong in its first paragraphs; tips, legal values, or what a value's reader said for a reason; the
/// command in its usage line, where it has one.
fn parts(text: &str, leaf: &str) -> Told<'static> {
    let (complaint, usage) = text.split_once("\nUsage: ").unwrap_or((text, ""));
    let (mut what, mut why) = (Vec::new(), Vec::new());
    for line in complaint.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more information")) {
        match (line.strip_prefix("tip: "), line.starts_with('[')) {
            (Some(tip), _) => why.push(tip),
            (None, true) => why.push(line.trim_matches(['[', ']'])),
            (None, false) => what.push(line.strip_prefix("error: ").unwrap_or(line)),
        }
    }
    let mut what = what.join(" ");
    let mut why = why.join("; ");
    if why.is_empty()
        && let Some((wrong, said)) = what.split_once("': ").filter(|_| what.starts_with("invalid value"))
    {
        (what, why) = (format!("{wrong}'"), said.to_owned());
    }
    if why.is_empty() {
        why = "the help lists what there is".to_owned();
    }
    let words = usage.split_whitespace().take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    let command = words.collect::<Vec<_>>().join(" ");
    let command = typed(if command.is_empty() { leaf } else { &command });
    Told { code: CODE, what, why, next: format!("{command} --help") }
}

/// The command as people type it: these verbs are the command line's too.
fn typed(command: &str) -> String {
    let verb = command.strip_prefix("scalboticsd ").filter(|verb| VERBS.iter().any(|known| verb.starts_with(known)));
    verb.map_or_else(|| command.to_owned(), |verb| format!("scalbotics {verb}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_is_wrong_and_what_to_do() {
        let tree = Arguments::command();
        for (line, what, why, next) in [
            ("scalboticsd bogus", "unrecognized subcommand 'bogus'", "the help lists what there is", "scalboticsd --help"),
            ("scalboticsd initialise", "'initialise'", "'initialize'", "scalboticsd --help"),
            ("scalboticsd config shw", "'shw'", "'show'", "scalbotics config --help"),
            ("scalboticsd initialize --mode world", "'world'", "possible values: local", "scalbotics initialize --help"),
            ("scalboticsd initialize --bogus", "'--bogus'", "the help lists what there is", "scalbotics initialize --help"),
            (
                "scalboticsd initialize --tenant-name a/b",
                "'--tenant-name <TENANT>' [CLI_USAGE]",
                "name `a/b` is not 1 to 63",
                "scalbotics initialize --help",
            ),
        ] {
            let error = tree.clone().try_get_matches_from(words(line)).unwrap_err();
            let text = parts(&error.render().to_string(), &leaf(&tree, &words(line))).text();
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 4, "{text}");
            assert!(lines[0].contains(what) && lines[0].ends_with(" [CLI_USAGE]"), "{text}");
            assert!(lines[1].starts_with("  why: ") && lines[1].contains(why), "{text}");
            assert_eq!(lines[2], format!(" next: {next}"), "{text}");
            assert_eq!(lines[3], "  ref: docs: errors/CLI_USAGE");
        }
    }

    #[test]
    fn the_format_is_found_in_words_that_do_not_parse() {
        for (line, wanted) in [
            ("scalboticsd bogus -o json", Format::Json),
            ("scalboticsd initialize --bogus -o json", Format::Json),
            ("scalboticsd --output=json initialize --mode world", Format::Json),
            ("scalboticsd initialize --tenant-name a/b", Format::Table),
            ("scalboticsd -o what", Format::Table),
        ] {
            let found = format(&words(line));
            assert_eq!(found.unwrap_or(Format::Table), wanted, "{line}");
        }
    }
}
