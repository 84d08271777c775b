//! TaskService: parse, call the runtime, convert.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use scalbotics_core::ids::TaskId;
use scalbotics_core::policy::Resource;
use scalbotics_core::task::State;
use scalbotics_core::tenant::Name;
use scalbotics_proto::v1;
use scalbotics_proto::v1::task_service_server::TaskService;
use scalbotics_runtime::task::{Changed, Settled, SubmitError, Word};
use tonic::{Request, Response, Status};

use super::call::Call;
use super::context::Context;
use super::convert;
use super::failure::Failure;
use super::names::{self, Named};
use super::status::status;

/// Items of a page of tasks, where the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// TaskService.
#[derive(Debug, Clone)]
pub(super) struct Tasks(pub(super) Arc<Context>);

/// A stream of answers.
pub(super) type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl Tasks {
    /// Parses a task's name, and decides the call about it.
    async fn enter(&self, call: &Call, name: &str) -> Result<Named<TaskId>, Failure> {
        let own = call.tenant()?;
        let named: Named<TaskId> = names::parse("name", "tasks", name, own)?;
        let found = if named.foreign {
            None
        } else {
            self.0.ports.task_log.state(own, named.id).await.map_err(|e| convert::store_failure(&e))?
        };
        let resource = found.as_ref().map_or_else(|| Resource::absent("Task", &named.id.to_string()), Resource::task);
        let _permit = self.0.enter(call, resource, &named).await?;
        if found.is_none() { Err(Failure::not_found(name)) } else { Ok(named) }
    }

    /// The task as the commit left it that a request made, now or when it came first.
    async fn show(&self, state: State, name: &str) -> Result<v1::Task, Failure> {
        let view = self.0.tasks.show(state).await;
        view.map(convert::task).map_err(|error| convert::task_failure(&error, name))
    }

    async fn changed(&self, call: &Call, changed: Changed, name: &str) -> Result<v1::Task, Failure> {
        if !changed.replayed {
            call.audited_by_commit();
        }
        self.show(changed.state, name).await
    }

    async fn submit(&self, call: &Call, request: v1::SubmitTaskRequest) -> Result<v1::Task, Failure> {
        let own = call.tenant()?;
        let named: Named<Name> = names::parse("agent", "agents", &request.agent, own)?;
        let resource = self.0.agent_resource(own, &named).await?;
        let _permit = self.0.enter(call, resource, &named).await?;
        let (validate_only, caller) = (request.validate_only, call.caller(&request.request_id)?);
        let submit = convert::submit(request, named.id.clone())?;
        if validate_only {
            let path = self.0.tasks.validate(&caller, &submit).await.map_err(|error| refused(&named, &error))?;
            return Ok(convert::validated(named.text, &path));
        }
        let submitted = self.0.tasks.submit(&caller, &submit).await.map_err(|error| refused(&named, &error))?;
        if !submitted.replayed {
            call.audited_by_commit();
        }
        self.show(submitted.state, &names::name(own, "tasks", &submitted.task)).await
    }

    async fn get(&self, call: &Call, request: &v1::GetTaskRequest) -> Result<v1::Task, Failure> {
        let named = self.enter(call, &request.name).await?;
        let view = self.0.tasks.get(&call.caller("")?, named.id, request.with_output).await;
        view.map(convert::task).map_err(|error| convert::task_failure(&error, &named.text))
    }

    async fn list(&self, call: &Call, request: &v1::ListTasksRequest) -> Result<v1::ListTasksResponse, Failure> {
        let own = call.tenant()?;
        let named = names::parse_parent("parent", &request.parent, own)?;
        let mut filter = convert::task_filter(&request.filter)?;
        filter.limit = convert::limit(request.page_size, PAGE_DEFAULT)?;
        filter.before = convert::parse_token(&request.page_token)?;
        let _permit = self.0.enter(call, Resource::tenant(own), &named).await?;
        let found = self.0.tasks.list(&call.caller("")?, &filter).await.map_err(|error| convert::store_failure(&error))?;
        let next_page_token = convert::next_token(found.len(), filter.limit, found.last().map(|task| task.id));
        Ok(v1::ListTasksResponse { tasks: found.iter().map(|task| convert::summary(own, task)).collect(), next_page_token })
    }

    async fn watch(&self, call: &Arc<Call>, request: &v1::WatchTaskRequest) -> Result<Answers<v1::TaskEvent>, Failure> {
        let named = self.enter(call, &request.name).await?;
        let events = self.0.tasks.watch(&call.caller("")?, named.id, request.from_sequence).await;
        let events = events.map_err(|error| convert::task_failure(&error, &named.text))?;
        let call = Arc::clone(call);
        let refer = move |error| status(&convert::task_failure(&error, &named.text), &call.reference());
        Ok(Box::pin(events.map(move |event| event.map(|watched| convert::task_event(&watched)).map_err(&refer))))
    }

    async fn cancel(&self, call: &Call, request: &v1::CancelTaskRequest) -> Result<v1::Task, Failure> {
        let named = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let done = self.0.tasks.cancel(&caller, named.id).await;
        self.changed(call, done.map_err(|error| convert::task_failure(&error, &named.text))?, &named.text).await
    }

    async fn retry(&self, call: &Call, request: &v1::RetryTaskRequest) -> Result<v1::Task, Failure> {
        let named = self.enter(call, &request.name).await?;
        let caller = call.caller(&request.request_id)?;
        let again = self.0.tasks.retry(&caller, named.id).await;
        let submitted = again.map_err(|error| convert::task_failure(&error, &named.text))?;
        if !submitted.replayed {
            call.audited_by_commit();
        }
        self.show(submitted.state, &names::name(call.tenant()?, "tasks", &submitted.task)).await
    }

    async fn settle(&self, call: &Call, request: v1::SettleEffectRequest) -> Result<v1::Task, Failure> {
        let named = self.enter(call, &request.name).await?;
        let effect =
            request.effect.parse().map_err(|error: scalbotics_core::ids::Error| Failure::invalid("effect", error.to_string()))?;
        let result = request.result.map(|value| convert::from_value("result", value)).transpose()?;
        let outcome = match (request.landed, result) {
            (true, result) => Settled::Landed { result },
            (false, None) => Settled::NotLanded,
            (false, Some(_)) => return Err(Failure::invalid("result", "an effect that did not land has none")),
        };
        if request.reason.trim().is_empty() {
            return Err(Failure::invalid("reason", "a person's word needs one"));
        }
        let caller = call.caller(&request.request_id)?;
        let done = self.0.tasks.settle(&caller, named.id, effect, Word { outcome, reason: request.reason }).await;
        self.changed(call, done.map_err(|error| convert::task_failure(&error, &named.text))?, &named.text).await
    }
}

/// A refused submission; an absent agent in the words of a foreign one.
fn refused(agent: &Named<Name>, error: &SubmitError) -> Failure {
    if matches!(error, SubmitError::UnknownAgent { .. }) {
        return Failure::not_found(&agent.text);
    }
    convert::submit_failure(error)
}

#[tonic::async_trait]
impl TaskService for Tasks {
    async fn submit_task(&self, request: Request<v1::SubmitTaskRequest>) -> Result<Response<v1::Task>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.submit(&call, message).await).await
    }

    async fn get_task(&self, request: Request<v1::GetTaskRequest>) -> Result<Response<v1::Task>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.get(&call, &message).await).await
    }

    async fn list_tasks(&self, request: Request<v1::ListTasksRequest>) -> Result<Response<v1::ListTasksResponse>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.list(&call, &message).await).await
    }

    type WatchTaskStream = Answers<v1::TaskEvent>;

    async fn watch_task(&self, request: Request<v1::WatchTaskRequest>) -> Result<Response<Self::WatchTaskStream>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.watch(&call, &message).await).await
    }

    async fn cancel_task(&self, request: Request<v1::CancelTaskRequest>) -> Result<Response<v1::Task>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.cancel(&call, &message).await).await
    }

    async fn retry_task(&self, request: Request<v1::RetryTaskRequest>) -> Result<Response<v1::Task>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.retry(&call, &message).await).await
    }

    async fn settle_effect(&self, request: Request<v1::SettleEffectRequest>) -> Result<Response<v1::Task>, Status> {
        let (call, message) = Call::of(request)?;
        self.0.answer(&call, self.settle(&call, message).await).await
    }
}
