//! A connection that proves the keys of the tokens that this process has got, as the command line does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use scalbotics_core::ports::Clock as _;
use scalbotics_daemon::clock::{Guarded, System};
use scalbotics_identity::holder::key::Pair;
use scalbotics_identity::holder::proof;
use tonic::body::Body;
use tonic::codegen::http::{Request, Response};
use tonic::transport::Channel;
use tower::Service;

/// The trust domain of every installation of these tests.
pub(crate) const TRUST_DOMAIN: &str = "acme.test";

/// By whose key a token of theirs is proved.
static KEYS: Mutex<BTreeMap<String, Arc<Pair>>> = Mutex::new(BTreeMap::new());

/// Remembers the key that a token is bound to; answers the token.
pub(crate) fn bound(token: String, key: Pair) -> String {
    KEYS.lock().unwrap().insert(token.clone(), Arc::new(key));
    token
}

/// That key.
pub(crate) fn key_of(token: &str) -> Arc<Pair> {
    Arc::clone(&KEYS.lock().unwrap()[token])
}

/// A proof for one call of a method.
pub(crate) fn prove(key: &Pair, path: &str, token: &str) -> String {
    proof::sign(key, &proof::target(TRUST_DOMAIN, path), token, Guarded::new(System, None).now()).unwrap()
}

/// The connection.
#[derive(Debug, Clone)]
pub(crate) struct Proving(pub(crate) Channel);

impl Service<Request<Body>> for Proving {
    type Response = Response<Body>;
    type Error = <Channel as Service<Request<Body>>>::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Service::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let token = request.headers().get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let key = token.and_then(|token| KEYS.lock().unwrap().get(token).cloned());
        if let (Some(key), Some(token)) = (key, token) {
            let proof = prove(&key, request.uri().path(), token);
            request.headers_mut().insert(proof::HEADER, proof.parse().unwrap());
        }
        self.0.call(request)
    }
}
