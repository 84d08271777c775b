//! Every error code has a page in `docs/errors/`, and every page has a code.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::tree::Tree;

/// The tables of codes: the daemon's, the command line's, and that of making an installation.
const TABLES: &[&str] = &["crates/daemon/src/rpc/codes.rs", "crates/cli/src/codes.rs", "crates/daemon/src/setup/error.rs"];

/// Where the pages are.
const PAGES: &str = "docs/errors/";

/// Headings of a page, in this order.
const PARTS: [&str; 3] = ["## What happened", "## Why", "## What to do"];

/// Pages that are about the folder, not about a code.
const ABOUT: &[&str] = &["README", "index"];

/// Codes without a page, pages without a code, pages with other headings. Legal: before the first code of a table there is no table.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known = BTreeSet::new();
    for source in tree.sources.iter().filter(|source| TABLES.contains(&source.path.as_str())) {
        let tokens = source.production_tokens();
        let strings = tokens.iter().filter_map(|token| Some((token.string.as_deref()?, token.line)));
        let codes: Vec<_> = strings.filter(|(text, _)| is_code(text)).collect();
        if codes.is_empty() {
            let message = "no error code was found here: they are string literals in capitals";
            findings.push(Finding::failure(&source.path, 0, message));
        }
        findings.extend(codes.iter().filter_map(|(code, line)| page_fault(tree, code, (&source.path, *line))));
        known.extend(codes.iter().map(|(code, _)| (*code).to_owned()));
    }
    findings.extend(orphans(tree, &known));
    findings
}

/// What is wrong with the page of a code that stands at `place`.
fn page_fault(tree: &Tree, code: &str, place: (&str, usize)) -> Option<Finding> {
    let path = format!("{PAGES}{code}.md");
    let Some(page) = tree.text(&path) else {
        return Some(Finding::failure(place.0, place.1, format!("error code `{code}` has no page {path}")));
    };
    if page.lines().next() != Some(format!("# {code}").as_str()) {
        return Some(Finding::failure(&path, 1, format!("the page begins with `# {code}`")));
    }
    let parts: Vec<_> = page.lines().filter(|line| line.starts_with("## ")).collect();
    (parts != PARTS).then(|| Finding::failure(&path, 0, format!("a page has the parts {}", PARTS.join(", "))))
}

fn orphans(tree: &Tree, codes: &BTreeSet<String>) -> Vec<Finding> {
    let pages = tree.files.keys().filter_map(|path| {
        let name = path.strip_prefix(PAGES)?.strip_suffix(".md")?;
        Some((path, name))
    });
    pages
        .filter(|(_, name)| !ABOUT.contains(name) && !codes.contains(*name))
        .map(|(path, name)| Finding::failure(path, 0, format!("`{name}` is no error code of {}", TABLES.join(", "))))
        .collect()
}

/// `POLICY_DENIED`: capitals, digits and single underscores inside, two letters at least.
fn is_code(text: &str) -> bool {
    let parts = text.split('_');
    let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
    text.len() >= 2 && text.starts_with(|c: char| c.is_ascii_uppercase()) && parts.into_iter().all(good)
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::{TABLES, check, is_code};

    #[test]
    fn codes_and_pages_match() {
        let table = (TABLES[0], "pub const ALL: &[&str] = &[\"POLICY_DENIED\"]; // \"NOT_ONE\"");
        let page = ("docs/errors/POLICY_DENIED.md", "# POLICY_DENIED\n## What happened\n## Why\n## What to do\n");
        let other = (TABLES[1], "codes! { A \"CLI_X\"; }");
        let cli_page = ("docs/errors/CLI_X.md", "# CLI_X\n## What happened\n## Why\n## What to do\n");
        let cases: [(&[(&str, &str)], usize); 12] = [
            (&[table, page], 0),
            (&[table], 1),
            (&[table, ("docs/errors/POLICY_DENIED.md", "# Denied\n")], 1),
            (&[table, page, ("docs/errors/OLD.md", "# OLD\n")], 1),
            (&[table, page, ("docs/errors/README.md", "# Errors\n")], 0),
            (&[page], 1),
            (&[(TABLES[0], "pub enum Code {}")], 1),
            (&[table, page, other], 1),
            (&[table, page, other, cli_page], 0),
            (&[other, page, cli_page], 1),
            (&[table, ("docs/errors/POLICY_DENIED.md", "# POLICY_DENIED\n## Why\n## What to do\n")], 1),
            (&[table, ("docs/errors/POLICY_DENIED.md", "# POLICY_DENIED\n## What happened\n## What to do\n## Why\n")], 1),
        ];
        for (files, wanted) in cases {
            assert_eq!(check(&tree(files)).len(), wanted, "{files:?}");
        }
    }

    #[test]
    fn a_code_is_capitals() {
        for (text, wanted) in [("A1_B", true), ("A__B", false), ("a", false), ("_A", false), ("", false), ("A b", false)] {
            assert_eq!(is_code(text), wanted, "{text}");
        }
    }
}
