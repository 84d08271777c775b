//! How many crates the default build links: it may grow only with a decision.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::finding::Finding;
use super::ratchet::{self, Ratchet};
use super::tree::Tree;
use crate::cargo;

/// The packages that a default user gets.
const SHIPPED: &[&str] = &["scalbotics-daemon", "scalbotics-cli"];

/// Asks cargo for the crates of the default build.
///
/// # Errors
/// When `cargo tree` fails, such as on a lock file that is not up to date.
pub(crate) fn count(root: &Path) -> Result<usize> {
    let mut command = cargo::command(root);
    command.args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    for package in SHIPPED {
        command.args(["--package", package]);
    }
    Ok(unique(&cargo::output(&mut command)?))
}

/// Distinct `name version` pairs of `cargo tree`'s lines.
fn unique(lines: &str) -> usize {
    let crates: BTreeSet<(&str, &str)> = lines
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.next()?))
        })
        .collect();
    crates.len()
}

/// Compares `count` with the ratchet.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet, count: usize) -> Vec<Finding> {
    let allowed = ratchet.default_build.crates;
    let decision = &ratchet.default_build.decision;
    let mut findings = Vec::new();
    if count > allowed {
        let message = format!(
            "the default build has {count} crates, decision {decision} allows {allowed}: leave the new ones out, or write a decision and name it here"
        );
        findings.push(Finding::failure(ratchet::PATH, 0, message));
    }
    if count < allowed {
        let message = format!("the default build has {count} crates: lower `crates` from {allowed}");
        findings.push(Finding::warning(ratchet::PATH, 0, message));
    }
    let prefix = format!("docs/decisions/{decision}-");
    if !tree.files.keys().any(|path| path.starts_with(&prefix)) {
        let message = format!("`decision` names {decision}, and no file {prefix}….md exists");
        findings.push(Finding::failure(ratchet::PATH, 0, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::ratchet::Ratchet;
    use super::super::tree::fixture::tree;
    use super::{check, unique};

    #[test]
    fn a_crate_counts_once_a_version() {
        assert_eq!(unique("a v1 (proc-macro)\nb v1\na v1 (proc-macro) (*)\n\nb v2\n"), 3);
    }

    #[test]
    fn growth_and_a_missing_decision_fail() {
        let ratchet = Ratchet::parse("[expect]\ncount = 0\n[default_build]\ncrates = 10\ndecision = \"0006\"\n").unwrap();
        let with = tree(&[("docs/decisions/0006-budget.md", "")]);
        let failures = |tree, count| {
            check(tree, &ratchet, count).iter().filter(|f| f.weight == super::super::finding::Weight::Failure).count()
        };
        assert_eq!(failures(&with, 10), 0);
        assert_eq!(failures(&with, 9), 0);
        assert_eq!(check(&with, &ratchet, 9).len(), 1);
        assert_eq!(failures(&with, 11), 1);
        assert_eq!(failures(&tree(&[]), 10), 1);
    }
}
