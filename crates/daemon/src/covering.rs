//! What is covered in lines of the log and in errors of the API.
//!
//! There is one log for a process, so there is one set of values for it: those of all tenants that were read so far. An error is told to a
//! caller, so the values of that caller's tenant are covered in it: whether another tenant's would be tells what they are.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{OnceLock, PoisonError, RwLock};

use scalbotics_core::redaction::{Detect, Mask};
use scalbotics_core::secret::Secret;
use scalbotics_core::tenant::TenantId;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Redaction, Sink};

/// The values that are known, and what is looked for where.
struct Covering {
    logs: Mask,
    /// For whoever is not known.
    errors: Mask,
    /// For callers of each tenant.
    own: BTreeMap<TenantId, Mask>,
    detect: Detect,
}

static COVERING: RwLock<Option<Covering>> = RwLock::new(None);

/// Looks for what the configuration says from now on.
pub(crate) fn configure(redaction: &Redaction) {
    change(|covering| {
        covering.logs = covering.logs.with(redaction.detect(Sink::Logs));
        let detect = redaction.detect(Sink::Errors);
        covering.errors = covering.errors.with(detect);
        covering.own.values_mut().for_each(|mask| *mask = mask.with(detect));
        covering.detect = detect;
    });
}

/// Covers this value of a tenant too, wherever it stands.
pub(crate) fn know(tenant: &TenantId, value: &Secret) {
    change(|covering| {
        let detect = covering.detect;
        covering.own.entry(tenant.clone()).or_insert_with(|| Mask::detecting(detect)).add(value.clone());
        covering.logs.add(value.clone());
        covering.errors.add(value.clone());
    });
}

fn change(how: impl FnOnce(&mut Covering)) {
    let mut covering = COVERING.write().unwrap_or_else(PoisonError::into_inner);
    let all = || Mask::detecting(Detect::Secrets);
    let new = || Covering { logs: all(), errors: all(), own: BTreeMap::new(), detect: Detect::Secrets };
    how(covering.get_or_insert_with(new));
}

tokio::task_local! {
    /// Whose caller is answered, once that is known.
    static CALLER: OnceLock<TenantId>;
}

/// Answers a call, in which errors are covered for whoever [`caller_is`].
pub(crate) async fn answering<F: Future>(answer: F) -> F::Output {
    CALLER.scope(OnceLock::new(), answer).await
}

/// Says whose caller is answered.
pub(crate) fn caller_is(tenant: &TenantId) {
    let _outside_of_a_call = CALLER.try_with(|caller| drop(caller.set(tenant.clone())));
}

/// A text as an error may say it.
pub(crate) fn error(text: &str) -> Cow<'_, str> {
    let caller = CALLER.try_with(|caller| caller.get().cloned()).ok().flatten();
    let covering = COVERING.read().unwrap_or_else(PoisonError::into_inner);
    let mut covered = text.to_owned();
    let found = match (covering.as_ref(), caller) {
        (Some(covering), None) => covering.errors.apply_to_text(&mut covered, false),
        (Some(covering), Some(tenant)) => match covering.own.get(&tenant) {
            Some(own) => own.apply_to_text(&mut covered, false),
            None => Mask::detecting(covering.detect).apply_to_text(&mut covered, false),
        },
        (None, _) => Mask::detecting(Detect::Secrets).apply_to_text(&mut covered, false),
    };
    if found { Cow::Owned(covered) } else { Cow::Borrowed(text) }
}

/// Standard error, with each line covered before it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CoveredStderr {
    /// Each line is an object of JSON, whose numbers are ours.
    Json,
    /// Lines are text.
    Text,
}

impl CoveredStderr {
    /// Covers a line.
    fn cover(self, line: &mut Vec<u8>) {
        let covering = COVERING.read().unwrap_or_else(PoisonError::into_inner);
        let unconfigured = || Mask::detecting(Detect::Secrets);
        let mask = covering.as_ref().map_or_else(|| Cow::Owned(unconfigured()), |covering| Cow::Borrowed(&covering.logs));
        match self {
            Self::Json => mask.apply_to_own_json(line),
            Self::Text => mask.apply(line, false),
        };
    }
}

impl Write for CoveredStderr {
    /// Takes one whole event: the log writes each at once.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut line = event.to_vec();
        self.cover(&mut line);
        io::stderr().write_all(&line)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl MakeWriter<'_> for CoveredStderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_show_neither_known_values_nor_what_looks_like_a_secret() {
        let acme = TenantId::parse("acme").unwrap();
        know(&acme, &Secret::new(b"quoth-the-covered-nightjar".to_vec()));
        let token = ["gl", "pat-", "Zk3vQ9xLm2Rt7Yp4Bn8W"].concat();
        let shown = error(&format!("`{token}` is no name, nor is `quoth-the-covered-nightjar` of ann@acme.example")).into_owned();
        assert_eq!(shown, "`[redacted:gitlab-token]` is no name, nor is `***` of ann@acme.example");
        configure(&Redaction { personal_data: vec![Sink::Errors], ..Redaction::default() });
        assert_eq!(error("ann@acme.example"), "[redacted:email]");
        assert_eq!(error("quoth-the-covered-nightjar"), "***");
        configure(&Redaction::default());
        assert!(matches!(error("task `t1` does not exist"), Cow::Borrowed(_)));
    }

    #[test]
    fn what_we_measured_stays_in_a_line_of_the_log() {
        configure(&Redaction::default());
        let covered = |how: CoveredStderr, line: &str| {
            let mut line = line.as_bytes().to_vec();
            how.cover(&mut line);
            String::from_utf8(line).unwrap()
        };
        let line = r#"{"message":"call answered","agent":"call 5552345678","elapsed_us":123456789}"#;
        let shown = r#"{"message":"call answered","agent":"call [redacted:phone]","elapsed_us":123456789}"#;
        assert_eq!(covered(CoveredStderr::Json, line), shown);
        assert_eq!(covered(CoveredStderr::Text, "call answered elapsed_us=123_456_789"), "call answered elapsed_us=123_456_789");
        assert_eq!(covered(CoveredStderr::Text, "call 5552345678"), "call [redacted:phone]");
    }

    #[tokio::test]
    async fn whether_another_tenants_value_is_covered_tells_nobody_what_it_is() {
        let [own, other] = ["own", "other"].map(|name| TenantId::parse(name).unwrap());
        know(&own, &Secret::new(b"told-by-no-other-heron".to_vec()));
        let said = async |tenant: &TenantId| {
            caller_is(tenant);
            error("agent `told-by-no-other-heron` does not exist").into_owned()
        };
        assert_eq!(answering(said(&own)).await, "agent `***` does not exist");
        assert_eq!(answering(said(&other)).await, "agent `told-by-no-other-heron` does not exist");
        assert_eq!(error("told-by-no-other-heron"), "***", "where nobody is known");
    }
}
