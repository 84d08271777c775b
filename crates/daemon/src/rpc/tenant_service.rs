//! TenantService: who is served, for the people of the tenant that operates the installation.

use std::sync::Arc;

use scalbotics_adapters::git::remote::Address;
use scalbotics_core::agent::Standing;
use scalbotics_core::policy::Resource;
use scalbotics_core::ports::{RemoteRepository, Tenant};
use scalbotics_core::secret::{Secret, VALUE_LEN_MAX};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_identity::authority::outside::Trusted;
use scalbotics_identity::holder::key::Public;
use scalbotics_proto::v1;
use scalbotics_proto::v1::tenant_service_server::TenantService;
use scalbotics_runtime::Changed;
use scalbotics_runtime::tenants::{NewAdmin, NewTenant};
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names;
use crate::layout::TOKEN_SECRET;

/// Tenants of a page where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// The branch that is followed where the caller does not say.
const BRANCH: &str = "main";

/// Longest name of a branch or of a user of a repository, in bytes.
const TEXT_LEN_MAX: usize = 200;

/// TenantService.
#[derive(Debug, Clone)]
pub(super) struct TenantVerbs(pub(super) Arc<Context>);

impl TenantVerbs {
    async fn enter(&self, call: &Call) -> Result<(), Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", "", tenant)?;
        self.0.enter(call, Resource::only("Installation", tenant), &named).await.map(drop)
    }

    /// A change that is carried out whole although its caller may go away; what it changed is remembered outside of the database.
    async fn whole<F>(&self, call: &Call, change: F) -> Result<v1::Tenant, Failure>
    where
        F: Future<Output = Result<Changed<Tenant>, Failure>> + Send + 'static,
    {
        let (told, made) = oneshot::channel();
        self.0.supervisor.spawn("change of tenants", async move {
            let _gone = told.send(change.await);
        });
        let changed = made.await.map_err(|error| Failure::internal("change the tenants", &error))??;
        if changed.audited {
            call.audited_by_commit();
        }
        Ok(self.show(&changed.now))
    }

    fn show(&self, tenant: &Tenant) -> v1::Tenant {
        let seen = self.0.tenants.of(&tenant.id).map(|served| served.reconciler.status());
        convert::tenant(tenant, &self.0.tenants.place(tenant), seen.as_ref())
    }

    async fn add(&self, call: &Call, request: v1::AddTenantRequest) -> Result<v1::Tenant, Failure> {
        let only_check = request.validate_only;
        self.enter(call).await?;
        let (caller, text) = (call.caller(&request.request_id)?, request.name.clone());
        let new = new_tenant(request)?;
        self.check_entry(&new)?;
        let admin = new.admin.as_ref().map(|admin| (new.id.clone(), admin.name.clone())).filter(|_| !only_check);
        let context = Arc::clone(&self.0);
        let added = self.whole(call, async move {
            let refused = |error| convert::tenant_failure(&error, &text);
            let added = context.tenancy.add(&caller, new, context.tenants.premises(), only_check).await.map_err(refused)?;
            if !only_check {
                let begun = context.tenants.begin(&added.now).await;
                begun.map_err(|error| Failure::internal("serve a tenant that was added", &error))?;
                context.checkpointer.also(&added.now.id);
                context.anchor.standings_changed().await;
            }
            Ok(added)
        });
        let added = added.await?;
        let Some((tenant, name)) = admin else { return Ok(added) };
        let admin = self.0.people.human(&tenant, &name).await.map_err(|error| convert::store_failure(&error))?;
        Ok(v1::Tenant { admin_uid: admin.map(|admin| admin.uid.to_string()).unwrap_or_default(), ..added })
    }

    /// Refuses a tenant that nobody could enter.
    fn check_entry(&self, new: &NewTenant) -> Result<(), Failure> {
        let speaks = |issuer: &Trusted| issuer.tenants.values().any(|tenant| *tenant == new.id);
        if new.admin.is_some() || self.0.outsiders.trusted.iter().any(speaks) {
            return Ok(());
        }
        let refused =
            Failure::invalid("admin", "nobody is named, and no identity provider speaks for the tenant: nobody could log in");
        Err(refused.next(
            "name its first human with `--admin` and `--login-key`, or trust a provider: `scalbotics identity issuer add --help`",
        ))
    }

    async fn set(&self, call: &Call, request: &v1::TenantStandingRequest, to: Standing) -> Result<v1::Tenant, Failure> {
        self.enter(call).await?;
        let (caller, id) = (call.caller(&request.request_id)?, names::tenant("name", &request.name)?);
        let (context, text, only_check) = (Arc::clone(&self.0), request.name.clone(), request.validate_only);
        self.whole(call, async move {
            let moved = context.marked(context.tenancy.set_standing(&caller, &id, to, only_check)).await;
            let moved = moved.map_err(|error| convert::tenant_failure(&error, &text))?;
            if let (Standing::Active, true, Some(served)) = (to, moved.audited, context.tenants.of(&id)) {
                // What was committed while it was suspended.
                served.reconciler.look().await;
            }
            Ok(moved)
        })
        .await
    }

    async fn list(&self, call: &Call, request: &v1::ListTenantsRequest) -> Result<v1::ListTenantsResponse, Failure> {
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Name> = convert::parse_token(&request.page_token)?;
        self.enter(call).await?;
        let mut all = self.0.tenancy.list().await.map_err(|error| convert::store_failure(&error))?;
        all.retain(|tenant| after.as_ref().is_none_or(|after| tenant.id.as_str() > after.as_str()));
        all.truncate(limit);
        Ok(v1::ListTenantsResponse {
            next_page_token: convert::next_token(all.len(), limit, all.last().map(|tenant| &tenant.id)),
            tenants: all.iter().map(|tenant| self.show(tenant)).collect(),
        })
    }

    async fn get(&self, call: &Call, request: &v1::GetTenantRequest) -> Result<v1::Tenant, Failure> {
        self.enter(call).await?;
        let id = names::tenant("name", &request.name)?;
        let found = self.0.tenancy.get(&id).await.map_err(|error| convert::store_failure(&error))?;
        found.map(|tenant| self.show(&tenant)).ok_or_else(|| Failure::not_found(&request.name))
    }
}

/// What a request asks for.
fn new_tenant(request: v1::AddTenantRequest) -> Result<NewTenant, Failure> {
    let v1::AddTenantRequest { name, admin, login_key, remote, branch, remote_user, remote_token, overlay, host_access, .. } =
        request;
    let token = Secret::new(remote_token);
    let id: TenantId = names::tenant("name", &name)?;
    let branch = text("branch", branch)?.unwrap_or_else(|| BRANCH.to_owned());
    let named = |field: &str, text: &str| if text.is_empty() { Ok(None) } else { names::bare(field, text).map(Some) };
    let overlay = named("overlay", &overlay)?;
    let user = text("remote_user", remote_user)?;
    let token = (!token.expose().is_empty()).then_some(token);
    if token.as_ref().is_some_and(|token| token.expose().len() > VALUE_LEN_MAX) {
        return Err(Failure::invalid("remote_token", format!("it is longer than {VALUE_LEN_MAX} bytes")));
    }
    let remote = match (remote.is_empty(), user.is_some() || token.is_some()) {
        (true, true) => return Err(Failure::invalid("remote", "a user or a token is of a remote repository, and none is named")),
        (true, false) => None,
        (false, _) => Some(remote_repository(&remote, user, token.is_some())?),
    };
    let admin = named("admin", &admin)?.map(|name| new_admin(name, &login_key)).transpose()?;
    if admin.is_none() && !login_key.is_empty() {
        return Err(Failure::invalid("admin", "a login key is somebody's, and nobody is named"));
    }
    if remote.is_none() && (branch != BRANCH || overlay.is_some()) {
        let why = "a repository that is made begins with the branch `main` and without overlays";
        return Err(
            Failure::invalid("branch", why).next("leave branch and overlay out, or follow a remote repository that has them")
        );
    }
    Ok(NewTenant { id, branch, overlay, host_access, remote, token, admin })
}

fn new_admin(name: Name, login_key: &str) -> Result<NewAdmin, Failure> {
    let key = Public::from_jwk_json(login_key).and_then(|key| key.to_jwk_json());
    let login_key = key.map_err(|error| {
        let refused = Failure::invalid("login_key", format!("it is no public key: {error}"));
        refused.next("make a key pair with `scalbotics human keygen ~/login.pem`, and give the file that ends with .pub")
    })?;
    Ok(NewAdmin { name, login_key })
}

fn remote_repository(url: &str, user: Option<String>, has_token: bool) -> Result<RemoteRepository, Failure> {
    let address = Address::parse(url).map_err(|error| Failure::invalid("remote", error.to_string()))?;
    let token = if has_token { Some(names::bare("remote_token", TOKEN_SECRET)?) } else { None };
    Ok(RemoteRepository { url: address.to_string(), user, token })
}

/// A short text that is said, without control characters.
fn text(field: &str, text: String) -> Result<Option<String>, Failure> {
    if text.len() > TEXT_LEN_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) || text.contains("..") {
        return Err(Failure::invalid(field, format!("it is longer than {TEXT_LEN_MAX} bytes, or is no plain text")));
    }
    Ok((!text.is_empty()).then_some(text))
}

#[tonic::async_trait]
impl TenantService for TenantVerbs {
    async fn add_tenant(&self, request: Request<v1::AddTenantRequest>) -> Result<Response<v1::Tenant>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.add(&call, message).await).await
    }

    async fn list_tenants(&self, request: Request<v1::ListTenantsRequest>) -> Result<Response<v1::ListTenantsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn get_tenant(&self, request: Request<v1::GetTenantRequest>) -> Result<Response<v1::Tenant>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn suspend_tenant(&self, request: Request<v1::TenantStandingRequest>) -> Result<Response<v1::Tenant>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set(&call, &message, Standing::Suspended).await).await
    }

    async fn resume_tenant(&self, request: Request<v1::TenantStandingRequest>) -> Result<Response<v1::Tenant>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.set(&call, &message, Standing::Active).await).await
    }
}
