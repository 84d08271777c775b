//! The five calls.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::{self, Stream, StreamExt as _};
use scalbotics_core::agent::Agent;
use scalbotics_core::ids::RequestId;
use scalbotics_core::rpc::RateClass;
use scalbotics_proto::workload as v1;
use scalbotics_proto::workload::spiffe_workload_api_server::SpiffeWorkloadApi;
use serde_json::Value;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::crowd::Crowd;
use super::identities::Identities;
use super::server::Caller;
use super::svids::Material;
use super::watcher::Watcher;
use crate::rpc::codes;
use crate::rpc::convert::to_value;
use crate::rpc::failure::Failure;
use crate::rpc::limits::Whose;
use crate::rpc::status::{Reference, status};

/// The metadata without which nothing is answered: a page in a browser or a redirected client cannot set it.
const HEADER: &str = "workload.spiffe.io";

/// Messages of a stream.
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Open streams of one user, and of all: each is looked at every moment, and a worker has two or three.
const STREAMS_OF_A_USER_MAX: usize = 512;
const STREAMS_OF_ALL_MAX: usize = 2_048;

/// The Workload API.
#[derive(Clone)]
pub(super) struct Workload {
    identities: Arc<Identities>,
    material: Arc<Material>,
    streams: Crowd,
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workload").finish_non_exhaustive()
    }
}

/// What a stream is made of.
#[derive(Debug, Clone, Copy)]
enum Told {
    X509,
    X509Bundles,
    JwtBundles,
}

/// A message of any of the streams: so there is one way of them all, and not three.
enum Message {
    X509(v1::X509svidResponse),
    X509Bundles(v1::X509BundlesResponse),
    JwtBundles(v1::JwtBundlesResponse),
}

impl Workload {
    /// With nobody at it yet.
    pub(super) fn new(identities: Arc<Identities>, material: Material) -> Self {
        let streams = Crowd::new(STREAMS_OF_A_USER_MAX, STREAMS_OF_ALL_MAX);
        Self { identities, material: Arc::new(material), streams }
    }

    /// Who calls, once the metadata is right and the user has calls left.
    fn caller<T>(&self, request: &Request<T>, class: RateClass) -> Result<Caller, Status> {
        if request.metadata().get(HEADER).is_none_or(|value| value != "true") {
            let failure = Failure::invalid(HEADER, "the metadata must be there, and be `true`");
            return Err(self.refuse(&failure));
        }
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| self.refuse(&Failure::internal("find the caller", &HEADER)))?;
        let taken = self.identities.context.limits.take(Whose::Local(caller.peer.uid()), class, Instant::now());
        taken.map_err(|failure| self.refuse(&failure))?;
        Ok(caller)
    }

    fn refuse(&self, failure: &Failure) -> Status {
        let request = RequestId::from_u128(self.identities.context.ports.ids.next());
        let code = failure.code().name();
        tracing::debug!(%request, code, why = failure.parts().why.as_str(), "call of the Workload API refused");
        status(failure, &Reference { request: request.to_string(), trace: String::new() })
    }

    async fn message(&self, watcher: &mut Watcher, told: Told, agents: Vec<Agent>) -> Result<Message, Failure> {
        match told {
            Told::X509 => {
                let issued = self.identities.x509(&self.material, &agents).await?;
                watcher.tell(agents, Some(issued.certificates));
                Ok(Message::X509(issued.response))
            }
            Told::X509Bundles => {
                watcher.tell(agents, None);
                Ok(Message::X509Bundles(self.identities.x509_bundles(&self.material)))
            }
            Told::JwtBundles => {
                watcher.tell(agents, None);
                Identities::jwt_bundles(&self.material).map(Message::JwtBundles)
            }
        }
    }

    /// The next message of a stream; `None` is its end.
    async fn next(&self, watcher: &mut Watcher, told: Told) -> Option<Result<Message, Status>> {
        let agents = match watcher.next().await {
            Ok(agents) => agents?,
            Err(failure) => return Some(Err(self.refuse(&failure))),
        };
        let message = self.message(watcher, told, agents).await;
        Some(message.map_err(|failure| self.refuse(&failure)))
    }

    /// A stream whose first message is there already: a refusal is the answer to the call, not the end of a stream.
    async fn stream(
        &self,
        caller: Caller,
        told: Told,
    ) -> Result<Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>, Status> {
        let place = self.streams.enter(caller.peer.uid()).ok_or_else(|| self.refuse(&exhausted()))?;
        let mut watcher = Watcher::new(Arc::clone(&self.identities), Arc::clone(&caller.peer));
        let gone = || self.refuse(&Failure::invalid("process", "it has ended"));
        let first = self.next(&mut watcher, told).await.ok_or_else(gone)??;
        // The caller is held: an open stream keeps its connection from being idle.
        let open = Some((self.clone(), watcher, (caller, place)));
        let rest = stream::unfold(open, move |open| async move {
            let (this, mut watcher, held) = open?;
            match this.next(&mut watcher, told).await? {
                Ok(message) => Some((Ok(message), Some((this, watcher, held)))),
                Err(status) => Some((Err(status), None)),
            }
        });
        Ok(Box::pin(stream::iter([Ok(first)]).chain(rest)))
    }

    async fn jwt(&self, caller: &Caller, request: &v1::JwtsvidRequest) -> Result<v1::JwtsvidResponse, Failure> {
        let agents = self.identities.of(&caller.peer).await?;
        Ok(v1::JwtsvidResponse { svids: self.identities.jwt(&self.material, &agents, request).await? })
    }

    async fn validate(
        &self,
        caller: &Caller,
        request: &v1::ValidateJwtsvidRequest,
    ) -> Result<v1::ValidateJwtsvidResponse, Failure> {
        self.identities.of(&caller.peer).await?;
        let valid = self.identities.validate(&self.material, request).await?;
        let claims = match to_value(Value::Object(valid.claims)).kind {
            Some(prost_types::value::Kind::StructValue(claims)) => Some(claims),
            Some(_) | None => None,
        };
        Ok(v1::ValidateJwtsvidResponse { spiffe_id: valid.id.to_string(), claims })
    }
}

#[tonic::async_trait]
impl SpiffeWorkloadApi for Workload {
    type FetchX509SVIDStream = Messages<v1::X509svidResponse>;
    type FetchX509BundlesStream = Messages<v1::X509BundlesResponse>;
    type FetchJWTBundlesStream = Messages<v1::JwtBundlesResponse>;

    async fn fetch_x509svid(&self, request: Request<v1::X509svidRequest>) -> Result<Response<Self::FetchX509SVIDStream>, Status> {
        let caller = self.caller(&request, RateClass::Stream)?;
        let all = self.stream(caller, Told::X509).await?;
        Ok(Response::new(Box::pin(all.filter_map(|one| async { only(one, x509) }))))
    }

    async fn fetch_x509_bundles(
        &self,
        request: Request<v1::X509BundlesRequest>,
    ) -> Result<Response<Self::FetchX509BundlesStream>, Status> {
        let caller = self.caller(&request, RateClass::Stream)?;
        let all = self.stream(caller, Told::X509Bundles).await?;
        Ok(Response::new(Box::pin(all.filter_map(|one| async { only(one, x509_bundles) }))))
    }

    async fn fetch_jwtsvid(&self, request: Request<v1::JwtsvidRequest>) -> Result<Response<v1::JwtsvidResponse>, Status> {
        let caller = self.caller(&request, RateClass::Write)?;
        let answer = self.jwt(&caller, request.get_ref()).await;
        answer.map(Response::new).map_err(|failure| self.refuse(&failure))
    }

    async fn fetch_jwt_bundles(
        &self,
        request: Request<v1::JwtBundlesRequest>,
    ) -> Result<Response<Self::FetchJWTBundlesStream>, Status> {
        let caller = self.caller(&request, RateClass::Stream)?;
        let all = self.stream(caller, Told::JwtBundles).await?;
        Ok(Response::new(Box::pin(all.filter_map(|one| async { only(one, jwt_bundles) }))))
    }

    async fn validate_jwtsvid(
        &self,
        request: Request<v1::ValidateJwtsvidRequest>,
    ) -> Result<Response<v1::ValidateJwtsvidResponse>, Status> {
        let caller = self.caller(&request, RateClass::Read)?;
        let answer = self.validate(&caller, request.get_ref()).await;
        answer.map(Response::new).map_err(|failure| self.refuse(&failure))
    }
}

fn exhausted() -> Failure {
    let why = format!("{STREAMS_OF_A_USER_MAX} streams of one user of the host may be open at one time");
    Failure::new(codes::STREAMS_EXHAUSTED, "a further stream is refused").why(why).next("end a stream first")
}

/// The message as its own stream has it.
fn only<T>(one: Result<Message, Status>, pick: fn(Message) -> Option<T>) -> Option<Result<T, Status>> {
    match one {
        Ok(message) => pick(message).map(Ok),
        Err(status) => Some(Err(status)),
    }
}

fn x509(message: Message) -> Option<v1::X509svidResponse> {
    if let Message::X509(message) = message { Some(message) } else { None }
}

fn x509_bundles(message: Message) -> Option<v1::X509BundlesResponse> {
    if let Message::X509Bundles(message) = message { Some(message) } else { None }
}

fn jwt_bundles(message: Message) -> Option<v1::JwtBundlesResponse> {
    if let Message::JwtBundles(message) = message { Some(message) } else { None }
}
