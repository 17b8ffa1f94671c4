//! An event of the feed: what happened and to whom, and how it is told.

use std::borrow::Cow;

use tollgate_domain::{
    FeedEventId, Id, MerchantId, Mode, OperationId, PaymentId, Sealed, ShardId, Timestamp,
};

use crate::vault::Realm;

/// One event of a merchant, in a mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FeedEvent {
    pub(crate) id: FeedEventId,
    pub(crate) at: Timestamp,
    /// Counts the events of its payment, those without a name of their own included.
    pub(crate) sequence: u32,
    /// The bits of the id of the payment, order or endpoint that it happened to: events of one subject
    /// are delivered in order.
    pub(crate) subject: u128,
    pub(crate) name: Cow<'static, str>,
    /// Whether its payment's request wanted it told to an address of its own.
    pub(crate) has_callback: bool,
    pub(crate) content: Content,
}

/// What an event tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Content {
    /// Its payment as the record left it that the event is of: made again of the payment's chapters.
    Payment,
    /// Likewise one of its payment's refunds.
    Refund(OperationId),
    /// What was rendered when it happened.
    Rendered(Box<Rendered>),
}

/// The subject as it stood when an event was taken into the feed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Rendered {
    pub(crate) callback_url: Option<Box<str>>,
    /// What the data lacks of a person.
    pub(crate) personal: Option<Sealed>,
    /// JSON.
    pub(crate) data: Box<[u8]>,
}

/// An event's place in its merchant's feed: counted from 1, without a gap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct Cursor(pub(crate) u64);

/// Bits of an id that hold the cursor; the rest of its random part tells merchants apart. At a
/// thousand events a second a merchant needs 35 years for them.
const CURSOR_BITS: u32 = 40;

impl Cursor {
    /// Before the first event.
    pub(crate) const START: Self = Self(0);

    /// The next place.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place that an event's id tells.
    pub(crate) fn of(id: FeedEventId) -> Self {
        Self(random_part(id) >> (u64::BITS - CURSOR_BITS))
    }
}

impl FeedEvent {
    /// The id of the event at a place: the same however often the feed is derived from the log.
    pub(crate) fn id_at(
        realm: Realm,
        cursor: Cursor,
        shard: ShardId,
        at: Timestamp,
    ) -> FeedEventId {
        let cursor = cursor.0 << (u64::BITS - CURSOR_BITS);
        Id::new(at, shard, cursor | realm_tag(realm) >> CURSOR_BITS)
    }

    /// The payment that it happened to, or to a refund of which.
    pub(super) fn payment(&self) -> PaymentId {
        PaymentId::from_u128(self.subject)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn random_part(id: FeedEventId) -> u64 {
    id.to_u128() as u64
}

/// Bits by which events of merchants whose ids would else be alike are told apart: FNV-1a.
fn realm_tag(realm: Realm) -> u64 {
    let Realm { merchant, mode } = realm;
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = MerchantId::to_u128(merchant).to_be_bytes();
    fold(bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, fold), Mode::code(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_place_and_differs_between_merchants() {
        let realm =
            |merchant| Realm { merchant: MerchantId::from_u128(merchant), mode: Mode::Test };
        let at = Timestamp::from_millis(9);
        for place in [1, 2, 70_000, (1 << CURSOR_BITS) - 1] {
            let id = FeedEvent::id_at(realm(1), Cursor(place), ShardId(1), at);
            assert_eq!(Cursor::of(id), Cursor(place));
            assert_ne!(id, FeedEvent::id_at(realm(2), Cursor(place), ShardId(1), at));
        }
    }
}
