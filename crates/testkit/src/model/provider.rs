//! Models in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use scalbotics_core::model::{Finish, Message, Model, Reply, Request, Role, ToolCall, Usage};
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{ModelProvider, NotAnswered};
use scalbotics_core::tenant::Name;
use scalbotics_core::tool::Call;

/// What a model answers next.
type Answers = VecDeque<Result<Message, NotAnswered>>;

/// Models in memory, each with a list of what it answers; when that is over, it never left.
#[derive(Debug, Default)]
pub struct Provider {
    answers: Mutex<BTreeMap<Name, Answers>>,
    asked: Mutex<Vec<(Name, Request)>>,
}

impl Provider {
    /// Adds an answer of a model.
    pub fn then(&self, model: &str, answer: Result<Message, NotAnswered>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(Name::parse(model).unwrap()).or_default().push_back(answer);
    }

    /// Adds a text that a model says.
    pub fn says(&self, model: &str, text: &str) {
        self.then(model, Ok(Message::text(Role::Assistant, text)));
    }

    /// Adds calls that a model asks for: id, name, arguments.
    pub fn calls(&self, model: &str, calls: &[(&str, &str, &str)]) {
        let call = |(id, name, arguments): &(&str, &str, &str)| ToolCall {
            id: (*id).to_owned(),
            name: (*name).to_owned(),
            arguments: (*arguments).to_owned(),
        };
        let tool_calls = calls.iter().map(call).collect();
        self.then(model, Ok(Message { tool_calls, ..Message::text(Role::Assistant, "") }));
    }

    /// What was asked of whom, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<(Name, Request)> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl ModelProvider for Provider {
    async fn complete(&self, _: &Warrant<Call>, model: &Model, request: &Request) -> Result<Reply, NotAnswered> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push((model.id.clone(), request.clone()));
        let next = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&model.id).and_then(VecDeque::pop_front);
        let over = || Err(NotAnswered::NeverLeft { words: "the script is over".to_owned() });
        let message = next.unwrap_or_else(over)?;
        let usage = Usage { input: 10, output: 5, ..Usage::default() };
        Ok(Reply {
            finish: Finish::Stop.with_calls(message.tool_calls.len()),
            message,
            usage,
            model: model.id.clone(),
            superseded: Vec::new(),
            cost: model.price.cost(&usage),
        })
    }
}
