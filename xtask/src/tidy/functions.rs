//! Sizes of functions: code lines and arguments.

use syn::spanned::Spanned as _;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::nesting;
use super::source::Source;
use super::tree::Tree;

/// Code lines of a body, comments and blank lines left out (style.md; clippy measures the same).
const LINES_MAX: usize = 70;

/// Arguments, `self` included.
const ARGUMENTS_MAX: usize = 6;

/// Control structures inside one another.
const NESTING_MAX: usize = 4;

/// Functions that are too long, too wide or too deep.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.only_tests) {
        let mut measure = Measure { source, findings: Vec::new() };
        measure.visit_file(&source.syntax);
        findings.extend(measure.findings);
    }
    findings
}

struct Measure<'a> {
    source: &'a Source,
    findings: Vec<Finding>,
}

impl Measure<'_> {
    fn judge(&mut self, attributes: &[syn::Attribute], signature: &syn::Signature, body: Option<&syn::Block>) {
        let line = signature.span().start().line;
        if self.source.is_test(line) {
            return;
        }
        let arguments = signature.inputs.len();
        if arguments > ARGUMENTS_MAX && !expects(attributes, "too_many_arguments") {
            self.add(
                line,
                signature,
                &format!("{arguments} arguments, {ARGUMENTS_MAX} are allowed: give it one value of its own type"),
            );
        }
        let Some(body) = body else { return };
        let lines = code_lines(&self.source.text, body);
        if lines > LINES_MAX && !expects(attributes, "too_many_lines") {
            self.add(line, signature, &format!("{lines} code lines, {LINES_MAX} are allowed"));
        }
        let depth = nesting::depth(body);
        if depth > NESTING_MAX {
            self.add(line, signature, &format!("{depth} control structures inside one another, {NESTING_MAX} are allowed"));
        }
    }

    fn add(&mut self, line: usize, signature: &syn::Signature, what: &str) {
        let message = format!("function `{}` has {what}", signature.ident);
        self.findings.push(Finding::failure(&self.source.path, line, message));
    }
}

impl<'ast> Visit<'ast> for Measure<'_> {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.judge(&item.attrs, &item.sig, Some(&item.block));
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.judge(&item.attrs, &item.sig, Some(&item.block));
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.judge(&item.attrs, &item.sig, item.default.as_ref());
        visit::visit_trait_item_fn(self, item);
    }
}

/// Lines between the braces of `body` that hold code.
fn code_lines(text: &str, body: &syn::Block) -> usize {
    let first = body.brace_token.span.open().start().line + 1;
    let last = body.brace_token.span.close().start().line;
    text.lines()
        .skip(first - 1)
        .take(last.saturating_sub(first))
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// True when the function carries `#[expect(clippy::lint, …)]`; `expects` counts those.
fn expects(attributes: &[syn::Attribute], lint: &str) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list();
        attribute.path().is_ident("expect") && list.is_ok_and(|list| list.tokens.to_string().contains(lint))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    fn found(text: &str) -> usize {
        check(&tree(&[("crates/a/src/b.rs", text)])).len()
    }

    fn body(lines: usize) -> String {
        let code = "    step();\n    // why\n\n".repeat(lines);
        format!("fn f() {{\n{code}}}\n")
    }

    #[test]
    fn the_seventy_first_code_line_fails() {
        assert_eq!(found(&body(70)), 0);
        assert_eq!(found(&body(71)), 1);
        assert_eq!(found(&format!("#[expect(clippy::too_many_lines, reason = \"x\")]\n{}", body(71))), 0);
        assert_eq!(found(&format!("#[cfg(test)]\nmod tests {{\n{}}}\n", body(71))), 0);
        assert_eq!(found(&format!("trait T {{ {} }}", body(71))), 1);
    }

    #[test]
    fn the_seventh_argument_fails() {
        assert_eq!(found("impl A { fn f(&self, a: u8, b: u8, c: u8, d: u8, e: u8) {} }"), 0);
        assert_eq!(found("impl A { fn f(&self, a: u8, b: u8, c: u8, d: u8, e: u8, g: u8) {} }"), 1);
        assert_eq!(found("trait A { fn f(&self, a: u8, b: u8, c: u8, d: u8, e: u8, g: u8); }"), 1);
    }

    #[test]
    fn the_fifth_level_fails() {
        assert_eq!(found("fn f() { loop { if a { for b in c { while d { e(); } } } } }"), 0);
        assert_eq!(found("fn f() { loop { if a { for b in c { while d { match e { _ => {} } } } } } }"), 1);
    }
}
