//! Whether a place that only holds what it is given may take a checkpoint.

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::ports::KeepError;

/// Says no to a note that goes back, or to another history of the log, than the note that the place holds; a place without one takes any.
///
/// # Errors
/// [`KeepError::Knows`], [`KeepError::Forked`], [`KeepError::Refused`] for what is no checkpoint, or one of another log.
pub fn judge(held: Option<&str>, note: &str) -> Result<(), KeepError> {
    let refused = |why: &str| KeepError::Refused { why: why.to_owned() };
    let fresh = Checkpoint::of_note(note).map_err(|error| refused(&error.to_string()))?;
    let Some(held) = held else { return Ok(()) };
    let held = Checkpoint::of_note(held).map_err(|_| refused("the place holds something else than a checkpoint"))?;
    if held.origin != fresh.origin {
        return Err(refused("the place holds a checkpoint of another log"));
    }
    if held.size > fresh.size {
        return Err(KeepError::Knows { size: held.size });
    }
    if held.size == fresh.size && held.root != fresh.root {
        return Err(KeepError::Forked);
    }
    Ok(())
}
