//! Counters: how many rows there are of each kind, status and currency on a day, and what they come
//! to.
//!
//! ```text
//!    0   8  rows
//!    8  16  sum of their amounts, in minor units
//!   24  16  of what is captured
//!   40  16  of what is refunded
//!   56  16  of our fees
//! ```
//!
//! Invariant: a tally is the sum over the rows of its key; a row that changes leaves one tally and
//! enters another in the same batch.

use std::collections::HashMap;

use tollgate_domain::{Currency, PaymentId, Timestamp};

use super::{
    ViewError,
    query::Selection,
    row::{Row, RowKind, RowStatus, Standing},
    store::{Change, REALM_LENGTH, Reading, ViewStore, realm_key},
};
use crate::vault::Realm;

/// What rows come to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) rows: i64,
    pub(crate) amount: i128,
    pub(crate) captured: i128,
    pub(crate) refunded: i128,
    pub(crate) fee: i128,
}

/// Which rows a tally is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TallyOf {
    /// Days since 1970.
    pub(crate) day: u32,
    pub(crate) kind: RowKind,
    pub(crate) status: RowStatus,
    pub(crate) standing: Standing,
    pub(crate) currency: Currency,
}

const KEY_LENGTH: usize = REALM_LENGTH + 9;

type TallyKey = [u8; KEY_LENGTH];

/// Changes of tallies that are not written yet.
#[derive(Default)]
pub(super) struct Deltas(HashMap<TallyKey, Tally>);

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The day on which something with that id began, counted from 1970, in UTC.
fn day_of(id: u128) -> u32 {
    // Ids of every kind begin with their time.
    day_of_time(PaymentId::from_u128(id).time())
}

/// The day of a time.
pub(crate) fn day_of_time(time: Timestamp) -> u32 {
    u32::try_from(time.as_millis() / DAY_MS).unwrap_or(u32::MAX)
}

impl Tally {
    fn of(row: &Row) -> Self {
        Self {
            rows: 1,
            amount: row.amount.into(),
            captured: row.captured.into(),
            refunded: row.refunded.into(),
            fee: row.fee.into(),
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            amount: self.amount + other.amount,
            captured: self.captured + other.captured,
            refunded: self.refunded + other.refunded,
            fee: self.fee + other.fee,
        }
    }

    fn negated(self) -> Self {
        let Self { rows, amount, captured, refunded, fee } = self;
        Self { rows: -rows, amount: -amount, captured: -captured, refunded: -refunded, fee: -fee }
    }

    fn encode(self) -> Vec<u8> {
        let mut bytes = self.rows.to_be_bytes().to_vec();
        for sum in [self.amount, self.captured, self.refunded, self.fee] {
            bytes.extend(sum.to_be_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (rows, sums) = bytes.split_first_chunk::<8>()?;
        let (sums, rest) = sums.as_chunks::<16>();
        let &[amount, captured, refunded, fee] = sums else { return None };
        let [amount, captured, refunded, fee] =
            [amount, captured, refunded, fee].map(i128::from_be_bytes);
        let rows = i64::from_be_bytes(*rows);
        rest.is_empty().then_some(Self { rows, amount, captured, refunded, fee })
    }
}

impl TallyOf {
    /// Whether its rows are asked for, as far as a tally can tell.
    pub(super) fn is_asked_for(&self, selection: &Selection) -> bool {
        fn is<T: PartialEq>(wanted: Option<T>, found: T) -> bool {
            wanted.is_none_or(|wanted| wanted == found)
        }
        is(selection.kind, self.kind)
            && is(selection.status, self.status)
            && is(selection.standing, self.standing)
            && is(selection.currency, self.currency)
    }
}

impl Deltas {
    /// A row is there now that was not, or was `before`.
    pub(super) fn change(&mut self, realm: Realm, id: u128, before: Option<&Row>, after: &Row) {
        if let Some(before) = before {
            self.add(key(realm, id, before), Tally::of(before).negated());
        }
        self.add(key(realm, id, after), Tally::of(after));
    }

    /// Adds them to what is stored.
    pub(super) fn write(self, store: &ViewStore, change: &mut Change<'_>) -> Result<(), ViewError> {
        for (key, delta) in self.0 {
            let stored = store.tally(&key)?;
            let stored = stored.map_or(Some(Tally::default()), |bytes| Tally::decode(&bytes));
            let sum = stored.ok_or(ViewError::Damaged("tally"))?.plus(delta);
            change.put_tally(&key, &sum.encode());
        }
        Ok(())
    }

    fn add(&mut self, key: TallyKey, delta: Tally) {
        let sum = self.0.entry(key).or_default();
        *sum = sum.plus(delta);
    }
}

/// The tallies of a merchant in a mode.
pub(super) fn tallies(
    reading: &Reading<'_>,
    realm: Realm,
) -> Result<Vec<(TallyOf, Tally)>, ViewError> {
    let decoded = reading.tallies(&realm_key(realm)).map(|pair| {
        let (key, value) = pair?;
        let of = parse_key(&key).ok_or(ViewError::Damaged("tally's key"))?;
        Ok((of, Tally::decode(&value).ok_or(ViewError::Damaged("tally"))?))
    });
    decoded.filter(|found| !matches!(found, Ok((_of, Tally { rows: 0, .. })))).collect()
}

fn key(realm: Realm, id: u128, row: &Row) -> TallyKey {
    let mut key = [0; KEY_LENGTH];
    let (head, tail) = key.split_at_mut(REALM_LENGTH);
    head.copy_from_slice(&realm_key(realm));
    tail[..4].copy_from_slice(&day_of(id).to_be_bytes());
    tail[4..7].copy_from_slice(&[row.kind.code(), row.status.code(), row.standing.code()]);
    tail[7..].copy_from_slice(&row.currency.numeric().to_be_bytes());
    key
}

fn parse_key(key: &[u8]) -> Option<TallyOf> {
    let (day, rest) = key.get(REALM_LENGTH..)?.split_first_chunk::<4>()?;
    let &[kind, status, standing, high, low] = rest else { return None };
    Some(TallyOf {
        day: u32::from_be_bytes(*day),
        kind: RowKind::from_code(kind)?,
        status: RowStatus::from_code(RowKind::from_code(kind)?, status)?,
        standing: Standing::from_code(standing)?,
        currency: Currency::from_numeric(u16::from_be_bytes([high, low])).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        let tally = Tally { rows: 3, amount: -1, captured: i128::MAX, refunded: 0, fee: 7 };
        assert_eq!(Tally::decode(&tally.encode()), Some(tally));
        assert_eq!(Tally::decode(&tally.encode()[1..]), None);
        assert_eq!(tally.plus(tally.negated()), Tally::default());
    }
}
