//! Looks at whole shards: what is found is durable by the time it is told.

use tokio::sync::oneshot;
use tollgate_domain::{MerchantId, ShardId, ShardState};

use super::Engine;
use crate::{
    admission::Permit,
    effects::Attachment,
    error::CommandError,
    shard_actor::{Mail, Query},
};

impl<A: Attachment> Engine<A> {
    /// Looks at a shard; `None` where there is no such shard. `ask` runs in the shard's turn, so it
    /// has to be short.
    ///
    /// # Errors
    /// Where too much is in flight, and where the log has failed.
    pub async fn query<T: Send + 'static>(
        &self,
        shard: ShardId,
        ask: impl FnOnce(&ShardState) -> T + Send + 'static,
    ) -> Result<Option<T>, CommandError> {
        if !self.0.router.has_shard(shard) {
            return Ok(None);
        }
        let permit = self.0.admission.admit(shard)?;
        self.look(shard, Some(permit), ask).await.map(Some)
    }

    /// Looks at every payment shard, one after another, the first first.
    ///
    /// # Errors
    /// As [`Engine::query`].
    pub async fn query_all<T: Send + 'static>(
        &self,
        ask: impl Fn(&ShardState) -> T + Clone + Send + 'static,
    ) -> Result<Vec<T>, CommandError> {
        let mut found = Vec::new();
        for shard in 1..=self.0.router.shard_count().get() {
            found.extend(self.query(ShardId(shard), ask.clone()).await?);
        }
        Ok(found)
    }

    /// The shard that owns a merchant's payments and orders.
    #[must_use]
    pub fn shard_of(&self, merchant: MerchantId) -> ShardId {
        self.0.router.shard_of(merchant)
    }

    pub(super) async fn look<T: Send + 'static>(
        &self,
        shard: ShardId,
        permit: Option<Permit>,
        ask: impl FnOnce(&ShardState) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        self.look_how(shard, permit, false, ask).await
    }

    /// Waits until everything that a shard has handed to the log by now is released: whoever was not
    /// found there may have left memory a moment before, and is in the archive then.
    pub(super) async fn wait_for_releases(&self, shard: ShardId) -> Result<(), CommandError> {
        self.look_how(shard, None, true, |_state| ()).await
    }

    async fn look_how<T: Send + 'static>(
        &self,
        shard: ShardId,
        permit: Option<Permit>,
        after_released: bool,
        ask: impl FnOnce(&ShardState) -> T + Send + 'static,
    ) -> Result<T, CommandError> {
        if *self.0.failed.borrow() {
            return Err(CommandError::Unknown);
        }
        let (reply, found) = oneshot::channel();
        let ask = Box::new(move |state: &ShardState| {
            let value = ask(state);
            // Nobody minds if the one who asked has gone.
            Box::new(move || drop(reply.send(value))) as Box<dyn FnOnce() + Send>
        });
        self.0.router.send(shard, Mail::Query(Query { ask, permit, after_released }));
        found.await.map_err(|_dropped| CommandError::Unknown)
    }
}
