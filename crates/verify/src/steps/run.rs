//! All steps in their order.

use super::{
    approvals, calls, certificates, decisions, installation, log, openings, policies, secrets, story, submission, token, tools,
};
use crate::Refusal;
use crate::bundle::{BUNDLE_LEN_MAX, Bundle};
use crate::json::Document;
use crate::report::{Found, Report};
use crate::trust::Trust;

/// What is asked of a verification.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the evidence of a task that has not ended is accepted: its story may go on, and what is cut off cannot be seen.
    pub open: bool,
}

/// Verifies a bundle against a trust file; without one it is refused, after everything that needs none was looked at.
#[must_use]
pub fn verify(bundle: &[u8], trust: Option<&[u8]>, options: Options) -> Report {
    let mut report = Report::default();
    let document = match read(bundle) {
        Ok(document) => document,
        Err(refusal) => {
            report.add("form", Err(refusal));
            return report;
        }
    };
    report.add("form", Ok(Found::new(format!("{} bytes of canonical JSON", bundle.len()))));
    let bundle = match Bundle::of(document.root()).and_then(not_empty) {
        Ok(bundle) => bundle,
        Err(refusal) => {
            report.add("schema", Err(refusal));
            return report;
        }
    };
    report.add("schema", Ok(Found::new(format!("{} records of {}", bundle.records.len(), crate::fields::shown(bundle.task)))));
    let trust =
        trust.map_or_else(|| Err(Refusal::new("trust", "", "there is no trust file, so nothing here is proven")), Trust::read);
    report.add("trust", trust.as_ref().map_err(Clone::clone).and_then(|trust| trusted(&bundle, trust)));
    steps(&bundle, trust.as_ref().ok(), options, &mut report);
    report
}

fn read(bundle: &[u8]) -> Result<Document<'_>, Refusal> {
    if bundle.len() > BUNDLE_LEN_MAX {
        return Err(Refusal::new("form", "", "the bundle is longer than 64 MiB"));
    }
    Document::read(bundle)
}

fn not_empty(bundle: Bundle<'_>) -> Result<Bundle<'_>, Refusal> {
    if bundle.submitted().is_none() {
        return Err(Refusal::new("sequence", "log.records", "there is no record of the task"));
    }
    Ok(bundle)
}

fn trusted(bundle: &Bundle<'_>, trust: &Trust) -> Result<Found, Refusal> {
    if trust.trust_domain != bundle.trust_domain {
        let what = format!("the trust file is of `{}`", crate::fields::shown(&trust.trust_domain));
        return Err(Refusal::new("trust", "trust_domain", what));
    }
    let mut found = Found::new(format!("trust domain {}", bundle.trust_domain));
    if trust.dev {
        found.said.push_str("; dev: approver keys not separated");
    }
    Ok(found)
}

fn steps(bundle: &Bundle<'_>, trust: Option<&Trust>, options: Options, report: &mut Report) {
    report.add("checkpoint", log::checkpoint(bundle, trust));
    report.add("inclusion", log::inclusion(bundle));
    report.add("installation", installation::check(bundle, trust));
    report.add("certificates", certificates::check(bundle, trust));
    report.add("openings", openings::check(bundle));
    report.add("submission", submission::check(bundle));
    report.add("story", story::check(bundle));
    report.add("calls", calls::check(bundle));
    report.add("tools", tools::check(bundle));
    report.add("secrets", secrets::check(bundle));
    report.add("token", token::check(bundle, trust));
    report.add("decisions", decisions::check(bundle));
    report.add("policies", policies::check(bundle));
    report.add("approvals", approvals::check(bundle, trust));
    report.add("outcome", story::outcome(bundle, options.open));
}
