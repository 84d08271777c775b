//! Paths that documents name: a newcomer goes where they point.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::blocks;
use super::documents::documents;

/// Code spans of a document, and words of its drawings: text blocks hold those.
fn words(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (at, line) in text.lines().enumerate() {
        let is_fence = line.starts_with("```");
        in_block ^= is_fence;
        if !in_block && !is_fence {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (at + 1, span.to_owned())));
        }
    }
    for block in blocks(text).iter().filter(|block| block.language == "text") {
        let firsts = block.lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.split_whitespace().next()?)));
        found.extend(firsts.map(|(at, word)| (block.line + at + 1, word.trim_end_matches(':').to_owned())));
    }
    found
}

/// Whether a word is meant as a path of this repository: it begins with one of its folders, or with a crate's name.
fn is_path(root: &Path, word: &str) -> bool {
    let first = word.split('/').next().unwrap_or_default();
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./*<>".contains(&b));
    let begins_here = ["", "crates"].iter().any(|folder| root.join(folder).join(first).is_dir());
    plain && word.contains('/') && !first.is_empty() && first != "target" && begins_here
}

/// Whether the path leads to something: from the root, from `crates/`, or as a module of a crate.
fn leads_somewhere(root: &Path, word: &str) -> bool {
    let (first, rest) = word.split_once('/').unwrap_or((word, ""));
    let source = format!("crates/{first}/src/{rest}");
    let places = [word.to_owned(), format!("crates/{word}"), format!("{source}.rs"), source];
    places.iter().any(|place| any(root.to_owned(), place))
}

/// Whether there is such a path; `*` and `<…>` stand for any part of a name.
fn any(folder: PathBuf, rest: &str) -> bool {
    let Some((name, rest)) = rest.split_once('/').or((!rest.is_empty()).then_some((rest, ""))) else { return folder.is_dir() };
    let cut = |mark: [char; 2]| Some((name.split_once(mark[0])?.0, name.rsplit_once(mark[1])?.1));
    let Some((start, end)) = cut(['*', '*']).or_else(|| cut(['<', '>'])) else {
        let path = folder.join(name);
        return if rest.is_empty() { path.exists() } else { any(path, rest) };
    };
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(start) && name.ends_with(end))).any(
        |entry| {
            if rest.is_empty() { true } else { any(entry.path(), rest) }
        },
    )
}

#[test]
fn every_named_path_leads_somewhere() {
    let root = crate::root().unwrap();
    let (mut seen, mut dead) = (BTreeSet::new(), Vec::new());
    for (path, text) in documents() {
        for (line, word) in words(&text) {
            if is_path(&root, &word) && seen.insert(word.clone()) && !leads_somewhere(&root, &word) {
                dead.push(format!("{}:{line}: there is no `{word}`", path.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    assert!(seen.len() > 20, "only {} paths are named: {seen:?}", seen.len());
}

#[test]
fn paths_that_lead_nowhere_are_found() {
    let root = crate::root().unwrap();
    let good =
        ["core/src/tool/", "xtask/ratchet.toml", "daemon/src/rpc/<area>_service.rs", "adapters/src/policy/defaults/*.cedar"];
    for path in
        good.into_iter().chain(["core/task/machine", "runtime/task/actor", "docs/errors/<CODE>.md", "cli/src/commands/<noun>/"])
    {
        assert!(is_path(&root, path) && leads_somewhere(&root, path), "{path}");
    }
    for path in ["core/src/tol/", "xtask/gone.toml", "daemon/src/rpc/<area>_servant.rs", "adapters/src/*.cedar", "core/task/gone"]
    {
        assert!(is_path(&root, path) && !leads_somewhere(&root, path), "{path}");
    }
    for word in ["policies/*.cedar", "core", "/healthz", "application/json", "target/debug", "fs.read", "crates/x y"] {
        assert!(!is_path(&root, word), "{word}");
    }
    let found = words("a `b/c` d\n```text\n  e/f   what\n```\n```console\n$ g/h\n```\n");
    assert_eq!(found, [(1, "b/c".to_owned()), (3, "e/f".to_owned())]);
}
