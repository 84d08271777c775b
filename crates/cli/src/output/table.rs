//! Aligned text for people: tables and details, by the width that characters take on a terminal.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use super::escape;

/// Spaces between two columns.
const GAP: u16 = 2;

/// Rows of cells under their heads; cells are safe already.
pub(super) fn table(heads: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(heads);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}

/// Heads and cells, a line each.
pub(super) fn detail(lines: &[(String, String)]) -> String {
    let width = lines.iter().map(|(head, _)| head.width()).max().unwrap_or(0);
    let lines: Vec<String> = lines.iter().map(|(head, cell)| format!("{}  {cell}", pad(head, width))).collect();
    lines.join("\n")
}

/// Safe text, filled up with spaces to `width` columns of a terminal.
pub(crate) fn pad(text: &str, width: usize) -> String {
    let mut text = escape(text);
    let missing = width.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// The value at `pointer` as one line of safe text.
pub(super) fn cell(item: &Value, pointer: &str) -> String {
    match item.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => escape(text),
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(escape).collect::<Vec<_>>().join(", ")
        }
        Some(other) => escape(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_they_hold() {
        let heads = ["NAME".to_owned(), "STATE".to_owned()];
        let rows = [["日本", "ok"], ["", "first is empty"], ["a", ""]];
        let text = table(&heads, rows.iter().map(|row| row.iter().map(ToString::to_string).collect()));
        assert_eq!(text, "NAME  STATE\n日本  ok\n      first is empty\na");
    }

    #[test]
    fn hostile_cells_stay_in_their_line() {
        let item = serde_json::json!({ "a": "x\ny\u{1b}[2J", "b": ["p\r", "q"], "c": { "k\u{202e}": 1 }, "d": null });
        assert_eq!(cell(&item, "/a"), "x\\u{a}y\\u{1b}[2J");
        assert_eq!(cell(&item, "/b"), "p\\u{d}, q");
        assert_eq!(cell(&item, "/c"), "{\"k\\u{202e}\":1}");
        assert_eq!(cell(&item, "/d") + &cell(&item, "/e"), "");
    }

    #[test]
    fn padding_counts_columns() {
        assert_eq!(pad("日本", 6), "日本  ");
        assert_eq!(pad("longer than that", 3), "longer than that");
        assert_eq!(pad("\u{200b}", 4), "\\u{200b}");
    }
}
