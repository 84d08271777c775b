//! The remote repository: looked at before anything is made, pushed to once, and looked at again before success is reported.

use std::io::Read as _;
use std::path::Path;

use scalbotics_adapters::git::remote::{Address, Error as RemoteError, Remote, Service};
use scalbotics_core::secret::Secret;

use super::error::{self, Error};
use super::report::{Change, Report};
use super::{Initialize, Plan, repository};

/// The branch that is pushed, and followed.
const BRANCH: &str = "refs/heads/main";

/// Longest token, in bytes; those of providers have some hundred.
const TOKEN_LEN_MAX: u64 = 4 << 10;

/// A remote repository of the plan.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Where it is.
    pub address: Address,
    /// The user name beside the token.
    pub user: String,
    /// The token; `None` in a later run that does not bring it again.
    pub token: Option<Secret>,
    /// Whether an earlier run decided for it.
    pub resumed: bool,
}

impl Upstream {
    fn remote(&self, plan: &Plan) -> Result<Remote, Error> {
        Ok(Remote::new(self.address.clone(), self.user.clone(), self.token.clone()).trusting(plan.roots()?))
    }
}

/// What a look at the remote showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nobody looked: there is no remote, or its token was not given again.
    Nothing,
    /// It has no commit.
    Empty,
    /// Its branch stands here.
    At(String),
}

/// The token that the flags bring.
pub(super) fn token(flags: &Initialize) -> Result<Option<Secret>, Error> {
    if let Some(token) = &flags.git_token {
        return Ok(Some(token.clone()));
    }
    let Some(path) = &flags.git_token_file else { return Ok(None) };
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let read = if path == Path::new("-") {
        std::io::stdin().take(TOKEN_LEN_MAX).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(TOKEN_LEN_MAX).read_to_end(&mut bytes))
    };
    read.map_err(error::file("read", path))?;
    let text = bytes.trim_ascii();
    let sound = !text.is_empty() && text.iter().all(u8::is_ascii_graphic);
    if !sound {
        let reason = "it holds no token: one line of printable characters".to_owned();
        return Err(Error::Flag { flag: "--git-token-file", value: path.display().to_string(), reason });
    }
    Ok(Some(Secret::new(text.to_vec())))
}

/// Looks at the remote, before anything is made: whether it answers, takes the token for a push, and is empty.
///
/// # Errors
/// [`Error::Remote`], [`Error::RemoteTaken`], [`Error::Missing`] for a token that is needed.
pub(super) async fn check(plan: &Plan) -> Result<Seen, Error> {
    let Some(upstream) = &plan.upstream else { return Ok(Seen::Nothing) };
    let here = repository::head(plan);
    if upstream.token.is_none() {
        // A later run has nothing to do there, unless the copy was lost.
        let missing = || Error::Missing { flags: vec!["--git-token-file"] };
        return if upstream.resumed && here.is_some() { Ok(Seen::Nothing) } else { Err(missing()) };
    }
    let references = upstream.remote(plan)?.look(Service::Push).await.map_err(|source| Error::Remote { source })?;
    match references.get(BRANCH) {
        None if references.is_empty() => Ok(Seen::Empty),
        Some(there) if upstream.resumed || here.as_ref() == Some(there) => Ok(Seen::At(there.clone())),
        Some(_) | None => Err(Error::RemoteTaken { address: upstream.address.to_string() }),
    }
}

/// Makes sure that remote and local copy stand at the same commit: fetches a lost copy, or pushes the first commit.
///
/// # Errors
/// [`Error::Remote`], [`Error::Git`]; what was made here stays, and the next run goes on from there.
pub(super) async fn join(plan: &Plan, seen: &Seen, report: &mut Report) -> Result<(), Error> {
    let Some(upstream) = &plan.upstream else { return Ok(()) };
    let place = upstream.address.to_string();
    let Some(here) = repository::head(plan) else {
        return Err(Error::Git { attempt: "find the first commit", said: "the copy has none".to_owned() });
    };
    if *seen != Seen::Empty {
        let note = if *seen == Seen::Nothing { format!("{place} (not looked at: no token given)") } else { place };
        report.note("remote repository", Change::Unchanged, note);
        return Ok(());
    }
    push(plan, upstream)?;
    let references = upstream.remote(plan)?.look(Service::Fetch).await.map_err(|source| Error::Remote { source })?;
    if references.get(BRANCH) != Some(&here) {
        let said = format!("the push was accepted, but {BRANCH} of {place} does not stand at {here}");
        return Err(Error::Git { attempt: "push the first commit", said });
    }
    report.note("remote repository", Change::Created, format!("{place} (pushed and read back)"));
    Ok(())
}

/// Fetches what the remote has into a copy that is not there.
///
/// # Errors
/// [`Error::Remote`].
pub(super) fn fetch(plan: &Plan, upstream: &Upstream) -> Result<(), Error> {
    upstream.remote(plan)?.fetch(&plan.repository, BRANCH).map_err(|source: RemoteError| Error::Remote { source })
}

fn push(plan: &Plan, upstream: &Upstream) -> Result<(), Error> {
    let remote = upstream.remote(plan)?;
    let pushed = remote.push(&plan.repository, BRANCH, (&crate::config::programs(), plan.ca_bundle.as_deref()));
    if let Err(RemoteError::Push { said, .. }) = pushed {
        return Err(Error::Git { attempt: "push the first commit", said });
    }
    pushed.map_err(|source| Error::Remote { source })
}
