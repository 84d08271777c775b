//! The pages of the two programs, from their reviewed help.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::page::{Page, names, read};

/// Help of the command line, a file a noun.
const CLIENT: &str = "crates/cli/tests/it/help";

/// Help of the daemon's program.
const DAEMON: &str = "crates/daemon/tests/process/scalboticsd.txt";

/// Files of [`CLIENT`] that stand at the begin of the page, before the nouns, and at its end.
const WHOLE: &str = "scalbotics";
const OTHERS: &str = "others";
const TOPICS: &str = "topics";

/// Every help text begins with its command behind this.
const PROMPT: &str = "$ ";

/// Flags that each command has; shown once.
const GLOBAL: &str = "\nGlobal flags:\n";

/// The page of `scalbotics`.
///
/// # Errors
/// When a source cannot be read, or is no help text.
pub(super) fn client(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "command-line.md",
        "scalbotics",
        CLIENT,
        "The command line speaks the daemon's public API. `initialize`, `dev`, `config` and the offline `audit verify` need the installation's keys or\nfiles and are handed on to [scalboticsd](daemon.md).",
    );
    let whole = read(root, &format!("{CLIENT}/{WHOLE}.txt"))?;
    let (_, flags) = whole.split_once(GLOBAL).context("the help has no global flags")?;
    let flags = flags.split("\n\n").next().unwrap_or_default();
    page.add("## Flags of every command");
    page.add(&block(flags));
    for topic in sections(&read(root, &format!("{CLIENT}/{TOPICS}.txt"))?) {
        let title = if topic.command.ends_with("exit-codes") { "Exit codes" } else { "Environment" };
        page.add(&format!("## {title}"));
        page.add(&block(&topic.text));
    }
    let nouns = names(root, CLIENT, ".txt")?.into_iter().filter(|name| ![WHOLE, OTHERS, TOPICS].contains(&name.as_str()));
    for noun in nouns {
        let text = read(root, &format!("{CLIENT}/{noun}.txt"))?;
        for section in sections(&text) {
            let depth = if section.command == format!("scalbotics {noun}") { "##" } else { "###" };
            page.add(&format!("{depth} {}", section.command));
            page.add(&block(&section.text));
        }
    }
    page.add("## Alone");
    for section in sections(&read(root, &format!("{CLIENT}/{OTHERS}.txt"))?) {
        page.add(&format!("### {}", section.command));
        page.add(&block(&section.text));
    }
    Ok(page)
}

/// The page of `scalboticsd`.
///
/// # Errors
/// When its help cannot be read.
pub(super) fn daemon(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "daemon.md",
        "scalboticsd",
        DAEMON,
        "The daemon's program. What it is told stands in [its file](configuration.md); a flag wins over the environment, and that over the file.",
    );
    for section in sections(&read(root, DAEMON)?) {
        page.add(&format!("## {}", section.command));
        page.add(&block(&section.text));
    }
    Ok(page)
}

/// One help text.
#[derive(Debug, PartialEq, Eq)]
struct Section {
    /// Without `--help`.
    command: String,
    /// Without what is the same for all.
    text: String,
}

fn sections(text: &str) -> Vec<Section> {
    let (whole, begin) = (format!("\n{text}"), format!("\n{PROMPT}"));
    let sections = whole.split(&begin).skip(1).filter_map(|section| section.split_once('\n'));
    sections
        .map(|(command, text)| {
            let text = text.split(GLOBAL).next().unwrap_or_default();
            Section {
                command: command.trim_end_matches(" --help").replacen("scalbotics help ", "", 1),
                text: text.trim_end().trim_start_matches('\n').to_owned(),
            }
        })
        .collect()
}

fn block(text: &str) -> String {
    format!("```text\n{}\n```", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::{Section, sections};

    #[test]
    fn help_texts_are_parted_and_lose_the_flags_of_all() {
        let text = "$ scalbotics a --help\nDoes a\n\nUsage: $ no\n\nGlobal flags:\n  -q\n\n$ scalbotics a b --help\nDoes b\n";
        let wanted = [("scalbotics a", "Does a\n\nUsage: $ no"), ("scalbotics a b", "Does b")];
        let wanted = wanted.map(|(command, text)| Section { command: command.to_owned(), text: text.to_owned() });
        assert_eq!(sections(text), wanted);
        assert_eq!(
            sections("$ scalbotics help exit-codes\n  0  ok\n").first().map(|section| section.command.as_str()),
            Some("exit-codes")
        );
    }
}
