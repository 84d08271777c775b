//! Modules of `adapters` never import one another: each stands for one piece of the outside world and can be compiled out alone.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::source::Source;
use super::tokens::{self, Token};
use super::tree::Tree;

const FOLDER: &str = "crates/adapters/src/";

/// What every adapter may import: the error of building one.
const SHARED: &[&str] = &["build"];

/// Imports between the top-level modules of `adapters`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let ours = || tree.sources.iter().filter(|s| s.path.starts_with(FOLDER));
    let modules: BTreeSet<&str> =
        ours().filter_map(|source| module_path(source).first().copied()).filter(|module| !SHARED.contains(module)).collect();
    ours().flat_map(|source| imports(source, &modules)).collect()
}

/// `crates/adapters/src/tool/fs.rs` is `[tool, fs]`; `lib.rs` is empty.
fn module_path(source: &Source) -> Vec<&str> {
    let inside = source.path.strip_prefix(FOLDER).unwrap_or_default();
    inside.trim_end_matches(".rs").split('/').filter(|part| !["lib", "mod"].contains(part)).collect()
}

fn imports(source: &Source, modules: &BTreeSet<&str>) -> Vec<Finding> {
    let path = module_path(source);
    let Some(own) = path.first() else {
        return Vec::new();
    };
    let tokens = source.production_tokens();
    let mut findings = Vec::new();
    for at in 0..tokens.len() {
        for name in names_at_root(&tokens, at, path.len()) {
            if name.text != *own && modules.contains(name.text.as_str()) {
                let message = format!(
                    "adapter module `{own}` imports its sibling `{}`: move what they share to core or give it by value",
                    name.text
                );
                findings.push(Finding::failure(&source.path, name.line, message));
            }
        }
    }
    findings
}

/// The first names after a path's prefix at `at` that leads to the root of the crate.
fn names_at_root(tokens: &[Token], at: usize, depth: usize) -> Vec<&Token> {
    let begins_at = |from: usize| prefix(tokens, from, "super");
    if prefix(tokens, at, "crate") {
        return names(tokens, at + 3);
    }
    let goes_on = at >= 3 && begins_at(at - 3);
    if goes_on || !begins_at(at) {
        return Vec::new();
    }
    let supers = (0..).take_while(|n| begins_at(at + 3 * n)).count();
    if supers == depth { names(tokens, at + 3 * supers) } else { Vec::new() }
}

fn prefix(tokens: &[Token], at: usize, word: &str) -> bool {
    let is = |offset: usize, text: &str| tokens.get(at + offset).is_some_and(|t| t.text == text);
    is(0, word) && is(1, ":") && is(2, ":")
}

/// The name at `at`, or the first names of each branch of a `{a::b, c}` there.
fn names(tokens: &[Token], at: usize) -> Vec<&Token> {
    let Some(first) = tokens.get(at) else {
        return Vec::new();
    };
    if first.text != "{" {
        return vec![first];
    }
    let mut found = Vec::new();
    let (mut depth, mut fresh) = (0_usize, true);
    for token in tokens::group(tokens, at) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => fresh = true,
            _ if fresh => {
                found.push(token);
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    fn found(text: &str) -> usize {
        check(&tree(&[
            ("crates/adapters/src/lib.rs", "pub mod tool; pub mod git;"),
            ("crates/adapters/src/git/mod.rs", "mod read;"),
            ("crates/adapters/src/build.rs", "pub enum Build {}"),
            ("crates/adapters/src/tool/fs.rs", text),
        ]))
        .len()
    }

    #[test]
    fn a_sibling_is_found_however_it_is_reached() {
        let cases = [
            ("use crate::git::Repo;", 1),
            ("use crate::{tool::x, git::{a, b}};", 1),
            ("use super::super::git;", 1),
            ("fn f() { let _ = crate::git::open(); }", 1),
            ("use crate::tool::path;", 0),
            ("use super::git;", 0),
            ("use crate::build::Build;", 0),
            ("use scalbotics_core::tool::Call;", 0),
            ("#[cfg(test)]\nmod tests {\n use crate::git::Repo;\n}", 0),
        ];
        for (text, wanted) in cases {
            assert_eq!(found(text), wanted, "{text}");
        }
    }
}
