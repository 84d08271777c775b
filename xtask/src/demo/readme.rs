//! README.md shows a transcript of this demonstration; it has to be a true one.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::checks::Checks;
use crate::say;
use crate::transcript::{Block, blocks, first_difference};

/// What the transcript's block begins with.
const COMMAND: &str = "$ cargo xtask demo";

/// Compares what README.md shows with what was printed; numbers differ from commit to commit, so that any number is as good as another.
pub(super) fn compare(root: &Path, printed: &[String], checks: &mut Checks) -> Result<()> {
    let document = std::fs::read_to_string(root.join("README.md")).context("cannot read README.md")?;
    let end = [String::new(), checks.verdict()];
    let difference = difference(&document, &[printed, &end].concat());
    if let Some(difference) = &difference {
        say::line(&format!("\nREADME.md: {difference}"));
    }
    checks.that("README.md shows what was printed", difference.is_none());
    Ok(())
}

/// Where README.md shows something else.
fn difference(document: &str, printed: &[String]) -> Option<String> {
    let of_demo = |block: &Block<'_>| block.lines.first().is_some_and(|line| *line == COMMAND);
    let Some(block) = blocks(document).into_iter().find(of_demo) else {
        return Some(format!("it has no block that begins with `{COMMAND}`"));
    };
    let wanted: Vec<String> = block.lines.iter().skip(1).map(|line| without_numbers(line)).collect();
    let found: Vec<String> = printed.iter().map(|line| without_numbers(line)).collect();
    let [wanted, found] = [&wanted, &found].map(|lines| lines.iter().map(String::as_str).collect::<Vec<_>>());
    let at = first_difference(&wanted, &found)?;
    let line = block.lines.get(at + 1).copied().unwrap_or("(the end)");
    Some(format!("line {} is not what was printed: {line}", block.line + at + 2))
}

/// The line with `0` for each number.
fn without_numbers(line: &str) -> String {
    let mut text = String::new();
    for c in line.chars() {
        match c {
            '0'..='9' if text.ends_with('0') => {}
            '0'..='9' => text.push('0'),
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{difference, without_numbers};

    fn check(shown: &str, wanted: Option<&str>) {
        let document = format!("# R\n```console\n$ cargo xtask demo\n{shown}\n```\n");
        let printed = ["1. Begin", "$ ls", "eff_01A", "files 8123"].map(str::to_owned);
        assert_eq!(difference(&document, &printed).as_deref(), wanted, "{shown}");
    }

    #[test]
    fn gaps_and_other_numbers_are_no_difference() {
        check("1. Begin\n$ ls\neff_01A\nfiles 8123", None);
        check("1. Begin\n…\nfiles 7", None);
        check("…\neff_…\n…", None);
        check("…\nfiles", Some("line 5 is not what was printed: files"));
        check("1. Begin\n$ ls", Some("line 6 is not what was printed: (the end)"));
        assert!(difference("# R\n", &[]).unwrap().contains("no block"));
        assert_eq!(without_numbers("10 and 2a300"), "0 and 0a0");
    }
}
