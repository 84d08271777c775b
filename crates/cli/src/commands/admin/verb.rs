//! Verbs of `admin`.

use clap::Subcommand;
use scalbotics_proto::v1::privacy_service_client::PrivacyServiceClient;

use super::erase::{self, EraseArgs};
use super::hold::{self, HoldVerb};
use super::retention::{self, RetentionVerb};
use crate::commands::exec_verb;
use crate::failure::Failure;
use crate::output::{Confirm, Printer};
use crate::session::{Proving, Session};
use crate::tree::Passed;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Erase what a task, or a human, was given, said and was answered; the audit log still verifies.
    #[command(before_help = "Example: scalbotics admin erase --task task_01K9… --reason 'asked for by the customer' --dry-run")]
    Erase(EraseArgs),
    /// Legal holds: what must not be erased.
    #[command(subcommand, alias = "holds")]
    Hold(HoldVerb),
    /// How long matter is kept, and how the work of erasing stands.
    #[command(subcommand)]
    Retention(RetentionVerb),
    /// Copy the database while tasks run, verified and signed; on the host of the daemon.
    #[command(disable_help_flag = true)]
    Backup(Passed),
    /// Put a backup in the place of a lost database; on the host of the daemon, which is stopped.
    #[command(disable_help_flag = true)]
    Restore(Passed),
    /// A clock that stepped forward, by which nobody is judged: say that it is right; on the host of the daemon.
    #[command(disable_help_flag = true)]
    Clock(Passed),
    /// Start the daemon though no witness confirms its log; on its host.
    #[command(disable_help_flag = true)]
    Start(Passed),
}

/// Runs a verb that is about the host; nothing for one that asks the daemon.
pub(crate) fn offline(verb: &Verb) -> Option<Result<(), Failure>> {
    let exec = |name: &str, passed: &Passed| {
        let words = std::iter::once(name.into()).chain(passed.arguments.iter().cloned()).collect::<Vec<_>>();
        Some(exec_verb("admin", &words))
    };
    match verb {
        Verb::Backup(passed) => exec("backup", passed),
        Verb::Restore(passed) => exec("restore", passed),
        Verb::Clock(passed) => exec("clock", passed),
        Verb::Start(passed) => exec("start", passed),
        Verb::Erase(_) | Verb::Hold(_) | Verb::Retention(_) => None,
    }
}

/// The service's client.
pub(super) fn client(session: &Session) -> PrivacyServiceClient<Proving> {
    PrivacyServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Erase(args) => erase::run(session, args, confirm, printer).await,
        Verb::Hold(verb) => hold::run(session, verb, confirm, printer).await,
        Verb::Retention(verb) => retention::run(session, verb, confirm, printer).await,
        Verb::Backup(_) | Verb::Restore(_) | Verb::Clock(_) | Verb::Start(_) => Ok(()),
    }
}
