//! What was last seen of the clocks, in a file beside the database: by it the next start tells a step of the wall clock from time that passed; and
//! the file by which somebody on this host says that a step is right (semantics §4.7).
//!
//! **Invariant:** a time that is not believed is written nowhere as one that was seen.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::audit::{Kind, OutcomeNote, Record};
use scalbotics_core::ports::{Clock as _, StoreError};
use scalbotics_core::principal::Uid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use scalbotics_identity::private_file::{self, SECRET_MODE};
use scalbotics_runtime::audit::Quota;
use scalbotics_runtime::{Ports, Supervisor};
use serde::{Deserialize, Serialize};

use crate::clock::{Guarded, STEP_MAX_MS, Seen, Source, System};
use crate::config::Config;

/// The file of what was seen, and the one of a step that somebody says is right; below the data directory.
const MARK: &str = "clock.mark";
const ACCEPT: &str = "clock.accept";

/// How often the clocks are looked at, and how many looks there are between two writings of what was seen.
const LOOK: Duration = Duration::from_secs(2);
const LOOKS: u32 = 30;

/// What was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The kernel's name of this boot.
    boot: String,
    boot_ms: u64,
    wall_ms: i64,
    /// Why the clock has not been believed since, in the words of the daemon that found it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Accepted {
    wall_ms: i64,
}

/// The kernel's name of this boot; empty where it gives none, which is no boot at all.
fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn load<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

fn store(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let bytes = serde_json::to_vec(value).map_err(|error| error.to_string())?;
    private_file::replace(path, &bytes, SECRET_MODE).map_err(|error| scalbotics_core::in_words(&error))
}

impl Mark {
    /// The mark of an installation; none where no daemon has written one that can be read.
    pub(crate) fn load(data: &Path) -> Option<Self> {
        load(&data.join(MARK))
    }

    fn of(seen: Seen) -> Self {
        let boot_ms = seen.boot.map_or(0, |boot| u64::try_from(boot.as_millis()).unwrap_or(u64::MAX));
        Self { boot: boot_id(), boot_ms, wall_ms: seen.wall_ms, alarm: None }
    }

    fn seen(&self) -> Seen {
        let boot = Some(boot_id()).filter(|boot| !boot.is_empty() && *boot == self.boot);
        Seen { wall_ms: self.wall_ms, boot: boot.map(|_| Duration::from_millis(self.boot_ms)) }
    }

    /// Why a daemon that runs does not believe the clock, or why one that starts now would not.
    pub(crate) fn alarm(&self, is_served: bool) -> Option<String> {
        if is_served {
            return self.alarm.clone();
        }
        Guarded::begin(System, Some(Timestamp::from_unix_ms(self.wall_ms)), Some(self.seen())).alarm()
    }
}

/// The clock of a start. Where no mark was ever written, as by versions of before, it believes the wall clock.
pub(crate) fn begin(config: &Config, newest: Option<Timestamp>) -> Guarded {
    match Mark::load(&config.data_dir) {
        Some(mark) => Guarded::begin(System, newest, Some(mark.seen())),
        None => Guarded::new(System, newest),
    }
}

/// Says that the wall clock of this moment is right; answers it. The daemon takes it within seconds, or when it starts.
///
/// # Errors
/// In words, where the file cannot be written.
pub(crate) fn accept(data: &Path) -> Result<Timestamp, String> {
    let wall_ms = System.wall_ms();
    store(&data.join(ACCEPT), &Accepted { wall_ms })?;
    Ok(Timestamp::from_unix_ms(wall_ms))
}

/// Whether a daemon has yet to take what was said.
pub(crate) fn is_untaken(data: &Path) -> bool {
    data.join(ACCEPT).try_exists().unwrap_or(false)
}

/// Looks at the clocks for as long as the daemon runs: tells of a step, takes the word of who says that it is right, and writes what was seen.
pub(crate) fn watch(config: &Config, (clock, ports): (&Arc<Guarded>, &Ports), quota: &Arc<Quota>, supervisor: &Supervisor) {
    let (dir, owner) = (Arc::from(config.data_dir.as_path()), supervisor.clone());
    let (clock, ports, quota) = (Arc::clone(clock), ports.clone(), Arc::clone(quota));
    let mut watch = Watch { dir, clock, ports, tenant: config.tenant.clone(), quota, told: None, looks_left: 0 };
    supervisor.spawn_essential("clock", async move {
        loop {
            if let Err(error) = watch.look().await {
                tracing::error!(error = scalbotics_core::in_words(&error), "what the clock did could not be recorded yet");
            }
            tokio::select! {
                biased;
                () = owner.draining() => return watch.write(None).await,
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    });
}

struct Watch {
    dir: Arc<Path>,
    clock: Arc<Guarded>,
    ports: Ports,
    /// The operating tenant, in whose log it is told beside the installation's.
    tenant: TenantId,
    quota: Arc<Quota>,
    /// The alarm that is in the log, and not over yet.
    told: Option<String>,
    /// Until what was seen is written again.
    looks_left: u32,
}

impl Watch {
    async fn look(&mut self) -> Result<(), StoreError> {
        let alarm = self.clock.alarm();
        // Nothing is appended until a witness has confirmed the log.
        if !self.quota.is_read_only() {
            self.take(alarm.is_some()).await?;
            match (self.clock.alarm(), self.told.is_some()) {
                (Some(alarm), false) => {
                    self.record("clock.step", "alarm_clock_stepped").await?;
                    self.write(Some(alarm.clone())).await;
                    self.told = Some(alarm);
                }
                (None, true) => {
                    self.record("clock.return", "ok").await?;
                    (self.told, self.looks_left) = (None, 0);
                }
                (Some(_), true) | (None, false) => {}
            }
        }
        if self.looks_left == 0 && self.clock.alarm().is_none() {
            self.write(None).await;
            self.looks_left = LOOKS;
        }
        self.looks_left = self.looks_left.saturating_sub(1);
        Ok(())
    }

    /// Takes the word of somebody who says that the clock is right; it is of one moment, and about no later step.
    async fn take(&mut self, is_alarmed: bool) -> Result<(), StoreError> {
        let path = self.dir.join(ACCEPT);
        let Some(Accepted { wall_ms }) = load(&path) else { return Ok(()) };
        let is_of_now = System.wall_ms().abs_diff(wall_ms) <= STEP_MAX_MS;
        if is_alarmed && is_of_now {
            self.record("clock.accept", "ok").await?;
            self.clock.accept();
            (self.told, self.looks_left) = (None, 0);
            tracing::warn!("the clock is believed, as somebody on this host said");
        } else {
            tracing::info!(is_alarmed, is_of_now, "somebody said that the clock is right: there was nothing to believe by it");
        }
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::error!(%error, path = %path.display(), "the word about the clock cannot be removed");
        }
        Ok(())
    }

    /// Tells of it in two logs: the installation's, since the clock is every tenant's (semantics §7.3), and that of the tenant which operates it,
    /// whose people are the ones to act and read no other log than their own. Where only one could be written, both are once more.
    async fn record(&self, action: &str, word: &str) -> Result<(), StoreError> {
        for tenant in [TenantId::system(), self.tenant.clone()] {
            let mut record = Record::new(Kind::Installation, self.ports.clock.now(), tenant, Uid::Daemon, action);
            record.outcome = Some(OutcomeNote { word: word.to_owned(), attempt: None, commitment: None });
            self.ports.audit_log.append(vec![record], Vec::new()).await?;
        }
        Ok(())
    }

    /// Writes what is seen now; with an alarm, what was seen before it and why it is not believed now.
    async fn write(&self, alarm: Option<String>) {
        let mark = match (self.clock.seen(), alarm) {
            (Some(seen), None) => Mark::of(seen),
            (None, Some(alarm)) => {
                let believed = || Mark { boot: String::new(), boot_ms: 0, wall_ms: self.clock.now().unix_ms(), alarm: None };
                Mark { alarm: Some(alarm), ..Mark::load(&self.dir).unwrap_or_else(believed) }
            }
            (Some(_), Some(_)) | (None, None) => return,
        };
        let path = self.dir.join(MARK);
        let written = tokio::task::spawn_blocking(move || store(&path, &mark)).await;
        if let Ok(Err(error)) = written {
            tracing::error!(error, "what was seen of the clock cannot be written");
        }
    }
}
