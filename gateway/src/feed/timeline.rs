//! Chapters: what a payment has gone through, record by record, as the log has it. Events of payments
//! are told from them, and so are timelines.
//!
//! ```text
//!   of each record that touched the payment
//!    0   8  the record's sequence in its shard
//!    8   4  length of what follows
//!   12      the record's bytes by the domain's codec, with the payment's own events alone
//! ```
//!
//! Numbers are big-endian. Chapters that came in one batch lie behind each other. Invariant: the
//! events of a payment are numbered from 1 and without a gap, by its own count; all of them are here,
//! for as long as the feed is.

use tollgate_domain::{Chapter, Event, History, Payment, Record, Timestamp, codec};

use super::FeedError;
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

impl PaymentRecord {
    /// Whether it is the beginning of a payment of that merchant and mode.
    pub(super) fn is_of(&self, realm: Realm) -> bool {
        let Some(Event::PaymentCreated(intent)) = self.content.events.first() else { return false };
        realm == Realm { merchant: intent.merchant, mode: intent.mode }
    }
}

/// The bytes of a chapter: of what one record did to one payment.
pub(super) fn encode(sequence: u64, at: Timestamp, own: &[&Event]) -> Result<Vec<u8>, FeedError> {
    let events = own.iter().copied().cloned().collect();
    let own = Record { at, events, idempotency: None, effects: Vec::new() };
    let record = codec::encode(&own).map_err(FeedError::Record)?;
    let length = u32::try_from(record.len()).expect("records are short");
    let mut bytes = Vec::with_capacity(12 + record.len());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(length.to_be_bytes());
    bytes.extend(record);
    Ok(bytes)
}

/// Adds the chapters of these bytes, the first of which begins with that event, as far as they begin
/// with an event up to `up_to`.
pub(super) fn decode(
    mut bytes: &[u8],
    mut first_event: u32,
    up_to: u32,
    chapters: &mut Vec<PaymentRecord>,
) -> Result<(), FeedError> {
    while !bytes.is_empty() && first_event <= up_to {
        let (sequence, length, rest) = head(bytes).ok_or(FeedError::Damaged("chapter"))?;
        let (record, rest) = rest.split_at_checked(length).ok_or(FeedError::Damaged("chapter"))?;
        let content = codec::decode(record).map_err(FeedError::Record)?;
        let events = u32::try_from(content.events.len()).unwrap_or(u32::MAX);
        chapters.push(PaymentRecord { sequence, first_event, content });
        first_event = first_event.saturating_add(events);
        bytes = rest;
    }
    Ok(())
}

/// The payment that chapters come to.
pub(super) fn payment(chapters: Vec<PaymentRecord>) -> Result<Payment, FeedError> {
    let mut expected = 1;
    for PaymentRecord { first_event, content, .. } in &chapters {
        if *first_event != expected {
            return Err(FeedError::Damaged("chapter"));
        }
        expected += u32::try_from(content.events.len()).unwrap_or(u32::MAX);
    }
    let chapters = chapters.into_iter().map(|chapter| {
        let Record { at, events, .. } = chapter.content;
        Chapter { at, events }
    });
    let history = History::of_chapters(chapters.collect());
    Ok(history.ok_or(FeedError::Damaged("history"))?.payment())
}

fn head(bytes: &[u8]) -> Option<(u64, usize, &[u8])> {
    let (sequence, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = u32::from_be_bytes(*length).try_into().ok()?;
    Some((u64::from_be_bytes(*sequence), length, rest))
}
