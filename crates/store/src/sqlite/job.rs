//! What the writer is given: something to do inside a transaction, and somebody to tell afterwards.

use rusqlite::Connection;
use scalbotics_core::ports::StoreError;
use tokio::sync::oneshot;

use super::logs::Logs;
use super::reserve::Change;

/// What a job works with.
#[derive(Debug)]
pub(super) struct Tx<'a> {
    /// The writing connection, inside the job's savepoint.
    pub(super) conn: &'a Connection,
    /// The audit logs.
    pub(super) logs: &'a mut Logs,
}

/// One thing to write.
pub(super) trait Job: Send {
    /// About how many bytes it writes.
    fn weight(&self) -> usize;

    /// Whether it may use the room that is kept for outcomes.
    fn essential(&self) -> bool;

    /// What it changes about that room.
    fn change(&self) -> &Change;

    /// Does it; may be called again after a rollback.
    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError>;

    /// Tells the caller, after the commit or after the rollback.
    fn finish(self: Box<Self>, result: Result<(), StoreError>);
}

/// How a job stands to others.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) weight: usize,
    pub(super) essential: bool,
    pub(super) change: Change,
}

impl Class {
    /// The class of a job that begins and ends no effect.
    pub(super) fn new(weight: usize, essential: bool) -> Self {
        Self { weight, essential, change: Change::default() }
    }
}

/// A job made of two closures: the work, and what becomes of its result once it is durable.
pub(super) struct Work<Made, Answer, Apply, Seal> {
    class: Class,
    apply: Apply,
    seal: Seal,
    made: Option<Made>,
    reply: oneshot::Sender<Result<Answer, StoreError>>,
}

impl<Made, Answer, Apply, Seal> Work<Made, Answer, Apply, Seal>
where
    Made: Send + 'static,
    Answer: Send + 'static,
    Apply: FnMut(&mut Tx<'_>) -> Result<Made, StoreError> + Send + 'static,
    Seal: FnOnce(Made) -> Answer + Send + 'static,
{
    /// Wraps the closures; the answer comes through the receiver.
    pub(super) fn boxed(class: Class, apply: Apply, seal: Seal) -> (Box<dyn Job>, oneshot::Receiver<Result<Answer, StoreError>>) {
        let (reply, answer) = oneshot::channel();
        (Box::new(Self { class, apply, seal, made: None, reply }), answer)
    }
}

impl<Made, Answer, Apply, Seal> Job for Work<Made, Answer, Apply, Seal>
where
    Made: Send,
    Answer: Send,
    Apply: FnMut(&mut Tx<'_>) -> Result<Made, StoreError> + Send,
    Seal: FnOnce(Made) -> Answer + Send,
{
    fn weight(&self) -> usize {
        self.class.weight
    }

    fn essential(&self) -> bool {
        self.class.essential
    }

    fn change(&self) -> &Change {
        &self.class.change
    }

    fn apply(&mut self, tx: &mut Tx<'_>) -> Result<(), StoreError> {
        self.made = None;
        self.made = Some((self.apply)(tx)?);
        Ok(())
    }

    fn finish(self: Box<Self>, result: Result<(), StoreError>) {
        let Self { seal, made, reply, .. } = *self;
        let answer = match (result, made) {
            (Ok(()), Some(made)) => Ok(seal(made)),
            (Ok(()), None) => Err(StoreError::Closing),
            (Err(error), _) => Err(error),
        };
        // A caller that went away reads what became of it later.
        let _gone = reply.send(answer);
    }
}
