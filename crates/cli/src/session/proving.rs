//! A connection whose calls show that this program holds the key that its token is bound to (RFC 9449, decision 0051).
//!
//! The proof goes with each call that carries a token, since only the transport below knows which call is the first of a connection: it
//! connects anew by itself where the daemon was restarted. The daemon looks at the first.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use scalbotics_core::in_words;
use scalbotics_identity::holder::{key, proof, trust};
use tonic::body::Body;
use tonic::codegen::http::header::{AUTHORIZATION, HeaderValue};
use tonic::codegen::http::{Request, Response};
use tonic::transport::Channel;
use tower::Service;

use super::trace;
use crate::clock;
use crate::codes;
use crate::context::Entry;
use crate::failure::{Exit, Failure};

/// A connection of somebody with a key.
#[derive(Debug, Clone)]
pub(crate) struct Proving {
    channel: Channel,
    key: Arc<key::Pair>,
    trust_domain: Arc<str>,
    limit: Duration,
}

impl Proving {
    /// The connection with the context's key, each call of which may take this long.
    pub(super) fn new(channel: Channel, context: &Entry, trust: &trust::File, limit: Duration) -> Result<Self, Failure> {
        let key = key::Pair::load(&context.login_key).map_err(|error| {
            Failure::new(Exit::NotLoggedIn, codes::LOGIN, format!("cannot use the key {}", context.login_key.display()))
                .why(in_words(&error))
                .next("scalbotics doctor")
        })?;
        Ok(Self { channel, key: Arc::new(key), trust_domain: trust.trust_domain.as_str().into(), limit })
    }

    /// A request that answers once, without a token: a daemon that takes it and never answers keeps nobody waiting.
    pub(super) fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = trace::request(message);
        request.set_timeout(self.limit);
        request
    }

    /// The key.
    pub(super) fn key(&self) -> &key::Pair {
        &self.key
    }

    /// The proof that goes with a request; none where it carries no token.
    fn proof(&self, request: &Request<Body>) -> Option<HeaderValue> {
        let authorization = request.headers().get(AUTHORIZATION)?.to_str().ok()?;
        let (_, token) = authorization.split_once(' ')?;
        let target = proof::target(&self.trust_domain, request.uri().path());
        // Without one the daemon says what is missing.
        proof::sign(&self.key, &target, token, clock::now()).ok()?.parse().ok()
    }
}

impl Service<Request<Body>> for Proving {
    type Response = Response<Body>;
    type Error = <Channel as Service<Request<Body>>>::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.channel, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(proof) = self.proof(&request) {
            request.headers_mut().insert(proof::HEADER, proof);
        }
        self.channel.call(request)
    }
}
