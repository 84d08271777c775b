//! WorkerService: the stream of one worker, both ways.
//!
//! **Invariant:** what a worker says is heard as long as its stream is held, and no longer: one whose agent may not act any more is cut, and
//! nothing that it says afterwards counts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use scalbotics_core::policy::Resource;
use scalbotics_proto::v1;
use scalbotics_proto::v1::attend_request::Said;
use scalbotics_proto::v1::worker_service_server::WorkerService;
use scalbotics_runtime::worker::{Attending, Hello, Instance, Order, Word};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::call::Call;
use super::codes;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::intake::PutDown;
use super::names;
use super::registered::Registered;
use super::status::{late, status};
use super::task_service::Answers;

/// How long a worker may take to say its first message.
const HELLO_MAX: Duration = Duration::from_secs(10);

/// How long a worker may be silent: it sends a beat twice a second.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// WorkerService.
#[derive(Debug, Clone)]
pub(super) struct Workers(pub(super) Arc<Context>);

/// A worker's stream.
struct Post {
    context: Arc<Context>,
    call: Arc<Call>,
    attending: Attending,
    orders: mpsc::Receiver<Order>,
    said: Streaming<v1::AttendRequest>,
    put_down: Option<PutDown>,
    ended: bool,
}

impl Workers {
    async fn attend(
        &self,
        call: &Arc<Call>,
        mut said: Streaming<v1::AttendRequest>,
        put_down: Option<PutDown>,
    ) -> Result<Answers<v1::AttendResponse>, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        let _permit = self.0.enter(call, Resource::only("Session", tenant), &named).await?;
        let Registered::Agent(certified) = &call.identity()?.registered else {
            return Err(Failure::invalid("hello", "only an agent that calls by its certificate attends"));
        };
        let (agent, hello) = (&certified.agent, hello(&mut said).await?);
        if let Some(put_down) = &put_down {
            put_down.all();
        }
        let (attending, orders) = self.0.workers.attend(agent.uid, agent.epoch, hello);
        let (context, call) = (Arc::clone(&self.0), Arc::clone(call));
        let post = Post { context, call, attending, orders, said, put_down, ended: false };
        Ok(Box::pin(stream::unfold(post, async |mut post| Some((post.next().await?, post)))))
    }
}

/// The first message of a worker: which process it is.
async fn hello(said: &mut Streaming<v1::AttendRequest>) -> Result<Hello, Failure> {
    let refused = |why: &str| Failure::invalid("hello", why);
    let first =
        tokio::time::timeout(HELLO_MAX, said.message()).await.map_err(|_| refused("it did not come within ten seconds"))?;
    let first = first.map_err(|error| refused(error.message()))?.and_then(|first| first.said);
    let Some(Said::Hello(hello)) = first else { return Err(refused("it is the first message")) };
    let instance = hello.instance.try_into().map_err(|_| refused("the instance has not 16 bytes"))?;
    let places = usize::try_from(hello.places).unwrap_or(usize::MAX);
    if places == 0 {
        return Err(refused("it has no place for a call"));
    }
    Ok(Hello { instance: Instance(u128::from_be_bytes(instance)), places })
}

impl Post {
    /// What the worker is told next; `None` when it has gone, or after it was told why it may not stay.
    async fn next(&mut self) -> Option<Result<v1::AttendResponse, Status>> {
        if self.ended {
            return None;
        }
        loop {
            let told = tokio::select! {
                biased;
                order = self.orders.recv() => match order {
                    Some(order) => self.told(order),
                    None => return Some(Err(self.end(&relieved()))),
                },
                said = tokio::time::timeout(SILENCE_MAX, self.said.message()) => match said {
                    Ok(Ok(Some(said))) => self.heard(said),
                    Ok(Ok(None)) => return None,
                    Ok(Err(error)) => {
                        tracing::debug!(error = error.message(), "a worker broke off");
                        return None;
                    }
                    Err(_) => {
                        self.ended = true;
                        return Some(Err(late()));
                    }
                },
            };
            match told {
                Ok(Some(told)) => return Some(Ok(v1::AttendResponse { said: Some(told) })),
                Ok(None) => {}
                Err(failure) => return Some(Err(self.end(&failure))),
            }
        }
    }

    fn end(&mut self, failure: &Failure) -> Status {
        self.ended = true;
        status(failure, &self.call.reference())
    }

    fn heard(&self, said: v1::AttendRequest) -> Result<Option<v1::attend_response::Said>, Failure> {
        if let Some(put_down) = &self.put_down {
            put_down.all();
        }
        self.attending.beat(matches!(said.said, Some(Said::Beat(v1::Beat { ending: true, .. }))));
        match said.said {
            Some(Said::Beat(beat)) => Ok(Some(v1::attend_response::Said::Beat(beat))),
            Some(Said::Report(report)) => {
                let (key, word) = convert::report(report)?;
                let attempt = Some(convert::attempt_name(&key));
                let taken = v1::attend_response::Said::Taken(v1::Taken { attempt });
                Ok(self.attending.say(key, word).then_some(taken))
            }
            Some(Said::Hello(_)) => Err(Failure::invalid("hello", "it comes once")),
            None => Err(Failure::invalid("said", "it is nothing that is known")),
        }
    }

    /// An order as it is sent, its warrant signed; one that cannot be signed never began.
    fn told(&self, order: Order) -> Result<Option<v1::attend_response::Said>, Failure> {
        let (warrant, arguments) = match order {
            Order::Assign { warrant, arguments } => (warrant, arguments),
            Order::Stop { key, at_once } => {
                let attempt = Some(convert::attempt_name(&key));
                return Ok(Some(v1::attend_response::Said::Stop(v1::Stop { attempt, at_once })));
            }
            Order::Ask { key } => {
                let attempt = Some(convert::attempt_name(&key));
                return Ok(Some(v1::attend_response::Said::Ask(v1::Ask { attempt })));
            }
        };
        let signed = warrant.to_text().map_err(|error| error.to_string()).and_then(|text| {
            let signed = self.context.authorities.sign_warrant(&text).map_err(|error| error.to_string())?;
            Ok((text, signed))
        });
        match signed {
            Ok((warrant, (signature, chain))) => {
                let arguments = arguments.to_vec();
                let assignment = v1::Assignment { warrant, signature, chain, arguments };
                Ok(Some(v1::attend_response::Said::Assignment(assignment)))
            }
            Err(reason) => {
                let _relieved = self.attending.say(convert::key_of(&warrant), Word::NotBegun { reason });
                Ok(None)
            }
        }
    }
}

/// Why a worker has to go that did nothing wrong.
fn relieved() -> Failure {
    Failure::new(codes::WORKER_RELIEVED, "the worker is relieved")
        .why("another process attends as the worker of the same agent")
        .next("let one worker of an agent run; a second one has an agent of its own")
}

#[tonic::async_trait]
impl WorkerService for Workers {
    type AttendStream = Answers<v1::AttendResponse>;

    async fn attend(&self, request: Request<Streaming<v1::AttendRequest>>) -> Result<Response<Self::AttendStream>, Status> {
        let put_down = request.extensions().get::<PutDown>().cloned();
        let (call, said) = Call::of(request)?;
        self.0.answer(&call, self.attend(&call, said, put_down).await).await
    }
}
