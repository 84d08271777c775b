//! `lib.rs` and `mod.rs` are tables of contents: documentation, `mod` and `use`. `main.rs` is short.

use syn::spanned::Spanned as _;

use super::finding::Finding;
use super::tree::Tree;

/// Lines of a `main.rs` (architecture.md §2).
const MAIN_LINES_MAX: usize = 120;

/// Macros that put generated code into a module.
const INCLUDES: &[&str] = &["include_proto", "include_file_descriptor_set", "include", "include_bytes"];

/// Code in a table of contents, and long mains.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|source| !source.only_tests) {
        let name = source.file_name();
        if name == "main.rs" {
            let lines = source.production_lines();
            if lines > MAIN_LINES_MAX {
                let message = format!("{lines} lines, a main.rs has at most {MAIN_LINES_MAX}");
                findings.push(Finding::failure(&source.path, 0, message));
            }
        }
        if name == "lib.rs" || name == "mod.rs" {
            let items = source.syntax.items.iter();
            let code = items.filter(|item| !is_contents(item)).map(|item| item.span().start().line);
            findings.extend(code.filter(|line| !source.is_test(*line)).map(|line| {
                let message = format!("{name} holds documentation, `mod` and `use` only: give this a file of its own");
                Finding::failure(&source.path, line, message)
            }));
        }
    }
    findings
}

fn is_contents(item: &syn::Item) -> bool {
    if let syn::Item::Mod(module) = item {
        let inner = module.content.as_ref();
        return inner.is_none_or(|(_, items)| items.iter().all(is_contents));
    }
    matches!(item, syn::Item::Use(_) | syn::Item::ExternCrate(_)) || is_include(item)
}

/// Generated code, or the constant that holds the compiled descriptor.
fn is_include(item: &syn::Item) -> bool {
    let last = |path: &syn::Path| path.segments.last().is_some_and(|s| INCLUDES.iter().any(|name| s.ident == name));
    if let syn::Item::Macro(call) = item {
        return last(&call.mac.path);
    }
    let syn::Item::Const(constant) = item else { return false };
    matches!(constant.expr.as_ref(), syn::Expr::Macro(call) if last(&call.mac.path))
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    #[test]
    fn code_in_a_table_of_contents_is_found() {
        let cases = [
            ("crates/a/src/lib.rs", "//! A.\npub mod b;\npub use b::C;", 0),
            ("crates/a/src/lib.rs", "pub mod v1 { tonic::include_proto!(\"x.v1\"); }", 0),
            ("crates/a/src/lib.rs", "pub const D: &[u8] = include_bytes!(\"d.bin\");", 0),
            ("crates/a/src/lib.rs", "pub const D: u8 = 1;", 1),
            ("crates/a/src/lib.rs", "pub mod v1 { fn f() {} }", 1),
            ("crates/a/src/b/mod.rs", "mod c;\nfn f() {}\nstruct D;", 2),
            ("crates/a/src/b/mod.rs", "mod c;\n#[cfg(test)]\nmod tests { fn f() {} }", 0),
            ("crates/a/src/b.rs", "fn f() {}", 0),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(check(&tree(&[(path, text)])).len(), wanted, "{path} {text}");
        }
    }

    #[test]
    fn a_long_main_is_found() {
        let text = |lines| "// line\n".repeat(lines) + "fn main() {}\n";
        assert_eq!(check(&tree(&[("crates/a/src/main.rs", &text(119))])).len(), 0);
        assert_eq!(check(&tree(&[("crates/a/src/main.rs", &text(120))])).len(), 1);
    }
}
