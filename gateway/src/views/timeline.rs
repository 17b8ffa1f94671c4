//! What a payment has gone through: its events, record by record, as the log has them.
//!
//! ```text
//!    0   8  the record's sequence in its shard, big-endian
//!    8      the record's bytes by the domain's codec, with the payment's own events alone
//! ```
//!
//! Invariant: the events of a payment are numbered from 1 and without a gap, by its own count.

use tollgate_domain::{Event, Payment, PaymentId, Record, codec};

use super::{
    ViewError,
    store::{Change, Reading},
};
use crate::vault::Realm;

/// A record of the log, as far as it is one payment's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PaymentRecord {
    /// Its place among the shard's records.
    pub(crate) sequence: u64,
    /// The number of its first event, among the payment's.
    pub(crate) first_event: u32,
    /// Its time, and the events that are the payment's.
    pub(crate) content: Record<Event>,
}

/// Keeps what a record says of a payment, which stands as the record left it.
pub(super) fn keep(
    change: &mut Change<'_>,
    realm: Realm,
    payment: &Payment,
    sequence: u64,
    record: &Record<Event>,
) -> Result<(), ViewError> {
    // That a payment leaves memory, or comes back, is no event of its own, and it does not count it.
    let is_own = |event: &&Event| event.payment() == Some(payment.id()) && !event.is_of_archive();
    let own = record.events.iter().filter(is_own);
    let own = Record {
        at: record.at,
        events: own.cloned().collect(),
        idempotency: None,
        effects: Vec::new(),
    };
    if own.events.is_empty() {
        return Ok(());
    }
    let count = u32::try_from(own.events.len()).unwrap_or(u32::MAX);
    let first = (payment.sequence() + 1).saturating_sub(count);
    let mut bytes = sequence.to_be_bytes().to_vec();
    bytes.extend(codec::encode(&own).map_err(ViewError::Record)?);
    change.put_events(realm, payment.id().to_u128(), first, bytes);
    Ok(())
}

/// Everything that is kept of a payment, in order.
pub(super) fn read(
    reading: &Reading<'_>,
    realm: Realm,
    payment: PaymentId,
) -> Result<Vec<PaymentRecord>, ViewError> {
    let record = |kept: Result<(u32, fjall::UserValue), ViewError>| {
        let (first_event, bytes) = kept?;
        let parts = bytes.split_first_chunk::<8>();
        let (sequence, record) = parts.ok_or(ViewError::Damaged("event"))?;
        let content = codec::decode(record).map_err(ViewError::Record)?;
        Ok(PaymentRecord { sequence: u64::from_be_bytes(*sequence), first_event, content })
    };
    reading.events(realm, payment.to_u128()).map(record).collect()
}
