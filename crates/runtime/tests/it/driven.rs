//! Tasks that a model drives: turns and calls as effects of one journal, refusals told to the model, crashes anywhere.

use std::sync::Arc;

use scalbotics_core::approval::Answer;
use scalbotics_core::ids::TaskId;
use scalbotics_core::model::{
    CALL, Finish, Message, Miss, Reply as Said, Request, Role, Superseded, TOOL_CALLS_MAX, ToolCall, Usage,
};
use scalbotics_core::task::{DENIED_MAX, Event, Failure, State, Status};
use scalbotics_core::tool::{NotDone, Tier};
use scalbotics_runtime::task::{Goal, Submit, SubmitError};
use scalbotics_testkit::Reply;
use serde_json::{Value, json};

use super::bed::{Bed, Disk, submission};
use super::crash::live_with;
use super::fakes::{Crash, Moment};
use super::repo::{name, standard, tool};

/// Tokens that each answer of these models takes.
const TOKENS: u64 = 15;

/// A disk whose clerk is driven by a model, and which has a workflow that asks one.
fn disk() -> Disk {
    let disk = Disk::new();
    let mut state = standard();
    let model = json!({
        "id": "small", "base_url": "http://127.0.0.1:1/v1", "model": "s", "context_tokens": 100_000, "output_tokens_max": 100,
    });
    let sort = json!({
        "id": "sort-flow", "description": "Sorts.",
        "input": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}},
        "steps": [
            {"id": "judge", "model": {"prompt": "Is ${input.to} good?", "output": {
                "type": "object", "required": ["good"], "properties": {"good": {"type": "boolean"}}}}},
            {"id": "tell", "tool": "keyed", "args": {"to": "${input.to}"},
             "if": {"equals": ["${steps.judge.output.good}", true]}},
        ],
        "output": {"good": "${steps.judge.output.good}"},
    });
    state.retain(|(path, _)| !path.starts_with("agents/"));
    state.push(("agents/clerk", json!({"id": "clerk", "model": ["small"]})));
    state.push(("models/small", model));
    state.push(("workflows/sort-flow", sort));
    disk.repo.commit("c1", &state);
    disk
}

#[tokio::test(start_paused = true)]
async fn the_log_and_the_journal_hold_no_prompt_and_no_answer_of_a_model() {
    let canaries = ["goal-canary-7391", "answer-canary-7391", "argument-canary-7391", "result-canary-7391"];
    let [asked, said, argument, result] = canaries;
    let bed = bed([says(said, &[("look", argument)]), says(said, &[])]).await;
    bed.disk.tools.script("look", Reply::Land(result.as_bytes().to_vec()));
    let submit = Submit { goal: Goal::Text(asked.to_owned()), ..goal() };
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let state = bed.ended(task).await;
    assert_eq!(state.status, Status::Completed, "{state:?}");
    let mut told = vec![serde_json::to_string(&bed.records().await).unwrap(), serde_json::to_string(&state).unwrap()];
    told.push(serde_json::to_string(&bed.events(task).await).unwrap());
    for record in bed.records().await.iter().filter_map(|record| record.decision.as_ref()) {
        told.push(serde_json::to_string(&bed.decision(record.id).await).unwrap());
    }
    let sent = bed.disk.tools.sent();
    let prompts: Vec<String> = sent.iter().map(|sent| String::from_utf8_lossy(&sent.args).into_owned()).collect();
    for canary in canaries {
        assert!(prompts.iter().any(|prompt| prompt.contains(canary)), "a prompt holds {canary}: {prompts:#?}");
        assert!(told.iter().all(|text| !text.contains(canary)), "{canary}");
    }
}

fn goal() -> Submit {
    Submit { goal: Goal::Text("pay them".to_owned()), ..submission("pure-flow") }
}

/// An answer of a model with calls of tools, each to somebody.
fn says(text: &str, calls: &[(&str, &str)]) -> Reply {
    let call = |(index, (name, to)): (usize, &(&str, &str))| ToolCall {
        id: format!("c{index}"),
        name: (*name).to_owned(),
        arguments: json!({"to": to}).to_string(),
    };
    let said = Said {
        message: Message { tool_calls: calls.iter().enumerate().map(call).collect(), ..Message::text(Role::Assistant, text) },
        finish: Finish::Stop.with_calls(calls.len()),
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        model: name("small"),
        superseded: Vec::new(),
        cost: 0,
    };
    Reply::Land(said.to_payload().unwrap())
}

async fn bed(answers: impl IntoIterator<Item = Reply>) -> Bed {
    let disk = disk();
    answers.into_iter().for_each(|answer| disk.tools.script(CALL, answer));
    Bed::on(disk, Crash::at(None)).await
}

async fn run(bed: &Bed) -> (TaskId, State) {
    let task = bed.tasks.submit(&bed.ada(), &goal()).await.unwrap().task;
    (task, bed.ended(task).await)
}

/// What each question held, as the models saw it.
fn asked(bed: &Bed) -> Vec<Request> {
    let sent = bed.disk.tools.sent();
    sent.iter().filter(|sent| sent.tool == CALL).map(|sent| Request::of_payload(&sent.args).unwrap()).collect()
}

/// What the models heard last.
fn heard(bed: &Bed) -> Vec<Value> {
    let last = asked(bed).pop().unwrap();
    let results = last.messages.iter().filter(|message| message.role == Role::Tool);
    results.map(|message| serde_json::from_str(&message.content).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn turns_and_calls_are_effects_of_one_journal() {
    let bed = bed([says("", &[("keyed", "ann"), ("pure", "bob")]), says("Done.", &[])]).await;
    for (tool, text) in [("keyed", "paid"), ("pure", "seen")] {
        bed.disk.tools.script(tool, Reply::Land(text.as_bytes().to_vec()));
    }
    let (task, state) = run(&bed).await;
    assert_eq!((state.status, state.failure), (Status::Completed, None));
    assert_eq!((state.account.used().calls, state.account.used().tokens), (2, 2 * TOKENS), "and nothing is held");
    assert_eq!(state.account.used(), state.account.taken());
    let steps: Vec<&str> = state.steps.keys().map(String::as_str).collect();
    assert_eq!(steps, ["turn-1", "turn-1.call-1", "turn-1.call-2", "turn-2"]);
    assert_eq!(bed.tasks.result(&bed.ada(), task).await.unwrap(), json!({"text": "Done."}));
    let wanted =
        [json!({"from": "keyed", "status": "done", "data": "paid"}), json!({"from": "pure", "status": "done", "data": "seen"})];
    assert_eq!(heard(&bed), wanted);
    assert_eq!(state.path.models.len(), 1);
    assert!(state.path.workflow().is_none() && state.path.tools.iter().any(|(tool, _)| tool.as_str() == CALL));
    // Each question was decided for the human and for the agent, and policy saw no word of it.
    let questions: Vec<Value> = bed
        .disk
        .engine
        .asked()
        .into_iter()
        .filter(|request| request.action == "tool/model.call")
        .map(|request| request.context["args"].clone())
        .collect();
    assert_eq!(questions.len(), 4);
    assert_eq!(questions[0]["route"], json!(["small"]));
    assert!(!questions[0].to_string().contains("pay them"));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn failures_and_denials_are_told_and_end_nothing() {
    let bed = bed([says("", &[("keyed", "ann")]), says("", &[("verifiable", "bob")]), says("I could not.", &[])]).await;
    bed.disk.tools.script("keyed", Reply::Fail("no such account".to_owned()));
    bed.disk.engine.deny("tool/verifiable");
    let (task, state) = run(&bed).await;
    assert_eq!((state.status, state.failure), (Status::Completed, None));
    let [failed, denied] = &heard(&bed)[..] else { panic!() };
    assert_eq!((&failed["status"], &failed["why"]), (&json!("failed"), &json!("no such account")));
    assert_eq!(denied["status"], json!("not allowed"));
    assert!(!bed.disk.tools.sent().iter().any(|sent| sent.tool == "verifiable"), "a denied call is never made");
    let denials = bed.events(task).await.iter().filter(|event| matches!(event, Event::CallDenied { .. })).count();
    assert_eq!(denials, 1);
    // What the model says of it is not all that is said of it.
    let kept = state.denied["turn-2.call-1"].clone();
    assert_eq!((kept.tool.as_str(), kept.tier, state.denied.len()), ("verifiable", Some(Tier::Change), 1));
    assert_eq!(bed.tasks.show(state).await.unwrap().denial, Some(kept.decision));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn denials_of_one_answer_are_all_kept_and_are_not_many() {
    let several = |turn: usize, calls: usize| {
        let names: Vec<String> = (0..calls).map(|n| format!("{turn}-{n}")).collect();
        says("", &names.iter().map(|name| ("keyed", name.as_str())).collect::<Vec<_>>())
    };
    let bed = bed((0..4).map(|turn| several(turn, 1)).chain([several(4, TOOL_CALLS_MAX)])).await;
    bed.disk.engine.deny("tool/keyed");
    let (task, state) = run(&bed).await;
    assert_eq!(state.failure, Some(Failure::PolicyDenied));
    assert_eq!(state.denied.len(), 4 + TOOL_CALLS_MAX);
    assert!(state.denied.len() < DENIED_MAX, "the conversation ends it before the machine has to");
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_told_with_its_model_and_its_cost() {
    let Reply::Land(bytes) = says("Done.", &[]) else { panic!() };
    let mut said = Said::of_payload(&bytes).unwrap();
    said.cost = 30;
    let before =
        Superseded { model: name("small"), why: "words of a server".to_owned(), miss: Some(Miss::Busy), may_have_spent: false };
    said.superseded = vec![before];
    let bed = bed([says("", &[("pure", "ann")]), Reply::Land(said.to_payload().unwrap())]).await;
    let (task, state) = run(&bed).await;
    let answers: Vec<_> = state.calls.values().map(|call| call.answer.as_deref()).collect();
    let [Some(first), None, Some(last)] = answers[..] else { panic!("{answers:?}") };
    assert_eq!((first.model.as_str(), first.input_tokens, first.output_tokens, first.superseded.len()), ("small", 10, 5, 0));
    assert_eq!((last.cost_micros, last.superseded[0].miss, state.cost_micros()), (30, Some(Miss::Busy), 30));
    let journal = serde_json::to_string(&bed.events(task).await).unwrap();
    assert!(!journal.contains("words of a server") && !journal.contains("Done."), "the journal holds no word of it");
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_told_no_again_and_again_is_ended() {
    let again = (0..9).map(|n| says("", &[("keyed", &format!("ann{n}"))]));
    let bed = bed(again).await;
    bed.disk.engine.deny("tool/keyed");
    let (task, state) = run(&bed).await;
    assert_eq!(state.failure, Some(Failure::PolicyDenied));
    assert_eq!((asked(&bed).len(), bed.disk.tools.sent().len()), (5, 5), "five questions and no call");
    assert!(bed.tasks.show(state).await.unwrap().failure_detail.unwrap().contains("denied 5 calls"));
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_denied_question_and_a_suspended_agent_end_the_task() {
    let denied = bed([]).await;
    denied.disk.engine.deny("tool/model.call");
    assert_eq!(run(&denied).await.1.failure, Some(Failure::PolicyDenied));
    assert!(denied.disk.tools.sent().is_empty());
    let suspended = bed([Reply::UntilStopped, says("", &[("keyed", "ann")])]).await;
    let task = suspended.tasks.submit(&suspended.ada(), &goal()).await.unwrap().task;
    suspended.until(task, |state| state.open_calls().next().is_some()).await;
    suspended.suspend().await;
    assert_eq!(suspended.ended(task).await.failure, Some(Failure::AgentSuspended));
    assert!(!suspended.disk.tools.sent().iter().any(|sent| sent.tool == "keyed"));
    suspended.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_risky_call_waits_for_a_person() {
    let bed = bed([says("", &[("publish", "ann")]), says("Out.", &[])]).await;
    let task = bed.tasks.submit(&bed.ada(), &goal()).await.unwrap().task;
    let approval = bed.asked(task).await;
    assert!(!bed.disk.tools.sent().iter().any(|sent| sent.tool == "publish"));
    let shown = bed.approvals.get(&bed.bob(), approval).await.unwrap();
    bed.approvals.decide(&bed.bob(), approval, &bed.signed(&shown, Answer::Approve)).await.unwrap();
    assert_eq!(bed.ended(task).await.status, Status::Completed);
    assert_eq!(bed.disk.tools.sent().iter().filter(|sent| sent.tool == "publish").count(), 1);
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_model_that_does_not_answer_ends_the_task_in_its_words() {
    let gone = || Reply::NeverLeft(NotDone::Unavailable { reason: "nobody listens".to_owned() });
    let cases: [(Vec<Reply>, usize, u64); 3] = [
        (vec![Reply::Fail("it broke off".to_owned())], 1, 1),
        (vec![gone(), gone(), gone()], 3, 1),
        (vec![Reply::Lose, Reply::Lose, Reply::Lose], 3, 3),
    ];
    for (answers, times, holds) in cases {
        let bed = bed(answers).await;
        let (task, state) = run(&bed).await;
        assert_eq!(state.failure, Some(Failure::ModelFailed));
        assert_eq!(asked(&bed).len(), times);
        let hold = state.calls.values().next().unwrap().intent.worst.tokens;
        assert_eq!(state.account.used().tokens, holds * hold, "a lost answer charges its whole hold, each time");
        bed.check_journal(task).await;
    }
    let recovered = bed([Reply::Lose, gone(), says("Here.", &[])]).await;
    let (_, state) = run(&recovered).await;
    let hold = state.calls.values().next().unwrap().intent.worst.tokens;
    assert_eq!((state.status, state.account.used().tokens), (Status::Completed, hold + TOKENS));
}

#[tokio::test(start_paused = true)]
async fn tokens_are_held_before_they_are_spent() {
    let bed = bed([says("", &[("pure", "ann")]), says("Done.", &[])]).await;
    let with = |tokens| {
        let mut submit = goal();
        submit.limits.tokens = Some(tokens);
        submit
    };
    let few = bed.tasks.submit(&bed.ada(), &with(100)).await.unwrap_err();
    let SubmitError::TooFewTokens { wanted, budget: 100, .. } = few else { panic!("{few}") };
    let task = bed.tasks.submit(&bed.ada(), &with(wanted)).await.unwrap().task;
    let state = bed.ended(task).await;
    assert_eq!((state.failure, state.account.used().tokens), (Some(Failure::BudgetExhausted), TOKENS));
    assert_eq!(asked(&bed).len(), 1, "the second question might have taken more than was left");
    bed.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_workflow_asks_a_model_and_a_model_starts_a_workflow() {
    let asks = bed([says("```json\n{\"good\": true}\n```", &[])]).await;
    let task = asks.submit("sort-flow").await;
    let state = asks.ended(task).await;
    assert_eq!((state.status, state.account.used().calls, state.account.used().tokens), (Status::Completed, 1, TOKENS));
    assert_eq!(asks.tasks.result(&asks.ada(), task).await.unwrap(), json!({"good": true}));
    let question = asked(&asks).pop().unwrap();
    assert!(question.messages.last().unwrap().content.starts_with("Is world good?") && question.tools.is_empty());
    asks.check_journal(task).await;

    let wrong = bed([says("yes", &[])]).await;
    let task = wrong.submit("sort-flow").await;
    assert_eq!(wrong.ended(task).await.failure, Some(Failure::ToolFailed));
    assert_eq!(wrong.disk.tools.sent().len(), 1, "no step after an answer of another type");

    let starts = bed([says("", &[("workflow.sort-flow", "ann")]), says("{\"good\": true}", &[]), says("Sorted.", &[])]).await;
    let (task, state) = run(&starts).await;
    assert_eq!(state.status, Status::Completed, "{:?}", state.failure);
    let steps: Vec<&str> = state.steps.keys().map(String::as_str).collect();
    assert_eq!(steps, ["turn-1", "turn-1.call-1/judge", "turn-1.call-1/tell", "turn-2"]);
    assert_eq!(heard(&starts), [json!({"from": "workflow.sort-flow", "status": "done", "data": {"good": true}})]);
    starts.check_journal(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_matches_comes_before_any_model() {
    let bed = bed([]).await;
    let submit = Submit { goal: Goal::Text("do pure-flow now".to_owned()), ..goal() };
    let task = bed.tasks.submit(&bed.ada(), &submit).await.unwrap().task;
    let state = bed.ended(task).await;
    assert_eq!((state.status, state.path.workflow()), (Status::Completed, Some(&name("pure-flow"))));
    assert!(asked(&bed).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_model_or_tool_that_was_changed_meanwhile_stops_the_task() {
    let bed = bed([Reply::NeverLeft(NotDone::Unavailable { reason: "later".to_owned() }), says("", &[])]).await;
    let task = bed.tasks.submit(&bed.ada(), &goal()).await.unwrap().task;
    let mut state = standard();
    state.retain(|(path, _)| !path.starts_with("agents/"));
    state.push(("agents/clerk", json!({"id": "clerk", "model": ["small"]})));
    state.push((
        "models/small",
        json!({
            "id": "small", "base_url": "http://127.0.0.1:2/v1", "model": "s", "context_tokens": 100_000, "output_tokens_max": 100,
        }),
    ));
    state.push(("tools/extra", tool("extra", "pure", 0)));
    bed.disk.repo.commit("c2", &state);
    bed.reconciler.look().await;
    let state = bed.ended(task).await;
    assert_eq!(state.failure, Some(Failure::Unavailable));
    assert!(bed.tasks.show(state).await.unwrap().failure_detail.unwrap().contains("model `small` was changed"));
}

/// The world stops at every commit and every run: each turn's answer counts once, a keyed effect happens once for its key, and
/// what was lost of a question is charged.
#[test]
fn a_crash_anywhere() {
    let commits = (0..5).flat_map(|n| [Moment::BeforeCommit(n), Moment::AfterCommit(n)]);
    let runs = (0..4).flat_map(|n| [Moment::BeforeRun(n), Moment::AfterRun(n)]);
    for moment in commits.chain(runs) {
        let first = disk();
        // An answer that was lost is asked for again, and is the same.
        for _ in 0..2 {
            first.tools.script("verifiable", Reply::Land(b"sent".to_vec()));
        }
        let script = |asked: usize| match asked {
            0 => says("", &[("keyed", "ann"), ("pure", "bob")]),
            1 => says("", &[("verifiable", "cid")]),
            _ => says("Done.", &[]),
        };
        first.tools.answer(CALL, move |args| {
            let request = Request::of_payload(args).unwrap();
            script(request.messages.iter().filter(|message| message.role == Role::Assistant).count())
        });
        let (after, before) = live_with(&goal(), first, &Crash::at(Some(moment)));
        let (disk, task) = live_with(&goal(), Disk { store: Arc::new(after.store.restarted()), ..after }, &Crash::at(None));
        let task = task.unwrap();
        assert!(before.is_none_or(|before| before == task), "{moment:?}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bed = Bed::on(disk.clone(), Crash::at(None)).await;
            let state = bed.state(task).await;
            assert_eq!((state.status, state.failure), (Status::Completed, None), "{moment:?}");
            assert_eq!(state.steps.len(), 6, "{moment:?}: {:?}", state.steps.keys());
            let lost = state.calls.values().filter(|call| call.intent.worst.tokens > 0 && call.attempt > 1).count();
            assert!(lost <= 1 && state.account.used().tokens >= 3 * TOKENS, "{moment:?}");
            let keys: std::collections::BTreeSet<_> =
                disk.tools.sent().into_iter().filter(|sent| sent.tool == "keyed").map(|sent| sent.key).collect();
            assert_eq!(keys.len(), 1, "{moment:?}");
            let verifiable = disk.tools.sent().into_iter().filter(|sent| sent.tool == "verifiable" && sent.happened).count();
            assert_eq!(verifiable, 1, "{moment:?}");
            bed.check_journal(task).await;
        });
    }
}
