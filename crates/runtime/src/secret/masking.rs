//! A tool runner whose answers hold no secret of their tenant.

use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::model::CALL;
use scalbotics_core::policy::Warrant;
use scalbotics_core::ports::{Stop, StoreError, ToolRunner};
use scalbotics_core::redaction::Mask;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::tool::{Call, Definition, NotDone, Outcome, ResolvedInput, Verification};

use super::Masks;

/// Runs tools through another runner, and masks what they say.
#[derive(Debug)]
pub struct MaskingRunner {
    inner: Arc<dyn ToolRunner>,
    masks: Arc<Masks>,
}

impl MaskingRunner {
    /// Masks what `inner` answers.
    #[must_use]
    pub const fn new(inner: Arc<dyn ToolRunner>, masks: Arc<Masks>) -> Self {
        Self { inner, masks }
    }
}

#[async_trait]
impl ToolRunner for MaskingRunner {
    async fn resolve(&self, tool: &Definition, call: &Call) -> Result<Vec<ResolvedInput>, NotDone> {
        self.inner.resolve(tool, call).await
    }

    async fn run(&self, tool: &Definition, warrant: Warrant<Call>, stop: &dyn Stop) -> Outcome {
        let tenant = warrant.act().tenant.clone();
        // Before the call: afterwards a store that cannot be read would cost the outcome.
        if let Err(error) = self.masks.of(&tenant).await {
            return Outcome::NeverLeft { reason: NotDone::Unavailable { reason: format!("secrets cannot be read: {error}") } };
        }
        let mut outcome = self.inner.run(tool, warrant, stop).await;
        match self.masks_of(tool, &tenant).await {
            Ok((results, words)) => mask_outcome((&results, &words), &mut outcome),
            Err(error) => {
                return Outcome::Unknown { reason: format!("its output cannot be shown: secrets cannot be read: {error}") };
            }
        }
        outcome
    }

    async fn verify(&self, tool: &Definition, call: &Call) -> (Verification, Option<Vec<u8>>) {
        let Ok(mask) = self.masks.of(&call.tenant).await else { return (Verification::Unknown, None) };
        let (verdict, mut result) = self.inner.verify(tool, call).await;
        if let Some(result) = &mut result {
            mask.apply(result, false);
        }
        (verdict, result)
    }

    async fn prove_dead(&self, tool: &Definition, call: &Call, attempt: u32) -> bool {
        self.inner.prove_dead(tool, call, attempt).await
    }
}

impl MaskingRunner {
    /// The mask of what the tool answers, and that of its words; what a model answers is words.
    async fn masks_of(&self, tool: &Definition, tenant: &TenantId) -> Result<(Arc<Mask>, Arc<Mask>), StoreError> {
        let words = self.masks.of_words(tenant).await?;
        let results = if tool.id.as_str() == CALL { Arc::clone(&words) } else { self.masks.of(tenant).await? };
        Ok((results, words))
    }
}

fn mask_outcome((results, mask): (&Mask, &Mask), outcome: &mut Outcome) {
    match outcome {
        Outcome::Landed { output, truncated } => drop(results.apply(output, *truncated)),
        Outcome::Failed { reason } | Outcome::Unknown { reason } => mask_words(mask, reason),
        Outcome::NeverLeft { reason } => match reason {
            NotDone::Arguments { reason }
            | NotDone::Unavailable { reason }
            | NotDone::NoRoom { reason }
            | NotDone::NoModel { reason }
            | NotDone::Void { reason }
            | NotDone::Changed { input: reason } => mask_words(mask, reason),
        },
    }
}

/// Words of a tool are cut somewhere.
fn mask_words(mask: &Mask, words: &mut String) {
    mask.apply_to_text(words, true);
}
