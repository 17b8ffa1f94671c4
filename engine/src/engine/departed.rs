//! Reads of payments that have left memory, and of those that may have.
//!
//! A shard is asked first; only where it has nothing is the archive looked into, on a thread that may
//! block. Invariant: what is shown was true at a moment between question and answer, and is durable.

use tollgate_domain::{Operation, OperationId, Payment, PaymentId, TransactionId};

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

    async fn look_into_archive(
        &self,
        look: impl FnOnce(&dyn Archive) -> Result<Option<Box<Payment>>, ArchiveError> + Send + 'static,
    ) -> Result<Option<Box<Payment>>, CommandError> {
        let Some(archive) = self.0.archive.clone() else { return Ok(None) };
        let found = tokio::task::spawn_blocking(move || look(&*archive)).await;
        let found = found.map_err(|_stopped| CommandError::ArchiveUnreadable)?;
        found.map_err(|error| {
            let error: &dyn std::error::Error = &error;
            tracing::error!(error, "a payment cannot be read from the archive");
            CommandError::ArchiveUnreadable
        })
    }
}

fn payment_in(archive: &dyn Archive, id: PaymentId) -> Result<Option<Box<Payment>>, ArchiveError> {
    Ok(find(archive, id)?.map(|history| Box::new(history.payment())))
}
