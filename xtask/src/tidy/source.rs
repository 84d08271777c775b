//! One Rust file: its syntax, its tokens, and which of its lines are tests.

use std::ops::RangeInclusive;

use proc_macro2::TokenStream;
use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::tokens::{self, Token};

/// A parsed Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Path from the root of the repository, with `/`.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
    /// The syntax tree.
    pub(crate) syntax: syn::File,
    /// All tokens, those of tests too.
    pub(crate) tokens: Vec<Token>,
    /// Lines of items that exist in test builds only.
    tests: Vec<RangeInclusive<usize>>,
    /// True when the whole file is tests or benchmarks.
    pub(crate) only_tests: bool,
}

impl Source {
    /// Parses `text`.
    ///
    /// # Errors
    /// When it is not Rust.
    pub(crate) fn parse(path: &str, text: &str) -> syn::Result<Self> {
        let syntax = syn::parse_file(text)?;
        let stream: TokenStream = text.parse()?;
        let mut finder = TestFinder::default();
        finder.visit_file(&syntax);
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            tokens: tokens::flatten(stream),
            tests: finder.ranges,
            only_tests: is_test_path(path),
            syntax,
        })
    }

    /// True when `line` (from 1) is part of a test.
    pub(crate) fn is_test(&self, line: usize) -> bool {
        self.only_tests || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Lines of the file that are not tests; documentation and blank lines count.
    pub(crate) fn production_lines(&self) -> usize {
        (1..=self.text.lines().count()).filter(|line| !self.is_test(*line)).count()
    }

    /// The tokens that are not tests.
    pub(crate) fn production_tokens(&self) -> Vec<Token> {
        self.tokens.iter().filter(|token| !self.is_test(token.line)).cloned().collect()
    }

    /// The member's folder, such as `crates/core` or `xtask`.
    pub(crate) fn member(&self) -> &str {
        let depth = if self.path.starts_with("crates/") || self.path.starts_with("examples/") { 2 } else { 1 };
        let end = self.path.match_indices('/').nth(depth - 1).map_or(self.path.len(), |(at, _)| at);
        self.path.get(..end).unwrap_or(&self.path)
    }

    /// The file's name without its folder.
    pub(crate) fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

fn is_test_path(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("benches/")
}

/// Collects the line ranges of items under `#[cfg(test)]` or `#[test]`.
#[derive(Default)]
struct TestFinder {
    ranges: Vec<RangeInclusive<usize>>,
}

impl<'ast> Visit<'ast> for TestFinder {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if attributes(item).iter().any(is_test_attribute) {
            let span = item.span();
            self.ranges.push(span.start().line..=span.end().line);
        } else {
            visit::visit_item(self, item);
        }
    }
}

/// The attributes of the kinds of item that carry `#[cfg(test)]` in practice.
fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    if let syn::Item::Mod(inner) = item {
        &inner.attrs
    } else if let syn::Item::Fn(inner) = item {
        &inner.attrs
    } else if let syn::Item::Impl(inner) = item {
        &inner.attrs
    } else if let syn::Item::Use(inner) = item {
        &inner.attrs
    } else if let syn::Item::Struct(inner) = item {
        &inner.attrs
    } else if let syn::Item::Const(inner) = item {
        &inner.attrs
    } else {
        &[]
    }
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]` or `#[test]`; not `#[cfg(not(test))]`.
fn is_test_attribute(attribute: &syn::Attribute) -> bool {
    if attribute.path().is_ident("test") {
        return true;
    }
    if !attribute.path().is_ident("cfg") {
        return false;
    }
    let Ok(list) = attribute.meta.require_list() else {
        return false;
    };
    let words = tokens::flatten(list.tokens.clone());
    words.iter().any(|word| word.text == "test") && !words.iter().any(|word| word.text == "not")
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn production_lines_leave_tests_out() {
        let text = "//! Doc\nfn a() {}\n\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n#[cfg(not(test))]\nfn c() {}\n";
        let source = Source::parse("crates/core/src/x.rs", text).unwrap();
        assert_eq!(source.production_lines(), 5);
        assert!(source.is_test(6) && !source.is_test(9));
        assert_eq!(source.member(), "crates/core");
        assert_eq!(source.file_name(), "x.rs");
    }

    #[test]
    fn test_files_have_no_production_lines() {
        for path in ["crates/core/src/task/tests.rs", "crates/daemon/tests/it/main.rs"] {
            let source = Source::parse(path, "fn a() {}\n").unwrap();
            assert_eq!(source.production_lines(), 0, "{path}");
        }
    }
}
