//! Looks at processes, on threads that may block.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use scalbotics_core::ports::Clock;
use scalbotics_core::workload::{Seen, Wanted, unit_of};
use tokio::sync::Semaphore;

use super::error::{Error, system};
use super::hashes::Hashes;
use super::peer::Peer;
use super::program::Program;
use super::stat;

/// Processes of one user that are looked at in one moment: a user whose file system never answers holds so many threads, and no more.
const OF_A_USER_MAX: usize = 2;

/// Processes of all users that are looked at in one moment: half of the threads that the daemon has for what blocks, so that files, git and tools go on
/// whatever hangs.
const OF_ALL_MAX: usize = 8;

/// Users whose turns are remembered before those that nobody waits for are forgotten.
const USERS_KEPT: usize = 256;

/// How long a look may take; the largest program is hashed in a second.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at processes. Cloning shares what was hashed, and the turns.
#[derive(Debug, Clone)]
pub struct Attestor {
    hashes: Arc<Hashes>,
    turns: Arc<Mutex<BTreeMap<u32, Arc<Semaphore>>>>,
    all: Arc<Semaphore>,
    clock: Arc<dyn Clock>,
}

impl Attestor {
    /// One that has hashed nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { hashes: Arc::default(), turns: Arc::default(), all: Arc::new(Semaphore::new(OF_ALL_MAX)), clock }
    }

    /// What is to be seen of the process now, of what is wanted.
    ///
    /// # Errors
    /// [`Error`]; then nothing counts as seen.
    ///
    /// # Cancel safety
    /// A look that nobody waits for comes to its end on its own thread.
    pub async fn look(&self, peer: &Arc<Peer>, wanted: Wanted) -> Result<Seen, Error> {
        let turns = self.turns_of(peer.uid());
        let looked = async {
            let own = turns.acquire_owned().await.map_err(|_| Error::Late)?;
            let turn = (own, Arc::clone(&self.all).acquire_owned().await.map_err(|_| Error::Late)?);
            let (this, peer) = (self.clone(), Arc::clone(peer));
            let work = move || {
                let _turn = turn;
                this.look_now(&peer, wanted)
            };
            let done = tokio::task::spawn_blocking(work).await;
            done.unwrap_or_else(|error| Err(system("look at the process")(std::io::Error::other(error))))
        };
        tokio::time::timeout(LOOK_TIMEOUT, looked).await.unwrap_or(Err(Error::Late))
    }

    pub(super) fn look_now(&self, peer: &Peer, wanted: Wanted) -> Result<Seen, Error> {
        // First: whose number it is by now would not be found out afterwards.
        peer.check()?;
        let mut seen = Seen { uid: peer.uid(), gid: peer.gid(), ..Seen::default() };
        if wanted.unit {
            let text = stat::text(&peer.file("cgroup")).ok();
            seen.unit = text.as_deref().and_then(unit_of).map(str::to_owned);
        }
        let link = peer.file("exe");
        let program = if wanted.is_of_program() { Program::open(&link)? } else { None };
        if let Some(program) = &program {
            seen.path = if wanted.path { program.path() } else { None };
            seen.sha256 =
                if wanted.sha256 { program.digest(&self.hashes, peer.uid(), self.clock.now().unix_ms())? } else { None };
            program.check()?;
        }
        // Last: everything above was read under a number that could have become another's.
        peer.check()?;
        Ok(seen)
    }

    fn turns_of(&self, uid: u32) -> Arc<Semaphore> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= USERS_KEPT {
            turns.retain(|_, kept| Arc::strong_count(kept) > 1);
        }
        Arc::clone(turns.entry(uid).or_insert_with(|| Arc::new(Semaphore::new(OF_A_USER_MAX))))
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_testkit::FixedClock;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn looks_of_all_users_together_are_so_many() {
        let attestor = Attestor::new(Arc::new(FixedClock::default()));
        let (near, _far) = tokio::net::UnixStream::pair().unwrap();
        let peer = Arc::new(Peer::of(&near).unwrap());
        let hanging: Vec<_> = std::iter::from_fn(|| Arc::clone(&attestor.all).try_acquire_owned().ok()).collect();
        assert_eq!(hanging.len(), OF_ALL_MAX);
        assert!(matches!(attestor.look(&peer, Wanted::default()).await, Err(Error::Late)), "it waits, and gives up");
        drop(hanging);
        attestor.look(&peer, Wanted::default()).await.unwrap();
        assert_eq!(attestor.all.available_permits(), OF_ALL_MAX);
    }
}
