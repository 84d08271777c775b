//! `SPECIFICATION.md`: every promise names the test or benchmark that measures it, or says *pending*.

use std::collections::BTreeSet;

use super::finding::Finding;
use super::source::Source;
use super::tree::Tree;

const PATH: &str = "SPECIFICATION.md";

/// The steps of every run of the continuous integration.
const CI: &str = ".ci/run";

/// Where the ids of benchmarks stand, as string literals.
const BENCHES: &str = "xtask/src/bench";

/// One row of a table of promises.
struct Row<'a> {
    line: usize,
    id: &'a str,
    proof: &'a str,
}

/// Rows without a proof, proofs that do not exist, ids used twice.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.text(PATH) else {
        return vec![Finding::failure(PATH, 0, "the file is missing")];
    };
    let rows = rows(text);
    let mut findings = Vec::new();
    if rows.is_empty() {
        findings.push(Finding::failure(PATH, 0, "no row `| ID | promise | proof |` was found"));
    }
    let mut seen = BTreeSet::new();
    for row in &rows {
        if !seen.insert(row.id) {
            findings.push(Finding::failure(PATH, row.line, format!("id `{}` is used twice", row.id)));
        }
        for complaint in complaints(tree, row.proof) {
            findings.push(Finding::failure(PATH, row.line, format!("promise {}: {complaint}", row.id)));
        }
    }
    findings.extend(unclaimed(tree, &rows));
    findings
}

/// Numbered rules that a test is named after (`sem_2_2_…`) while every row of the number is pending: the proof was forgotten here.
fn unclaimed(tree: &Tree, rows: &[Row<'_>]) -> Vec<Finding> {
    let number = |row: &Row<'_>| row.id.trim_end_matches(|c: char| c.is_ascii_uppercase()).to_owned();
    let proven: BTreeSet<String> = rows.iter().filter(|row| row.proof != "pending").map(number).collect();
    let mut findings = Vec::new();
    for row in rows.iter().filter(|row| row.proof == "pending" && !proven.contains(&number(row))) {
        let begin = format!("{}_", number(row).to_ascii_lowercase().replace(['-', '.'], "_"));
        let mut named = tree.sources.iter().flat_map(|source| {
            let functions = super::tokens::find_all(&source.tokens, &["fn"]).into_iter();
            functions.filter_map(|at| Some((source.path.as_str(), source.tokens.get(at + 1)?.text.as_str())))
        });
        if let Some((path, name)) = named.find(|(_, name)| name.starts_with(&begin)) {
            let message = format!("promise {} is pending, and `{path}::{name}` is named after it: name the proof", row.id);
            findings.push(Finding::warning(PATH, row.line, message));
        }
    }
    findings
}

/// Table rows whose first cell is an id in capitals.
fn rows(text: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let Some(inside) = line.trim().strip_prefix('|') else {
            continue;
        };
        let cells: Vec<&str> = inside.trim_end_matches('|').split('|').map(str::trim).collect();
        let id = cells.first().copied().unwrap_or_default();
        if is_id(id) {
            let proof = cells.get(2..).and_then(|rest| rest.last()).copied().unwrap_or_default();
            rows.push(Row { line: at + 1, id, proof });
        }
    }
    rows
}

/// `SEM-2.2`, `REACH-RSS`.
fn is_id(cell: &str) -> bool {
    cell.contains('-')
        && cell.starts_with(|c: char| c.is_ascii_uppercase())
        && cell.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
}

/// What is wrong with a proof: `pending`, or `test: path::name`, `bench: id` and `ci: step`, several divided by commas.
fn complaints(tree: &Tree, proof: &str) -> Vec<String> {
    if proof == "pending" {
        return Vec::new();
    }
    proof
        .split(',')
        .map(|part| part.trim().trim_matches('`'))
        .filter_map(|part| {
            let (kind, what) = part.split_once(':').unwrap_or(("", part));
            match kind {
                "test" => no_test(tree, what.trim()),
                "bench" => no_bench(tree, what.trim()),
                "ci" => no_step(tree, what.trim()),
                _ => Some(format!("`{part}` is not `test: path::name`, `bench: id`, `ci: step` or `pending`")),
            }
        })
        .collect()
}

fn no_test(tree: &Tree, what: &str) -> Option<String> {
    let Some((path, name)) = what.rsplit_once("::") else {
        return Some(format!("`{what}` is not `path/of/file.rs::name_of_test`"));
    };
    let Some(source) = tree.sources.iter().find(|source| source.path == path) else {
        return Some(format!("there is no file `{path}`"));
    };
    (!has_test(source, name) && !has_trial(source, name)).then(|| format!("`{path}` has no test `{name}`"))
}

/// A function `name` with an attribute that ends in `test`, in a macro or outside.
fn has_test(source: &Source, name: &str) -> bool {
    let mut is_next = false;
    for (at, token) in source.tokens.iter().enumerate() {
        let word = |offset: usize| source.tokens.get(at + offset).map_or("", |token| token.text.as_str());
        if token.text == "#" {
            is_next |= ends_in_test(source, at);
        } else if token.text == "fn" {
            if is_next && word(1) == name {
                return true;
            }
            is_next = false;
        }
    }
    false
}

/// A test of a program that is its own test runner: it stands by its name in a list, `const TESTS`.
fn has_trial(source: &Source, name: &str) -> bool {
    let Some(list) = super::tokens::find_all(&source.tokens, &["const", "TESTS"]).into_iter().next() else {
        return false;
    };
    let inside = source.tokens.iter().skip(list).take_while(|token| token.text != ";");
    inside.into_iter().any(|token| token.string.as_deref() == Some(name))
}

/// `#[test]`, `#[tokio::test]`, `#[tokio::test(flavor = "…")]`.
fn ends_in_test(source: &Source, at: usize) -> bool {
    let attribute = super::tokens::group(&source.tokens, at + 1);
    let path = attribute.iter().take_while(|token| token.text != "(");
    path.last().is_some_and(|token| token.text == "test")
}

fn no_step(tree: &Tree, name: &str) -> Option<String> {
    let begin = format!("step \"{name}\" ");
    let known = tree.text(CI).is_some_and(|text| text.lines().any(|line| line.starts_with(&begin)));
    (!known).then(|| format!("no step `{name}` stands in {CI}"))
}

fn no_bench(tree: &Tree, id: &str) -> Option<String> {
    let mut sources = tree.sources.iter().filter(|source| source.path.starts_with(BENCHES));
    let known = sources.any(|source| source.tokens.iter().any(|token| token.string.as_deref() == Some(id)));
    (!known).then(|| format!("no benchmark `{id}` stands in {BENCHES}"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::fixture::tree;
    use super::{CI, PATH, check};

    const TESTS: &str = "fn helper() {}\n#[test]\nfn plain() {}\n#[tokio::test(start_paused = true)]\n#[cfg(unix)]\nasync fn timed() {}\n\
                         proptest! { #[test] fn any(x in 0..9) {} }\n#[cfg(test)]\nfn not_one() {}";

    fn found(row: &str) -> usize {
        let text = format!("| id | promise | proof |\n|---|---|---|\n{row}\n");
        check(&tree(&[
            (PATH, text.as_str()),
            ("crates/a/src/b.rs", TESTS),
            (
                "crates/a/tests/own.rs",
                "pub const TESTS: &[Test] = &[(\"listed\", listed)];\nfn listed() {}\nfn other() { is(\"other\"); }",
            ),
            ("xtask/src/bench/ids.rs", "const A: &str = \"idle-rss\";"),
            (CI, "step() {\n  run\n}\nstep \"demo\" cargo xtask demo\n# step \"other\" no"),
        ]))
        .len()
    }

    #[test]
    fn a_test_named_after_a_rule_wants_to_be_its_proof() {
        let test = "#[test]\nfn sem_2_2_bytes() {}";
        let cases = [
            ("| SEM-2.2 | x | pending |", 1),
            ("| SEM-2.2A | x | pending |\n| SEM-2.2B | x | test: crates/a/src/c.rs::sem_2_2_bytes |", 0),
            ("| SEM-2.21 | x | pending |", 0),
            ("| SEM-2 | x | pending |", 1),
        ];
        for (row, wanted) in cases {
            let found = check(&tree(&[(PATH, row), ("crates/a/src/c.rs", test)]));
            assert_eq!(found.len(), wanted, "{row}: {found:?}");
        }
    }

    #[test]
    fn a_proof_exists_or_says_pending() {
        let cases = [
            ("| SEM-1.1 | x | pending |", 0),
            ("| SEM-1.1 | x | test: crates/a/src/b.rs::plain |", 0),
            ("| SEM-1.1 | x | `test: crates/a/src/b.rs::timed`, `test: crates/a/src/b.rs::any` |", 0),
            ("| SEM-1.1 | x | test: crates/a/tests/own.rs::listed |", 0),
            ("| SEM-1.1 | x | test: crates/a/tests/own.rs::other |", 1),
            ("| SEM-1.1 | x | bench: idle-rss |", 0),
            ("| SEM-1.1 | x | ci: demo |", 0),
            ("| SEM-1.1 | x | ci: other |", 1),
            ("| SEM-1.1 | x | bench: other |", 1),
            ("| SEM-1.1 | x | test: crates/a/src/b.rs::helper |", 1),
            ("| SEM-1.1 | x | test: crates/a/src/b.rs::not_one |", 1),
            ("| SEM-1.1 | x | test: crates/a/src/b.rs::gone, pending |", 2),
            ("| SEM-1.1 | x | test: crates/a/src/gone.rs::plain |", 1),
            ("| SEM-1.1 | x | |", 1),
            ("| SEM-1.1 | x |", 1),
            ("| SEM-1.1 | x | pending |\n| SEM-1.1 | y | pending |", 1),
            ("", 1),
        ];
        for (row, wanted) in cases {
            assert_eq!(found(row), wanted, "{row}");
        }
    }
}
