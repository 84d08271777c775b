//! The book: its table of contents names every page, and every link of a page leads to a place in the book.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::chains::beside;
use super::documents::documents;

/// Where the pages are.
const PAGES: &str = "docs/book/src";

/// The table of contents, which is no page of its own (mdBook guide, *SUMMARY.md*).
const SUMMARY: &str = "SUMMARY.md";

/// Pages by path from `PAGES`.
fn pages() -> BTreeMap<PathBuf, String> {
    let documents = documents().into_iter();
    documents.filter_map(|(path, text)| Some((path.strip_prefix(PAGES).ok()?.to_owned(), text))).collect()
}

/// Targets of `[text](target)` outside of code, with their lines counted from 1.
fn links(text: &str) -> Vec<(usize, &str)> {
    let (mut found, mut in_block) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        in_block ^= line.starts_with("```");
        if in_block {
            continue;
        }
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.filter(|target| !target.contains("://")).map(|target| (at + 1, target)));
    }
    found
}

/// Ids that mdBook gives headings: lower case, blanks as `-`, other signs gone, a number behind one that was there before.
fn anchors(text: &str) -> BTreeSet<String> {
    let (mut found, mut in_block) = (BTreeSet::new(), false);
    for line in text.lines() {
        in_block ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if in_block || heading.len() == line.len() || !heading.starts_with(' ') {
            continue;
        }
        let plain = heading.trim().chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || "-_".contains(*c));
        let id: String = plain.map(|c| if c.is_whitespace() { '-' } else { c.to_ascii_lowercase() }).collect();
        let again = (1..).map(|n| format!("{id}-{n}")).find(|other| !found.contains(other)).unwrap_or_default();
        found.insert(if found.contains(&id) { again } else { id });
    }
    found
}

fn faults(pages: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (path, text) in pages {
        let mut fault = |line: usize, what: String| faults.push(format!("{PAGES}/{}:{line}: {what}", path.display()));
        if !text.starts_with("# ") {
            fault(1, "a page begins with its title".to_owned());
        }
        if text.lines().filter(|line| line.starts_with("```")).count() % 2 != 0 {
            fault(0, "a fence is not closed".to_owned());
        }
        for (line, target) in links(text) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let other = if file.is_empty() { path.clone() } else { beside(path, file) };
            match pages.get(&other) {
                None => fault(line, format!("`{target}` leads to no page of the book")),
                Some(text) if !anchor.is_empty() && !anchors(text).contains(anchor) => {
                    fault(line, format!("`{target}` leads to no heading"));
                }
                Some(_) => {}
            }
        }
    }
    let listed = pages.get(Path::new(SUMMARY)).map(|text| links(text)).unwrap_or_default();
    let listed: Vec<PathBuf> = listed.into_iter().map(|(_, target)| PathBuf::from(target)).collect();
    for path in pages.keys().filter(|path| *path != Path::new(SUMMARY)) {
        let times = listed.iter().filter(|other| *other == path).count();
        if times != 1 {
            faults.push(format!("{PAGES}/{SUMMARY} names {} {times} times", path.display()));
        }
    }
    faults
}

#[test]
fn the_book_is_whole() {
    let pages = pages();
    let faults = faults(&pages);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for folder in ["tutorial", "how-to", "reference", "explanation"] {
        assert!(pages.keys().any(|page| page.starts_with(folder)), "the book has no {folder}");
    }
    let settings = std::fs::read_to_string(crate::root().unwrap().join(PAGES).join("../book.toml")).unwrap();
    let settings: toml::Table = toml::from_str(&settings).unwrap();
    assert_eq!(settings["book"]["src"].as_str(), Some("src"));
}

#[test]
fn faults_of_a_book_are_found() {
    let check = |pages: &[(&str, &str)], wanted: usize| {
        let pages = pages.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect();
        let found = faults(&pages);
        assert_eq!(found.len(), wanted, "{found:?}");
    };
    let summary = (SUMMARY, "# S\n- [a](t/a.md)\n");
    check(&[summary, ("t/a.md", "# A b\n[x](#a-b) [y](../t/a.md#c-1) [z](https://z.example/a.md)\n## C\n## `c`!\n")], 0);
    check(&[summary, ("t/a.md", "# A\n```text\n[x](gone.md)\n```\n")], 0);
    check(&[summary], 1);
    check(&[summary, ("t/a.md", "# A\n"), ("b.md", "# B\n")], 1);
    check(&[summary, ("t/a.md", "A\n")], 1);
    check(&[summary, ("t/a.md", "# A\n```text\n")], 1);
    check(&[summary, ("t/a.md", "# A\n[x](b.md) [y](#b) [z](../../README.md)\n")], 3);
    check(&[(SUMMARY, "# S\n[a](a.md) [again](a.md)\n"), ("a.md", "# A\n")], 1);
}
