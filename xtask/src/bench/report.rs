//! What is printed: progress as it happens, and the table or JSON at the end.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use serde_json::json;

use super::figure::{Bound, Figure};
use crate::say;

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Table,
    /// One JSON object on standard output; progress is on standard error.
    Json,
}

/// Where lines go.
#[derive(Debug)]
pub(super) struct Report(Format);

impl Report {
    pub(super) const fn new(format: Format) -> Self {
        Self(format)
    }

    /// Says what is being done.
    pub(super) fn say(&self, text: &str) {
        match self.0 {
            Format::Table => say::line(text),
            // A reader that went away does not stop the measurement.
            Format::Json => drop(writeln!(std::io::stderr().lock(), "{text}")),
        }
    }

    /// Prints the result.
    pub(super) fn print(&self, figures: &[Figure], notes: &[String]) -> Result<()> {
        match self.0 {
            Format::Table => {
                say::line("");
                table(figures).iter().for_each(|line| say::line(line));
                say::line("");
                notes.iter().for_each(|note| say::line(&format!("- {note}")));
                let missed = figures.iter().filter(|figure| !figure.is_reached()).count();
                say::line(&format!("\nbench: {} figures, {missed} missed", figures.len()));
            }
            Format::Json => {
                let of = |figure: &Figure| -> Result<serde_json::Value> {
                    let mut value = serde_json::to_value(figure).context("a figure has no JSON form")?;
                    if let Some(fields) = value.as_object_mut() {
                        fields.insert("verdict".to_owned(), json!(figure.verdict()));
                    }
                    Ok(value)
                };
                let figures = figures.iter().map(of).collect::<Result<Vec<_>>>()?;
                say::line(&json!({ "figures": figures, "notes": notes }).to_string());
            }
        }
        Ok(())
    }
}

/// The lines of the table.
fn table(figures: &[Figure]) -> Vec<String> {
    let shown = |value: f64, unit: &str| format!("{value:.2} {unit}").trim_end().to_owned();
    let head = ["id", "measured", "limit", "goal", "verdict", "what"].map(str::to_owned);
    let rows = figures.iter().map(|figure| {
        let goal = figure.goal.map_or_else(|| "-".to_owned(), |goal| shown(goal, figure.unit));
        let limit = match figure.limit {
            Bound::Most(limit) => shown(limit, figure.unit),
            Bound::Least(limit) => format!("at least {}", shown(limit, figure.unit)),
            Bound::Open => "-".to_owned(),
        };
        let measured = shown(figure.measured, figure.unit);
        [figure.id.to_owned(), measured, limit, goal, figure.verdict().to_owned(), figure.what.clone()]
    });
    let rows: Vec<[String; 6]> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::figure::{Bound, Figure};
    use super::table;

    #[test]
    fn a_row_says_all_of_a_figure() {
        let figure =
            Figure { id: "x", what: "p50 of 3".to_owned(), measured: 1.5, unit: "", limit: Bound::Most(4.0), goal: None };
        let lines = table(&[figure]);
        let words: Vec<&str> = lines.get(1).map(|line| line.split_whitespace().collect()).unwrap_or_default();
        assert_eq!(words, ["x", "1.50", "4.00", "-", "ok", "p50", "of", "3"]);
    }
}
