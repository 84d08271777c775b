//! The only way past a lint is `#[expect(…, reason)]`, and their number only shrinks; `#[allow]` is for test builds.

use super::finding::Finding;
use super::ratchet::{self, Ratchet};
use super::source::Source;
use super::tokens::{self, Token};
use super::tree::Tree;

/// Members whose code a program wrote: lints are switched off there by `allow`, since nobody knows which of them will be needed.
const GENERATED: &[&str] = &["crates/proto"];

/// Attributes in production code of the whole workspace.
pub(crate) fn count(tree: &Tree) -> usize {
    tree.sources.iter().map(|source| places(source, "expect").len()).sum()
}

/// Compares the count with the ratchet and finds `allow`.
pub(crate) fn check(tree: &Tree, ratchet: &Ratchet) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (count, allowed) = (count(tree), ratchet.expect.count);
    if count > allowed {
        let message = format!("{count} `#[expect]` in production code, {allowed} are allowed: take away the cause of one");
        findings.push(Finding::failure(ratchet::PATH, 0, message));
    }
    if count < allowed {
        let message = format!("{count} `#[expect]` are left: lower `count` from {allowed}");
        findings.push(Finding::warning(ratchet::PATH, 0, message));
    }
    for source in tree.sources.iter().filter(|source| !GENERATED.contains(&source.member())) {
        for line in places(source, "allow") {
            let message = "`#[allow]` outlives its cause: use `#[expect(…, reason = \"…\")]`";
            findings.push(Finding::failure(&source.path, line, message));
        }
    }
    findings
}

/// Lines of attributes `level` that hold in a build without tests.
fn places(source: &Source, level: &str) -> Vec<usize> {
    let tokens = source.production_tokens();
    let mut lines = Vec::new();
    for at in tokens::find_all(&tokens, &["#"]) {
        let inner = tokens.get(at + 1).is_some_and(|token| token.text == "!");
        let open = if inner { at + 2 } else { at + 1 };
        if tokens.get(open).is_none_or(|token| token.text != "[") {
            continue;
        }
        let attribute = tokens::group(&tokens, open);
        if holds(attribute, level) {
            lines.extend(tokens.get(at).map(|token| token.line));
        }
    }
    lines
}

/// `level(…)` itself, or inside a `cfg_attr` whose condition is not `test`.
fn holds(attribute: &[Token], level: &str) -> bool {
    let word = |at: usize| attribute.get(at).map(|token| token.text.as_str());
    match word(0) {
        Some("cfg_attr") => word(2) != Some("test") && !tokens::find_all(attribute, &[level, "("]).is_empty(),
        Some(first) => first == level && word(1) == Some("("),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Weight;
    use super::super::ratchet::Ratchet;
    use super::super::tree::fixture::tree;
    use super::{check, count};

    const TEXT: &str = "#![expect(a, reason = \"x\")]\n#![cfg_attr(test, allow(b, reason = \"y\"))]\n#[expect(c)]\nfn f() { x.expect(1); }\n\
                        #[cfg_attr(unix, expect(d))]\nfn g() {}\n#[cfg(test)]\nmod tests {\n#[expect(e)]\nfn h() {}\n}\n";

    fn failures(text: &str, allowed: usize) -> usize {
        let text_of = format!("[expect]\ncount = {allowed}\n[default_build]\ncrates = 1\ndecision = \"0001\"\n");
        let ratchet = Ratchet::parse(&text_of).unwrap();
        let found = check(&tree(&[("crates/a/src/b.rs", text)]), &ratchet);
        found.iter().filter(|finding| finding.weight == Weight::Failure).count()
    }

    #[test]
    fn counts_attributes_not_methods_and_not_tests() {
        assert_eq!(count(&tree(&[("crates/a/src/b.rs", TEXT)])), 3);
    }

    #[test]
    fn more_than_the_ratchet_fails_and_so_does_allow() {
        assert_eq!(failures(TEXT, 2), 1);
        assert_eq!(failures(TEXT, 3), 0);
        assert_eq!(failures(TEXT, 4), 0);
        assert_eq!(failures("#[allow(dead_code)]\nfn f() {}\n", 0), 1);
    }
}
