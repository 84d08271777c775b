//! What a program printed, read as data: the promised result, and its own words where it failed.

use super::Definition;
use crate::payload;

/// Bytes of standard error in a reason.
const SAID_BYTES_MAX: usize = 2048;

impl Definition {
    /// Checks that output which is promised to be JSON is whole, within what can be stored, and of the promised shape; `total` is how many bytes
    /// there were before anything was cut off.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check_output(&self, output: &[u8], total: u64) -> Result<(), String> {
        let Some(schema) = &self.output else { return Ok(()) };
        if total > output.len() as u64 {
            return Err(format!("its output of {total} bytes is longer than allowed"));
        }
        let not_promised = |why: String| format!("its output is not the JSON that its manifest promises: {why}");
        let value = crate::json::parse_within(output, payload::LEN_MAX).map_err(|error| not_promised(error.to_string()))?;
        schema.check(&value).map_err(|violation| not_promised(violation.to_string()))
    }
}

/// What a program wrote on standard error, as the end of a sentence: shortened and without control characters, to be read as data.
#[must_use]
pub fn said(stderr: &[u8]) -> String {
    let head = stderr.get(..SAID_BYTES_MAX).unwrap_or(stderr);
    let text = String::from_utf8_lossy(head);
    let text = text.trim().chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect::<String>();
    if text.is_empty() { String::new() } else { format!("; it said: {text}") }
}
