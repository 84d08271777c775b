//! Runs every rule and says what they found.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use super::finding::{Finding, Weight};
use super::ratchet::Ratchet;
use super::tree::Tree;
use super::{
    adapters, biased, clippy_copies, crate_count, crate_roots, docs, edges, errors, expects, failpoints, functions, names,
    promises, roots_only, sizes, status, warrants,
};
use crate::{cargo, say};

/// A rule over the text of the repository.
type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule that needs nothing but text, with the name that is printed.
const RULES: &[(&str, Rule)] = &[
    ("adapters", adapters::check),
    ("biased", biased::check),
    ("clippy_copies", clippy_copies::check),
    ("crate_roots", crate_roots::check),
    ("docs", docs::check),
    ("errors", errors::check),
    ("failpoints", failpoints::check),
    ("functions", functions::check),
    ("names", names::check),
    ("promises", promises::check),
    ("roots_only", roots_only::check),
    ("sizes", sizes::check),
    ("status", status::check),
    ("warrants", warrants::check),
];

/// What all rules found, and the two counts that are always printed.
#[derive(Debug)]
struct Report {
    findings: Vec<(&'static str, Finding)>,
    expects: usize,
    crates: usize,
}

impl Report {
    fn of(&self, weight: Weight) -> usize {
        self.findings.iter().filter(|(_, finding)| finding.weight == weight).count()
    }
}

/// `cargo xtask tidy`: prints what is wrong; fails when something is.
///
/// # Errors
/// When the repository cannot be read or cargo cannot be asked.
pub(crate) fn command(root: &Path) -> Result<ExitCode> {
    let report = report(root)?;
    for (rule, finding) in &report.findings {
        say::line(&format!("{finding} [{rule}]"));
    }
    let (failures, warnings) = (report.of(Weight::Failure), report.of(Weight::Warning));
    say::line(&format!(
        "tidy: {failures} failures, {warnings} warnings; default build: {} crates; `#[expect]`: {}",
        report.crates, report.expects
    ));
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(root: &Path) -> Result<Report> {
    let tree = Tree::read(root)?;
    let ratchet = Ratchet::load(&tree)?;
    let crates = crate_count::count(root)?;
    let mut findings: Vec<(&'static str, Finding)> = Vec::new();
    let mut add = |rule: &'static str, found: Vec<Finding>| findings.extend(found.into_iter().map(|finding| (rule, finding)));
    add("syntax", tree.broken.clone());
    for (name, rule) in RULES {
        add(name, rule(&tree));
    }
    let members = cargo::members(root)?;
    add("edges", edges::check(&edges::edges(&members)));
    add("edges", edges::check_defaults(&edges::defaults(&members)));
    add("expects", expects::check(&tree, &ratchet));
    add("crate_count", crate_count::check(&tree, &ratchet, crates));
    findings.sort_by(|left, right| left.1.cmp(&right.1));
    Ok(Report { findings, expects: expects::count(&tree), crates })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::report;

    #[test]
    fn the_house_is_tidy() {
        let report = report(&crate::root().unwrap()).unwrap();
        let failures: Vec<_> = report
            .findings
            .iter()
            .filter(|(_, finding)| finding.weight == Weight::Failure)
            .map(|(rule, finding)| format!("{finding} [{rule}]"))
            .collect();
        assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    }
}
