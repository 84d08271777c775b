//! Rotation of the key that wraps payload keys, so that what was erased cannot be opened from a backup either: a new key wraps, every
//! payload's key is wrapped anew, and the old key is destroyed when no backup is kept any more that needs it.

use scalbotics_core::failpoint;
use scalbotics_core::payload::Sealed;
use scalbotics_core::ports::{CipherError, KeyringError, PrivacyChange, RetiredKey, Rewrapped, WrappingKeys};
use scalbotics_core::privacy::Marks;
use scalbotics_core::time::Timestamp;

use super::Error;
use super::works::Works;

/// Least time between two rotations, in milliseconds: each wraps every key of the tenant anew, and one serves all erasures before it.
const GAP_MS: u64 = 3_600_000;

/// Keys that one commit wraps anew.
const STEP: usize = 500;

impl Works {
    /// Does what is due about wrapping keys. Old ones are only destroyed where the time is believed.
    pub(super) async fn turn(&self, believed: Option<Timestamp>) -> Result<(), Error> {
        let _one = self.one.lock().await;
        let mut marks = self.store().marks(&self.tenant).await?;
        let now = self.now();
        // A rotation that is still to come was made under a clock that has been set back since.
        let rested = marks.rotated_at.is_none_or(|at| at > now || now.since_ms(at) >= GAP_MS);
        if let Some(due) = marks.rotation_due.filter(|_| rested && !marks.rewrapping) {
            self.rotate(due, now, &mut marks).await?;
        }
        if marks.rewrapping && self.rewrap_all(&mut marks).await? {
            marks.rewrapping = false;
            let record = self.record("privacy.keys_rewrapped", marks.rewrapped_keys.to_string(), self.now());
            self.store().change(PrivacyChange { marks: Some(marks.clone()), record: Some(record), ..self.change() }).await?;
        }
        match believed {
            Some(now) if !marks.rewrapping => self.expire(now, marks).await,
            Some(_) | None => Ok(()),
        }
    }

    async fn rotate(&self, due: Timestamp, now: Timestamp, marks: &mut Marks) -> Result<(), Error> {
        // A crash behind the rotation and before its mark: then the key that it retired is younger than the wish. One that is retired
        // in the future tells of a clock that was wrong, and of nothing else.
        let rotated = self.retired().await?.iter().any(|key| (due..=now).contains(&key.retired_at));
        if !rotated {
            let tenant = self.tenant.clone();
            self.with_keys("rotated", move |keys| keys.rotate(&tenant, now)).await?;
        }
        (marks.rotation_due, marks.rotated_at) = (None, Some(now));
        (marks.rewrapping, marks.rewrapped, marks.rewrapped_keys) = (true, None, 0);
        let record = self.record("privacy.key_rotated", "tenant key".to_owned(), now);
        self.store().change(PrivacyChange { marks: Some(marks.clone()), record: Some(record), ..self.change() }).await?;
        Ok(())
    }

    /// Wraps every key anew that an old key wraps; answers whether it came to the end.
    async fn rewrap_all(&self, marks: &mut Marks) -> Result<bool, Error> {
        loop {
            if self.supervisor.is_draining() {
                return Ok(false);
            }
            let page = self.ground.wraps.wrapped(&self.tenant, marks.rewrapped, STEP).await?;
            let Some(last) = page.last() else { break };
            marks.rewrapped = Some(last.reference.id);
            self.rewrap(page.iter(), marks).await?;
        }
        let secrets = self.ports.secret_store.list(&self.tenant).await?;
        self.rewrap(secrets.iter().map(|secret| &secret.sealed), marks).await?;
        marks.rewrapped = None;
        Ok(true)
    }

    async fn rewrap(&self, sealed: impl Iterator<Item = &Sealed> + Send, marks: &mut Marks) -> Result<(), Error> {
        let mut keys = Vec::new();
        for one in sealed {
            match self.ports.cipher.rewrap(one) {
                Ok(None) | Err(CipherError::KeyGone) => {}
                Ok(Some(new)) => keys.push(Rewrapped { id: one.reference.id, old: one.wrapped_key.clone(), new }),
                // It opens with no key now, so it would not later either.
                Err(error) => tracing::error!(payload = %one.reference.id, %error, "key of a payload cannot be wrapped anew"),
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        marks.rewrapped_keys = marks.rewrapped_keys.saturating_add(keys.len() as u64);
        failpoint!("rewrap.before");
        self.ground.wraps.rewrap(&self.tenant, keys, marks.clone()).await?;
        failpoint!("rewrap.after");
        Ok(())
    }

    /// Destroys retired keys that no backup that is kept needs.
    async fn expire(&self, now: Timestamp, mut marks: Marks) -> Result<(), Error> {
        for key in self.retired().await? {
            if now.since_ms(key.retired_at) < self.terms.backups.as_ms() {
                continue;
            }
            // What was sealed under it and written while it was being replaced is found now, and by nothing later.
            if !self.rewrap_all(&mut marks).await? {
                return Ok(());
            }
            marks.believed_at = Some(now);
            let record = self.record("privacy.key_destroyed", key.id.clone(), now);
            self.store().change(PrivacyChange { marks: Some(marks.clone()), record: Some(record), ..self.change() }).await?;
            let tenant = self.tenant.clone();
            self.with_keys("destroyed", move |keys| keys.destroy(&tenant, &key.id)).await?;
        }
        Ok(())
    }

    /// The retired keys, oldest first.
    pub(super) async fn retired(&self) -> Result<Vec<RetiredKey>, Error> {
        let tenant = self.tenant.clone();
        self.with_keys("read", move |keys| keys.retired(&tenant)).await
    }

    async fn with_keys<T: Send + 'static>(
        &self,
        attempt: &'static str,
        with: impl FnOnce(&dyn WrappingKeys) -> Result<T, KeyringError> + Send + 'static,
    ) -> Result<T, Error> {
        let keys = std::sync::Arc::clone(&self.ground.keys);
        let done = tokio::task::spawn_blocking(move || with(&*keys)).await;
        done.map_err(|error| KeyringError { attempt, source: error.into() })?.map_err(Error::from)
    }
}
