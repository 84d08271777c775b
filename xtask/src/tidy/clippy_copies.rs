//! clippy reads one `clippy.toml`, the nearest: a crate with its own must repeat the root's, line by line, and only add.

use super::finding::Finding;
use super::tree::Tree;

const ROOT: &str = "clippy.toml";

/// Members that must have a file of their own, since hash collections are banned there.
const STRICTER: &[&str] = &["crates/core/clippy.toml", "crates/runtime/clippy.toml"];

/// Types that those files must ban.
const BANNED_TYPES: &[&str] = &["std::collections::HashMap", "std::collections::HashSet"];

/// Lines of the root's file that a copy lacks.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(root) = tree.text(ROOT) else {
        return vec![Finding::failure(ROOT, 0, "the file is missing")];
    };
    let mut findings = Vec::new();
    for path in STRICTER {
        let Some(copy) = tree.text(path) else {
            findings.push(Finding::failure(path, 0, "the file is missing: hash collections are banned here"));
            continue;
        };
        let lacking = root.lines().filter(|line| !line.starts_with('#') && !copy.lines().any(|other| other == *line));
        for line in lacking {
            let message = format!("lacks the workspace's line `{}` of {ROOT}", line.trim());
            findings.push(Finding::failure(path, 0, message));
        }
        for banned in BANNED_TYPES.iter().filter(|banned| !copy.contains(*banned)) {
            findings.push(Finding::failure(path, 0, format!("does not ban `{banned}`")));
        }
    }
    let known = |path: &str| STRICTER.contains(&path) || path == ROOT || path == "xtask/clippy.toml";
    let strangers = tree.files.keys().filter(|path| path.ends_with("clippy.toml") && !known(path));
    findings.extend(strangers.map(|path| Finding::failure(path, 0, "this crate hides the workspace's clippy.toml")));
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::check;

    const BANS: &str = "std::collections::HashMap std::collections::HashSet\n";

    #[test]
    fn a_copy_that_lacks_a_line_or_a_ban_fails() {
        let good = format!("a = 1\n{BANS}");
        let cases = [(good.as_str(), 0), (BANS, 1), ("a = 1\n", 2)];
        for (core, wanted) in cases {
            let files = [
                ("clippy.toml", "# about\na = 1\n"),
                ("crates/core/clippy.toml", core),
                ("crates/runtime/clippy.toml", good.as_str()),
            ];
            assert_eq!(check(&tree(&files)).len(), wanted, "{core}");
        }
    }

    #[test]
    fn a_missing_copy_and_a_foreign_one_are_found() {
        let files = [("clippy.toml", "a = 1\n"), ("crates/cli/clippy.toml", "a = 1\n")];
        assert_eq!(check(&tree(&files)).len(), 3);
    }
}
