//! In core and runtime every `select!` is `biased`: a random choice between ready branches breaks replay.

use super::finding::Finding;
use super::tokens;
use super::tree::Tree;

/// Members whose runs are replayed from a seed.
const REPLAYED: &[&str] = &["crates/core", "crates/runtime"];

/// `select!` without `biased;`.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in &tree.sources {
        if !REPLAYED.contains(&source.member()) {
            continue;
        }
        let tokens = source.production_tokens();
        for at in tokens::find_all(&tokens, &["select", "!"]) {
            let first = tokens::group(&tokens, at + 2).first();
            if first.is_none_or(|token| token.text != "biased") {
                let line = tokens.get(at).map_or(0, |token| token.line);
                let message = "`select!` picks at random among ready branches: begin it with `biased;`";
                findings.push(Finding::failure(&source.path, line, message));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    #[test]
    fn only_a_biased_select_passes() {
        let cases = [
            ("crates/runtime/src/a.rs", "async fn f() { tokio::select! { x = y() => {} } }", 1),
            ("crates/runtime/src/a.rs", "async fn f() { tokio::select! { biased; x = y() => {} } }", 0),
            ("crates/cli/src/a.rs", "async fn f() { tokio::select! { x = y() => {} } }", 0),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(check(&tree(&[(path, text)])).len(), wanted, "{path} {text}");
        }
    }
}
