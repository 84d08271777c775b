//! What is covered in texts that belong to no tenant: lines of the log, errors of the API.
//!
//! There is one log for a process, so there is one set of values for it: those of all tenants that were read so far.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::{PoisonError, RwLock};

use scalbotics_core::redaction::{Detect, Mask};
use scalbotics_core::secret::Secret;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Redaction, Sink};

/// The values that are known, and what is looked for where.
struct Covering {
    logs: Mask,
    errors: Mask,
}

static COVERING: RwLock<Option<Covering>> = RwLock::new(None);

/// Looks for what the configuration says from now on.
pub(crate) fn configure(redaction: &Redaction) {
    change(|covering| {
        covering.logs = covering.logs.with(redaction.detect(Sink::Logs));
        covering.errors = covering.errors.with(redaction.detect(Sink::Errors));
    });
}

/// Covers this value too, wherever it stands.
pub(crate) fn know(value: &Secret) {
    change(|covering| {
        covering.logs.add(value.clone());
        covering.errors.add(value.clone());
    });
}

fn change(how: impl FnOnce(&mut Covering)) {
    let mut covering = COVERING.write().unwrap_or_else(PoisonError::into_inner);
    let all = || Mask::detecting(Detect::Secrets);
    how(covering.get_or_insert_with(|| Covering { logs: all(), errors: all() }));
}

/// A text as an error may say it.
pub(crate) fn error(text: &str) -> Cow<'_, str> {
    let covering = COVERING.read().unwrap_or_else(PoisonError::into_inner);
    let mut covered = text.to_owned();
    let found = match covering.as_ref() {
        Some(covering) => covering.errors.apply_to_text(&mut covered, false),
        None => Mask::detecting(Detect::Secrets).apply_to_text(&mut covered, false),
    };
    if found { Cow::Owned(covered) } else { Cow::Borrowed(text) }
}

/// Standard error, with each line covered before it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CoveredStderr;

impl Write for CoveredStderr {
    /// Takes one whole event: the log writes each at once.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut line = event.to_vec();
        {
            let covering = COVERING.read().unwrap_or_else(PoisonError::into_inner);
            match covering.as_ref() {
                Some(covering) => covering.logs.apply(&mut line, false),
                None => Mask::detecting(Detect::Secrets).apply(&mut line, false),
            };
        }
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
        know(&Secret::new(b"quoth-the-covered-nightjar".to_vec()));
        let token = ["gl", "pat-", "Zk3vQ9xLm2Rt7Yp4Bn8W"].concat();
        let shown = error(&format!("`{token}` is no name, nor is `quoth-the-covered-nightjar` of ann@acme.example")).into_owned();
        assert_eq!(shown, "`[redacted:gitlab-token]` is no name, nor is `***` of ann@acme.example");
        configure(&Redaction { personal_data: vec![Sink::Errors], ..Redaction::default() });
        assert_eq!(error("ann@acme.example"), "[redacted:email]");
        assert_eq!(error("quoth-the-covered-nightjar"), "***");
        configure(&Redaction::default());
        assert!(matches!(error("task `t1` does not exist"), Cow::Borrowed(_)));
    }
}
