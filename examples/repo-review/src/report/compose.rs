//! Findings become numbers, rows and text.

use serde::Serialize;

use super::findings::{Findings, Match, Search, Skipped};
use super::{markdown, shown};
use crate::error::Error;
use crate::history::Changed;

/// Lines that one search returns at most; as many mean that there may be more.
const SEARCH_MATCHES_MAX: usize = 1_000;

/// The answer of `report`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    /// For people.
    markdown: String,
    /// For programs: the same numbers, as JSON text with a line for each.
    json: String,
    /// The same again, as values.
    summary: Summary,
}

/// Every number of the report.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    pub(super) commit: String,
    pub(super) commits: u64,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) lines_added: u64,
    pub(super) lines_removed: u64,
    pub(super) files_searched: u64,
    pub(super) bytes_searched: u64,
    pub(super) skipped: Skipped,
    pub(super) private_keys: u64,
    pub(super) aws_keys: u64,
    pub(super) tokens: u64,
    /// The sum of the three above: lines, a line with two kinds twice.
    pub(super) credentials: u64,
    pub(super) conflict_markers: u64,
    /// Whether a search ended at its limit, so that its number is a lower bound.
    pub(super) incomplete: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) riskiest: Vec<Changed>,
}

/// A place that a person should look at.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// `private key`, `AWS access key`, `token` or `conflict marker`.
    pub(super) kind: &'static str,
    /// The path from the repository's root.
    pub(super) path: String,
    pub(super) line: u64,
    /// The masked secret; nothing for a marker.
    pub(super) shown: String,
}

/// Composes the report.
///
/// # Errors
/// [`Error::Encode`] never happens with these types; it is passed on all the same.
pub(crate) fn compose(found: &Findings) -> Result<Report, Error> {
    let history = &found.history;
    let kinds = [
        ("private key", &found.private_keys),
        ("AWS access key", &found.aws_keys),
        ("token", &found.tokens),
        ("conflict marker", &found.conflict_markers),
    ];
    let searches = kinds.map(|(_, search)| search);
    let findings = kinds.iter().flat_map(|(kind, search)| search.matches.iter().map(|line| finding(found, kind, line)));
    let (private_keys, aws_keys, tokens) = (count(&found.private_keys), count(&found.aws_keys), count(&found.tokens));
    let summary = Summary {
        commit: history.commit.clone(),
        commits: history.commits,
        files: history.files,
        bytes: history.bytes,
        lines_added: history.lines_added,
        lines_removed: history.lines_removed,
        // All searches walk the same files; the one that saw fewest bounds what all of them saw.
        files_searched: searches.iter().map(|search| search.files).min().unwrap_or(0),
        bytes_searched: searches.iter().map(|search| search.bytes).min().unwrap_or(0),
        skipped: found.private_keys.skipped,
        private_keys,
        aws_keys,
        tokens,
        credentials: private_keys + aws_keys + tokens,
        conflict_markers: count(&found.conflict_markers),
        incomplete: searches.iter().any(|search| search.matches.len() >= SEARCH_MATCHES_MAX),
        findings: findings.collect(),
        riskiest: history.riskiest.clone(),
    };
    let mut json = serde_json::to_string_pretty(&summary).map_err(Error::Encode)?;
    json.push('\n');
    Ok(Report { markdown: markdown::render(&summary), json, summary })
}

fn count(search: &Search) -> u64 {
    u64::try_from(search.matches.len()).unwrap_or(u64::MAX)
}

fn finding(found: &Findings, kind: &'static str, line: &Match) -> Finding {
    let inside = line.path.strip_prefix(&found.mount).and_then(|path| path.strip_prefix('/'));
    let path = inside.unwrap_or(&line.path).to_owned();
    let shown = if kind == "conflict marker" { String::new() } else { shown::mask(&line.text, line.column, line.cut) };
    Finding { kind, path, line: line.line, shown }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::compose;
    use crate::report::findings::Findings;

    fn search(matches: &Value) -> Value {
        let skipped = json!({"binary": 1, "large": 0, "links": 2, "special": 0, "unreadable": 0, "deep": 0});
        json!({"matches": matches, "files": 7, "bytes": 700, "skipped": skipped})
    }

    fn input(tokens: &Value, markers: &Value) -> Findings {
        let changed = json!({"path": "a|b.rs", "commits": 2, "lines_added": 3, "lines_removed": 1, "bytes": 9, "risk": 18, "last_changed": "2026-01-01"});
        let history = json!({"commit": "c0ffee", "commits": 2, "files": 8, "bytes": 800, "lines_added": 3, "lines_removed": 1, "riskiest": [changed]});
        let none = search(&json!([]));
        let value = json!({"mount": "repo", "history": history, "private_keys": none, "aws_keys": none, "tokens": search(tokens), "conflict_markers": search(markers)});
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn numbers_and_rows() {
        let secret = format!("{}{}", "ghp", "_0123456789abcdefghijklmnopqrstuvwxyz");
        let tokens = json!([{"path": "repo/e`vil\n.txt", "line": 3, "column": 5, "text": format!("t = {secret}")}]);
        let markers = json!([{"path": "repo/b", "line": 9, "column": 1, "text": "x"}, {"path": "repo/b", "line": 19, "column": 1, "text": "x"}]);
        let report = compose(&input(&tokens, &markers)).unwrap();
        let summary = &report.summary;
        assert_eq!((summary.tokens, summary.credentials, summary.conflict_markers), (1, 1, 2));
        assert_eq!((summary.files_searched, summary.bytes_searched, summary.skipped.links), (7, 700, 2));
        assert_eq!((summary.findings[0].path.as_str(), summary.findings[2].line), ("e`vil\n.txt", 19));
        for row in [
            "| token | `e\\u{60}vil\\u{a}.txt` | 3 | `ghp_... (40 characters)` |",
            "| `b` | 19 |",
            "| 1 | `a\\u{7c}b.rs` | 2 | 3 | 1 | 9 | 18 | 2026-01-01 |",
        ] {
            assert!(report.markdown.lines().any(|line| line == row), "{row}\n{}", report.markdown);
        }
        let all = serde_json::to_string(&report).unwrap();
        assert!(!all.contains(&secret) && !all.contains("0123456789"));
        assert_eq!(serde_json::from_str::<Value>(&report.json).unwrap(), serde_json::to_value(summary).unwrap());
    }

    #[test]
    fn the_same_findings_give_the_same_bytes() {
        let markers = json!([{"path": "repo/b", "line": 9, "column": 1, "text": "x"}]);
        let report = || serde_json::to_string(&compose(&input(&json!([]), &markers)).unwrap()).unwrap();
        assert_eq!(report(), report());
    }

    #[test]
    fn a_search_at_its_limit_is_said_to_be_incomplete() {
        let one = json!({"path": "repo/b", "line": 1, "column": 1, "text": "x"});
        let full = compose(&input(&json!([]), &json!(vec![one.clone(); 1_000]))).unwrap();
        assert!(full.summary.incomplete && full.markdown.contains("there may be more"));
        assert!(full.markdown.len() < 64 * 1024);
        let one_less = compose(&input(&json!([]), &json!(vec![one; 999]))).unwrap();
        assert!(!one_less.summary.incomplete);
    }

    #[test]
    fn a_clean_repository_is_said_to_be_so() {
        let report = compose(&input(&json!([]), &json!([]))).unwrap();
        assert_eq!(report.markdown.matches("None found.").count(), 2);
    }
}
