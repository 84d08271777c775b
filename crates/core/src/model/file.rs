//! `models/<id>.yaml`: a model server that agents may be driven by.

use serde::{Deserialize, Serialize};

use super::price::PRICE_MAX;
use super::{Address, CONTEXT_TOKENS_MAX, OUTPUT_TOKENS_MAX, Price, PriceFile};
use crate::digest::Digest;
use crate::secret::SecretRef;
use crate::tenant::{Name, TenantId};
use crate::time::Span;

/// Domain tag of model digests.
const DIGEST_TAG: &str = "scalbotics/model/v1";

/// Longest name that a server has for a model, in bytes.
const MODEL_LEN_MAX: usize = 256;

/// Longest that one answer may take, in milliseconds: an hour, as for a tool, so that a drain ends some day.
const TOTAL_MAX_MS: u64 = 3_600_000;

/// A model as it is written in the repository. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Model")]
pub struct File {
    /// The model's id; must equal the file's name.
    pub id: Name,
    /// Base of a server that speaks the OpenAI-compatible chat API, as `https://api.openai.com/v1`; `http://` to this machine only.
    pub base_url: Address,
    /// What the server calls the model.
    pub model: String,
    /// The secret that is sent as the bearer token, `secret://<tenant>/<name>`; servers on this machine need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<SecretRef>,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u64,
    /// Most tokens of one answer.
    pub output_tokens_max: u64,
    /// How long to wait for what.
    #[serde(default)]
    pub timeouts: TimeoutsFile,
    /// What a million tokens cost.
    #[serde(default)]
    pub price: PriceFile,
}

/// How long to wait for what; `connect`, `first_token` and `idle` are not longer than `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Timeouts")]
pub struct TimeoutsFile {
    /// For the connection.
    pub connect: Span,
    /// From the request to the first part of the answer.
    pub first_token: Span,
    /// Between two parts of the answer.
    pub idle: Span,
    /// For everything.
    pub total: Span,
}

impl Default for TimeoutsFile {
    fn default() -> Self {
        Self {
            connect: Span::from_ms(5_000),
            // A local model reads a long prompt at some hundred tokens a second.
            first_token: Span::from_ms(120_000),
            idle: Span::from_ms(30_000),
            total: Span::from_ms(600_000),
        }
    }
}

/// A model that was checked and can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its id.
    pub id: Name,
    /// Where its server is.
    pub base_url: Address,
    /// What the server calls it.
    pub model: String,
    /// The secret that is sent.
    pub api_key: Option<SecretRef>,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u64,
    /// Most tokens of one answer.
    pub output_tokens_max: u64,
    /// How long to wait for what.
    pub timeouts: TimeoutsFile,
    /// What a million tokens cost.
    pub price: Price,
    /// Digest of the file; a task pins it (semantics §9.3).
    pub digest: Digest,
}

/// Why a model is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A number or a text is out of its range.
    #[error("`{field}` is out of range: {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// The key is another tenant's.
    #[error("`api_key` names a secret of tenant `{tenant}`")]
    Foreign {
        /// Whose it is.
        tenant: TenantId,
    },
}

impl FileError {
    /// The field that is wrong.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::Range { field, .. } => field,
            Self::Foreign { .. } => "api_key",
        }
    }
}

impl Model {
    /// Checks what is written for a tenant.
    ///
    /// # Errors
    /// [`FileError`], the first thing that is wrong.
    pub fn of_file(file: File, tenant: &TenantId) -> Result<Self, FileError> {
        file.check(tenant)?;
        let bytes = crate::json::canonical_of(&file).map_err(|_| FileError::Range { field: "price", range: "exact in JSON" })?;
        Ok(Self {
            digest: Digest::of_parts(DIGEST_TAG, &[&bytes]),
            id: file.id,
            base_url: file.base_url,
            model: file.model,
            api_key: file.api_key,
            context_tokens: file.context_tokens,
            output_tokens_max: file.output_tokens_max,
            timeouts: file.timeouts,
            price: file.price.into(),
        })
    }
}

impl File {
    fn check(&self, tenant: &TenantId) -> Result<(), FileError> {
        let TimeoutsFile { connect, first_token, idle, total } = self.timeouts;
        let span = |span: Span| (1..=total.as_ms()).contains(&span.as_ms());
        let named = !self.model.is_empty() && self.model.len() <= MODEL_LEN_MAX && !self.model.chars().any(char::is_control);
        let priced = |price: u64| price <= PRICE_MAX;
        let rules = [
            (named, "model", "1 to 256 bytes without control characters"),
            ((2..=CONTEXT_TOKENS_MAX).contains(&self.context_tokens), "context_tokens", "2 to 100 000 000"),
            ((1..=OUTPUT_TOKENS_MAX).contains(&self.output_tokens_max), "output_tokens_max", "1 to 1 000 000"),
            (self.output_tokens_max < self.context_tokens, "output_tokens_max", "less than context_tokens"),
            ((1..=TOTAL_MAX_MS).contains(&total.as_ms()), "total", "1ms to 1h"),
            (span(connect), "connect", "1ms to total"),
            (span(first_token), "first_token", "1ms to total"),
            (span(idle), "idle", "1ms to total"),
            (
                priced(self.price.input) && priced(self.price.output) && self.price.cached.is_none_or(priced),
                "price",
                "at most 1 000 000 000 000 micro units",
            ),
        ];
        if let Some((_, field, range)) = rules.into_iter().find(|(kept, ..)| !kept) {
            return Err(FileError::Range { field, range });
        }
        match &self.api_key {
            Some(key) if key.tenant != *tenant => Err(FileError::Foreign { tenant: key.tenant.clone() }),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn model(change: &Value) -> Result<Model, FileError> {
        let mut file = json!({
            "id": "small", "base_url": "http://127.0.0.1:1/v1", "model": "SmolLM2", "api_key": "secret://acme/key",
            "context_tokens": 2_048, "output_tokens_max": 512,
        });
        file.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Model::of_file(serde_json::from_value(file).unwrap(), &TenantId::parse("acme").unwrap())
    }

    #[test]
    fn every_field_changes_the_digest() {
        let mut seen = vec![model(&json!({})).unwrap().digest];
        for change in [
            json!({"base_url": "http://127.0.0.1:2/v1"}),
            json!({"model": "other"}),
            json!({"api_key": "secret://acme/other"}),
            json!({"context_tokens": 4_096}),
            json!({"output_tokens_max": 256}),
            json!({"timeouts": {"idle": "1s"}}),
            json!({"price": {"input": 1}}),
            json!({"price": {"cached": 1}}),
        ] {
            let digest = model(&change).unwrap().digest;
            assert!(!seen.contains(&digest), "{change}");
            seen.push(digest);
        }
        assert_eq!(model(&json!({"timeouts": {}})).unwrap().digest, seen[0]);
    }

    #[test]
    fn ranges() {
        for (change, field) in [
            (json!({"model": ""}), "model"),
            (json!({"model": "a\nb"}), "model"),
            (json!({"context_tokens": 1}), "context_tokens"),
            (json!({"output_tokens_max": 0}), "output_tokens_max"),
            (json!({"output_tokens_max": 2_048}), "output_tokens_max"),
            (json!({"timeouts": {"total": "2h"}}), "total"),
            (json!({"timeouts": {"connect": "0s"}}), "connect"),
            (json!({"timeouts": {"first_token": "11m"}}), "first_token"),
            (json!({"timeouts": {"idle": "11m"}}), "idle"),
            (json!({"price": {"output": 1_000_000_000_001_u64}}), "price"),
            (json!({"api_key": "secret://other/key"}), "api_key"),
        ] {
            assert_eq!(model(&change).unwrap_err().field(), field, "{change}");
        }
    }
}
