//! The model that drives the first agent, where somebody names one: its file, and its key in the secret store.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args;
use scalbotics_core::model::{File, Model};
use scalbotics_core::secret::Secret;
use scalbotics_core::tenant::TenantId;
use serde_json::json;

use super::Error;
use crate::config;

/// The model's id in desired state, and the name of the secret that holds its key.
pub(super) const ID: &str = "openai";

/// The variable that holds the key: never a flag, which everybody on the machine could read.
const KEY: &str = "OPENAI_API_KEY";

/// The variables by which programs that speak to OpenAI are told where, and which model. They are defaults of a new installation, and no flags: one
/// that is there is not contradicted by what a shell happens to hold.
const BASE_URL: &str = "OPENAI_BASE_URL";
const MODEL: &str = "OPENAI_MODEL";

/// The model that is asked for where nothing is said.
const DEFAULT: &str = "gpt-4o-mini";

/// What OpenAI calls its own address.
const OPENAI: &str = "https://api.openai.com/v1";

/// Tokens of a request and its answer: what the smallest of today's hosted models take.
const CONTEXT_TOKENS: u64 = 128_000;

/// Most tokens of one answer.
const OUTPUT_TOKENS: u64 = 4_096;

/// Which model drives the first agent. The key is read from OPENAI_API_KEY and kept in the secret store. Where `--desired` gives the
/// files, they say it, and nothing of this counts.
#[derive(Debug, Clone, Default, Args)]
pub struct ModelArguments {
    /// Base address of a server that speaks the OpenAI-compatible chat API; a model drives the first agent then. Where nothing is said, that
    /// of `OPENAI_BASE_URL`.
    #[arg(long, value_name = "URL")]
    pub model_url: Option<String>,
    /// What the server calls the model; alone, at OpenAI's own address. Where nothing is said, that of `OPENAI_MODEL`.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
}

/// A model that can be asked.
#[derive(Debug, Clone)]
pub struct FirstModel {
    file: File,
    /// Its key.
    pub(super) key: Option<Secret>,
}

impl ModelArguments {
    /// The model that was named, if one was.
    ///
    /// # Errors
    /// [`Error::Flag`] when the address or the name cannot be used.
    pub(super) fn model(&self, tenant: &TenantId, desired: Option<&Path>) -> Result<Option<FirstModel>, Error> {
        let said = |flag: &Option<String>, variable| flag.clone().or_else(|| config::of_model(variable));
        let (url, model) = (said(&self.model_url, BASE_URL), said(&self.model, MODEL));
        if desired.is_some() || url.is_none() && model.is_none() {
            return Ok(None);
        }
        let url = url.as_deref().unwrap_or(OPENAI).trim_end_matches('/');
        let key = config::of_model(KEY);
        let refused = |reason: String| Error::Flag { flag: "--model-url", value: url.to_owned(), reason };
        let mut value = json!({
            "id": ID, "base_url": url, "model": model.as_deref().unwrap_or(DEFAULT), "context_tokens": CONTEXT_TOKENS,
            "output_tokens_max": OUTPUT_TOKENS,
        });
        if let (Some(_), Some(map)) = (&key, value.as_object_mut()) {
            map.insert("api_key".to_owned(), format!("secret://{tenant}/{ID}").into());
        }
        let file: File = serde_json::from_value(value).map_err(|error| refused(error.to_string()))?;
        Model::of_file(file.clone(), tenant).map_err(|error| refused(error.to_string()))?;
        Ok(Some(FirstModel { file, key: key.map(|key| Secret::new(key.into_bytes())) }))
    }
}

impl FirstModel {
    /// The one that an earlier run made, with the key that this run brings.
    pub(super) fn found(file: File) -> Self {
        let key = file.api_key.is_some().then(|| config::of_model(KEY)).flatten();
        Self { file, key: key.map(|key| Secret::new(key.into_bytes())) }
    }

    /// Puts the model among the starter's files, and has it drive the agent.
    pub(super) fn add_to(&self, files: &mut BTreeMap<String, Vec<u8>>, agent: &str) {
        // YAML includes JSON.
        let text = serde_json::to_string_pretty(&self.file).unwrap_or_default();
        files.insert(format!("models/{ID}.yaml"), format!("{text}\n").into_bytes());
        if let Some(agent) = files.get_mut(&format!("agents/{agent}.yaml")) {
            agent.extend_from_slice(format!("model:\n  route: [{ID}]\n").as_bytes());
        }
    }

    /// What an earlier run made of it, as far as the flags say something else: the flag, and what was said.
    pub(super) fn differs(flags: &ModelArguments, found: Option<&File>) -> Option<(&'static str, String)> {
        let url = flags.model_url.as_deref().map(|url| url.trim_end_matches('/'));
        let other_url = url.filter(|url| found.is_none_or(|found| found.base_url.to_string() != *url));
        let other_model = flags.model.as_deref().filter(|model| found.is_none_or(|found| found.model != *model));
        let said = |flag| move |text: &str| (flag, text.to_owned());
        other_url.map(said("--model-url")).or(other_model.map(said("--model")))
    }

    /// What a person is told of it.
    pub(super) fn shown(&self) -> String {
        let key = if self.key.is_some() { format!("key of {KEY} kept as secret {ID}") } else { "no key".to_owned() };
        format!("{} at {}, {key}", self.file.model, self.file.base_url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(url: Option<&str>, name: Option<&str>) -> Result<Option<FirstModel>, Error> {
        let arguments = ModelArguments { model_url: url.map(str::to_owned), model: name.map(str::to_owned) };
        arguments.model(&TenantId::parse("acme").unwrap(), None)
    }

    #[test]
    fn who_is_asked() {
        assert!(model(None, None).unwrap().is_none());
        let local = model(Some("http://127.0.0.1:1234/v1/"), None).unwrap().unwrap();
        assert!(local.shown().starts_with("gpt-4o-mini at http://127.0.0.1:1234/v1, "), "{}", local.shown());
        assert!(model(None, Some("o9")).unwrap().unwrap().shown().starts_with("o9 at https://api.openai.com/v1, "));
        for (url, name) in [("http://example.org/v1", None), ("ftp://a/v1", None), ("https://a:b@c/v1", None), ("", Some("m"))] {
            assert!(matches!(model(Some(url), name), Err(Error::Flag { .. })), "{url}");
        }
    }

    #[test]
    fn the_agent_gets_it() {
        let mut files = BTreeMap::from([("agents/clerk.yaml".to_owned(), b"id: clerk\n".to_vec())]);
        model(Some("http://[::1]:1/v1"), None).unwrap().unwrap().add_to(&mut files, "clerk");
        assert_eq!(files["agents/clerk.yaml"], b"id: clerk\nmodel:\n  route: [openai]\n");
        assert!(files.contains_key("models/openai.yaml"));
    }
}
