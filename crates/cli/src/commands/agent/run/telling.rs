//! What the owner of a worker sees: a line for each call.

use scalbotics_core::worker::End;
use serde_json::json;

use super::desk::Happened;
use super::program::Became;
use crate::failure::Failure;
use crate::output::{Printer, escape, pad};

/// Width of the column of tools.
const TOOL_WIDTH: usize = 24;

/// Prints what became of a call.
pub(super) fn tell(happened: &Happened, printer: &Printer) -> Result<(), Failure> {
    let (word, detail) = words(&happened.became);
    let Happened { key, tool, .. } = happened;
    let item = json!({ "effect": key.effect, "attempt": key.attempt, "tool": tool, "became": word, "detail": detail });
    printer.item(&item, || format!("{} {}  {word}  {}", pad(&escape(tool), TOOL_WIDTH), key.effect, escape(&detail)))
}

fn words(became: &Became) -> (&'static str, String) {
    match became {
        Became::NotBegun(why) => ("not_begun", why.clone()),
        Became::Ended { how, .. } => match how {
            End::Exited(code) => ("exited", code.to_string()),
            End::Killed(signal) => ("killed", format!("signal {signal}")),
            End::Cut(cut) => (cut.word(), String::new()),
        },
    }
}
