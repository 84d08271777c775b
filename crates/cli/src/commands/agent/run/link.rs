//! The stream to the daemon, through losses of it: beats, assignments, reports.

use std::collections::VecDeque;
use std::future::Future;
use std::time::Duration;

use scalbotics_core::worker::{BEAT_EVERY_MS, End, Lease};
use scalbotics_proto::v1;
use scalbotics_proto::v1::attend_request::Said;
use scalbotics_proto::v1::attend_response::Said as Told;
use scalbotics_proto::v1::ended::How;
use scalbotics_proto::v1::report::Became as Reported;
use scalbotics_proto::v1::worker_service_client::WorkerServiceClient;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::boot;
use super::desk::{Desk, Key, Report};
use super::program::Became;
use super::telling::tell;
use super::warrants::Judge;
use crate::clock;
use crate::commands::agent::enroll::{Directory, Facts, connect};
use crate::commands::watching::is_away;
use crate::failure::{Exit, Failure};
use crate::output::Printer;

/// How long the daemon may take to let a worker attend.
const ATTEND_MAX: Duration = Duration::from_secs(10);

/// How long no beat is answered before the stream is given up and another one sought, in milliseconds.
const SILENCE_MAX_MS: u64 = 10_000;

/// The first pause before the daemon is looked for again, and the longest: it looks for its workers for ten seconds after a restart.
const PAUSE_MIN: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// How long a worker that was told to end waits for its programs, in milliseconds.
const LEAVE_MAX_MS: u64 = 30_000;

/// Messages that wait to be sent: each is small, or a report whose output is in memory anyway.
const SAID_MAX: usize = 16;

/// Longest message of the daemon, in bytes: arguments, and a command line in which they stand.
const TOLD_MAX: usize = 8 << 20;

/// Beats that were sent and not answered, at most.
const BEATS_MAX: usize = 64;

/// The code of an answer that another process attends.
const RELIEVED: &str = "WORKER_RELIEVED";

/// The code of an answer that certificates cannot be judged for a while.
const CLOCK_UNTRUSTED: &str = "CLOCK_UNTRUSTED";

/// A worker on its way to its daemon.
pub(super) struct Worker<'a> {
    pub(super) directory: &'a Directory,
    pub(super) facts: &'a Facts,
    pub(super) printer: &'a Printer,
    pub(super) judge: Judge,
    pub(super) desk: Desk,
    /// Says that this process is not another one.
    pub(super) instance: [u8; 16],
    /// How many programs run at one time.
    pub(super) places: u32,
}

/// A stream that is open.
struct Stream {
    said: mpsc::Sender<v1::AttendRequest>,
    told: Streaming<v1::AttendResponse>,
}

/// How a stream ended.
enum Ended {
    /// The worker was told to end, and has nothing in hand any more.
    Left,
    /// It broke off, or is silent.
    Lost(String),
    /// The daemon said why.
    Refused(Failure),
}

/// The signals that end a worker: the first lets it finish what it has in hand, the second ends it at once.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// When it ends at the latest, once it was told to.
    leave_by_ms: Option<u64>,
    seen: u32,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::internal("no signals", &error));
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, leave_by_ms: None, seen: 0 })
    }

    /// Waits for the next one.
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
        self.seen = self.seen.saturating_add(1);
        self.leave_by_ms.get_or_insert_with(|| boot::now_ms().saturating_add(LEAVE_MAX_MS));
    }

    const fn is_leaving(&self) -> bool {
        self.leave_by_ms.is_some()
    }

    fn is_over(&self) -> bool {
        self.seen > 1 || self.leave_by_ms.is_some_and(|by_ms| boot::now_ms() >= by_ms)
    }
}

/// Beats that were sent, and when.
#[derive(Debug, Default)]
struct Beats {
    last: u64,
    sent: VecDeque<(u64, u64)>,
}

impl Beats {
    fn next(&mut self, now_ms: u64, ending: bool) -> v1::Beat {
        self.last = self.last.wrapping_add(1);
        if self.sent.len() >= BEATS_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back((self.last, now_ms));
        v1::Beat { number: self.last, ending }
    }

    /// When the beat was sent that is answered here; an answer to none that was sent is none.
    fn answered(&mut self, beat: v1::Beat) -> Option<u64> {
        let at = self.sent.iter().position(|(number, _)| *number == beat.number)?;
        self.sent.drain(..=at).next_back().map(|(_, sent_ms)| sent_ms)
    }
}

impl Worker<'_> {
    /// Attends until it is told to end, or may not attend any more.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let mut signals = Signals::new()?;
        let (mut pause, mut refused) = (PAUSE_MIN, false);
        loop {
            let opening = open(self.directory, self.facts, v1::Hello { instance: self.instance.to_vec(), places: self.places });
            let Some(opened) = self.meanwhile(&mut signals, opening).await? else { return Ok(()) };
            let ended = match opened {
                Ok(stream) => {
                    self.printer.note(&format!("attends at {}", self.facts.server));
                    self.desk.say_again();
                    self.serve(stream, &mut signals, (&mut pause, &mut refused)).await?
                }
                Err(failure) => Ended::Refused(failure),
            };
            let why = match ended {
                Ended::Left => return Ok(()),
                Ended::Lost(why) => why,
                Ended::Refused(failure) if is_passing(&failure) => {
                    format!("{}: {}", failure.what, failure.why)
                }
                // Its certificate may have been replaced by a newer one meanwhile, which counts: that is tried at once.
                Ended::Refused(failure) if !refused && failure.code != RELIEVED => {
                    refused = true;
                    continue;
                }
                Ended::Refused(failure) => return self.give_up(failure).await,
            };
            self.printer.note(&format!("does not attend: {why}"));
            if self.meanwhile(&mut signals, tokio::time::sleep(pause)).await?.is_none() {
                return Ok(());
            }
            pause = pause.saturating_mul(2).min(PAUSE_MAX);
        }
    }

    /// Waits for something while no stream is open: programs end, and what waits begins no more. `None` where the worker has to end.
    async fn meanwhile<T>(&mut self, signals: &mut Signals, work: impl Future<Output = T>) -> Result<Option<T>, Failure> {
        let mut work = std::pin::pin!(work);
        let mut look = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
        loop {
            self.desk.begin(Lease::ENDED, clock::now());
            self.show()?;
            if signals.is_over() || (signals.is_leaving() && self.desk.is_empty()) {
                return Ok(None);
            }
            tokio::select! {
                done = &mut work => return Ok(Some(done)),
                () = self.desk.ended() => {}
                () = signals.next() => {}
                _ = look.tick() => {}
            }
        }
    }

    async fn serve(
        &mut self,
        Stream { said, mut told }: Stream,
        signals: &mut Signals,
        (pause, refused): (&mut Duration, &mut bool),
    ) -> Result<Ended, Failure> {
        let (mut lease, mut beats, mut answered_ms) = (Lease::ENDED, Beats::default(), boot::now_ms());
        let mut asked_ms = answered_ms;
        let mut ticker = tokio::time::interval(Duration::from_millis(BEAT_EVERY_MS));
        ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.desk.begin(lease, clock::now());
            self.say(&said);
            self.show()?;
            if signals.is_over() || (signals.is_leaving() && self.desk.is_empty()) {
                return Ok(Ended::Left);
            }
            tokio::select! {
                message = told.message() => match message {
                    Ok(Some(v1::AttendResponse { said: Some(Told::Beat(beat)) })) => {
                        if let Some(sent_ms) = beats.answered(beat) {
                            asked_ms = sent_ms;
                            lease = lease.renewed(sent_ms);
                            answered_ms = boot::now_ms();
                            (*pause, *refused) = (PAUSE_MIN, false);
                        }
                    }
                    Ok(Some(v1::AttendResponse { said: Some(order) })) => self.obey(order, (signals.is_leaving(), asked_ms)),
                    Ok(Some(v1::AttendResponse { said: None })) => {}
                    Ok(None) => return Ok(Ended::Lost("the daemon closed the stream".to_owned())),
                    Err(status) => return Ok(Ended::Refused(status.into())),
                },
                _ = ticker.tick() => {
                    let now_ms = boot::now_ms();
                    if now_ms.saturating_sub(answered_ms) > SILENCE_MAX_MS {
                        return Ok(Ended::Lost("the daemon does not answer".to_owned()));
                    }
                    // Where it finds no room, nobody reads at the other end, and the lease ends by itself.
                    let _sent = said.try_send(v1::AttendRequest { said: Some(Said::Beat(beats.next(now_ms, signals.is_leaving()))) });
                }
                () = self.desk.ended() => {}
                () = signals.next() => {}
            }
        }
    }

    fn obey(&mut self, order: Told, (is_leaving, asked_ms): (bool, u64)) {
        let key = |name: Option<v1::AttemptName>| name.map(|name| Key { effect: name.effect, attempt: name.attempt });
        match order {
            Told::Assignment(assignment) => self.assigned(assignment, is_leaving, asked_ms),
            Told::Stop(v1::Stop { attempt, at_once }) => {
                if let Some(key) = key(attempt) {
                    self.desk.stop(&key, at_once);
                }
            }
            Told::Ask(v1::Ask { attempt }) => {
                if let Some(key) = key(attempt) {
                    self.desk.ask(key);
                }
            }
            Told::Taken(v1::Taken { attempt }) => {
                if let Some(key) = key(attempt) {
                    self.desk.taken(&key);
                }
            }
            Told::Beat(_) => {}
        }
    }

    /// Takes a call; it was signed after the beat of `asked_ms` had been answered, wherever it lay since.
    fn assigned(&mut self, assignment: v1::Assignment, is_leaving: bool, asked_ms: u64) {
        match self.judge.judge(&assignment, clock::now()) {
            Ok(warrant) if is_leaving => {
                let key = Key { effect: warrant.effect.to_string(), attempt: warrant.attempt };
                self.desk.refuse(key, warrant.tool.as_str(), "the worker is ending".to_owned());
            }
            Ok(warrant) => self.desk.take(warrant, assignment.arguments, asked_ms),
            Err((Some(name), why)) => self.desk.refuse(Key { effect: name.effect, attempt: name.attempt }, "", why),
            Err((None, why)) => self.printer.note(&format!("refused what is no warrant: {why}")),
        }
    }

    /// Says what is to be reported, as far as there is room.
    fn say(&mut self, said: &mpsc::Sender<v1::AttendRequest>) {
        while let Ok(place) = said.try_reserve() {
            let Some(report) = self.desk.unsaid() else { return };
            place.send(v1::AttendRequest { said: Some(Said::Report(wire(report))) });
        }
    }

    fn show(&mut self) -> Result<(), Failure> {
        self.desk.happened().iter().try_for_each(|happened| tell(happened, self.printer))
    }

    /// The agent may not act any more, or another process took over: what runs is ended, and nothing begins.
    async fn give_up(&mut self, failure: Failure) -> Result<(), Failure> {
        self.desk.stop_all();
        while !self.desk.is_idle() {
            self.desk.ended().await;
            self.show()?;
        }
        Err(failure)
    }
}

/// Whether it may be otherwise in a while, so that the worker waits.
fn is_passing(failure: &Failure) -> bool {
    failure.code != RELIEVED && (is_away(failure) || failure.exit == Exit::Failed || failure.code == CLOCK_UNTRUSTED)
}

/// Opens a stream by the certificate that is there now.
async fn open(directory: &Directory, facts: &Facts, hello: v1::Hello) -> Result<Stream, Failure> {
    let (channel, _) = connect(directory, facts).await?;
    let (said, outgoing) = mpsc::channel(SAID_MAX);
    let _first = said.try_send(v1::AttendRequest { said: Some(Said::Hello(hello)) });
    let mut client = WorkerServiceClient::new(channel).max_decoding_message_size(TOLD_MAX);
    let attending = tokio::time::timeout(ATTEND_MAX, client.attend(ReceiverStream::new(outgoing))).await;
    let told = attending.map_err(|_| Failure::from(tonic::Status::deadline_exceeded("the daemon does not answer")))??;
    Ok(Stream { said, told: told.into_inner() })
}

/// A report as it is sent.
fn wire(Report { key, became }: Report) -> v1::Report {
    let became = match became {
        None => Reported::Unknown(v1::Unknown {}),
        Some(Became::NotBegun(why)) => Reported::NotBegun(why),
        Some(Became::Ended { how, stdout, total, stderr }) => {
            let how = match how {
                End::Exited(code) => How::Exited(code),
                End::Killed(signal) => How::Killed(signal),
                End::Cut(cut) => How::Cut(cut.word().to_owned()),
            };
            Reported::Ended(v1::Ended { how: Some(how), stdout, stdout_bytes: total, stderr })
        }
    };
    v1::Report { attempt: Some(v1::AttemptName { effect: key.effect, attempt: key.attempt }), became: Some(became) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_is_answered_once_and_only_where_it_was_sent() {
        let mut beats = Beats::default();
        let (first, second) = (beats.next(10, false), beats.next(20, false));
        assert_eq!(beats.answered(v1::Beat { number: 99, ending: false }), None);
        assert_eq!(beats.answered(second), Some(20));
        assert_eq!(beats.answered(second), None);
        assert_eq!(beats.answered(first), None, "an older one says less than the newer that was answered");
        for at in 0..2 * BEATS_MAX as u64 {
            beats.next(at, false);
        }
        assert_eq!(beats.sent.len(), BEATS_MAX);
    }
}
