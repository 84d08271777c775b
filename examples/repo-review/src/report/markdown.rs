//! The report as Markdown.

use std::fmt::Write as _;

use super::compose::{Finding, Summary};
use super::shown::escape;

/// Rows of one table of findings; the numbers above tell how many there are.
const ROWS_MAX: usize = 100;

/// The report.
pub(super) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a text cannot fail.
    let _ = write(&mut out, summary);
    out
}

fn write(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(out, "# Review of the repository\n")?;
    writeln!(out, "Commit `{}`.\n", escape(&summary.commit))?;
    writeln!(out, "| What | Number |\n|---|---:|")?;
    let numbers = [
        ("lines that look like credentials", summary.credentials),
        ("- private keys", summary.private_keys),
        ("- AWS access keys", summary.aws_keys),
        ("- tokens", summary.tokens),
        ("conflict markers", summary.conflict_markers),
        ("commits, merges left out", summary.commits),
        ("lines added by them", summary.lines_added),
        ("lines removed by them", summary.lines_removed),
        ("files", summary.files),
        ("bytes", summary.bytes),
        ("files searched", summary.files_searched),
        ("bytes searched", summary.bytes_searched),
    ];
    for (what, number) in numbers {
        writeln!(out, "| {what} | {number} |")?;
    }
    let (markers, credentials): (Vec<_>, Vec<_>) = summary.findings.iter().partition(|found| found.shown.is_empty());
    writeln!(out, "\n## Credentials\n")?;
    table(out, &credentials, "| Kind | File | Line | Shown |\n|---|---|---:|---|", |found| {
        format!("| {} | `{}` | {} | `{}` |", found.kind, escape(&found.path), found.line, found.shown)
    })?;
    writeln!(out, "\n## Conflict markers\n")?;
    table(out, &markers, "| File | Line |\n|---|---:|", |found| format!("| `{}` | {} |", escape(&found.path), found.line))?;
    riskiest(out, summary)?;
    not_searched(out, summary)
}

fn table(out: &mut String, found: &[&Finding], head: &str, row: impl Fn(&Finding) -> String) -> std::fmt::Result {
    if found.is_empty() {
        return writeln!(out, "None found.");
    }
    writeln!(out, "{head}")?;
    for found in found.iter().take(ROWS_MAX) {
        writeln!(out, "{}", row(found))?;
    }
    match found.len().saturating_sub(ROWS_MAX) {
        0 => Ok(()),
        more => writeln!(out, "\n{more} more are not listed here."),
    }
}

fn riskiest(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(out, "\n## Riskiest files\n")?;
    writeln!(out, "Risk is commits × bytes. Lock files are not ranked; renames are not followed.\n")?;
    writeln!(
        out,
        "| | File | Commits | Added | Removed | Bytes | Risk | Last changed |\n|---:|---|---:|---:|---:|---:|---:|---|"
    )?;
    for (place, file) in (1..).zip(&summary.riskiest) {
        writeln!(
            out,
            "| {place} | `{}` | {} | {} | {} | {} | {} | {} |",
            escape(&file.path),
            file.commits,
            file.lines_added,
            file.lines_removed,
            file.bytes,
            file.risk,
            escape(&file.last_changed),
        )?;
    }
    Ok(())
}

fn not_searched(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let skipped = summary.skipped;
    writeln!(out, "\n## Not searched\n")?;
    writeln!(
        out,
        "History: only what is checked out was searched. Files left out: {} binary, {} large, {} links, {} special, {} unreadable, {} too deep.",
        skipped.binary, skipped.large, skipped.links, skipped.special, skipped.unreadable, skipped.deep
    )?;
    if summary.incomplete {
        writeln!(out, "\nA search ended at its limit: there may be more than the numbers say.")?;
    }
    Ok(())
}
