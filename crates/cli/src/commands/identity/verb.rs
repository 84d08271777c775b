//! Verbs of `identity`.

use clap::Subcommand;
use scalbotics_proto::v1;
use scalbotics_proto::v1::identity_service_client::IdentityServiceClient;
use serde_json::json;

use super::ca::{self, CaVerb};
use super::svid::{self, SvidVerb};
use crate::commands::exec_verb;
use crate::failure::Failure;
use crate::output::{Confirm, Format, Printer, column, escape, print_data};
use crate::session::{Proving, Session};
use crate::tree::Passed;

/// Verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// The issuing CAs, which sign certificates one after another.
    #[command(subcommand)]
    Ca(CaVerb),
    /// Certificates of agents.
    #[command(subcommand)]
    Svid(SvidVerb),
    /// The trust bundle: the root certificates by which everybody verifies.
    #[command(subcommand)]
    Bundle(BundleVerb),
    /// Outside issuers, by which people log in: add, list, remove; on the host of the daemon, in its configuration.
    #[command(disable_help_flag = true, alias = "issuers")]
    Issuer(Passed),
}

/// Runs a verb that is about the host; nothing for one that asks the daemon.
pub(crate) fn offline(verb: &Verb) -> Option<Result<(), Failure>> {
    match verb {
        Verb::Issuer(passed) => Some(exec_verb("issuer", &passed.arguments)),
        Verb::Ca(_) | Verb::Svid(_) | Verb::Bundle(_) => None,
    }
}

/// Verbs of `identity bundle`.
#[derive(Debug, Subcommand)]
pub(crate) enum BundleVerb {
    /// Show the root certificates; with -o json, for programs.
    #[command(before_help = "Example: scalbotics identity bundle show")]
    Show,
}

/// The service's client.
pub(super) fn client(session: &Session) -> IdentityServiceClient<Proving> {
    IdentityServiceClient::new(session.channel.clone())
}

/// Runs a verb.
pub(crate) async fn run(session: &Session, verb: &Verb, confirm: Confirm, printer: &Printer) -> Result<(), Failure> {
    match verb {
        Verb::Ca(verb) => ca::run(session, verb, confirm, printer).await,
        Verb::Svid(verb) => svid::run(session, verb, printer).await,
        Verb::Bundle(BundleVerb::Show) => {
            let bundle = client(session).get_trust_bundle(session.request(v1::GetTrustBundleRequest {})?).await?.into_inner();
            let value = json!({"trust_domain": bundle.trust_domain, "certificates": bundle.certificates});
            if matches!(printer.format, Format::Table | Format::Wide) && printer.fields.is_none() {
                // As openssl and curl read it: what is around the certificates is said beside.
                printer.note(&format!("roots of {}", bundle.trust_domain));
                return print_data(&bundle.certificates.trim_end().lines().map(escape).collect::<Vec<_>>().join("\n"));
            }
            printer.one(&value, &[column("trust domain", "/trust_domain"), column("certificates", "/certificates")])
        }
        Verb::Issuer(_) => Ok(()),
    }
}
