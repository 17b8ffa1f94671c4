//! Counters: how many rows there are of each kind, status and currency on a day; eight bytes,
//! big-endian.
//!
//! Invariant: a tally counts the rows of its key; a row that changes leaves one tally and enters
//! another in the same batch.

use rustc_hash::FxHashMap;
use tollgate_domain::{Currency, PaymentId};

use super::{
    ViewError,
    query::Selection,
    row::{Row, RowKind, RowStatus, Standing},
    store::{Change, REALM_LENGTH, Reading, ViewStore, realm_key},
};
use crate::vault::Realm;

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

/// By how many rows tallies change, which is not written yet.
#[derive(Default)]
pub(super) struct Deltas(FxHashMap<TallyKey, i64>);

/// Tallies of rows that come in the order of their keys: no more than those of a merchant's day are in
/// memory, and they come out in the order of their own keys.
pub(super) struct DailyTallies {
    day: [u8; DAY_LENGTH],
    rows: Deltas,
}

/// Bytes of a key that a merchant's tallies of a day have in common.
const DAY_LENGTH: usize = REALM_LENGTH + 4;

/// Milliseconds of a day.
const DAY_MS: u64 = 86_400_000;

/// The day on which something with that id began, counted from 1970, in UTC.
fn day_of(id: u128) -> u32 {
    // Ids of every kind begin with their time.
    let time = PaymentId::from_u128(id).time();
    u32::try_from(time.as_millis() / DAY_MS).unwrap_or(u32::MAX)
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
            self.add(key(realm, id, before), -1);
        }
        self.add(key(realm, id, after), 1);
    }

    /// Adds them to what is stored.
    pub(super) fn write(self, store: &ViewStore, change: &mut Change<'_>) -> Result<(), ViewError> {
        for (key, delta) in self.0.into_iter().filter(|(_key, delta)| *delta != 0) {
            let stored = store.tally(&key)?;
            let stored = stored.map_or(Ok(0), |bytes| decode(&bytes))?;
            change.put_tally(&key, &(stored + delta).to_be_bytes());
        }
        Ok(())
    }

    fn add(&mut self, key: TallyKey, delta: i64) {
        *self.0.entry(key).or_default() += delta;
    }
}

impl DailyTallies {
    pub(super) fn new() -> Self {
        Self { day: [0; DAY_LENGTH], rows: Deltas::default() }
    }

    /// Counts a row; tallies that are whole by now go to `done`.
    pub(super) fn count<E>(
        &mut self,
        realm: Realm,
        (id, row): (u128, &Row),
        done: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let key = key(realm, id, row);
        if key[..DAY_LENGTH] != self.day {
            self.finish(done)?;
            self.day.copy_from_slice(&key[..DAY_LENGTH]);
        }
        self.rows.add(key, 1);
        Ok(())
    }

    /// There are no more rows of that day.
    pub(super) fn finish<E>(
        &mut self,
        mut done: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut tallies: Vec<_> = self.rows.0.drain().collect();
        tallies.sort_unstable();
        tallies.iter().try_for_each(|(key, rows)| done(key, &rows.to_be_bytes()))
    }
}

/// The tallies of a merchant in a mode.
pub(super) fn tallies(
    reading: &Reading<'_>,
    realm: Realm,
) -> Result<Vec<(TallyOf, i64)>, ViewError> {
    let decoded = reading.tallies(&realm_key(realm)).map(|pair| {
        let (key, value) = pair?;
        let of = parse_key(&key).ok_or(ViewError::Damaged("tally's key"))?;
        Ok((of, decode(&value)?))
    });
    decoded.filter(|found| !matches!(found, Ok((_of, 0)))).collect()
}

fn decode(bytes: &[u8]) -> Result<i64, ViewError> {
    let bytes = bytes.try_into().map_err(|_length| ViewError::Damaged("tally"))?;
    Ok(i64::from_be_bytes(bytes))
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
