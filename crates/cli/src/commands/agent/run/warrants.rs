//! Who may have a call carried out here: a daemon of the installation, by a warrant for this worker, for a program that the worker's owner has
//! allowed.

use std::collections::BTreeSet;

use rustls::pki_types::CertificateDer;
use scalbotics_core::identity::SpiffeId;
use scalbotics_core::in_words;
use scalbotics_core::time::Timestamp;
use scalbotics_core::worker::CallWarrant;
use scalbotics_identity::holder::worker_warrant::Verifier;
use scalbotics_proto::v1;

/// What warrants are judged by.
#[derive(Debug)]
pub(super) struct Judge {
    /// Whose signatures count.
    pub(super) verifier: Verifier,
    /// Whom warrants have to be for.
    pub(super) me: SpiffeId,
    /// Which programs may be run, by absolute path.
    pub(super) allowed: BTreeSet<String>,
    /// Which variables a tool's file may set: some make any program another one.
    pub(super) allowed_env: BTreeSet<String>,
}

impl Judge {
    /// The warrant of an assignment, where nothing about it is wrong.
    ///
    /// # Errors
    /// Which attempt it would be of, where that can be told, and why nothing begins.
    pub(super) fn judge(
        &self,
        assignment: &v1::Assignment,
        now: Timestamp,
    ) -> Result<CallWarrant, (Option<v1::AttemptName>, String)> {
        let chain: Vec<CertificateDer<'_>> = assignment.chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
        let verified = self.verifier.verify(&assignment.warrant, &assignment.signature, &chain, now);
        let parsed = CallWarrant::parse(&assignment.warrant);
        let name = parsed.as_ref().ok().map(name_of);
        let judged = verified.map_err(|error| in_words(&error)).and_then(|()| {
            let warrant = parsed.map_err(|void| void.to_string())?;
            warrant.check(&self.me, &assignment.arguments, now).map_err(|void| void.to_string())?;
            let program = warrant.argv.first().map(String::as_str).unwrap_or_default();
            if !self.allowed.contains(program) {
                return Err(format!("the worker's owner has not allowed `{program}`: start it with `--allow {program}`"));
            }
            if let Some(name) = warrant.env.keys().find(|name| !self.allowed_env.contains(*name)) {
                return Err(format!("the worker's owner has not allowed variable `{name}`: start it with `--allow-env {name}`"));
            }
            Ok(warrant)
        });
        judged.map_err(|why| (name, why))
    }
}

/// The name of the attempt that a warrant is for.
pub(super) fn name_of(warrant: &CallWarrant) -> v1::AttemptName {
    v1::AttemptName { effect: warrant.effect.to_string(), attempt: warrant.attempt }
}
