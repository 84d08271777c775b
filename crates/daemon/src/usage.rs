//! A command line that clap refuses, in the four parts of every other error.

use std::io::Write as _;
use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::program;

/// The code, with a page in the docs; the command line has the same.
const CODE: &str = "CLI_USAGE";

/// Verbs that the command line hands on.
const VERBS: [&str; 4] = ["initialize", "dev", "admin", "config"];

/// What a wrong command line exits with.
const EXIT: u8 = 2;

/// Prints help and versions as they are, and everything else as an error; answers how to end.
pub(crate) fn report(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _closed_stdout = error.print();
        return ExitCode::SUCCESS;
    }
    let _closed_stderr = writeln!(std::io::stderr().lock(), "{}", parts(&error.render().to_string()));
    ExitCode::from(EXIT)
}

/// From clap's text: what is wrong in its first paragraphs, tips and legal values for a reason, the command in its usage line.
fn parts(text: &str) -> String {
    let (complaint, usage) = text.split_once("\nUsage: ").unwrap_or((text, ""));
    let (mut what, mut why) = (Vec::new(), Vec::new());
    for line in complaint.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more information")) {
        match (line.strip_prefix("tip: "), line.starts_with('[')) {
            (Some(tip), _) => why.push(tip),
            (None, true) => why.push(line.trim_matches(['[', ']'])),
            (None, false) => what.push(line.strip_prefix("error: ").unwrap_or(line)),
        }
    }
    let words = usage.split_whitespace().take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase()));
    let command = words.collect::<Vec<_>>().join(" ");
    let command = if command.is_empty() { "scalboticsd".to_owned() } else { typed(&command) };
    let why = if why.is_empty() { "the help lists what there is".to_owned() } else { why.join("; ") };
    program::report(CODE, &what.join(" "), &why, format!("{command} --help"))
}

/// The command as people type it: these verbs are the command line's too.
fn typed(command: &str) -> String {
    let verb = command.strip_prefix("scalboticsd ").filter(|verb| VERBS.iter().any(|known| verb.starts_with(known)));
    verb.map_or_else(|| command.to_owned(), |verb| format!("scalbotics {verb}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn what_is_wrong_and_what_to_do() {
        for (line, what, why, next) in [
            ("scalboticsd bogus", "unrecognized subcommand 'bogus'", "the help lists what there is", "scalboticsd --help"),
            ("scalboticsd initialise", "'initialise'", "'initialize'", "scalboticsd --help"),
            ("scalboticsd config shw", "'shw'", "'show'", "scalbotics config --help"),
            ("scalboticsd initialize --mode world", "'world'", "possible values: local", "scalboticsd"),
            ("scalboticsd initialize --bogus", "'--bogus'", "the help lists what there is", "scalbotics initialize --help"),
        ] {
            let error = program::Arguments::command().try_get_matches_from(line.split(' ')).unwrap_err();
            let text = parts(&error.render().to_string());
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 4, "{text}");
            assert!(lines[0].contains(what) && lines[0].ends_with(" [CLI_USAGE]"), "{text}");
            assert!(lines[1].starts_with("  why: ") && lines[1].contains(why), "{text}");
            assert!(lines[2].starts_with(&format!(" next: {next}")) && lines[2].ends_with("--help"), "{text}");
            assert_eq!(lines[3], "  ref: docs: errors/CLI_USAGE");
        }
    }
}
