//! Identifiers: a prefix that tells the kind, then 128 bits that sort by time and tell the shard.
//!
//! ```text
//!   pay_ 01k2m3n4p5  000  q6r7s8t9v0w1x       26 characters of Crockford's base 32, lower case
//!        └ 48 bits ┘ └16┘ └── 64 bits ──┘
//!        milliseconds shard   random
//! ```

use std::{fmt, hash::Hash, marker::PhantomData, str::FromStr};

use crate::timestamp::Timestamp;

/// A logical shard: 0 is the control shard, 1 to N own merchants' payments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ShardId(pub u16);

/// What an id names; the type keeps a payment's id from being taken for a merchant's.
pub trait IdKind: 'static {
    /// What the id's text begins with, the underscore included.
    const PREFIX: &'static str;
}

/// An identifier of kind `K`. Kept as its two halves, the higher first: so it is aligned as the rest of
/// what a payment consists of, and nothing that holds ids is padded for them.
pub struct Id<K>([u64; 2], PhantomData<fn() -> K>);

/// Kinds of identifiers.
pub(crate) mod kind {
    macro_rules! kinds {
        ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {
            $($(#[$doc])* pub enum $name {}
            impl super::IdKind for $name { const PREFIX: &'static str = $prefix; })*
        };
    }
    kinds! {
        /// A payment.
        Payment = "pay_";
        /// One try of a payment at one provider.
        Attempt = "att_";
        /// One attempt to move money.
        Transaction = "txn_";
        /// Something done to a payment after its attempt.
        Operation = "op_";
        /// A refund: an operation, by its public name.
        Refund = "ref_";
        /// Something that an operator has to decide.
        Case = "exc_";
        /// A merchant's order.
        Order = "ord_";
        /// A merchant.
        Merchant = "mer_";
        /// An API key, which the id does not disclose.
        ApiKey = "key_";
        /// An endpoint of a merchant.
        WebhookEndpoint = "whe_";
        /// One event as merchants see it.
        FeedEvent = "evt_";
        /// One try to deliver an event.
        Delivery = "dlv_";
        /// A callback of a provider that waits for what it is about.
        ParkedCallback = "cbk_";
    }
}

/// Names a payment.
pub type PaymentId = Id<kind::Payment>;
/// Names an attempt.
pub type AttemptId = Id<kind::Attempt>;
/// Names a transaction.
pub type TransactionId = Id<kind::Transaction>;
/// Names an operation on a payment.
pub type OperationId = Id<kind::Operation>;
/// Names a refund.
pub type RefundId = Id<kind::Refund>;
/// Names a case for the operators.
pub type CaseId = Id<kind::Case>;
/// Names an order.
pub type OrderId = Id<kind::Order>;
/// Names a merchant.
pub type MerchantId = Id<kind::Merchant>;
/// Names an API key.
pub type ApiKeyId = Id<kind::ApiKey>;
/// Names an endpoint.
pub type WebhookEndpointId = Id<kind::WebhookEndpoint>;
/// Names an event as merchants see it.
pub type FeedEventId = Id<kind::FeedEvent>;
/// Names a try to deliver an event.
pub type DeliveryId = Id<kind::Delivery>;
/// Names a callback that waits for what it is about.
pub type ParkedCallbackId = Id<kind::ParkedCallback>;

/// The text is no id of the kind asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a well-formed id beginning with {prefix}")]
pub struct ParseIdError {
    prefix: &'static str,
}

impl ShardId {
    /// The shard that owns merchants, keys and whatever else is shared.
    pub const CONTROL: Self = Self(0);

    /// The shard that owns a merchant's payments, of `shards` payment shards numbered from 1.
    ///
    /// Invariant: never changes for a given merchant and number of shards, for payments' ids and
    /// log records rest on it.
    #[must_use]
    pub fn of_merchant(merchant: MerchantId, shards: std::num::NonZeroU16) -> Self {
        let [high, low] = merchant.0;
        let mixed = mix(high ^ mix(low));
        let remainder = mixed.checked_rem(u64::from(shards.get())).unwrap_or(0);
        Self(u16::try_from(remainder).unwrap_or(0).saturating_add(1))
    }
}

/// The finalizer of splitmix64: spreads every input bit over all output bits.
pub(crate) const fn mix(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Digits of Crockford's base 32, in ascending order of their ASCII codes, so that text sorts as
/// the numbers do.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Digits that 128 bits need at five bits a digit.
const TEXT_DIGITS: usize = 26;

impl<K: IdKind> Id<K> {
    /// Makes an id from its three parts.
    #[must_use]
    pub const fn new(time: Timestamp, shard: ShardId, random: u64) -> Self {
        #[expect(clippy::as_conversions, reason = "widening; From is not const")]
        let shard = shard.0 as u64;
        Self([time.as_millis() << 16 | shard, random], PhantomData)
    }

    /// Takes the 128 bits of [`Id::to_u128`].
    #[must_use]
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        reason = "each half is taken; From is not const"
    )]
    pub const fn from_u128(bits: u128) -> Self {
        Self([(bits >> 64) as u64, bits as u64], PhantomData)
    }

    /// The id's 128 bits.
    #[must_use]
    #[expect(clippy::as_conversions, reason = "widening; From is not const")]
    pub const fn to_u128(self) -> u128 {
        let [high, low] = self.0;
        (high as u128) << 64 | low as u128
    }

    /// When it was minted, by its shard's clock.
    #[must_use]
    pub fn time(self) -> Timestamp {
        let [high, _random] = self.0;
        Timestamp::from_millis(high >> 16)
    }

    /// The shard that minted it.
    #[must_use]
    pub fn shard(self) -> ShardId {
        let [high, _random] = self.0;
        ShardId(u16::try_from(high & 0xffff).unwrap_or(u16::MAX))
    }
}

/// A refund's id has the bits of its operation's, a transaction's the bits of the payment or the
/// operation that it belongs to: so each is found by the other without an index.
impl OperationId {
    /// The operation that a refund is.
    #[must_use]
    pub const fn of_refund(refund: RefundId) -> Self {
        Self::from_u128(refund.to_u128())
    }
}

impl RefundId {
    /// The public name of an operation that refunds.
    #[must_use]
    pub const fn of_operation(operation: OperationId) -> Self {
        Self::from_u128(operation.to_u128())
    }
}

impl TransactionId {
    /// The transaction that a payment is.
    #[must_use]
    pub const fn of_payment(payment: PaymentId) -> Self {
        Self::from_u128(payment.to_u128())
    }

    /// The transaction that an operation is.
    #[must_use]
    pub const fn of_operation(operation: OperationId) -> Self {
        Self::from_u128(operation.to_u128())
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [b'0'; TEXT_DIGITS];
        let mut rest = self.to_u128();
        for digit in text.iter_mut().rev() {
            let index = usize::try_from(rest & 0x1f).unwrap_or(0);
            *digit = DIGITS.get(index).copied().unwrap_or(b'0');
            rest >>= 5;
        }
        formatter.write_str(K::PREFIX)?;
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl<K: IdKind> FromStr for Id<K> {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let refused = ParseIdError { prefix: K::PREFIX };
        let digits = text.strip_prefix(K::PREFIX).ok_or(refused)?.as_bytes();
        // 26 digits hold 130 bits: the first may use only three of its five.
        if digits.len() != TEXT_DIGITS || digits.first().is_none_or(|first| *first > b'7') {
            return Err(refused);
        }
        let mut bits = 0_u128;
        for digit in digits {
            let value = DIGITS.binary_search(digit).map_err(|_absent| refused)?;
            bits = bits << 5 | u128::try_from(value).unwrap_or(0);
        }
        Ok(Self::from_u128(bits))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        // As one number: stored hashes of states rest on it.
        let [high, low] = self.0;
        (u128::from(high) << 64 | u128::from(low)).hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_as_the_bits_do(one: u128, other: u128) {
            let (one, other) = (PaymentId::from_u128(one), PaymentId::from_u128(other));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn parts_come_back(millis in 0..=Timestamp::MAX.as_millis(), shard: u16, random: u64) {
            let time = Timestamp::from_millis(millis);
            let id = PaymentId::new(time, ShardId(shard), random);
            prop_assert_eq!((id.time(), id.shard()), (time, ShardId(shard)));
        }
    }

    #[test]
    fn other_kinds_and_other_spellings_are_refused() {
        let text = PaymentId::from_u128(u128::MAX).to_string();
        assert_eq!(text, "pay_7zzzzzzzzzzzzzzzzzzzzzzzzz");
        assert!(text.parse::<MerchantId>().is_err());
        for wrong in [
            "pay_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "pay_7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "pay_7zzzzzzzzzzzzzzzzzzzzzzzz",
            "pay_7zzzzzzzzzzzzzzzzzzzzzzzzu",
            "pay_7zzzzzzzzzzzzzzzzzzzzzzzzé",
            "",
        ] {
            assert!(wrong.parse::<PaymentId>().is_err(), "{wrong}");
        }
    }

    /// The routing is part of the stored format: a change would orphan every payment.
    #[test]
    fn routing_never_changes() {
        let shards = NonZeroU16::new(64).unwrap();
        let routed: Vec<u16> = [0_u128, 1, 2, 1 << 64, u128::MAX]
            .map(|bits| ShardId::of_merchant(MerchantId::from_u128(bits), shards).0)
            .to_vec();
        assert_eq!(routed, [1, 62, 41, 38, 12]);
    }

    #[test]
    #[expect(clippy::indexing_slicing, reason = "a shard out of range shall fail the test")]
    fn merchants_spread_evenly_over_shards() {
        let shards = NonZeroU16::new(16).unwrap();
        let mut owned = [0_u32; 17];
        for random in 0..16_000 {
            let merchant = MerchantId::new(Timestamp::from_millis(7), ShardId::CONTROL, random);
            owned[usize::from(ShardId::of_merchant(merchant, shards).0)] += 1;
        }
        assert_eq!(owned[0], 0, "the control shard owns no payments");
        assert!(owned[1..].iter().all(|count| (850..1150).contains(count)), "{owned:?}");
    }
}
