//! Reads that go together: their intents are in one commit, and so are their outcomes. One fsync for each of them would be most
//! of what a task that reads a few files takes.
//!
//! **Invariant:** nothing is made of a denial here: the step comes to its turn, is decided again, and denied then.

use scalbotics_core::conversation::Move;
use scalbotics_core::task::Event;

use super::super::draft::{Draft, Trouble};
use super::super::executor::Shared;
use super::super::run::Run;
use super::{Gate, Wanted, asked, intent, is_read, send_deadline};

/// Calls that go with the first: the results of all of them are held until the last one is there.
const BESIDE_MAX: usize = 7;

/// Puts the reads beside `step`, which was put into the draft just now, into it too.
pub(super) async fn propose(shared: &Shared, run: &Run, draft: &mut Draft, step: &str) -> Result<(), Trouble> {
    let first = matches!(draft.events.last(), Some(Event::Intended { intent, attempt: 1, .. }) if intent.step == step);
    let Some(in_force) = shared.states.current(&draft.state()?.envelope.tenant).filter(|_| first) else { return Ok(()) };
    let may = |tool: &_| in_force.tools.get(tool).is_some_and(|tool| is_read(tool));
    for next in run.beside(step, may).into_iter().take(BESIDE_MAX) {
        let Move::Call { step, tool, args } = next else { break };
        let state = draft.state()?;
        if state.steps.contains_key(&step) {
            break;
        }
        let Ok(wanted) = Wanted::call(shared, state, (step, &tool, args)) else { break };
        if !intend(shared, draft, &wanted).await? {
            break;
        }
    }
    Ok(())
}

/// Decides one and puts its intent into the draft; `false` when it is not allowed, or the agent is another one by now.
async fn intend(shared: &Shared, draft: &mut Draft, wanted: &Wanted) -> Result<bool, Trouble> {
    let state = draft.state()?;
    let asked = asked(shared, state, wanted);
    let call = Gate::call(&asked);
    let ruled = shared.gate.ask(&asked).await?;
    let Some(permit) = ruled.permit.filter(|_| ruled.agent_epoch == draft.agent_epoch) else { return Ok(false) };
    draft.decisions.push(ruled.decision);
    let intent = intent(shared, draft, wanted, call)?;
    let deadline = send_deadline(draft.at, intent.timeout.as_ms());
    draft.intend(intent, permit, (&wanted.tool, deadline))?;
    Ok(true)
}
