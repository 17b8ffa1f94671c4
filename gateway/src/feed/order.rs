//! What was last told of an order, and its bytes.
//!
//! ```text
//!   0  4  sequence of the last event that told of it
//!   4  1  how far it was, by the place in `STATUSES`
//!   5  8  what was paid of it, in minor units
//! ```
//!
//! Numbers are big-endian. Invariant: it is written with the event that told it, so that an order's
//! events follow from the log alone, however often it is read.

use tollgate_domain::{Amount, Order, OrderStatus};

const LENGTH: usize = 13;

/// Every status, at the place by which it is stored.
const STATUSES: [OrderStatus; 4] =
    [OrderStatus::Created, OrderStatus::Attempted, OrderStatus::PartiallyPaid, OrderStatus::Paid];

/// What an event told of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ToldOrder {
    /// Counts the order's events.
    pub(super) sequence: u32,
    status: OrderStatus,
    paid: Amount,
}

impl ToldOrder {
    /// What is to be told of an order as it stands, behind what was told before.
    pub(super) fn of(order: &Order, before: Option<Self>) -> Self {
        let told = match (before, order.status()) {
            (Some(before), _any) => before.sequence,
            (None, OrderStatus::Created) => 0,
            // Its creation was read by a release that told nothing of orders: its number stays free.
            (None, OrderStatus::Attempted | OrderStatus::PartiallyPaid | OrderStatus::Paid) => 1,
        };
        Self { sequence: told.saturating_add(1), status: order.status(), paid: order.paid() }
    }

    /// Whether both tell the same of the order.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (self.status, self.paid) == (other.status, other.paid)
    }

    pub(super) fn encode(&self) -> [u8; LENGTH] {
        let place = STATUSES.iter().position(|status| *status == self.status);
        let place = place.and_then(|place| u8::try_from(place).ok());
        let mut bytes = [0; LENGTH];
        bytes[..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4] = place.expect("every status is in the list");
        bytes[5..].copy_from_slice(&self.paid.minor_units().to_be_bytes());
        bytes
    }

    /// What stored bytes say; `None` where they say nothing.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let (sequence, rest) = bytes.split_first_chunk::<4>()?;
        let (&[place], paid) = rest.split_first_chunk::<1>()?;
        let paid = match i64::from_be_bytes(paid.try_into().ok()?) {
            0 => Amount::ZERO,
            minor_units => Amount::from_minor_units(minor_units).ok()?,
        };
        Some(Self {
            sequence: u32::from_be_bytes(*sequence),
            status: *STATUSES.get(usize::from(place))?,
            paid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored for as long as the feed is, and over an upgrade.
    #[test]
    fn golden_bytes() {
        let paid = Amount::from_minor_units(10_050).unwrap();
        let told = ToldOrder { sequence: 3, status: OrderStatus::PartiallyPaid, paid };
        let bytes = told.encode();
        assert_eq!(bytes, [0, 0, 0, 3, 2, 0, 0, 0, 0, 0, 0, 0x27, 0x42]);
        assert_eq!(ToldOrder::decode(&bytes), Some(told));
        assert_eq!(ToldOrder::decode(&bytes[..12]), None);
        for (place, byte) in [(4, 4), (5, 0x80)] {
            let mut damaged = bytes;
            damaged[place] = byte;
            assert_eq!(ToldOrder::decode(&damaged), None);
        }
    }

    #[test]
    fn each_status_comes_back() {
        for status in STATUSES {
            let told = ToldOrder { sequence: 1, status, paid: Amount::ZERO };
            assert_eq!(ToldOrder::decode(&told.encode()), Some(told));
        }
    }
}
