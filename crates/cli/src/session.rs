//! A connection to the daemon with an access token: TLS 1.3 to a daemon of the trust domain and nobody else.

mod connect;
mod login;
mod outside;
mod own_key;
mod proving;
mod token;
mod trace;

use scalbotics_proto::v1;

use crate::codes;
use crate::context::{Contexts, Entry, Person};
use crate::failure::{Exit, Failure};
use crate::tree::Globals;

pub(crate) use connect::over;
pub(crate) use login::{at_issuer, kept_in, out, standing};
pub(crate) use proving::Proving;
pub(crate) use token::{forget, fresh};

/// An open session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The connection.
    pub(crate) channel: Proving,
    /// Name of the context.
    pub(crate) name: String,
    /// The context.
    pub(crate) context: Entry,
    /// Who acts.
    pub(crate) person: Person,
    /// The trust file of the context.
    pub(crate) trust: scalbotics_identity::holder::trust::File,
    token: String,
    request_id: Option<String>,
    wait_max: Option<std::time::Duration>,
}

impl Session {
    /// Connects to the selected context's daemon and gets a token.
    pub(crate) async fn open(globals: &Globals) -> Result<Self, Failure> {
        let contexts = Contexts::load()?;
        let (name, context) = contexts.select(globals.context.as_deref())?;
        if globals.tenant.as_deref().is_some_and(|tenant| tenant != context.tenant.as_str()) {
            return Err(Failure::new(Exit::NotFound, codes::TENANT, "the context belongs to another tenant")
                .why("a tenant comes from the login; --tenant only selects a context")
                .next("scalbotics context list"));
        }
        let printer = globals.printer();
        printer.detail_note(&format!("context {name}: {} of {} at {}", context.who(), context.tenant, context.server));
        let trust = connect::trust(context)?;
        printer.detail_note(&format!("trust file {} of {}", context.trust_file.display(), trust.trust_domain));
        let channel = connect::channel(context, &trust, globals.timeout()).await?;
        let (token, kept) = token::current(name, context, &trust, &channel, globals.wait_max()).await?;
        printer.detail_note(if kept { "connected, with the kept token" } else { "connected, with a new token" });
        let person = match &context.person {
            Some(person) => person.clone(),
            None => outside::person(&channel, with_token(channel.request(v1::WhoAmIRequest {}), &token)?).await?,
        };
        Ok(Self {
            channel,
            name: name.to_owned(),
            context: context.clone(),
            person,
            trust,
            token,
            request_id: globals.request_id.clone(),
            wait_max: globals.wait_max(),
        })
    }

    /// Exchanges the token anew where it would end soon, for commands that outlive one.
    pub(crate) async fn renew(&mut self) -> Result<(), Failure> {
        (self.token, _) = token::current(&self.name, &self.context, &self.trust, &self.channel, self.wait_max).await?;
        Ok(())
    }

    /// A request with token, and for calls that answer once, a time limit.
    pub(crate) fn request<T>(&self, message: T) -> Result<tonic::Request<T>, Failure> {
        with_token(self.channel.request(message), &self.token)
    }

    /// A request with token for a stream, which lasts as long as it lasts.
    pub(crate) fn stream<T>(&self, message: T) -> Result<tonic::Request<T>, Failure> {
        with_token(trace::request(message), &self.token)
    }

    /// How long a command waits for what it was told to wait for; without end where nothing is said.
    pub(crate) const fn wait_max(&self) -> Option<std::time::Duration> {
        self.wait_max
    }

    /// The request id of a mutation: the flag's, else empty for a new one of the daemon's.
    pub(crate) fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_default()
    }

    /// The resource name of something in the tenant: `task_…` becomes `tenants/acme/tasks/task_…`; a full name stays.
    pub(crate) fn resource(&self, collection: &str, id: &str) -> String {
        if id.starts_with("tenants/") { id.to_owned() } else { format!("tenants/{}/{collection}/{id}", self.context.tenant) }
    }
}

/// The request with a token.
fn with_token<T>(mut request: tonic::Request<T>, token: &str) -> Result<tonic::Request<T>, Failure> {
    let value = format!("Bearer {token}").parse();
    let value = value.map_err(|_| {
        Failure::new(Exit::NotLoggedIn, codes::TOKEN, "the token is not one")
            .why("it holds what no token holds")
            .next("scalbotics login")
    })?;
    request.metadata_mut().insert("authorization", value);
    Ok(request)
}
