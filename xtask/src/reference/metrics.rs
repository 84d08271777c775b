//! The page of metrics, from where their names are declared.

use std::path::Path;

use anyhow::{Result, ensure};

use super::page::{Page, read};

/// Declarations, each a sentence and a constant behind it.
const SOURCES: [&str; 2] = ["crates/runtime/src/metrics/names.rs", "crates/daemon/src/rpc/metrics.rs"];

/// The page.
///
/// # Errors
/// When a source cannot be read, or declares nothing.
pub(super) fn page(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "metrics.md",
        "Metrics",
        &SOURCES.join(" and "),
        "`http://ADMIN/metrics` shows them as OpenMetrics text; the address is `server.admin_listen`. Labels have few values, and never a name that a caller gave.\nA histogram has `_bucket`, `_sum` and `_count` behind its name.",
    );
    let mut all = Vec::new();
    for source in SOURCES {
        let found = declared(&read(root, source)?);
        ensure!(!found.is_empty(), "{source} declares no metric");
        all.extend(found);
    }
    all.sort();
    let rows: String = all.iter().map(|(name, meaning)| format!("| `{name}` | {} | {meaning} |\n", kind(name))).collect();
    page.add(&format!("| metric | kind | meaning |\n|---|---|---|\n{rows}"));
    Ok(page)
}

/// By the endings that names have: `_total` of counters, the unit of histograms, `_timestamp_seconds` of a moment.
fn kind(name: &str) -> &'static str {
    match name {
        _ if name.ends_with("_total") => "counter",
        _ if name.ends_with("_seconds") && !name.ends_with("_timestamp_seconds") => "histogram",
        _ => "gauge",
    }
}

/// Names and their sentences.
fn declared(source: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let pairs = lines.windows(2).filter_map(|pair| match pair {
        [sentence, constant] => Some((sentence.strip_prefix("/// ")?, constant.strip_prefix("pub const ")?)),
        _ => None,
    });
    let named = pairs.filter_map(|(sentence, constant)| Some((constant.split('"').nth(1)?, sentence)));
    named
        .filter(|(name, _)| name.starts_with("scalbotics_"))
        .map(|(name, sentence)| (name.to_owned(), sentence.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{declared, kind};

    #[test]
    fn names_are_found_with_their_sentences() {
        let source = "/// Tasks, by `status`.\npub const A: &str = \"scalbotics_a_total\";\n/// Most.\npub const B: usize = 1;\n/// C.\npub struct C;\n";
        assert_eq!(declared(source), [("scalbotics_a_total".to_owned(), "Tasks, by `status`.".to_owned())]);
        assert_eq!(
            [kind("a_total"), kind("a_seconds"), kind("a"), kind("a_timestamp_seconds")],
            ["counter", "histogram", "gauge", "gauge"]
        );
    }
}
