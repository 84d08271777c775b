//! The page of error codes: the pages of `docs/errors/`, one below the other.

use std::path::Path;

use anyhow::Result;

use super::page::{Page, names, read};

/// Where the pages are.
const FOLDER: &str = "docs/errors";

/// Headings of a page, and what stands for them here; `cargo xtask tidy` sees to it that each page has them.
const PARTS: [(&str, &str); 3] =
    [("## What happened\n", ""), ("## Why\n", "**Why.**\n"), ("## What to do\n", "**What to do.**\n")];

/// The page.
///
/// # Errors
/// When a source cannot be read.
pub(super) fn page(root: &Path) -> Result<Page> {
    let mut page = Page::new(
        "errors.md",
        "Error codes",
        FOLDER,
        "What goes wrong has a code, in brackets behind the error and under `code` with `-o json`. A code is never used again for something else.",
    );
    for code in names(root, FOLDER, ".md")? {
        page.add(&section(&read(root, &format!("{FOLDER}/{code}.md"))?));
    }
    Ok(page)
}

fn section(text: &str) -> String {
    let section = PARTS.iter().fold(format!("#{text}"), |section, (heading, words)| section.replacen(heading, words, 1));
    let mut lines: Vec<&str> = section.lines().collect();
    // A heading that is gone leaves two empty lines.
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn a_page_becomes_a_section() {
        let page = "# A_B\n\n## What happened\n\nIt broke.\n\n## Why\n\nSo.\n\n## What to do\n\n- Mend it.\n";
        assert_eq!(section(page), "## A_B\n\nIt broke.\n\n**Why.**\n\nSo.\n\n**What to do.**\n\n- Mend it.");
    }
}
