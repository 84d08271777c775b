//! Named failpoints: places where a test build can be told to die, one before and one after every commit, effect send
//! and effect reply. The shipped binary has the names and no code behind them.

/// Every failpoint of the workspace, in the order of a task's way. `cargo xtask tidy` compares them with the call sites.
pub const NAMES: &[&str] = &[
    "commit.before",
    "commit.after",
    "effect.send.before",
    "effect.send.after",
    "effect.reply.before",
    "effect.reply.after",
    "verify.before",
    "verify.after",
    "svid.enter.before",
    "svid.enter.after",
    "erase.before",
    "erase.after",
    "keys.before",
    "keys.after",
    "rewrap.before",
    "rewrap.after",
    "restore.copy.before",
    "restore.copy.after",
    "restore.rewrite.after",
    "restore.anchor.after",
    "restore.aside.after",
    "restore.swap.after",
    "restore.standings.after",
    "restore.done.after",
];

/// Runs the hook of the named failpoint in a test build; nothing at all in the shipped one.
///
/// The hook is `crate::failpoint::hit(name)` of the crate in which it stands, present under its `failpoints` feature.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::hit($name);
    };
}

/// What a test build does at a failpoint.
#[cfg(feature = "failpoints")]
pub type Hook = fn(&'static str);

#[cfg(feature = "failpoints")]
static HOOK: std::sync::OnceLock<Hook> = std::sync::OnceLock::new();

/// Sets the hook of this process, once.
#[cfg(feature = "failpoints")]
pub fn install(hook: Hook) {
    let _already_set = HOOK.set(hook);
}

/// Runs the hook, if one is set.
#[cfg(feature = "failpoints")]
pub fn hit(name: &'static str) {
    if let Some(hook) = HOOK.get() {
        hook(name);
    }
}
