//! Only a commit makes warrants: the function that does is called by the task log (store) and its fake (testkit), by nobody else.

use super::finding::Finding;
use super::tree::Tree;

/// The function of core that turns permits into warrants.
const MAKER: &str = "seal_warrants";

/// Members that commit.
const COMMITTING: &[&str] = &["crates/store", "crates/testkit"];

/// Mentions of the maker outside those members, its definition and its path in core apart.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|s| !COMMITTING.contains(&s.member()) && s.member() != "xtask") {
        let tokens = source.production_tokens();
        for (at, token) in tokens.iter().enumerate().filter(|(_, token)| token.text == MAKER) {
            let word = |at: Option<usize>| at.and_then(|at| tokens.get(at)).map_or("", |token| token.text.as_str());
            let (before, after) = (word(at.checked_sub(1)), word(at.checked_add(1)));
            let named = source.member() == "crates/core" && (before == "fn" || after != "(");
            if !named {
                let message = format!("`{MAKER}` makes warrants: only a commit of the task log may call it");
                findings.push(Finding::failure(&source.path, token.line, message));
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
    fn only_a_commit_calls_the_maker() {
        let cases = [
            ("crates/core/src/task/batch.rs", "pub fn seal_warrants() {}", 0),
            ("crates/core/src/task/batch.rs", "fn f() { seal_warrants() }", 1),
            ("crates/store/src/sqlite/task_log.rs", "fn f() { b.seal_warrants() }", 0),
            ("crates/testkit/src/fake.rs", "fn f() { b.seal_warrants() }", 0),
            ("crates/runtime/src/task/writer.rs", "fn f() { b.seal_warrants() }", 1),
            ("crates/daemon/src/x.rs", "fn f() { let g = Batch::seal_warrants; }", 1),
        ];
        for (path, text, wanted) in cases {
            assert_eq!(check(&tree(&[(path, text)])).len(), wanted, "{path} {text}");
        }
    }
}
