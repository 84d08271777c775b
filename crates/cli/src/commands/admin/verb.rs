//! Verbs of `admin`.

use clap::Subcommand;
use scalbotics_proto::v1::privacy_service_client::PrivacyServiceClient;
use tonic::transport::Channel;

use super::erase::{self, EraseArgs};
use super::hold::{self, HoldVerb};
use super::retention::{self, RetentionVerb};
use crate::failure::Failure;
use crate::output::{Confirm, Printer};
use crate::session::Session;

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
}

/// The service's client.
pub(super) fn client(session: &Session) -> PrivacyServiceClient<Channel> {
    PrivacyServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Erase(args) => erase::run(session, args, confirm, printer).await,
        Verb::Hold(verb) => hold::run(session, verb, confirm, printer).await,
        Verb::Retention(verb) => retention::run(session, verb, confirm, printer).await,
    }
}
