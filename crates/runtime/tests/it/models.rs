//! The route of models: who is asked next, who is left alone, and what is counted.

use std::sync::Arc;

use scalbotics_core::model::{File, Message, Model, Request, Role};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{NotAnswered, TaskLog as _};
use scalbotics_core::tenant::{Name, TenantId};
use scalbotics_core::tool::Call;
use scalbotics_runtime::metrics::Metrics;
use scalbotics_runtime::model::Router;
use scalbotics_testkit::fixture::World;
use scalbotics_testkit::model::Provider;
use scalbotics_testkit::{FixedClock, MemoryStore};
use serde_json::json;

struct Route {
    router: Router,
    provider: Arc<Provider>,
    clock: Arc<FixedClock>,
    metrics: Arc<Metrics>,
    models: Vec<Arc<Model>>,
    warrant: Warrant<Call>,
    request: Request,
}

impl Route {
    async fn new() -> Self {
        let (provider, clock, metrics) =
            (Arc::new(Provider::default()), Arc::new(FixedClock::default()), Arc::new(Metrics::default()));
        let router = Router::new(Arc::clone(&provider) as _, Arc::clone(&clock) as _, Arc::clone(&metrics));
        let models = ["first", "second", "third"].map(|id| {
            let file = json!({
                "id": id, "base_url": "http://127.0.0.1:1/v1", "model": id, "context_tokens": 1_000, "output_tokens_max": 100,
                "price": {"input": 1_000_000},
            });
            let file: File = serde_json::from_value(file).unwrap();
            Arc::new(Model::of_file(file, &TenantId::parse("acme").unwrap()).unwrap())
        });
        let request = Request {
            route: models.iter().map(|model| model.id.clone()).collect(),
            messages: vec![Message::text(Role::User, "hi")],
            tools: Vec::new(),
            tool_choice: None,
            output_schema: None,
            tokens_max: 100,
        };
        Self { router, provider, clock, metrics, models: models.into(), warrant: warrant().await, request }
    }

    /// What came: text and who was superseded, or the error's kind and who was tried.
    async fn ask(&self) -> (String, Vec<String>) {
        let names = |tried: &[scalbotics_core::model::Superseded]| tried.iter().map(|tried| tried.model.to_string()).collect();
        match self.router.complete(&self.warrant, &self.models, &self.request).await {
            Ok(reply) => (reply.message.content.clone(), names(&reply.superseded)),
            Err(error) => (error.cause.to_string(), names(&error.tried)),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.provider.asked().iter().map(|(model, _): &(Name, Request)| model.to_string()).collect()
    }
}

/// The warrant of a committed intent.
async fn warrant() -> Warrant<Call> {
    let (world, store) = (World::new("acme", 1), MemoryStore::default());
    world.register(&store).await.unwrap();
    let submitted = world.submit();
    let state = submitted.state.clone();
    store.commit(submitted).await.unwrap();
    let intended = world.intend(&state, "one");
    store.commit(intended).await.unwrap().warrants.into_iter().next().unwrap()
}

fn words() -> String {
    "words".to_owned()
}

fn busy(retry_after_ms: Option<u64>) -> NotAnswered {
    NotAnswered::Busy { status: 429, retry_after_ms, words: words() }
}

#[tokio::test]
async fn the_next_model_is_asked_only_before_the_first_token() {
    for (error, next) in [
        (NotAnswered::NeverLeft { words: words() }, true),
        (NotAnswered::Unreachable { words: words() }, true),
        (busy(None), true),
        (NotAnswered::Busy { status: 503, retry_after_ms: None, words: words() }, true),
        (NotAnswered::Silent { words: words() }, true),
        (NotAnswered::Refused { status: 400, words: words() }, false),
        (NotAnswered::Cut { words: words() }, false),
        (NotAnswered::TooLong { words: words() }, false),
        (NotAnswered::Malformed { words: words() }, false),
    ] {
        let route = Route::new().await;
        route.provider.then("first", Err(error.clone()));
        route.provider.says("second", "hello");
        let wanted = if next { "hello".to_owned() } else { error.to_string() };
        assert_eq!(route.ask().await, (wanted, vec!["first".to_owned()]), "{error}");
        assert_eq!(route.asked().len(), if next { 2 } else { 1 }, "{error}");
    }
}

#[tokio::test]
async fn a_reply_says_who_was_superseded_and_what_that_may_have_spent() {
    let route = Route::new().await;
    route.provider.then("first", Err(busy(None)));
    route.provider.then("second", Err(NotAnswered::Silent { words: words() }));
    route.provider.says("third", "hello");
    let reply = route.router.complete(&route.warrant, &route.models, &route.request).await.unwrap();
    assert_eq!((reply.model.as_str(), reply.cost), ("third", 10));
    let spent: Vec<bool> = reply.superseded.iter().map(|before| before.may_have_spent).collect();
    assert_eq!(spent, [false, true]);
    assert_eq!(reply.charged(route.request.worst_case()), 15 + route.request.worst_case());
    assert!(reply.superseded[0].why.contains("429"), "{}", reply.superseded[0].why);

    let counted = |metrics: &Metrics| {
        let m = metrics;
        [&m.models_answered, &m.models_busy, &m.models_silent, &m.model_tokens_input, &m.model_tokens_output].map(|c| c.get())
    };
    assert_eq!((counted(&route.metrics), route.metrics.model_duration.count()), ([1, 1, 1, 10, 5], 3));
}

#[tokio::test]
async fn when_none_answers_every_one_is_named() {
    let route = Route::new().await;
    route.provider.then("first", Err(NotAnswered::Silent { words: words() }));
    route.provider.then("second", Err(NotAnswered::Busy { status: 500, retry_after_ms: None, words: words() }));
    let error = route.router.complete(&route.warrant, &route.models, &route.request).await.unwrap_err();
    assert!(matches!(error.cause, NotAnswered::NeverLeft { .. }), "{error:?}");
    assert_eq!((error.tried.len(), error.charged(&route.request)), (3, 2 * route.request.worst_case()));
    let none = route.router.complete(&route.warrant, &[], &route.request).await.unwrap_err();
    assert!(none.tried.is_empty() && none.cause.to_string().contains("no model"), "{none:?}");
}

#[tokio::test]
async fn a_model_that_keeps_failing_is_passed_over_until_a_trial_succeeds() {
    let route = Route::new().await;
    for _ in 0..3 {
        route.provider.then("first", Err(NotAnswered::Unreachable { words: words() }));
    }
    for _ in 0..5 {
        route.provider.says("second", "second");
    }
    for _ in 0..4 {
        assert_eq!(route.ask().await, ("second".to_owned(), vec!["first".to_owned()]));
    }
    assert_eq!(route.asked().iter().filter(|model| *model == "first").count(), 3, "the fourth time it is not asked");
    assert_eq!(route.metrics.models_passed_over.get(), 1);
    route.clock.advance(10_000);
    route.provider.says("first", "first again");
    assert_eq!(route.ask().await, ("first again".to_owned(), vec![]));
    route.provider.says("first", "and again");
    assert_eq!(route.ask().await, ("and again".to_owned(), vec![]));
}

#[tokio::test]
async fn a_busy_model_is_left_alone_for_as_long_as_it_asks() {
    let route = Route::new().await;
    route.provider.then("first", Err(busy(Some(60_000))));
    route.provider.says("second", "a");
    route.provider.says("second", "b");
    route.ask().await;
    assert_eq!(route.ask().await.0, "b");
    assert_eq!(route.asked(), ["first", "second", "second"]);
    route.clock.advance(60_000);
    route.provider.says("first", "c");
    assert_eq!(route.ask().await.0, "c");
}
