//! Documents: links lead somewhere, decisions have their three parts, the change log has a place for the next change.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::tree::Tree;

/// Documents that a newcomer expects at the root. README.md and ARCHITECTURE.md among them.
const AT_ROOT: &[&str] =
    &["README.md", "ARCHITECTURE.md", "SPECIFICATION.md", "GLOSSARY.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

const DECISIONS: &str = "docs/decisions/";

/// Headings of a decision, in this order.
const PARTS: &[&str] = &["## Context", "## Decision", "## Consequences"];

/// Missing documents, dead links, malformed decisions.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let missing = AT_ROOT.iter().filter(|path| tree.text(path).is_none());
    let mut findings: Vec<_> = missing.map(|path| Finding::failure(path, 0, "the document is missing")).collect();
    for (path, text) in tree.files.iter().filter(|(path, _)| path.ends_with(".md")) {
        findings.extend(dead_links(tree, path, text));
    }
    if tree.text("CHANGELOG.md").is_some_and(|text| !text.contains("## [Unreleased]")) {
        findings.push(Finding::failure("CHANGELOG.md", 0, "there is no `## [Unreleased]` for the next change"));
    }
    findings.extend(decisions(tree));
    findings
}

/// Relative links to files that do not exist. Links into folders and to the web are left alone.
fn dead_links(tree: &Tree, path: &str, text: &str) -> Vec<Finding> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_code = false;
    for (at, line) in text.lines().enumerate() {
        in_code ^= line.trim_start().starts_with("```");
        if in_code {
            continue;
        }
        for target in links(line) {
            let file = target.split('#').next().unwrap_or_default();
            if file.ends_with(".md") && !tree.files.contains_key(&resolve(folder, file)) {
                findings.push(Finding::failure(path, at + 1, format!("link to `{file}`, which does not exist")));
            }
        }
    }
    findings
}

/// Targets of `[text](target)` that are paths.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
}

/// `file` seen from `folder`, as a path from the root.
fn resolve(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in file.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            name => parts.push(name),
        }
    }
    parts.join("/")
}

fn decisions(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, text) in &tree.files {
        let Some(name) = path.strip_prefix(DECISIONS) else {
            continue;
        };
        let number = name.split('-').next().unwrap_or_default();
        if number.len() != 4 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            findings.push(Finding::failure(path, 0, "a decision is named `NNNN-title.md`"));
            continue;
        }
        if let Some(other) = numbers.insert(number, path) {
            findings.push(Finding::failure(path, 0, format!("number {number} is taken by {other}")));
        }
        let places: Vec<_> = PARTS.iter().map(|part| text.lines().position(|line| line == *part)).collect();
        if places.iter().any(Option::is_none) || !places.is_sorted() {
            findings.push(Finding::failure(path, 0, format!("a decision has the parts {}", PARTS.join(", "))));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::{AT_ROOT, check, resolve};

    const GOOD: &str = "# 1\n## Context\n## Decision\n## Consequences\n";

    fn found(path: &str, text: &str) -> usize {
        let mut files: Vec<(&str, &str)> = AT_ROOT.iter().map(|path| (*path, "## [Unreleased]\n")).collect();
        files.push(("docs/decisions/0001-first.md", GOOD));
        files.push((path, text));
        check(&tree(&files)).len()
    }

    #[test]
    fn links_lead_somewhere() {
        let cases = [
            ("[a](../GLOSSARY.md#x) [b](decisions/0001-first.md)", 0),
            ("[a](GLOSSARY.md)", 1),
            ("[a](https://example.org/x.md) [b](#x.md)", 0),
            ("```\n[a](gone.md)\n```\n[b](gone.md)", 1),
        ];
        for (text, wanted) in cases {
            assert_eq!(found("docs/page.md", text), wanted, "{text}");
        }
        assert_eq!(resolve("docs/a", "./../b.md"), "docs/b.md");
    }

    #[test]
    fn decisions_have_their_parts_and_numbers() {
        let cases = [
            ("docs/decisions/0002-x.md", GOOD, 0),
            ("docs/decisions/0001-y.md", GOOD, 1),
            ("docs/decisions/second.md", GOOD, 1),
            ("docs/decisions/0002-x.md", "## Decision\n## Context\n## Consequences\n", 1),
            ("docs/decisions/0002-x.md", "## Context\n", 1),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(found(path, text), wanted, "{path} {text}");
        }
    }

    #[test]
    fn missing_documents_and_a_change_log_without_a_place_are_found() {
        assert_eq!(check(&tree(&[])).len(), AT_ROOT.len());
        assert_eq!(found("CHANGELOG.md", "# Changes\n"), 1);
    }
}
