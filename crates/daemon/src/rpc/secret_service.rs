//! SecretService: values come in here, and never go out.

use std::sync::Arc;

use scalbotics_core::policy::Resource;
use scalbotics_core::secret::{Facts, Secret};
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::secret_service_server::SecretService;
use scalbotics_runtime::Changed;
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};

/// Items of a page of secrets, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// SecretService.
#[derive(Debug, Clone)]
pub(super) struct Secrets(pub(super) Arc<Context>);

impl Secrets {
    /// Parses a secret's name, and decides the call about it.
    async fn enter(&self, call: &Call, name: &str) -> Result<Named<Name>, Failure> {
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "secrets", name, tenant)?;
        let found = if named.foreign {
            None
        } else {
            self.0.secrets.get(tenant, &named.id).await.map_err(|error| convert::store_failure(&error))?
        };
        let absent = || Resource::absent("Secret", named.id.as_str());
        let resource = found.as_ref().map_or_else(absent, Resource::secret);
        let _permit = self.0.enter(call, resource, &named).await?;
        Ok(named)
    }

    fn show(call: &Call, changed: &Changed<Facts>) -> v1::Secret {
        if changed.audited {
            call.audited_by_commit();
        }
        convert::secret(&changed.now)
    }

    async fn put(&self, call: &Call, request: v1::PutSecretRequest) -> Result<v1::Secret, Failure> {
        let value = Secret::new(request.value);
        let tenant = call.tenant()?;
        let named: Named<Name> = names::parse("name", "secrets", &request.name, tenant)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let caller = call.caller(&request.request_id)?;
        let put = self.0.secrets.put(&caller, &named.id, &value, request.validate_only).await;
        Ok(Self::show(call, &put.map_err(|error| convert::secret_failure(&error, &named.text))?))
    }

    async fn list(&self, call: &Call, request: &v1::ListSecretsRequest) -> Result<v1::ListSecretsResponse, Failure> {
        let tenant = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, tenant)?;
        let limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        let after: Option<Name> = convert::parse_token(&request.page_token)?;
        let _permit = self.0.enter(call, Resource::tenant(tenant), &named).await?;
        let mut all = self.0.secrets.list(tenant).await.map_err(|error| convert::store_failure(&error))?;
        all.retain(|facts| after.as_ref().is_none_or(|after| facts.name > *after));
        all.truncate(limit);
        Ok(v1::ListSecretsResponse {
            next_page_token: convert::next_token(all.len(), limit, all.last().map(|facts| &facts.name)),
            secrets: all.iter().map(convert::secret).collect(),
        })
    }

    async fn rotate(&self, call: &Call, request: v1::RotateSecretRequest) -> Result<v1::Secret, Failure> {
        let value = Secret::new(request.value);
        let named = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let rotated = self.0.secrets.rotate(&caller, &named.id, &value, request.validate_only).await;
        Ok(Self::show(call, &rotated.map_err(|error| convert::secret_failure(&error, &named.text))?))
    }

    async fn remove(&self, call: &Call, request: &v1::RemoveSecretRequest) -> Result<v1::Secret, Failure> {
        let named = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let removed = self.0.secrets.remove(&caller, &named.id, request.validate_only).await;
        Ok(Self::show(call, &removed.map_err(|error| convert::secret_failure(&error, &named.text))?))
    }
}

#[tonic::async_trait]
impl SecretService for Secrets {
    async fn put_secret(&self, request: Request<v1::PutSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.put(&call, message).await).await
    }

    async fn list_secrets(&self, request: Request<v1::ListSecretsRequest>) -> Result<Response<v1::ListSecretsResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    async fn rotate_secret(&self, request: Request<v1::RotateSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.rotate(&call, message).await).await
    }

    async fn remove_secret(&self, request: Request<v1::RemoveSecretRequest>) -> Result<Response<v1::Secret>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.remove(&call, &message).await).await
    }
}
