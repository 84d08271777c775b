//! Who keeps checkpoints outside of this host, parsed.

use std::path::{Path, PathBuf};

use scalbotics_adapters::git::remote;
use scalbotics_adapters::keeper::Address;
use scalbotics_core::audit::checkpoint::origin;
use scalbotics_core::tenant::TenantId;
use scalbotics_identity::holder::signed_note::{Role, Verifier};

use super::settings::CheckpointGit;
use super::{Audit, Error};

/// Most witnesses: a note takes so many signatures beside the log's own.
const WITNESSES_MAX: usize = 16;

/// Least time between two pushes, in milliseconds: each is a commit that stays.
const PUSHES_APART_MIN_MS: u64 = 1_000;

/// Longest name of a branch, in bytes.
const BRANCH_LEN_MAX: usize = 200;

/// One keeper of checkpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptBy {
    /// A witness.
    Witness {
        /// Its key.
        key: Verifier,
        /// Its submission prefix.
        url: Address,
    },
    /// A file.
    File(PathBuf),
    /// A webhook.
    Webhook(Address),
    /// A branch of a remote repository; the rest is in `audit.checkpoint_git`.
    Git(remote::Address),
}

/// The keepers of the configuration, whose relative paths begin at `base`.
pub(super) fn keepers(
    audit: &Audit,
    (trust_domain, base): (&str, &Path),
    refuse: &dyn Fn(&'static str, String) -> Error,
) -> Result<Vec<KeptBy>, Error> {
    let refused = |reason: String| refuse("audit.witnesses", reason);
    let mut keepers = Vec::new();
    let mut names = vec![origin(trust_domain, &TenantId::system())];
    for witness in &audit.witnesses {
        let key: Verifier = witness.key.parse().map_err(|_| refused(format!("`{}` is not the key of a witness", witness.key)))?;
        if key.role() != Role::Witness {
            return Err(refused(format!("`{}` is the key of a log, not of a witness", witness.key)));
        }
        if names.iter().any(|name| name == key.name()) {
            return Err(refused(format!("the name `{}` stands twice, or is the log's own", key.name())));
        }
        names.push(key.name().to_owned());
        let url = Address::parse(&witness.url).map_err(|error| refused(format!("`{}`: {error}", witness.url)))?;
        keepers.push(KeptBy::Witness { key, url });
    }
    if keepers.len() > WITNESSES_MAX {
        return Err(refused(format!("there are {} of them, more than {WITNESSES_MAX}", keepers.len())));
    }
    if audit.max_unwitnessed == Some(0) {
        return Err(refuse("audit.max_unwitnessed", "0 would stop every call of tier 2 for ever".to_owned()));
    }
    if audit.max_unwitnessed.is_some() && keepers.is_empty() {
        return Err(refuse("audit.max_unwitnessed", "there is no witness in `audit.witnesses`".to_owned()));
    }
    keepers.extend(audit.checkpoint_file.as_ref().map(|path| KeptBy::File(base.join(path))));
    if let Some(text) = &audit.checkpoint_webhook {
        let url = Address::parse(text).map_err(|error| refuse("audit.checkpoint_webhook", error.to_string()))?;
        keepers.push(KeptBy::Webhook(url));
    }
    keepers.extend(git(&audit.checkpoint_git, refuse)?);
    Ok(keepers)
}

fn git(settings: &CheckpointGit, refuse: &dyn Fn(&'static str, String) -> Error) -> Result<Option<KeptBy>, Error> {
    let Some(text) = &settings.url else { return Ok(None) };
    let url = remote::Address::parse(text).map_err(|error| refuse("audit.checkpoint_git.url", error.to_string()))?;
    if settings.every.as_ms() < PUSHES_APART_MIN_MS {
        return Err(refuse("audit.checkpoint_git.every", "it must be a second or more".to_owned()));
    }
    if !is_branch(&settings.branch) {
        let reason = "a branch is letters, digits, `-`, `_` and `.`, in parts divided by `/`, none of which begins with a mark";
        return Err(refuse("audit.checkpoint_git.branch", reason.to_owned()));
    }
    Ok(Some(KeptBy::Git(url)))
}

/// Names that git takes and that are no option, path or range of anything.
fn is_branch(name: &str) -> bool {
    let sound = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
            && !part.contains("..")
            && !part.ends_with('.')
            && !part.ends_with(".lock")
    };
    name.len() <= BRANCH_LEN_MAX && name.split('/').all(sound)
}
