//! Watching what the API has no stream of: the same read every few seconds, through restarts of the daemon and ends of tokens.

use std::time::Duration;

use crate::failure::{Exit, Failure};
use crate::session::Session;

/// Time between two looks: a person does not notice it, and each look is a record of the audit log.
const PAUSE: Duration = Duration::from_secs(2);

/// Waits until the next look is due, and sees to it that its token will count.
///
/// # Cancel safety
/// Cancel safe: at worst a token is exchanged that nobody uses.
pub(super) async fn pause(session: &mut Session) -> Result<(), Failure> {
    tokio::time::sleep(PAUSE).await;
    match session.renew().await {
        // The look itself finds that nobody answers.
        Err(failure) if is_away(&failure) => Ok(()),
        renewed => renewed,
    }
}

/// Whether it says that the daemon does not answer just now, as while it is started again; a watch goes on then.
pub(super) fn is_away(failure: &Failure) -> bool {
    match failure.exit {
        Exit::Unreachable | Exit::TimedOut => true,
        Exit::Failed
        | Exit::Usage
        | Exit::NotLoggedIn
        | Exit::Denied
        | Exit::Waiting
        | Exit::Conflict
        | Exit::NotFound
        | Exit::Closed => false,
    }
}
