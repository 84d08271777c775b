//! The check of what witnesses answer.
//!
//! **Invariant:** a cosignature that does not verify is as good as none.

use async_trait::async_trait;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::in_words;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept};
use scalbotics_core::time::Span;
use scalbotics_identity::holder::signed_note::{self, Cosigned, Verifier};

/// A witness whose answers are verified by its key.
#[derive(Debug)]
pub(super) struct Verified<K> {
    pub(super) inner: K,
    pub(super) key: Verifier,
}

#[async_trait]
impl<K: CheckpointKeeper> CheckpointKeeper for Verified<K> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn is_witness(&self) -> bool {
        true
    }

    fn apart(&self) -> Span {
        self.inner.apart()
    }

    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError> {
        let refused =
            |error: signed_note::Error| KeepError::Refused { why: format!("its answer does not count: {}", in_words(&error)) };
        match self.inner.keep(checkpoint).await? {
            Kept::Stored => Err(refused(signed_note::Error::Unknown)),
            Kept::Cosigned { lines } => {
                let (text, _) = signed_note::parts(&checkpoint.note).map_err(refused)?;
                let found = signed_note::cosignatures(text, &lines, std::slice::from_ref(&self.key)).map_err(refused)?;
                let Some(Cosigned { line, .. }) = found.into_iter().next() else {
                    return Err(refused(signed_note::Error::Unknown));
                };
                Ok(Kept::Cosigned { lines: line })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use scalbotics_identity::holder::key::{Algorithm, Pair};

    use super::*;

    const TEXT: &str = "acme.test/audit/system\n1\nLXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=\n";

    /// Answers always the same.
    #[derive(Debug)]
    struct Says(Option<String>);

    #[async_trait]
    impl CheckpointKeeper for Says {
        fn name(&self) -> &str {
            "says"
        }

        fn is_witness(&self) -> bool {
            true
        }

        fn apart(&self) -> Span {
            Span::from_ms(0)
        }

        async fn keep(&self, _: &AddCheckpoint) -> Result<Kept, KeepError> {
            Ok(self.0.clone().map_or(Kept::Stored, |lines| Kept::Cosigned { lines }))
        }
    }

    #[tokio::test]
    async fn a_lying_witness_gives_nothing() {
        let (pair, other) = (Pair::generate(Algorithm::Ed25519).unwrap(), Pair::generate(Algorithm::Ed25519).unwrap());
        let key = Verifier::witness("w", pair.public().clone()).unwrap();
        let note = signed_note::sign(TEXT, "acme.test/audit/system", &other).unwrap();
        let checkpoint = AddCheckpoint { old_size: 0, proof: Vec::new(), note };
        let asked = async |answer: Option<String>| {
            let witness = Verified { inner: Says(answer), key: key.clone() };
            witness.keep(&checkpoint).await
        };
        let good = signed_note::cosign(TEXT, "w", &pair, 7).unwrap();
        let strangers = signed_note::cosign(TEXT, "x", &other, 7).unwrap();
        assert_eq!(asked(Some(format!("{strangers}{good}"))).await.unwrap(), Kept::Cosigned { lines: good.clone() });
        let elsewhere = signed_note::cosign(&TEXT.replace("\n1\n", "\n2\n"), "w", &pair, 7).unwrap();
        let forged = signed_note::cosign(TEXT, "w", &other, 7).unwrap();
        let answers =
            [None, Some(String::new()), Some(strangers), Some(elsewhere), Some(forged), Some(good.trim_end().to_owned())];
        for answer in answers {
            let refused = asked(answer.clone()).await;
            assert!(matches!(refused, Err(KeepError::Refused { .. })), "{answer:?}: {refused:?}");
        }
    }
}
