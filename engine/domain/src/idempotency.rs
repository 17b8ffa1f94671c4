//! One idempotency key, one effect, one answer.

use rustc_hash::FxHashMap;

use crate::{
    id::{OperationId, OrderId, PaymentId},
    planted_fault::{PlantedFault, is_planted},
    timestamp::{Millis, Timestamp},
};

/// A keyed digest over merchant, mode and the client's key: the scope in which a key is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IdempotencyKey(pub [u8; 16]);

/// A keyed digest over method, path and the typed request without its security code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Fingerprint(pub u64);

/// What a command made, and its answer speaks of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A payment.
    Payment(PaymentId),
    /// Something done to a payment.
    Operation(OperationId),
    /// An order.
    Order(OrderId),
    /// The review of a payment, where its approval did nothing to the payment but let it go on.
    Review(PaymentId),
}

/// What a command leaves in the table, and in its record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IdempotencyEntry {
    /// The key.
    pub key: IdempotencyKey,
    /// The request it came with.
    pub fingerprint: Fingerprint,
    /// What it made.
    pub subject: Subject,
}

/// All keys of a shard that are still remembered.
///
/// An entry takes 48 bytes: key 16, subject 16, fingerprint 8, time 4, kind of subject 1, padding 3. The answer is not
/// kept; it is rendered again from the subject's facts.
#[derive(Debug, Default)]
pub struct IdempotencyTable {
    entries: FxHashMap<IdempotencyKey, Remembered>,
    /// No entry is older. May be older than all of them, never younger.
    oldest: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Remembered {
    subject: u128,
    fingerprint: u64,
    /// Seconds since the epoch; 32 bits last until 2106.
    created_at: u32,
    kind: SubjectKind,
}

/// A subject without its id.
#[derive(Clone, Copy, Debug)]
enum SubjectKind {
    Payment,
    Operation,
    Order,
    Review,
}

/// The table is swept when its oldest entry is this much past retention, so that sweeps are rare
/// and each takes many entries.
const SWEEP_SLACK: Millis = Millis::from_seconds(3_600);

impl IdempotencyTable {
    /// The request and subject a key stands for.
    #[must_use]
    pub fn get(&self, key: IdempotencyKey) -> Option<(Fingerprint, Subject)> {
        let remembered = self.entries.get(&key)?;
        Some((Fingerprint(remembered.fingerprint), remembered.subject()))
    }

    /// How many keys are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When the next sweep is due, for entries kept as long as `retention`.
    #[must_use]
    pub fn due_at(&self, retention: Millis) -> Option<Timestamp> {
        self.oldest.map(|oldest| oldest.after(retention).after(SWEEP_SLACK))
    }

    /// A time that no entry is older than, where there are entries.
    pub(crate) fn oldest(&self) -> Option<Timestamp> {
        self.oldest
    }

    /// Takes an entry as it stood.
    pub(crate) fn restore(&mut self, entry: &IdempotencyEntry, created_at: u32) {
        self.remember(entry, Timestamp::default().after(Millis::from_seconds(created_at.into())));
    }

    /// Takes the time that no entry is older than as it stood.
    pub(crate) fn restore_oldest(&mut self, oldest: Option<Timestamp>) {
        self.oldest = oldest;
    }

    pub(crate) fn remember(&mut self, entry: &IdempotencyEntry, now: Timestamp) {
        let (kind, subject) = match entry.subject {
            Subject::Payment(id) => (SubjectKind::Payment, id.to_u128()),
            Subject::Operation(id) => (SubjectKind::Operation, id.to_u128()),
            Subject::Order(id) => (SubjectKind::Order, id.to_u128()),
            Subject::Review(id) => (SubjectKind::Review, id.to_u128()),
        };
        let (fingerprint, created_at) = (entry.fingerprint.0, seconds(now));
        self.entries.insert(entry.key, Remembered { subject, fingerprint, created_at, kind });
        self.oldest = Some(self.oldest.map_or(now, |oldest| oldest.min(now)));
    }

    /// Forgets what is older than `limit`, but for the keys of subjects that are `unsettled`: a
    /// repeat would begin a second payment while the first may yet succeed. Those count as made at
    /// `limit`, so that the next sweep looks at them again.
    pub(crate) fn forget_before(&mut self, limit: Timestamp, unsettled: impl Fn(Subject) -> bool) {
        let limit = seconds(limit);
        let mut oldest = None::<u32>;
        self.entries.retain(|_key, remembered| {
            if remembered.created_at < limit {
                if !unsettled(remembered.subject()) || is_planted(PlantedFault::OpenKeyForgotten) {
                    return false;
                }
                remembered.created_at = limit;
            }
            let at = remembered.created_at;
            oldest = Some(oldest.map_or(at, |other| other.min(at)));
            true
        });
        self.oldest =
            oldest.map(|seconds| Timestamp::default().after(Millis::from_seconds(seconds.into())));
    }

    /// What keys stand for, in no order.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject> {
        self.entries.values().map(Remembered::subject)
    }

    /// Every entry, in the order of its key.
    #[must_use]
    pub fn sorted(&self) -> Vec<(IdempotencyEntry, u32)> {
        let mut entries: Vec<_> = self
            .entries
            .iter()
            .map(|(key, remembered)| {
                let entry = IdempotencyEntry {
                    key: *key,
                    fingerprint: Fingerprint(remembered.fingerprint),
                    subject: remembered.subject(),
                };
                (entry, remembered.created_at)
            })
            .collect();
        entries.sort_unstable_by_key(|(entry, _at)| entry.key);
        entries
    }
}

impl Remembered {
    fn subject(&self) -> Subject {
        match self.kind {
            SubjectKind::Payment => Subject::Payment(PaymentId::from_u128(self.subject)),
            SubjectKind::Operation => Subject::Operation(OperationId::from_u128(self.subject)),
            SubjectKind::Order => Subject::Order(OrderId::from_u128(self.subject)),
            SubjectKind::Review => Subject::Review(PaymentId::from_u128(self.subject)),
        }
    }
}

fn seconds(time: Timestamp) -> u32 {
    u32::try_from(time.as_seconds()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().after(Millis::from_seconds(seconds))
    }

    fn entry(key: u8) -> IdempotencyEntry {
        IdempotencyEntry {
            key: IdempotencyKey([key; 16]),
            fingerprint: Fingerprint(u64::from(key)),
            subject: Subject::Payment(PaymentId::from_u128(u128::from(key))),
        }
    }

    #[test]
    fn a_remembered_key_takes_48_bytes() {
        assert_eq!(size_of::<(IdempotencyKey, Remembered)>(), 48);
    }

    #[test]
    fn keys_leave_after_retention_and_not_before() {
        let mut table = IdempotencyTable::default();
        let day = Millis::from_seconds(86_400);
        assert_eq!(table.due_at(day), None);
        table.remember(&entry(1), at(100));
        table.remember(&entry(2), at(5_000));
        assert_eq!(table.due_at(day), Some(at(100 + 86_400 + 3_600)));
        let sweep = table.due_at(day).unwrap();
        table.forget_before(sweep.before(day), |_subject| false);
        assert_eq!(table.get(entry(1).key), None);
        assert_eq!(table.get(entry(2).key), Some((entry(2).fingerprint, entry(2).subject)));
        assert_eq!(table.due_at(day), Some(at(5_000 + 86_400 + 3_600)));
    }

    #[test]
    fn a_key_outlives_retention_while_its_payment_may_yet_succeed() {
        let mut table = IdempotencyTable::default();
        table.remember(&entry(1), at(100));
        table.remember(&entry(2), at(100));
        table.forget_before(at(200), |subject| subject == entry(1).subject);
        assert!(table.get(entry(1).key).is_some());
        assert_eq!(table.get(entry(2).key), None);
        assert_eq!(table.due_at(Millis(0)), Some(at(200 + 3_600)), "looked at again");
        table.forget_before(at(3_800), |_subject| false);
        assert_eq!(table.get(entry(1).key), None, "a later sweep takes it");
    }
}
