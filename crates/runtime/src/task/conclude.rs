//! What an outcome means for the task: the record of it, and in the same commit what comes next (semantics §1.2).

use scalbotics_core::conversation::Heard;
use scalbotics_core::failpoint;
use scalbotics_core::ids::EffectId;
use scalbotics_core::model::{AnswerNote, CALL, Reply};
use scalbotics_core::payload;
use scalbotics_core::ports::StoreError;
use scalbotics_core::task::{Command, Doubt, Failure, Phase, State, Usage};
use scalbotics_core::tool::{EffectClass, NotDone, Outcome};

use super::actor::{Actor, Step, Tries};
use super::draft::{Draft, Trouble};
use super::plan;
use super::run::Run;
use super::wait::Wait;

/// Attempts that one actor makes of an effect whose calls come to nothing, before it gives up.
const TRIES_MAX: u32 = 3;

/// Wait before the second attempt, in milliseconds; it doubles.
const TRY_WAIT_MS: u64 = 500;

/// Wait before another attempt that found no room on the disk, in milliseconds: somebody has to make some.
const ROOM_WAIT_MS: u64 = 5_000;

/// What the record of an outcome says about going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// The next move may be planned in the same commit.
    Plan,
    /// Only the record is written.
    RecordOnly,
    /// Nothing is written: the call is open and recovery settles it.
    Nothing,
}

/// An attempt that is over.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) effect: EffectId,
    pub(super) attempt: u32,
    pub(super) outcome: Outcome,
}

impl Actor {
    /// Records the outcome of an attempt, or of several that landed, and what comes next.
    pub(super) async fn conclude(&mut self, mut all: Vec<Done>) -> Result<Step, Trouble> {
        for done in &mut all {
            cut(&mut done.outcome);
            self.count_try(done.effect, &done.outcome);
        }
        let mut with_next = !self.shared.supervisor.is_draining();
        let mut wait = Wait::default();
        loop {
            let mut draft = self.draft()?;
            let mut after = After::Nothing;
            for done in &all {
                after = self.note(&mut draft, done.effect, done.attempt, &done.outcome)?;
            }
            // Only now: a result that cannot be used ends the task, which nothing open allows.
            for done in &all {
                self.hear(&mut draft, done)?;
            }
            if after == After::Nothing {
                return Ok(Step::Go);
            }
            if with_next && after == After::Plan && can_plan(draft.state()?) {
                self.plan_next(&mut draft).await?;
            }
            match self.write(draft).await {
                Ok(()) => {
                    failpoint!("effect.reply.after");
                    return Ok(Step::Go);
                }
                Err(error) if Self::is_about_next(&error) => {
                    // The outcome must be written, whatever becomes of the next move.
                    let full = matches!(error, StoreError::Full);
                    let alone = !std::mem::replace(&mut with_next, false);
                    if full {
                        self.wait_for_room(&mut wait).await?;
                    } else if alone {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Puts the next move into the draft that holds an outcome; what is out of date by now is left to the next step.
    async fn plan_next(&self, draft: &mut Draft) -> Result<(), Trouble> {
        let Some(run) = &self.run else { return Ok(()) };
        match plan::advance(&self.shared, run, draft).await {
            Ok(()) => Ok(()),
            Err(Trouble::Rejected(rejection)) if plan::is_outdated(&rejection) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    fn note(&mut self, draft: &mut Draft, effect: EffectId, attempt: u32, outcome: &Outcome) -> Result<After, Trouble> {
        match outcome {
            Outcome::Landed { output, truncated } => {
                let (spent, answer) = spent(draft.state()?, effect, output);
                let result = draft.seal(&self.shared.vault, output.clone())?;
                draft.apply(Command::RecordLanded { effect, attempt, result, truncated: *truncated, spent, answer })?;
                Ok(After::Plan)
            }
            Outcome::Failed { reason } => self.note_failed(draft, effect, attempt, reason),
            // The files are not what was approved, and waiting does not bring them back.
            Outcome::NeverLeft { reason: reason @ NotDone::Changed { .. } } => {
                self.note_failed_for_good(draft, effect, attempt, (Failure::Unavailable, &reason.to_string()))?;
                Ok(After::Plan)
            }
            // A full disk fails no task (semantics §1.3): there is room again some day, or time is up.
            Outcome::NeverLeft { reason: NotDone::NoRoom { .. } } => {
                draft.apply(Command::RecordNeverLeft { effect, attempt })?;
                Ok(After::RecordOnly)
            }
            Outcome::NeverLeft { reason } => {
                let for_good = matches!(reason, NotDone::Arguments { .. }) || self.tries.count >= TRIES_MAX;
                if for_good {
                    return self.note_failed(draft, effect, attempt, &reason.to_string());
                }
                draft.apply(Command::RecordNeverLeft { effect, attempt })?;
                Ok(After::RecordOnly)
            }
            Outcome::Unknown { .. } => {
                let call = draft.state()?.calls.get(&effect);
                if call.is_some_and(|call| call.intent.class == EffectClass::Opaque) {
                    draft.apply(Command::Park { effect, doubt: Doubt::OutcomeUnknown })?;
                    return Ok(After::RecordOnly);
                }
                Ok(After::Nothing)
            }
        }
    }

    /// Takes what became of a call into the run, from where the next move is made.
    fn hear(&mut self, draft: &mut Draft, done: &Done) -> Result<(), Trouble> {
        let (state, effect) = (draft.state()?, done.effect);
        let Some(call) = state.calls.get(&effect) else { return Ok(()) };
        let heard = match &done.outcome {
            Outcome::Landed { output, truncated } => Heard::Landed { output: output.clone(), truncated: *truncated },
            Outcome::Failed { .. } | Outcome::NeverLeft { .. } | Outcome::Unknown { .. } => {
                let told = matches!(call.phase, Phase::Failed { .. }) && state.path.tells(&call.intent.tool);
                match words_of(&done.outcome) {
                    Some(words) if told => Heard::Failed { words },
                    Some(_) | None => return Ok(()),
                }
            }
        };
        take(self.run.as_mut(), &self.shared.vault, draft, effect, heard)
    }

    /// Records a failure for good, and ends the task with it unless it is in doubt, canceled, or told to a model.
    pub(super) fn note_failed_for_good(
        &self,
        draft: &mut Draft,
        effect: EffectId,
        attempt: u32,
        (failure, words): (Failure, &str),
    ) -> Result<(), Trouble> {
        let reason = draft.seal_words(&self.shared.vault, words)?;
        let spent = worst(draft.state()?, effect);
        draft.apply(Command::RecordFailed { effect, attempt, reason, spent })?;
        let state = draft.state()?;
        let Some(call) = state.calls.get(&effect).filter(|call| matches!(call.phase, Phase::Failed { .. })) else {
            return Ok(());
        };
        let failure = if call.intent.tool.as_str() == CALL { Failure::ModelFailed } else { failure };
        let goes_on = state.path.tells(&call.intent.tool);
        // While others are open the task cannot end; it does when this step comes to its turn again.
        if !goes_on && !state.status.is_final() && state.open_calls().next().is_none() {
            draft.apply(Command::Fail { failure, detail: Some(reason) })?;
        }
        Ok(())
    }

    fn note_failed(&self, draft: &mut Draft, effect: EffectId, attempt: u32, words: &str) -> Result<After, Trouble> {
        self.note_failed_for_good(draft, effect, attempt, (Failure::ToolFailed, words))?;
        Ok(After::Plan)
    }

    fn count_try(&mut self, effect: EffectId, outcome: &Outcome) {
        if self.tries.effect != Some(effect) {
            self.tries = Tries { effect: Some(effect), ..Tries::default() };
        }
        let words = match outcome {
            Outcome::Landed { .. } | Outcome::Failed { .. } => {
                self.tries = Tries::default();
                return;
            }
            Outcome::NeverLeft { reason: NotDone::NoRoom { .. } } => {
                self.tries.not_before = Some(self.shared.now().plus_ms(ROOM_WAIT_MS));
                return;
            }
            Outcome::NeverLeft { reason } => reason.to_string(),
            Outcome::Unknown { reason } => reason.clone(),
        };
        let wait_ms = TRY_WAIT_MS.saturating_mul(1_u64.checked_shl(self.tries.count).unwrap_or(u64::MAX));
        self.tries.count = self.tries.count.saturating_add(1);
        self.tries.not_before = Some(self.shared.now().plus_ms(wait_ms));
        self.tries.words = words;
    }

    /// Whether this actor has seen the effect come to nothing too often.
    pub(super) fn is_tried_enough(&self, effect: EffectId) -> bool {
        self.tries.effect == Some(effect) && self.tries.count >= TRIES_MAX
    }
}

/// Takes what became of a call into the run; a result that cannot be used ends the task, though the effect landed.
pub(super) fn take(
    run: Option<&mut Run>,
    vault: &crate::vault::Vault,
    draft: &mut Draft,
    effect: EffectId,
    heard: Heard,
) -> Result<(), Trouble> {
    let state = draft.state()?;
    let step = state.calls.get(&effect).map(|call| call.intent.step.clone()).unwrap_or_default();
    let over = state.status.is_final() || state.open_calls().next().is_some();
    match run.map(|run| run.take(&step, heard)) {
        Some(Err(unusable)) if !over => draft.fail(vault, unusable.failure(), &unusable.to_string()),
        Some(Ok(()) | Err(_)) | None => Ok(()),
    }
}

/// The most that an effect is charged for.
pub(super) fn worst(state: &State, effect: EffectId) -> Usage {
    state.calls.get(&effect).map_or(Usage::ONE_CALL, |call| call.intent.worst)
}

/// What an effect that landed is charged for, and what is told of an answer: a call of a tool is charged one call, an answer of a
/// model what its server counted.
fn spent(state: &State, effect: EffectId, output: &[u8]) -> (Usage, Option<Box<AnswerNote>>) {
    let worst = worst(state, effect);
    if worst.tokens == 0 {
        return (worst, None);
    }
    let charged = |reply: Reply| {
        let spent = Usage { tokens: reply.charged(worst.tokens), ..worst };
        (spent, Some(Box::new(AnswerNote::of(&reply))))
    };
    Reply::of_payload(output).map_or((worst, None), charged)
}

/// The words of an outcome that is none.
fn words_of(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Landed { .. } => None,
        Outcome::Failed { reason } | Outcome::Unknown { reason } => Some(reason.clone()),
        Outcome::NeverLeft { reason } => Some(reason.to_string()),
    }
}

/// Whether nothing is open, in doubt, waiting, awaited or over.
pub(super) fn can_plan(state: &State) -> bool {
    let blocked =
        state.calls.values().any(|call| matches!(call.phase, Phase::Sent | Phase::Waiting { .. } | Phase::InDoubt { .. }));
    !state.status.is_final() && !blocked && state.login.is_none() && state.cancel_requested_by.is_none()
}

/// Cuts an output that is longer than a payload may be.
fn cut(outcome: &mut Outcome) {
    if let Outcome::Landed { output, truncated } = outcome
        && output.len() > payload::LEN_MAX
    {
        output.truncate(payload::LEN_MAX);
        *truncated = true;
    }
}
