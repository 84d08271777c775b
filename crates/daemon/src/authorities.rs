//! The authorities of a daemon that serves: who may sign, whom they vouch for, and the daemon's own certificate under them.
//!
//! **Invariant:** when a change is answered, new connections are judged by it: a revoked authority vouches for nobody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use scalbotics_core::digest::Digest;
use scalbotics_core::identity::{AuthorityId, AuthorityState};
use scalbotics_core::ports::{Clock, IssuedSvid, KeyAuthority, KeyAuthorityError, StoreError, SvidBook};
use scalbotics_core::time::Timestamp;
use scalbotics_identity::authority::local::KeystoreAuthority;
use scalbotics_identity::authority::tls::{ClientAnchors, ServingCertificate};
use scalbotics_identity::holder::{join_token, svid, worker_warrant};
use scalbotics_runtime::Supervisor;

use crate::keys::Own;
use crate::start_error::StartError;

/// How often the age of certificates is looked at: a suspended laptop wakes up late.
const LOOK: Duration = Duration::from_secs(60);

/// How long a signed list of revoked certificates is handed out, in milliseconds, so that nobody makes the daemon sign all day. One of before
/// somebody was suspended is handed out no more.
const LIST_KEPT_MS: u64 = 10_000;

/// How long the nearest end of an agent's certificate is believed, in milliseconds: to find it reads a row of each certificate that lives.
const NEAREST_KEPT_MS: u64 = 1_000;

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;

/// How long before its end an authority is complained about, in milliseconds: a month, so that nobody must rotate in a hurry.
const ENDING_MS: u64 = 30 * DAY_MS;

/// Whose certificate ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// The root's.
    Root,
    /// That of the issuing CA that signs.
    Issuing,
    /// The daemon's own.
    Daemon,
    /// An agent's.
    Agent,
}

impl Ends {
    /// In a word, as the status and the label of the metric say it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Issuing => "issuing",
            Self::Daemon => "daemon",
            Self::Agent => "agent",
        }
    }

    /// Who renews it, or what to do before it ends.
    pub(crate) const fn next(self) -> &'static str {
        match self {
            Self::Root => "no command rotates the root: plan another one with whoever keeps it",
            Self::Issuing => "scalbotics identity ca rotate --help",
            Self::Daemon => "the daemon renews it by itself at half of its life",
            Self::Agent => {
                "its worker renews it, see `scalbotics agent enroll --help`; whose it is, is in `scalbotics identity svid list`"
            }
        }
    }
}

/// What the authorities are to a daemon that serves.
#[derive(Debug)]
pub(crate) struct Authorities {
    local: Arc<KeystoreAuthority>,
    own: Own,
    serving: Arc<ServingCertificate>,
    anchors: Arc<ClientAnchors>,
    bundle: Digest,
    /// When the first of the roots ends.
    roots_end: Option<Timestamp>,
    served: Mutex<IssuedSvid>,
    /// Held while what is judged by, and served with, is replaced: the one who read the authorities first would else have the last word.
    refreshing: tokio::sync::Mutex<()>,
    lists: Mutex<BTreeMap<AuthorityId, Kept>>,
    nearest: Mutex<Option<Nearest>>,
}

/// A list that is handed out, of when, and of which rights.
type Kept = (Timestamp, u64, Bytes);

/// The nearest end of an agent's certificate, of when, and of which rights. That there is none is not kept: it costs nothing to find.
type Nearest = (Timestamp, u64, Timestamp);

impl Authorities {
    /// Issues the daemon's certificate, which is served with the roots, and lets the authorities vouch for clients.
    ///
    /// # Errors
    /// [`StartError::Certificate`].
    pub(crate) async fn begin(
        (local, own): (Arc<KeystoreAuthority>, Own),
        (anchors, roots): (Arc<ClientAnchors>, Vec<CertificateDer<'static>>),
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let issued = local.issue(own.order(), now).await.map_err(certificate)?;
        let bundle = join_token::bundle_digest(&roots);
        let roots_end = roots.iter().filter_map(|root| svid::end(root).ok()).min();
        let serving = ServingCertificate::announcing(&own.identity(&issued)?, roots).map_err(certificate)?;
        let (served, lists, nearest) = (Mutex::new(issued), Mutex::default(), Mutex::default());
        let refreshing = tokio::sync::Mutex::default();
        let this = Self { local, own, serving, anchors, bundle, roots_end, served, refreshing, lists, nearest };
        this.vouch(now)?;
        Ok(this)
    }

    /// The port.
    pub(crate) fn port(&self) -> Arc<dyn KeyAuthority> {
        Arc::clone(&self.local) as Arc<dyn KeyAuthority>
    }

    /// What the daemon serves with.
    pub(crate) fn serving(&self) -> Arc<ServingCertificate> {
        Arc::clone(&self.serving)
    }

    /// The digest of the trust bundle, by which workers know this daemon.
    pub(crate) const fn bundle(&self) -> Digest {
        self.bundle
    }

    /// The signature under the text of a worker's warrant, with the certificates by which it is verified, DER, the daemon's own first.
    ///
    /// # Errors
    /// [`StartError::Certificate`].
    pub(crate) fn sign_warrant(&self, text: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), StartError> {
        let signature = worker_warrant::sign(&self.own.key()?, text).map_err(certificate)?;
        Ok((signature.to_vec(), self.serving.chain()))
    }

    /// By whom clients are verified.
    pub(crate) fn anchors(&self) -> Arc<ClientAnchors> {
        Arc::clone(&self.anchors)
    }

    /// Until when what an authority signed may be counted on; none where it is not accepted at `now`.
    pub(crate) fn counted_on_until(&self, id: &AuthorityId, now: Timestamp) -> Option<Timestamp> {
        self.local.counted_on_until(id, now)
    }

    /// The root's list of revoked authorities, DER, where one was given.
    pub(crate) fn root_crl(&self) -> Option<Vec<u8>> {
        self.local.root_crl()
    }

    fn vouch(&self, now: Timestamp) -> Result<(), StartError> {
        let all = self.local.all();
        let vouching = all.into_iter().filter(|authority| authority.vouches(now));
        let certificates: Vec<_> = vouching.map(|authority| authority.certificate.into()).collect();
        self.anchors.replace(&certificates).map_err(certificate)
    }

    /// Makes connections be judged by the authorities as they are now, and serves with a certificate of the active one: anew where its half-life
    /// is over or another authority signs.
    ///
    /// # Errors
    /// [`StartError::Certificate`]; the daemon goes on with the certificate that it has.
    pub(crate) async fn refresh(&self, now: Timestamp) -> Result<(), StartError> {
        let _one = self.refreshing.lock().await;
        self.vouch(now)?;
        let (authority, not_after) = {
            let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
            (served.authority.clone(), served.not_after)
        };
        let all = self.local.all();
        let signs = all.iter().any(|found| found.id == authority && found.state == AuthorityState::Active);
        if signs && not_after.since_ms(now) > self.own.order().lifetime_ms / 2 {
            return Ok(());
        }
        let issued = self.local.issue(self.own.order(), now).await.map_err(certificate)?;
        self.serving.replace(&self.own.identity(&issued)?).map_err(certificate)?;
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = issued;
        tracing::info!("certificate of the daemon was renewed");
        Ok(())
    }

    /// Refreshes every minute, until the drain begins.
    pub(crate) fn keep_fresh(self: &Arc<Self>, clock: Arc<dyn Clock>, supervisor: &Supervisor) {
        let (this, owner) = (Arc::clone(self), supervisor.clone());
        supervisor.spawn_essential("certificate", async move {
            loop {
                tokio::select! {
                    biased;
                    () = owner.draining() => return,
                    () = tokio::time::sleep(LOOK) => {}
                }
                if let Err(error) = this.refresh(clock.now()).await {
                    tracing::error!(error = error.report(), "certificate of the daemon could not be renewed");
                }
            }
        });
    }

    /// Carries out a change, where blocking for a file's write is allowed, and has it bite before it is answered. A caller who goes away does not
    /// stop it halfway.
    ///
    /// # Errors
    /// [`KeyAuthorityError`].
    pub(crate) async fn change<T, F>(
        self: &Arc<Self>,
        clock: Arc<dyn Clock>,
        change: impl FnOnce(Arc<dyn KeyAuthority>, Timestamp) -> F + Send + 'static,
    ) -> Result<T, KeyAuthorityError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, KeyAuthorityError>>,
    {
        let (this, runtime) = (Arc::clone(self), tokio::runtime::Handle::current());
        let work = move || {
            runtime.block_on(async move {
                let made = change(this.port(), clock.now()).await?;
                this.lists.lock().unwrap_or_else(PoisonError::into_inner).clear();
                if let Err(error) = this.refresh(clock.now()).await {
                    tracing::error!(error = error.report(), "certificate of the daemon could not be renewed");
                }
                Ok(made)
            })
        };
        let joined = tokio::task::spawn_blocking(work).await;
        joined.unwrap_or_else(|error| Err(KeyAuthorityError::Keys { attempt: "changed", source: error.into() }))
    }

    /// An authority's list of revoked certificates, DER, as `book` has them; `None` where it signs no lists. `rights` is the store's number of this
    /// moment: a list of another one is signed anew.
    pub(crate) async fn list(&self, id: &AuthorityId, (book, rights): (&dyn SvidBook, u64), now: Timestamp) -> Option<Bytes> {
        let kept = self.lists.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let is_fresh = |(at, of, _): &Kept| *of == rights && *at <= now && now.since_ms(*at) < LIST_KEPT_MS;
        if let Some((_, _, list)) = kept.filter(is_fresh) {
            return Some(list);
        }
        // A list that lacks somebody who was revoked is worse than none.
        let revoked = book.revoked(id, now).await.inspect_err(|error| tracing::error!(%error, "no list of revoked certificates"));
        let list = Bytes::from(self.local.revocations(id, &revoked.ok()?, now).await.ok()?);
        self.lists.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), (now, rights, list.clone()));
        Some(list)
    }

    /// When certificates end, those that end first at the beginning: the root, the issuing CA that signs, the daemon's own, and of agents the one
    /// that ends first unless it is renewed. The book is asked once in [`NEAREST_KEPT_MS`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn ends(
        &self,
        (book, rights): (&dyn SvidBook, u64),
        now: Timestamp,
    ) -> Result<Vec<(Ends, Timestamp)>, StoreError> {
        let kept = *self.nearest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |(at, of, _): &Nearest| *of == rights && *at <= now && now.since_ms(*at) < NEAREST_KEPT_MS;
        let agent = match kept.filter(is_fresh) {
            Some((_, _, end)) => Some(end),
            None => {
                let end = book.nearest_end(now).await?;
                *self.nearest.lock().unwrap_or_else(PoisonError::into_inner) = end.map(|end| (now, rights, end));
                end
            }
        };
        let active = self.local.all().into_iter().find(|authority| authority.state == AuthorityState::Active);
        let own = self.served.lock().unwrap_or_else(PoisonError::into_inner).not_after;
        let ends = [
            (Ends::Root, self.roots_end),
            (Ends::Issuing, active.and_then(|authority| authority.not_after)),
            (Ends::Daemon, Some(own)),
            (Ends::Agent, agent),
        ];
        let mut ends: Vec<(Ends, Timestamp)> = ends.into_iter().filter_map(|(kind, end)| Some((kind, end?))).collect();
        ends.sort_by_key(|(_, end)| *end);
        Ok(ends)
    }

    /// What is to be done about the authorities, in a sentence.
    pub(crate) fn trouble(&self, now: Timestamp) -> Option<String> {
        let all = self.local.all();
        let active = all.iter().find(|authority| authority.state == AuthorityState::Active);
        let end = active.and_then(|authority| authority.not_after).filter(|end| end.since_ms(now) < ENDING_MS)?;
        let ends = match end.since_ms(now) / DAY_MS {
            _ if end <= now => "has ended, and nobody gets certificates".to_owned(),
            0 => "ends today, and nobody gets certificates then".to_owned(),
            days => format!("ends in {days} days, and nobody gets certificates then"),
        };
        Some(format!("the issuing CA {ends}: see `scalbotics identity ca rotate --help`"))
    }
}

fn certificate(error: impl std::error::Error + Send + Sync + 'static) -> StartError {
    StartError::Certificate { source: error.into() }
}
