//! Gives each checkpoint of the installation log to whoever keeps it outside of this host, and stops calls of tier 2 while too much is in
//! none that a witness cosigned (semantics §7.3).
//!
//! **Invariant:** keepers have nothing to do with one another: one that hangs, lies or forks delays nobody else.
//! **Invariant:** a signature that was not verified is never stored; the decorator around a witness verifies it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scalbotics_core::audit::checkpoint::Checkpoint;
use scalbotics_core::audit::merkle::consistency_ranges;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::in_words;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept, StoreError};
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use tokio::sync::{Mutex as AsyncMutex, watch};

use super::{Quota, Signed};
use crate::metrics::Metrics;
use crate::{Ports, Supervisor};

/// Time for one answer of a keeper.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Pause after the first failure, in milliseconds; it doubles with each.
const PAUSE_MIN_MS: u64 = 1_000;

/// Longest pause after failures, in milliseconds: a witness that comes back is seen within a minute.
const PAUSE_MAX_MS: u64 = 60_000;

/// Requests about one checkpoint, before it counts as failed: one that learns what the keeper knows, one with the proof, one more for
/// a keeper that was told by somebody else meanwhile.
const TRIES_MAX: u32 = 3;

/// Checkpoints whose cosignatures are gathered at one time: witnesses may be some rounds apart.
const GATHERED_MAX: usize = 16;

/// How a keeper is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// Whether it is a witness.
    pub is_witness: bool,
    /// Size of the newest checkpoint that it keeps; 0 where it keeps none.
    pub size: u64,
    /// When it took it.
    pub at: Option<Timestamp>,
    /// What is wrong with it now.
    pub trouble: Option<String>,
}

/// What is kept outside of this host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outside {
    /// The keepers, in the order of the configuration.
    pub keepers: Vec<Standing>,
    /// Records of all logs that are in no checkpoint that a witness cosigned.
    pub unwitnessed: u64,
    /// The most that may be; nothing where there is no limit.
    pub unwitnessed_max: Option<u64>,
}

impl Outside {
    /// Whether calls of tier 2 wait.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.unwitnessed_max.is_some_and(|most| self.unwitnessed > most)
    }
}

/// The state that all keepers share.
#[derive(Debug, Default)]
struct Shared {
    outside: Outside,
    /// How far each log is in what a witness cosigned.
    covered: BTreeMap<TenantId, u64>,
    sizes: BTreeMap<TenantId, u64>,
}

/// Gives checkpoints to keepers.
#[derive(Debug)]
pub struct Keepers {
    ports: Ports,
    system: TenantId,
    quota: Arc<Quota>,
    metrics: Arc<Metrics>,
    shared: Mutex<Shared>,
    /// Notes of the newest checkpoints with the cosignatures that came in.
    gathered: AsyncMutex<BTreeMap<u64, String>>,
    /// Why the log must not be served, once a witness has said so before any had confirmed it.
    refuted: watch::Sender<Option<String>>,
}

impl Keepers {
    /// Starts a loop for each keeper. With a limit, calls of tier 2 wait from the beginning on until a witness has cosigned: what was
    /// cosigned before this start is asked for again.
    #[must_use]
    pub fn start(
        (ports, system): (Ports, TenantId),
        keepers: Vec<Arc<dyn CheckpointKeeper>>,
        unwitnessed_max: Option<u64>,
        signed: &watch::Receiver<Signed>,
        supervisor: &Supervisor,
        (metrics, quota): (Arc<Metrics>, Arc<Quota>),
    ) -> Arc<Self> {
        let standing = |keeper: &Arc<dyn CheckpointKeeper>| Standing {
            name: keeper.name().to_owned(),
            is_witness: keeper.is_witness(),
            size: 0,
            at: None,
            trouble: None,
        };
        let outside = Outside { keepers: keepers.iter().map(standing).collect(), unwitnessed: 0, unwitnessed_max };
        let shared = Mutex::new(Shared { outside, ..Shared::default() });
        let this = Arc::new(Self {
            ports,
            system,
            quota,
            metrics,
            shared,
            gathered: AsyncMutex::default(),
            refuted: watch::Sender::new(None),
        });
        this.quota.hold_risky(unwitnessed_max.is_some());
        for (number, keeper) in keepers.into_iter().enumerate() {
            let (this, signed, owner) = (Arc::clone(&this), signed.clone(), supervisor.clone());
            supervisor.spawn_essential("checkpoint keeper", async move { this.run(number, keeper, signed, owner).await });
        }
        let (counter, mut signed, owner) = (Arc::clone(&this), signed.clone(), supervisor.clone());
        supervisor.spawn_essential("unwitnessed records", async move {
            loop {
                counter.count(signed.borrow_and_update().sizes.clone());
                tokio::select! {
                    biased;
                    () = owner.draining() => return,
                    changed = signed.changed() => if changed.is_err() { return },
                }
            }
        });
        this
    }

    /// What is kept outside now.
    #[must_use]
    pub fn outside(&self) -> Outside {
        self.shared().outside.clone()
    }

    /// Turns to `Some` when a witness says that it knows a longer log, or another one, and none has confirmed this one since the start.
    #[must_use]
    pub fn refuted(&self) -> watch::Receiver<Option<String>> {
        self.refuted.subscribe()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs have these sizes now.
    fn count(&self, sizes: BTreeMap<TenantId, u64>) {
        let mut shared = self.shared();
        if !sizes.is_empty() {
            shared.sizes = sizes;
        }
        self.recount(&mut shared);
    }

    fn recount(&self, shared: &mut Shared) {
        let behind =
            |(tenant, size): (&TenantId, &u64)| size.saturating_sub(shared.covered.get(tenant).copied().unwrap_or_default());
        let unwitnessed = shared.sizes.iter().map(behind).fold(0, u64::saturating_add);
        let was = shared.outside.holds();
        shared.outside.unwitnessed = unwitnessed;
        // Before the sizes are known nothing is.
        let holds = shared.outside.holds() || (shared.outside.unwitnessed_max.is_some() && shared.sizes.is_empty());
        if holds && !was {
            tracing::warn!(unwitnessed, "calls of tier 2 wait until a witness has cosigned a checkpoint");
        }
        self.quota.hold_risky(holds);
    }

    async fn run(
        &self,
        number: usize,
        keeper: Arc<dyn CheckpointKeeper>,
        mut signed: watch::Receiver<Signed>,
        owner: Supervisor,
    ) {
        // What the keeper knows, as far as is known here, and failures in a row.
        let (mut known, mut failures) = (0, 0_u32);
        let mut done = 0;
        loop {
            let newest = signed.borrow_and_update().clone();
            // Nothing new needs no pause: the first checkpoint of a start is given as soon as it is there.
            let mut pause_ms = 0;
            if newest.size > done {
                match self.offer(keeper.as_ref(), &newest, &mut known).await {
                    Ok(()) => {
                        (done, failures) = (newest.size, 0);
                        self.confirmed_by(keeper.as_ref());
                        self.kept(number, &newest);
                        pause_ms = keeper.apart().as_ms();
                    }
                    Err(error) => {
                        failures = failures.saturating_add(1);
                        self.failed(number, &error, failures);
                        pause_ms = PAUSE_MAX_MS.min(PAUSE_MIN_MS << failures.saturating_sub(1).min(16));
                    }
                }
            }
            tokio::select! {
                biased;
                () = owner.draining() => return,
                () = tokio::time::sleep(Duration::from_millis(pause_ms)), if pause_ms > 0 => {}
                changed = signed.changed(), if pause_ms == 0 => if changed.is_err() { return },
            }
        }
    }

    /// Gives a keeper a checkpoint; `known` is the size that it was found to know.
    async fn offer(&self, keeper: &dyn CheckpointKeeper, newest: &Signed, known: &mut u64) -> Result<(), KeepError> {
        match offer((&self.ports, &self.system), keeper, (newest.size, &newest.note), known).await? {
            Kept::Stored => Ok(()),
            Kept::Cosigned { lines } => self.gather(newest, &lines).await.map_err(unreachable),
        }
    }

    /// A witness has seen that the log is the one that it knows: what waited for that goes on.
    fn confirmed_by(&self, keeper: &dyn CheckpointKeeper) {
        if keeper.is_witness() && self.quota.confirm() {
            tracing::info!(keeper = keeper.name(), "a witness has confirmed the log: everything is served");
        }
    }

    /// Stores cosignatures under the checkpoint, each witness's newest one.
    async fn gather(&self, newest: &Signed, lines: &str) -> Result<(), StoreError> {
        let mut gathered = self.gathered.lock().await;
        let note = gathered.entry(newest.size).or_insert_with(|| newest.note.clone());
        for line in lines.split_inclusive('\n') {
            *note = with_line(note, line);
        }
        let note = note.clone();
        while gathered.len() > GATHERED_MAX {
            gathered.pop_first();
        }
        if let Ok(checkpoint) = Checkpoint::of_note(&note) {
            self.ports.audit_log.put_checkpoint(&self.system, checkpoint.size, checkpoint.root, &note).await?;
        }
        Ok(())
    }

    fn kept(&self, number: usize, newest: &Signed) {
        let at = self.ports.clock.now();
        self.metrics.checkpoints_kept.add(1);
        let mut shared = self.shared();
        let Some(standing) = shared.outside.keepers.get_mut(number) else { return };
        (standing.size, standing.at, standing.trouble) = (newest.size, Some(at), None);
        if standing.is_witness {
            let heads = newest.heads.iter().map(|(tenant, size)| (tenant.clone(), *size));
            for (tenant, size) in heads.chain([(self.system.clone(), newest.size)]) {
                let covered = shared.covered.entry(tenant).or_default();
                *covered = size.max(*covered);
            }
            self.recount(&mut shared);
        }
    }

    fn failed(&self, number: usize, error: &KeepError, failures: u32) {
        self.metrics.checkpoints_not_kept.add(1);
        let mut shared = self.shared();
        let Some(standing) = shared.outside.keepers.get_mut(number) else { return };
        let trouble = in_words(error);
        if standing.is_witness && self.quota.is_unconfirmed() && matches!(error, KeepError::Knows { .. } | KeepError::Forked) {
            self.refuted.send_replace(Some(format!("witness {}: {trouble}", standing.name)));
        }
        if standing.trouble.as_deref() != Some(&trouble) {
            tracing::error!(keeper = standing.name, trouble, failures, "checkpoint is not kept outside");
        }
        standing.trouble = Some(trouble);
    }
}

/// Gives a keeper a checkpoint of this size; `known` is the size that it was found to know.
async fn offer(
    (ports, system): (&Ports, &TenantId),
    keeper: &dyn CheckpointKeeper,
    (size, note): (u64, &str),
    known: &mut u64,
) -> Result<Kept, KeepError> {
    let mut tried = Err(KeepError::Forked);
    for _ in 0..TRIES_MAX {
        let ranges = consistency_ranges(*known, size).unwrap_or_default();
        let proof = ports.audit_tree.roots(system, ranges).await.map_err(unreachable)?;
        let checkpoint = AddCheckpoint { old_size: *known, proof, note: note.to_owned() };
        let kept = tokio::time::timeout(ANSWER_MAX, keeper.keep(&checkpoint)).await;
        match kept.unwrap_or_else(|late| Err(KeepError::Unreachable { source: Box::new(late) })) {
            Ok(kept) => {
                *known = size;
                return Ok(kept);
            }
            Err(KeepError::Knows { size: more }) if more > size => return Err(KeepError::Knows { size: more }),
            // It says that it knows what it was told it knows: then it knows another root.
            Err(KeepError::Knows { size }) if size == *known => return Err(KeepError::Forked),
            Err(KeepError::Knows { size }) => {
                *known = size;
                tried = Err(KeepError::Knows { size });
            }
            Err(error) => return Err(error),
        }
    }
    tried
}

/// Asks a witness about the newest stored checkpoint of the installation log, before anything is appended to it; answers its size, 0 where
/// there is none to ask about.
///
/// # Errors
/// [`KeepError::Knows`] with a larger size, [`KeepError::Forked`]: the log is not the one that the witness knows. The others: nobody knows.
pub async fn confirm(ports: &Ports, system: &TenantId, witness: &dyn CheckpointKeeper) -> Result<u64, KeepError> {
    let head = ports.audit_log.head(system).await.map_err(unreachable)?;
    let Some(note) = head.checkpoint else { return Ok(0) };
    let checkpoint = Checkpoint::of_note(&note).map_err(|error| KeepError::Refused { why: error.to_string() })?;
    // A keeper takes the log's own signature, and what witnesses put under it before.
    offer((ports, system), witness, (checkpoint.size, &note), &mut 0).await.map(|_| checkpoint.size)
}

fn unreachable(error: StoreError) -> KeepError {
    KeepError::Unreachable { source: Box::new(error) }
}

/// The note with a signature line in the place of an older one under the same name.
fn with_line(note: &str, line: &str) -> String {
    let name = |line: &str| line.split(' ').nth(1).map(str::to_owned);
    let Some((text, signatures)) = note.rsplit_once("\n\n") else { return note.to_owned() };
    let mut kept: Vec<&str> = signatures.split_inclusive('\n').filter(|other| name(other) != name(line)).collect();
    kept.push(line);
    format!("{text}\n\n{}", kept.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_witness() {
        let note = "o\n1\nroot\n\n\u{2014} log AAAA\n\u{2014} w1 BBBB\n";
        assert_eq!(with_line(note, "\u{2014} w2 CCCC\n"), format!("{note}\u{2014} w2 CCCC\n"));
        assert_eq!(with_line(note, "\u{2014} w1 CCCC\n"), note.replace("BBBB", "CCCC"));
    }
}
