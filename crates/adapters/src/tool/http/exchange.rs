//! One call: its request, the redirects that it may follow, and its answer, within every limit of bytes and time.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{RequestBuilder, Response};
use scalbotics_core::egress::{Host, Method, Reach, Roots, Target};
use scalbotics_core::ports::Stop;
use scalbotics_core::redaction::Mask;
use scalbotics_core::secret::Secret;
use scalbotics_core::tool::{Call, Definition, EffectClass, NotDone, Outcome};
use tokio::time::{Instant, timeout, timeout_at};

use super::answer::Answer;
use super::arguments::Wanted;
use super::limits::{ADDRESSES_MAX, CONNECT_MAX, CONNECT_SHARE, HEAD_BYTES_MAX, REDIRECTS_MAX, RESOLVE_MAX, STOP_GRACE};
use super::{Resolver, SystemResolver, client};

/// Makes requests.
#[derive(Debug, Clone)]
pub struct Fetcher {
    resolver: Arc<dyn Resolver>,
    roots: Roots,
}

impl Default for Fetcher {
    /// One that asks the host's resolver.
    fn default() -> Self {
        Self::new(Arc::new(SystemResolver))
    }
}

/// One call of a tool that speaks HTTP.
#[derive(Debug)]
pub struct Fetch<'a> {
    /// The tool.
    pub tool: &'a Definition,
    /// What it may reach.
    pub reach: Reach<'a>,
    /// The call.
    pub call: &'a Call,
    /// The value of the destination's secret.
    pub secret: Option<Secret>,
    /// Wall-clock limit.
    pub time: Duration,
}

/// Why a request has no answer.
enum Failed {
    /// Nothing was sent.
    Never(NotDone),
    /// It was sent, and what became of it is not known.
    Lost(String),
}

impl From<NotDone> for Failed {
    fn from(reason: NotDone) -> Self {
        Self::Never(reason)
    }
}

/// Where a call stands when it has to stop.
#[derive(Debug, Default)]
struct Progress(AtomicBool);

impl Fetcher {
    /// Makes requests with addresses of this resolver.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, roots: Roots::default() }
    }

    /// The same, which believes these authorities beside the system's.
    #[must_use]
    pub fn trusting(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// Whether the call could be made, as far as can be said without asking anybody.
    ///
    /// # Errors
    /// [`NotDone::Arguments`].
    pub fn check(tool: &Definition, reach: &Reach<'_>, args: &[u8]) -> Result<(), NotDone> {
        Wanted::parse(tool, reach, args).map(drop).map_err(|reason| NotDone::Arguments { reason })
    }

    /// Makes the call.
    ///
    /// # Errors
    /// [`NotDone`] when nothing was sent.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection; whether the request arrived is then unknown.
    pub async fn run(&self, fetch: &Fetch<'_>, stop: &dyn Stop) -> Result<Outcome, NotDone> {
        let wanted = Wanted::parse(fetch.tool, &fetch.reach, &fetch.call.args).map_err(|reason| NotDone::Arguments { reason })?;
        let progress = Progress::default();
        let exchange = Exchange { fetcher: self, fetch, wanted: &wanted, progress: &progress, end: Instant::now() + fetch.time };
        let stopped = async {
            stop.stopped().await;
            if !wanted.method.is_safe() && fetch.tool.effect != EffectClass::Keyed {
                tokio::time::sleep(STOP_GRACE).await;
            }
        };
        let done = tokio::select! {
            biased;
            done = exchange.run() => done,
            () = stopped => Err(exchange.ended("the task stops")),
            () = tokio::time::sleep_until(exchange.end) => Err(exchange.ended("its time was up")),
        };
        match done {
            Ok(answer) => Ok(answer.outcome(&fetch.mask())),
            Err(Failed::Never(reason)) => Err(reason),
            Err(Failed::Lost(reason)) if wanted.method.is_safe() => Ok(Outcome::Failed { reason }),
            Err(Failed::Lost(reason)) => Ok(Outcome::Unknown { reason }),
        }
    }
}

impl Fetch<'_> {
    fn mask(&self) -> Mask {
        let mut mask = Mask::default();
        self.secret.iter().for_each(|secret| mask.add(secret.clone()));
        mask
    }

    /// The headers that the destination sets: its secret, and the key by which it knows a repeated request.
    fn own_headers(&self, method: Method) -> Result<Vec<(HeaderName, HeaderValue)>, NotDone> {
        let Reach::Declared(destination) = self.reach else { return Ok(Vec::new()) };
        let unusable = |reason: &str| NotDone::Unavailable { reason: reason.to_owned() };
        let mut headers = Vec::new();
        if let (Some(passing), Some(secret)) = (&destination.secret, &self.secret) {
            let bytes = [passing.prefix.as_bytes(), secret.expose()].concat();
            let value = HeaderValue::from_bytes(&zeroize::Zeroizing::new(bytes));
            let mut value = value.map_err(|_| unusable("its secret holds a line break or another control character"))?;
            value.set_sensitive(true);
            headers.push((name_of(&passing.header)?, value));
        }
        if let (Some(header), false) = (&destination.idempotency_header, method.is_safe()) {
            let key = HeaderValue::from_str(&self.call.idempotency_key()).map_err(|_| unusable("its key is no header"))?;
            headers.push((name_of(header)?, key));
        }
        Ok(headers)
    }
}

fn name_of(name: &str) -> Result<HeaderName, NotDone> {
    name.parse().map_err(|_| NotDone::Arguments { reason: format!("`{}` is no header", name.escape_debug()) })
}

/// A call on its way.
struct Exchange<'a> {
    fetcher: &'a Fetcher,
    fetch: &'a Fetch<'a>,
    wanted: &'a Wanted,
    progress: &'a Progress,
    end: Instant,
}

impl Exchange<'_> {
    async fn run(&self) -> Result<Answer, Failed> {
        let (mut target, mut redirects) = (self.wanted.target.clone(), 0);
        loop {
            let response = self.send(&target).await.map_err(|failed| self.later(failed, redirects))?;
            match self.next(&target, &response) {
                Some(next) if redirects < REDIRECTS_MAX => (target, redirects) = (next, redirects + 1),
                Some(_) => return Err(Failed::Lost(format!("it redirects more than {REDIRECTS_MAX} times"))),
                None => return self.read(target, redirects, response).await,
            }
        }
    }

    /// What failed behind a redirect is the failure of a request that was answered.
    fn later(&self, failed: Failed, redirects: u32) -> Failed {
        match failed {
            Failed::Never(reason) if redirects > 0 => Failed::Lost(format!("behind a redirect: {reason}")),
            Failed::Never(_) | Failed::Lost(_) => failed,
        }
    }

    /// Resolves, checks every address, and sends to exactly those.
    async fn send(&self, target: &Target) -> Result<Response, Failed> {
        let addresses = self.addresses(target).await?;
        let unavailable = |error: &reqwest::Error| NotDone::Unavailable { reason: causes(error) };
        // Connecting ends before the call does, so that one which found no connection is known never to have left.
        let left = self.end.saturating_duration_since(Instant::now());
        let connect = CONNECT_MAX.min(left.mul_f64(CONNECT_SHARE));
        let client = client::of(target, &addresses, connect, &self.fetcher.roots).map_err(|error| unavailable(&error))?;
        let request = self.request(client.request(method_of(self.wanted.method), target.to_string()), target)?;
        self.progress.0.store(true, Ordering::Relaxed);
        match request.send().await {
            Ok(response) => Self::check(response, &addresses),
            Err(error) if error.is_connect() || error.is_builder() => {
                self.progress.0.store(false, Ordering::Relaxed);
                Err(Failed::Never(unavailable(&error)))
            }
            Err(error) => Err(Failed::Lost(causes(&error))),
        }
    }

    /// The addresses of the target, each one checked: one that may not be reached stops all.
    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, NotDone> {
        let found = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let unresolved = |why: String| NotDone::Unavailable { reason: format!("`{name}` cannot be resolved: {why}") };
                let found = timeout(RESOLVE_MAX, self.fetcher.resolver.lookup(name)).await;
                let found = found.map_err(|_| unresolved("nobody answers in time".to_owned()))?;
                let mut found = found.map_err(|error| unresolved(error.to_string()))?;
                if found.is_empty() {
                    return Err(unresolved("it has no address".to_owned()));
                }
                found.truncate(ADDRESSES_MAX);
                found
            }
        };
        for address in &found {
            let checked = self.fetch.reach.check_address(&target.host, *address);
            checked.map_err(|refused| NotDone::Arguments { reason: refused.to_string() })?;
        }
        Ok(found)
    }

    fn request(&self, builder: RequestBuilder, target: &Target) -> Result<RequestBuilder, NotDone> {
        let mut headers = HeaderMap::new();
        // Nothing is unpacked here, so nothing packed is asked for.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        // What was meant for one origin is told to no other.
        if target.is_same_origin(&self.wanted.target) {
            for (name, value) in &self.wanted.headers {
                let value = HeaderValue::from_str(value);
                let value = value.map_err(|_| NotDone::Arguments { reason: format!("the value of header `{name}` is none") })?;
                headers.append(name_of(name)?, value);
            }
            headers.extend(self.fetch.own_headers(self.wanted.method)?);
        }
        let builder = builder.headers(headers);
        Ok(match &self.wanted.body {
            Some(body) => builder.body(body.clone()),
            None => builder,
        })
    }

    fn check(response: Response, addresses: &[IpAddr]) -> Result<Response, Failed> {
        let from = response.remote_addr().map(|address| address.ip().to_canonical());
        if !from.is_some_and(|from| addresses.iter().any(|address| address.to_canonical() == from)) {
            return Err(Failed::Lost("the answer came from an address that was not checked".to_owned()));
        }
        let len: usize = response.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if len > HEAD_BYTES_MAX {
            return Err(Failed::Lost(format!("the head of the answer has {len} bytes, more than {HEAD_BYTES_MAX}")));
        }
        Ok(response)
    }

    /// Where the call goes on. Only reading is repeated elsewhere; any other redirect is the answer.
    fn next(&self, from: &Target, response: &Response) -> Option<Target> {
        if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) || !self.wanted.method.is_safe() {
            return None;
        }
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let joined = reqwest::Url::parse(&from.to_string()).and_then(|base| base.join(location)).ok()?;
        let next = Target::parse(joined.as_str()).ok()?;
        self.fetch.reach.follows(&self.wanted.target, &next).then_some(next)
    }

    async fn read(&self, url: Target, redirects: u32, mut response: Response) -> Result<Answer, Failed> {
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let mut body = Vec::new();
        let mut truncated = false;
        loop {
            match timeout_at(self.end, response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    let room = self.wanted.bytes_max.saturating_sub(body.len() as u64);
                    let room = usize::try_from(room).unwrap_or(usize::MAX);
                    body.extend_from_slice(bytes.get(..room).unwrap_or(&bytes));
                    truncated = bytes.len() > room;
                }
                Ok(Ok(None)) => break,
                // The answer's head says that the request was carried out, so a body that breaks off is a short one.
                Ok(Err(_)) | Err(_) if !self.wanted.method.is_safe() => truncated = true,
                Ok(Err(error)) => return Err(Failed::Lost(causes(&error))),
                Err(_) => return Err(Failed::Lost("the body of the answer did not end in time".to_owned())),
            }
            if truncated {
                break;
            }
        }
        Ok(Answer { status, headers, url, redirects, body, truncated })
    }

    /// What it is to be ended now.
    fn ended(&self, why: &str) -> Failed {
        if self.progress.0.load(Ordering::Relaxed) {
            Failed::Lost(format!("it was ended before it was answered, because {why}"))
        } else {
            Failed::Never(NotDone::Void { reason: format!("nothing was sent before {why}") })
        }
    }
}

const fn method_of(method: Method) -> reqwest::Method {
    match method {
        Method::Get => reqwest::Method::GET,
        Method::Head => reqwest::Method::HEAD,
        Method::Post => reqwest::Method::POST,
        Method::Put => reqwest::Method::PUT,
        Method::Patch => reqwest::Method::PATCH,
        Method::Delete => reqwest::Method::DELETE,
    }
}

/// What the transport says, without the URL, which whoever reads this knows and may hold what others should not see.
fn causes(error: &reqwest::Error) -> String {
    let mut said = if error.is_connect() { "no connection".to_owned() } else { "the connection failed".to_owned() };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        said = format!("{said}: {cause}");
        source = cause.source();
    }
    said
}
