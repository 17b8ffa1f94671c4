//! Reads of payments that have left memory, and of those that may have.
//!
//! A shard is asked first; only where it has nothing is the archive looked into, on a thread that may
//! block. Invariant: what is shown was true at a moment between question and answer, and is durable.

use std::sync::Arc;

use tollgate_domain::{
    History, Operation, OperationId, Payment, PaymentId, ShardId, TransactionId,
};

use super::Engine;
use crate::{
    archive::{Archive, ArchiveError, find},
    effects::Attachment,
    error::CommandError,
};

impl<A: Attachment> Engine<A> {
    /// The payment that this was done to, once what is read is durable. Whose it is, the caller
    /// checks.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn payment_of(
        &self,
        operation: OperationId,
    ) -> Result<Option<Box<Payment>>, CommandError> {
        let found = self.query(operation.shard(), move |state| {
            state.payment_of(operation).map(|payment| Box::new(payment.clone()))
        });
        match found.await? {
            None => Ok(None),
            Some(Some(payment)) => Ok(Some(payment)),
            Some(None) => {
                self.wait_for_releases(operation.shard()).await?;
                self.departed_of(operation).await
            }
        }
    }

    /// The payment that a transaction belongs to, and which of its operations it is; none where it is
    /// the payment itself. Whose it is, the caller checks.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn transaction(
        &self,
        id: TransactionId,
    ) -> Result<Option<(Box<Payment>, Option<OperationId>)>, CommandError> {
        let found = self.query(id.shard(), move |state| {
            state.transaction(id).map(|(payment, operation)| {
                (Box::new(payment.clone()), operation.map(Operation::id))
            })
        });
        match found.await? {
            None => return Ok(None),
            Some(Some(found)) => return Ok(Some(found)),
            Some(None) => self.wait_for_releases(id.shard()).await?,
        }
        if let Some(payment) = self.departed(PaymentId::from_u128(id.to_u128())).await? {
            return Ok(Some((payment, None)));
        }
        let operation = OperationId::from_u128(id.to_u128());
        let payment = self.departed_of(operation).await?;
        Ok(payment.map(|payment| (payment, Some(operation))))
    }

    /// Payments of one shard, those that it does not hold any more from the archive in one go; `None`
    /// for each that there is not. Whose they are, the caller checks.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn payments(
        &self,
        shard: ShardId,
        ids: Vec<PaymentId>,
    ) -> Result<Vec<Option<Box<Payment>>>, CommandError> {
        let count = ids.len();
        let look = self.query(shard, move |state| {
            let found = |id: PaymentId| (id, state.payment(id).cloned().map(Box::new));
            ids.into_iter().map(found).collect::<Vec<_>>()
        });
        let Some(mut found) = look.await? else { return Ok(vec![None; count]) };
        if self.0.archive.is_none() || found.iter().all(|(_id, payment)| payment.is_some()) {
            return Ok(found.into_iter().map(|(_id, payment)| payment).collect());
        }
        self.wait_for_releases(shard).await?;
        let look = self.look_into_archive(move |archive| {
            for (id, payment) in &mut found {
                if payment.is_none() {
                    *payment = payment_in(archive, *id)?;
                }
            }
            Ok(Some(found.into_iter().map(|(_id, payment)| payment).collect()))
        });
        Ok(look.await?.expect("there is an archive, as was seen"))
    }

    /// Everything that has happened to a payment, once what is read is durable. Whose it is, the
    /// caller checks.
    ///
    /// # Errors
    /// As [`Engine::payment`].
    pub async fn history(&self, id: PaymentId) -> Result<Option<Arc<History>>, CommandError> {
        let found = self.query(id.shard(), move |state| state.history(id).cloned());
        match found.await? {
            None => Ok(None),
            Some(Some(history)) => Ok(Some(Arc::new(history))),
            Some(None) => {
                self.wait_for_releases(id.shard()).await?;
                self.look_into_archive(move |archive| find(archive, id)).await
            }
        }
    }

    /// A payment as it left memory, if it ever has.
    pub(super) async fn departed(
        &self,
        id: PaymentId,
    ) -> Result<Option<Box<Payment>>, CommandError> {
        self.look_into_archive(move |archive| payment_in(archive, id)).await
    }

    async fn departed_of(&self, id: OperationId) -> Result<Option<Box<Payment>>, CommandError> {
        let found = self.look_into_archive(move |archive| {
            let Some(payment) = archive.payment_of(id)? else { return Ok(None) };
            payment_in(archive, payment)
        });
        Ok(found.await?.filter(|payment| payment.operation(id).is_some()))
    }

    pub(super) async fn look_into_archive<T: Send + 'static>(
        &self,
        look: impl FnOnce(&dyn Archive) -> Result<Option<T>, ArchiveError> + Send + 'static,
    ) -> Result<Option<T>, CommandError> {
        let Some(archive) = self.0.archive.clone() else { return Ok(None) };
        let found = tokio::task::spawn_blocking(move || look(&*archive)).await;
        let found = found.map_err(|_stopped| CommandError::ArchiveUnreadable)?;
        found.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "what has left cannot be read from the archive");
            CommandError::ArchiveUnreadable
        })
    }
}

fn payment_in(archive: &dyn Archive, id: PaymentId) -> Result<Option<Box<Payment>>, ArchiveError> {
    Ok(find(archive, id)?.map(|history| Box::new(history.payment())))
}
