//! Every crate root forbids unsafe code, and every member takes the workspace's lints.

use super::finding::Finding;
use super::source::Source;
use super::tokens;
use super::tree::Tree;

/// Roots that only deny it, since one module of theirs has a reasoned exception (style.md names them).
const DENY_ONLY: &[&str] = &[];

/// Roots without the attribute, manifests without the lints.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let roots = tree.sources.iter().filter(|source| is_root(source));
    let careless = roots.filter(|source| !forbids(source) && !DENY_ONLY.contains(&source.path.as_str()));
    let mut findings: Vec<_> =
        careless.map(|source| Finding::failure(&source.path, 1, "a crate root begins with `#![forbid(unsafe_code)]`")).collect();
    let manifests = tree.files.iter().filter(|(path, _)| is_member_manifest(path));
    for (path, text) in manifests {
        if !text.contains("[lints]\nworkspace = true") {
            findings.push(Finding::failure(path, 0, "a member takes the workspace's lints: `[lints] workspace = true`"));
        }
    }
    findings
}

fn is_root(source: &Source) -> bool {
    let inside = source.path.strip_prefix(source.member()).unwrap_or_default();
    ["/src/lib.rs", "/src/main.rs", "/build.rs"].contains(&inside) || inside.starts_with("/src/bin/")
}

fn forbids(source: &Source) -> bool {
    let pattern = ["#", "!", "[", "forbid", "(", "unsafe_code"];
    !tokens::find_all(&source.tokens, &pattern).is_empty()
}

fn is_member_manifest(path: &str) -> bool {
    path.ends_with("/Cargo.toml") && ["benches/", "crates/", "examples/", "xtask/"].iter().any(|folder| path.starts_with(folder))
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    #[test]
    fn a_careless_root_or_manifest_is_found() {
        let lints = "[lints]\nworkspace = true\n";
        let cases = [
            ("crates/a/src/lib.rs", "//! A.", 1),
            ("crates/a/src/lib.rs", "#![deny(unsafe_code)]", 1),
            ("crates/a/src/bin/b.rs", "fn main() {}", 1),
            ("crates/a/src/lib.rs", "//! A.\n#![forbid(unsafe_code)]", 0),
            ("crates/a/src/other.rs", "//! A.", 0),
            ("crates/a/Cargo.toml", "[package]\n", 1),
            ("crates/a/Cargo.toml", lints, 0),
            ("examples/a/Cargo.toml", "[package]\n", 1),
            ("examples/a/src/main.rs", "fn main() {}", 1),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(check(&tree(&[(path, text)])).len(), wanted, "{path} {text}");
        }
    }
}
