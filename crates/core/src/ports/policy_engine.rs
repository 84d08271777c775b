//! Policy decision points.

use async_trait::async_trait;

use crate::policy::{Answer, Request};

/// Answers whether a principal may do something. Every configured engine must allow; deny wins.
#[async_trait]
pub trait PolicyEngine: Send + Sync + std::fmt::Debug {
    /// The answer; whatever goes wrong stands in its `errors`, which make the decision a denial.
    async fn evaluate(&self, request: &Request) -> Answer;
}
