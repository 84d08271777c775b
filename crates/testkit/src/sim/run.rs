//! One run: lives and deaths until the ticks are over, then calm, then the checks.

use std::sync::Arc;
use std::time::Duration;

use scalbotics_core::audit::Kind;
use scalbotics_core::digest::Digest;
use scalbotics_core::ports::Registry;

use super::check;
use super::life::Life;
use super::stage::Stage;

/// Things that happen in one run.
const TICKS: u32 = 80;

/// Virtual time after which every task must have ended or wait for a person, in seconds: all deadlines are within it.
const REST_SECONDS: u64 = 3 * 3_600;

/// Rounds of settling and resting at the end; each settles at least one effect of each task.
const ROUNDS_MAX: u32 = 60;

/// What a run gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its seed.
    pub seed: u64,
    /// Digest of the whole trace: equal for equal seeds.
    pub trace_digest: Digest,
    /// What happened, line by line.
    pub trace: Vec<String>,
    /// Rules that were broken; empty for a good run.
    pub broken: Vec<String>,
}

/// Runs one seed with at most `ticks` things that happen, or as many as a run has.
#[must_use]
pub fn run(seed: u64, ticks: Option<u32>) -> Report {
    let stage = Arc::new(Stage::new(seed));
    let mut left = ticks.unwrap_or(TICKS);
    loop {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let over = runtime.block_on(live(Arc::clone(&stage), &mut left));
        // Whatever still ran of this life ends here.
        stage.weather.die();
        drop(runtime);
        if over {
            break;
        }
        stage.restart_store();
        let down_ms =
            if stage.chance.in_thousand(200) { stage.chance.between(0, 300_000) } else { stage.chance.between(0, 5_000) };
        stage.clock.pass(down_ms);
    }
    let (trace, broken, trace_digest) = stage.trace.end();
    Report { seed, trace_digest, trace, broken }
}

/// The fewest things that have to happen for the seed to fail, if it fails.
#[must_use]
pub fn shrink(seed: u64) -> Option<(u32, Report)> {
    (0..=TICKS).map(|ticks| (ticks, run(seed, Some(ticks)))).find(|(_, report)| !report.broken.is_empty())
}

/// One life; answers whether the run is over.
async fn live(stage: Arc<Stage>, left: &mut u32) -> bool {
    if stage.store().agent(stage.world.agent.uid).await.ok().flatten().is_none() {
        prepare(&stage).await;
    }
    let life = Life::start(Arc::clone(&stage)).await;
    let weather = Arc::clone(&stage.weather);
    let over = tokio::select! {
        biased;
        () = weather.died() => {
            stage.trace.note("life ends");
            false
        }
        () = act(&life, left) => true,
    };
    stage.clock.end();
    over
}

async fn prepare(stage: &Stage) {
    let store = stage.store();
    stage.world.register_tenant(store.as_ref()).await.unwrap();
    stage.world.register(store.as_ref()).await.unwrap();
    store.put_human(stage.human(true), stage.world.record(Kind::Rpc, "role").into()).await.unwrap();
    for human in &stage.approvers {
        store.put_human(human.clone(), stage.world.record(Kind::Rpc, "human.add").into()).await.unwrap();
    }
}

async fn act(life: &Life, left: &mut u32) {
    let chance = &life.stage.chance;
    while *left > 0 {
        *left -= 1;
        life.happen().await;
        let wait_ms = match chance.below(40) {
            0 => chance.between(0, 900_000),
            1..6 => chance.between(0, 60_000),
            6..20 => chance.between(0, 4_000),
            _ => chance.between(0, 300),
        };
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    }
    life.restore().await;
    for _ in 0..ROUNDS_MAX {
        rest(life).await;
        if life.stage.trace.is_broken() || !life.settle_all().await {
            break;
        }
    }
    check::at_end(life).await;
}

/// Waits until every task has ended or is in doubt.
async fn rest(life: &Life) {
    for _ in 0..REST_SECONDS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if life.stage.tasks().iter().all(check::rests) {
            return;
        }
    }
    for state in life.stage.tasks().iter().filter(|state| !check::rests(state)) {
        let (task, status) = (state.envelope.id, state.status);
        life.stage.trace.blame(format!("{task} neither ended nor waits for a person: {status:?} {:?}", state.calls));
    }
}
