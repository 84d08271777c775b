//! Every error code has a page in `docs/errors/`, and every page has a code.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::tree::Tree;

/// The one table of codes.
const CODES: &str = "crates/daemon/src/rpc/codes.rs";

/// Where the pages are.
const PAGES: &str = "docs/errors/";

/// Pages that are about the folder, not about a code.
const ABOUT: &[&str] = &["README", "index"];

/// Codes without a page, pages without a code, pages with another heading.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(source) = tree.sources.iter().find(|source| source.path == CODES) else {
        // Legal: before the first error code there is nothing to document. A page without a table is not.
        return orphans(tree, &BTreeSet::new());
    };
    let tokens = source.production_tokens();
    let strings = tokens.iter().filter_map(|token| Some((token.string.as_deref()?, token.line)));
    let codes: Vec<_> = strings.filter(|(text, _)| is_code(text)).collect();
    let mut findings = Vec::new();
    if codes.is_empty() {
        findings.push(Finding::failure(CODES, 0, "no error code was found here: they are string literals in capitals"));
    }
    for (code, line) in &codes {
        let path = format!("{PAGES}{code}.md");
        let Some(page) = tree.text(&path) else {
            findings.push(Finding::failure(CODES, *line, format!("error code `{code}` has no page {path}")));
            continue;
        };
        if page.lines().next() != Some(format!("# {code}").as_str()) {
            findings.push(Finding::failure(&path, 1, format!("the page begins with `# {code}`")));
        }
    }
    findings.extend(orphans(tree, &codes.iter().map(|(code, _)| *code).collect()));
    findings
}

fn orphans(tree: &Tree, codes: &BTreeSet<&str>) -> Vec<Finding> {
    let pages = tree.files.keys().filter_map(|path| {
        let name = path.strip_prefix(PAGES)?.strip_suffix(".md")?;
        Some((path, name))
    });
    pages
        .filter(|(_, name)| !ABOUT.contains(name) && !codes.contains(name))
        .map(|(path, name)| Finding::failure(path, 0, format!("`{name}` is no error code of {CODES}")))
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
    use super::{CODES, check, is_code};

    #[test]
    fn codes_and_pages_match() {
        let table = (CODES, "pub const ALL: &[&str] = &[\"POLICY_DENIED\"]; // \"NOT_ONE\"");
        let page = ("docs/errors/POLICY_DENIED.md", "# POLICY_DENIED\n");
        let cases: [(&[(&str, &str)], usize); 7] = [
            (&[table, page], 0),
            (&[table], 1),
            (&[table, ("docs/errors/POLICY_DENIED.md", "# Denied\n")], 1),
            (&[table, page, ("docs/errors/OLD.md", "# OLD\n")], 1),
            (&[table, page, ("docs/errors/README.md", "# Errors\n")], 0),
            (&[page], 1),
            (&[(CODES, "pub enum Code {}")], 1),
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
