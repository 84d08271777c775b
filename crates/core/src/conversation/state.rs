//! The conversation of one task: what was heard so far, and the next move that follows from it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::frame::Frame;
use super::heard::Heard;
use super::next::{Move, Stuck};
use super::turn::{self, Turn};
use super::{progress, request};
use crate::model::{Finish, Reply};
use crate::task::Failure;
use crate::workflow::{Results, Workflow};

/// The conversation of one task.
#[derive(Debug)]
pub struct Conversation {
    pub(super) frame: Frame,
    pub(super) turns: Vec<Turn>,
    /// What was heard of each step but the turns.
    pub(super) heard: BTreeMap<String, Heard>,
    /// Results of workflows that the model started, by the key of the call.
    pub(super) started: BTreeMap<String, Results>,
    /// Answers that came before the turn before them, when a task is brought back.
    early: BTreeMap<usize, Reply>,
    /// The next move, once somebody asked for it.
    next: OnceLock<Result<Move, Stuck>>,
}

impl Conversation {
    /// A conversation in which nothing was said.
    #[must_use]
    pub const fn new(frame: Frame) -> Self {
        Self {
            frame,
            turns: Vec::new(),
            heard: BTreeMap::new(),
            started: BTreeMap::new(),
            early: BTreeMap::new(),
            next: OnceLock::new(),
        }
    }

    /// Whether the step key is that of a turn.
    #[must_use]
    pub fn is_turn(step: &str) -> bool {
        turn::number_of(step).is_some()
    }

    /// Takes in what became of a step: turns before their calls, otherwise in any order; the same again changes nothing.
    ///
    /// # Errors
    /// [`Stuck`] when it is an answer that cannot be read.
    pub fn take(&mut self, step: &str, heard: Heard) -> Result<(), Stuck> {
        self.next = OnceLock::new();
        if let Some(number) = turn::number_of(step) {
            return self.take_answer(number, &heard);
        }
        if let Some((call, inner)) = step.split_once('/')
            && let Heard::Landed { output, .. } = &heard
        {
            let value = self.workflow_of(call).map(|workflow| workflow.read_output(inner, output));
            match value {
                Some(Ok(value)) => drop(self.started.entry(call.to_owned()).or_default().insert(inner.to_owned(), value)),
                Some(Err(error)) => drop(self.heard.insert(step.to_owned(), Heard::Failed { words: error.to_string() })),
                None => {}
            }
            return Ok(());
        }
        self.heard.insert(step.to_owned(), heard.shortened());
        Ok(())
    }

    fn take_answer(&mut self, number: usize, heard: &Heard) -> Result<(), Stuck> {
        let Heard::Landed { output, .. } = heard else {
            return Err(Stuck::new(Failure::ModelFailed, "an answer of the model is lost"));
        };
        let reply = Reply::of_payload(output);
        let reply = reply.ok_or_else(|| Stuck::new(Failure::ModelFailed, "an answer of the model cannot be read"))?;
        self.early.insert(number, reply);
        while let Some(reply) = self.early.remove(&(self.turns.len() + 1)) {
            let number = self.turns.len() + 1;
            self.turns.push(Turn::new(number, reply, &self.frame));
        }
        self.early.retain(|number, _| *number > self.turns.len());
        Ok(())
    }

    fn workflow_of(&self, call: &str) -> Option<&Workflow> {
        self.turns.iter().rev().find_map(|turn| turn.workflow_of(call))
    }

    /// The next move.
    ///
    /// # Errors
    /// [`Stuck`] when there is none; the same history always gives the same one.
    pub fn next(&self) -> Result<Move, Stuck> {
        self.next.get_or_init(|| self.find_next()).clone()
    }

    fn find_next(&self) -> Result<Move, Stuck> {
        let Some(turn) = self.turns.last() else { return self.ask() };
        if turn.reply.finish == Finish::Length {
            let words = format!("an answer was cut at its cap of {} tokens", self.frame.route.output_tokens_max);
            return Err(Stuck::new(Failure::ModelFailed, words));
        }
        if turn.reply.finish == Finish::Filtered {
            return Err(Stuck::new(Failure::ModelFailed, "the server held an answer of the model back"));
        }
        if let Some(wanted) = self.frame.route.tool_choice.as_ref().filter(|_| self.turns.len() == 1)
            && !turn.calls(wanted, &self.frame)
        {
            let words = format!("the first answer had to call {}, and does not", wanted.words());
            return Err(Stuck::new(Failure::ModelFailed, words));
        }
        if turn.wishes.is_empty() {
            return turn.last_word();
        }
        for index in 0..turn.wishes.len() {
            if let turn::Stand::Open(next) = turn.stand(index, self)? {
                return Ok(next);
            }
        }
        progress::check(self)?;
        self.ask()
    }

    /// The calls of the present turn behind `step` that are not made yet and start no workflow.
    #[must_use]
    pub fn beside(&self, step: &str) -> Vec<Move> {
        let Some(turn) = self.turns.last() else { return Vec::new() };
        turn.calls_behind(step).filter(|next| matches!(next, Move::Call { step, .. } if !self.heard.contains_key(step))).collect()
    }

    fn ask(&self) -> Result<Move, Stuck> {
        let number = self.turns.len() + 1;
        if number as u64 > self.frame.route.turns_max {
            let words = format!("the model took all {} turns and did not come to an end", self.frame.route.turns_max);
            return Err(Stuck::new(Failure::TurnsExhausted, words));
        }
        let request = request::of(self)?;
        Ok(Move::Ask { step: turn::key(number), request })
    }
}
