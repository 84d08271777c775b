//! Limits of a workflow, each with its unit and reason.

/// Longest file, in bytes of its canonical JSON; forty times a long workflow.
pub const FILE_LEN_MAX: usize = 64 << 10;

/// Most steps; a person cannot review more.
pub const STEPS_MAX: usize = 100;

/// Most items of one `for_each`; each may be a journalled call.
pub const ITEMS_MAX: u32 = 1_000;

/// Longest pattern of a goal, in bytes.
pub const GOAL_LEN_MAX: usize = 512;

/// Longest id of a step and longest name of an item, in bytes.
pub const STEP_ID_LEN_MAX: usize = 63;

/// Deepest nesting of a template or a condition.
pub const TEMPLATE_DEPTH_MAX: usize = 32;
