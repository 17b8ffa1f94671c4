//! What the simulator decided: every decision in a file, the newest in memory.
//!
//! Invariant: a decision is answered only after its entry stands in the file, so that it outlives
//! the process however that ends; and an attempt is decided once, remembered or not.
//!
//! An attempt has one entry for each decision on it: one, or two where the first was not final. Two
//! approvals of one attempt, or of two attempts of one payment, would be a double charge, which is
//! what the ledger is there to show.

mod entry;
mod file;

use std::{
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tollgate_domain::{AttemptId, DeclineCode, MerchantId, Millis, Money, PaymentId, Timestamp};

use self::{entry::Entry, file::LedgerFile};
use super::receipt::Reference;

/// How many attempts a generation remembers; there are two generations. 7/8 of 2¹⁹ is what a hash
/// table of 2¹⁹ slots holds, so a table made for as many never grows: 25 MB each, and 18 seconds at
/// 50,000 payments a second for both.
const GENERATION: usize = 458_752;

/// How much earlier than its attempt was minted an entry may be dated, by a clock that was set back
/// in between.
const CLOCK_SLACK: Millis = Millis::from_seconds(5);

/// The most entries of one page, which stays below 100 KB.
const PAGE_LIMIT: usize = 1_000;

/// The simulator's books.
#[derive(Debug)]
pub(super) struct Ledger {
    file: LedgerFile,
    books: Mutex<Books>,
}

/// What is asked for: an attempt and what it is to charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Charge {
    pub(super) attempt: AttemptId,
    pub(super) payment: PaymentId,
    pub(super) merchant: MerchantId,
    pub(super) money: Money,
}

/// What the simulator decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Decided {
    /// The charge stands.
    Approved,
    /// Nothing was charged.
    Declined(DeclineCode),
    /// Nothing is charged until the customer has acted.
    ActionRequired,
    /// Nothing is charged yet.
    Pending,
}

/// An attempt as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Booking {
    pub(super) decided: Decided,
    pub(super) reference: Reference,
    pub(super) at: Timestamp,
    /// How often the attempt was sent.
    pub(super) calls: u32,
}

/// Why a decision is not in the ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unwritten {
    /// No trace of it is.
    Certainly,
    /// A trace may be.
    Perhaps,
}

/// Where an attempt is to be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LookUp {
    /// It is remembered.
    Booked(Booking),
    /// It was never booked.
    Absent,
    /// It may have been booked and forgotten: the file knows ([`Ledger::recall`]).
    Forgotten,
}

/// A page of the ledger, oldest entry first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct LedgerPage {
    /// Its entries.
    pub(crate) entries: Vec<LedgerEntry>,
    /// Whether more follow the last.
    pub(crate) has_more: bool,
}

/// A decision of the simulator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LedgerEntry {
    /// Its number, from 1: the cursor of the page after it.
    pub(crate) index: u64,
    /// The attempt.
    pub(crate) attempt_id: AttemptId,
    /// Its payment.
    pub(crate) payment_id: PaymentId,
    /// Whose payment.
    pub(crate) merchant_id: MerchantId,
    /// How much was asked for.
    pub(crate) money: Money,
    /// What was decided.
    pub(crate) decided: Decided,
    /// When.
    pub(crate) decided_at: Timestamp,
    /// How often the attempt was sent, as far as is remembered; at least once.
    pub(crate) calls: u32,
}

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The system refused.
    #[error("cannot {action} the simulator's ledger {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is something else, or of another version.
    #[error("{} is not a simulator's ledger of this version", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
    /// Whole entries follow one that is not.
    #[error("entry {entry} of the simulator's ledger {} is damaged", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The first damaged entry's number.
        entry: u64,
    },
}

/// What is remembered. Two generations, of which the older is dropped whole when the younger is
/// full: no queue to keep, and the tables are never rehashed.
#[derive(Debug)]
struct Books {
    count: u64,
    last_at: Timestamp,
    capacity: usize,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    /// How many entries the file had when it began, and when the last of them was made.
    before: u64,
    before_at: Timestamp,
    bookings: FxHashMap<AttemptId, Booking>,
}

impl Ledger {
    /// Opens the ledger in that file, or begins it.
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::remembering(path, GENERATION)
    }

    /// As [`Ledger::open`], with generations of that size.
    pub(super) fn remembering(path: &Path, generation: usize) -> Result<Self, LedgerError> {
        let mut books = Books::new(generation);
        let file = LedgerFile::open(path, |entry| {
            let Entry { charge, decided, reference, at } = *entry;
            books.enter(charge.attempt, Booking { decided, reference, at, calls: 1 });
        })?;
        Ok(Self { file, books: Mutex::new(books) })
    }

    /// Books a decision, unless the attempt is decided already: then that decision stands, and the
    /// call is counted. An attempt so old that its decision may be forgotten is not decided again,
    /// nor looked for in the file, which would block. `now` may be earlier than the last entry; the
    /// entry is not.
    pub(super) fn book(
        &self,
        charge: Charge,
        decided: Decided,
        reference: impl FnOnce() -> Reference,
        now: Timestamp,
    ) -> Result<Booking, Unwritten> {
        let mut books = self.books.lock();
        if let Some(booking) = books.get_mut(charge.attempt) {
            booking.calls = booking.calls.saturating_add(1);
            return Ok(*booking);
        }
        if books.may_have_forgotten(charge.attempt, Millis(0)) {
            return Err(Unwritten::Perhaps);
        }
        let booking =
            Booking { decided, reference: reference(), at: now.max(books.last_at), calls: 1 };
        self.append(&mut books, charge, booking)
    }

    /// Books the final decision on an attempt that is pending; any other stays as it is, and so
    /// does one that is not remembered.
    pub(super) fn conclude(
        &self,
        charge: Charge,
        decided: Decided,
        now: Timestamp,
    ) -> Result<Option<Booking>, Unwritten> {
        let mut books = self.books.lock();
        let Some(booking) = books.get(charge.attempt).copied() else { return Ok(None) };
        match booking.decided {
            Decided::Pending => {
                let at = now.max(books.last_at);
                self.append(&mut books, charge, Booking { decided, at, ..booking }).map(Some)
            }
            Decided::Approved | Decided::Declined(_) | Decided::ActionRequired => Ok(Some(booking)),
        }
    }

    /// The lock is held over the write: entries stand in the order in which they are remembered,
    /// without gaps. The write goes to the page cache, a matter of one or two microseconds.
    fn append(
        &self,
        books: &mut Books,
        charge: Charge,
        booking: Booking,
    ) -> Result<Booking, Unwritten> {
        let Booking { decided, reference, at, calls: _ } = booking;
        self.file.write(books.count + 1, &Entry { charge, decided, reference, at })?;
        books.enter(charge.attempt, booking);
        Ok(booking)
    }

    /// Where the attempt is to be found, without looking into the file.
    pub(super) fn look_up(&self, attempt: AttemptId) -> LookUp {
        let books = self.books.lock();
        match books.get(attempt) {
            Some(booking) => LookUp::Booked(*booking),
            None if books.may_have_forgotten(attempt, CLOCK_SLACK) => LookUp::Forgotten,
            None => LookUp::Absent,
        }
    }

    /// Looks for a forgotten attempt in the file, newest entries first, and remembers it again.
    /// Blocks.
    pub(super) fn recall(&self, attempt: AttemptId) -> Result<Option<Booking>, LedgerError> {
        let mut last = self.books.lock().old.before;
        while last > 0 {
            let first = last.saturating_sub(file::CHUNK as u64 - 1).max(1);
            let mut oldest = None;
            let mut found = None;
            self.file.read(first, last, |index, entry| {
                let entry = entry.ok_or_else(|| self.file.damaged(index))?;
                oldest.get_or_insert(entry.at);
                if entry.charge.attempt == attempt {
                    found = Some(entry);
                }
                Ok(())
            })?;
            if let Some(Entry { decided, reference, at, charge: _ }) = found {
                let mut books = self.books.lock();
                // Somebody else may have recalled it, and even concluded it, meanwhile.
                if let Some(booking) = books.get(attempt) {
                    return Ok(Some(*booking));
                }
                let booking = Booking { decided, reference, at, calls: 1 };
                books.remember(attempt, booking);
                return Ok(Some(booking));
            }
            if oldest.is_some_and(|oldest| oldest.after(CLOCK_SLACK) < attempt.time()) {
                break;
            }
            last = first - 1;
        }
        Ok(None)
    }

    /// The entries after number `after` (0 for the first), at most `limit` and at most 1,000.
    /// Blocks.
    pub(super) fn page(&self, after: u64, limit: usize) -> Result<LedgerPage, LedgerError> {
        let count = self.books.lock().count;
        let last = after.saturating_add(limit.min(PAGE_LIMIT) as u64).min(count);
        let mut entries = Vec::new();
        self.file.read(after.saturating_add(1), last, |index, entry| {
            let entry = entry.ok_or_else(|| self.file.damaged(index))?;
            entries.push(LedgerEntry {
                index,
                attempt_id: entry.charge.attempt,
                payment_id: entry.charge.payment,
                merchant_id: entry.charge.merchant,
                money: entry.charge.money,
                decided: entry.decided,
                decided_at: entry.at,
                calls: 1,
            });
            Ok(())
        })?;
        let books = self.books.lock();
        for entry in &mut entries {
            entry.calls = books.get(entry.attempt_id).map_or(1, |booking| booking.calls);
        }
        Ok(LedgerPage { entries, has_more: last < count })
    }
}

impl Books {
    fn new(capacity: usize) -> Self {
        let table = || FxHashMap::with_capacity_and_hasher(capacity, Default::default());
        let generation = || Generation { bookings: table(), ..Generation::default() };
        Self {
            count: 0,
            last_at: Timestamp::default(),
            capacity,
            young: generation(),
            old: generation(),
        }
    }

    fn get(&self, attempt: AttemptId) -> Option<&Booking> {
        self.young.bookings.get(&attempt).or_else(|| self.old.bookings.get(&attempt))
    }

    fn get_mut(&mut self, attempt: AttemptId) -> Option<&mut Booking> {
        match self.young.bookings.get_mut(&attempt) {
            Some(booking) => Some(booking),
            None => self.old.bookings.get_mut(&attempt),
        }
    }

    /// Counts an entry that stands in the file, and remembers it.
    fn enter(&mut self, attempt: AttemptId, booking: Booking) {
        self.remember(attempt, booking);
        self.count += 1;
        self.last_at = booking.at;
    }

    fn remember(&mut self, attempt: AttemptId, booking: Booking) {
        // Always among the young, also where the old know an earlier decision: an attempt must not
        // be forgotten before its newest entry is among those that `recall` looks at.
        if let Some(remembered) = self.young.bookings.get_mut(&attempt) {
            *remembered = booking;
            return;
        }
        if self.young.bookings.len() >= self.capacity {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.bookings.clear();
            self.young.before = self.count;
            self.young.before_at = self.last_at;
        }
        self.young.bookings.insert(attempt, booking);
    }

    /// Whether an attempt that is not remembered may have an entry: not if it was minted more than
    /// `slack` after the newest forgotten entry was made.
    fn may_have_forgotten(&self, attempt: AttemptId, slack: Millis) -> bool {
        self.old.before > 0 && attempt.time() <= self.old.before_at.after(slack)
    }
}

impl LedgerError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::FileExt};

    use tempfile::TempDir;
    use tollgate_domain::{Amount, Currency, ShardId};

    use super::{entry::ENTRY_LENGTH, *};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const HEADER: usize = 16;

    struct Shelf {
        directory: TempDir,
    }

    impl Shelf {
        fn new() -> Self {
            Self { directory: tempfile::tempdir().unwrap() }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("simulator/ledger.log")
        }

        /// A ledger with small generations.
        fn open(&self) -> Ledger {
            self.try_open().unwrap()
        }

        fn try_open(&self) -> Result<Ledger, LedgerError> {
            Ledger::remembering(&self.path(), 4)
        }

        /// The bytes of a ledger with that many approvals.
        fn filled(&self, entries: u64) -> Vec<u8> {
            let ledger = self.open();
            for number in 1..=entries {
                approve(&ledger, number);
            }
            fs::read(self.path()).unwrap()
        }
    }

    /// Attempt `number` is minted `number` minutes after [`NOW`].
    fn charge(number: u64) -> Charge {
        let amount = Amount::from_minor_units(100).unwrap();
        Charge {
            attempt: AttemptId::new(minute(number), ShardId(1), number),
            payment: PaymentId::from_u128(number.into()),
            merchant: MerchantId::from_u128(7),
            money: Money { amount, currency: Currency::INR },
        }
    }

    fn minute(number: u64) -> Timestamp {
        NOW.after(Millis::from_seconds(60 * number))
    }

    fn book(ledger: &Ledger, number: u64, decided: Decided) -> Result<Booking, Unwritten> {
        ledger.book(charge(number), decided, || Reference(number), minute(number))
    }

    fn approve(ledger: &Ledger, number: u64) -> Booking {
        book(ledger, number, Decided::Approved).unwrap()
    }

    fn numbers(page: &LedgerPage) -> Vec<u64> {
        page.entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn pages_follow_each_other() {
        let shelf = Shelf::new();
        shelf.filled(5);
        let ledger = shelf.open();
        for (after, limit, expected, has_more) in [
            (0, 2, vec![1, 2], true),
            (2, 2, vec![3, 4], true),
            (4, 2, vec![5], false),
            (3, 2, vec![4, 5], false),
            (5, 2, vec![], false),
            (0, 0, vec![], true),
            (9, 2, vec![], false),
            (u64::MAX, 2, vec![], false),
        ] {
            let page = ledger.page(after, limit).unwrap();
            assert_eq!((numbers(&page), page.has_more), (expected, has_more), "{after} {limit}");
        }
    }

    #[test]
    fn pages_are_bounded() {
        let shelf = Shelf::new();
        shelf.filled(PAGE_LIMIT as u64 + 1);
        let page = shelf.open().page(0, usize::MAX).unwrap();
        assert_eq!((page.entries.len(), page.has_more), (PAGE_LIMIT, true));
    }

    #[test]
    fn a_torn_tail_is_cut_at_every_byte() {
        let shelf = Shelf::new();
        let whole = shelf.filled(3);
        for length in 0..whole.len() {
            fs::write(shelf.path(), &whole[..length]).unwrap();
            let ledger = shelf.open();
            let kept = length.saturating_sub(HEADER) / ENTRY_LENGTH;
            assert_eq!(ledger.page(0, 9).unwrap().entries.len(), kept, "cut at {length}");
            let left = fs::read(shelf.path()).unwrap();
            assert_eq!(left.len(), HEADER + kept * ENTRY_LENGTH);
            approve(&ledger, 9);
            assert_eq!(shelf.open().page(0, 9).unwrap().entries.len(), kept + 1, "cut at {length}");
        }
    }

    #[test]
    fn a_damaged_end_is_cut_and_a_damaged_middle_refused() {
        let shelf = Shelf::new();
        let whole = shelf.filled(3);
        let flipped = |position: usize| {
            let mut bytes = whole.clone();
            bytes[position] ^= 1;
            fs::write(shelf.path(), &bytes).unwrap();
            shelf.try_open()
        };
        let kept = flipped(whole.len() - 1).unwrap().page(0, 9).unwrap();
        assert_eq!(numbers(&kept), [1, 2]);
        let refused = flipped(HEADER + ENTRY_LENGTH);
        assert!(matches!(refused, Err(LedgerError::Damaged { entry: 2, .. })), "{refused:?}");
        assert!(matches!(flipped(0), Err(LedgerError::Foreign { .. })));

        let mut zeros = whole.clone();
        zeros.resize(whole.len() + 3 * ENTRY_LENGTH, 0);
        fs::write(shelf.path(), zeros).unwrap();
        assert_eq!(numbers(&shelf.open().page(0, 9).unwrap()), [1, 2, 3]);
    }

    #[test]
    fn entries_never_go_back_in_time() {
        let shelf = Shelf::new();
        let ledger = shelf.open();
        approve(&ledger, 5);
        assert_eq!(approve(&ledger, 1).at, minute(5));
        drop(ledger);
        assert_eq!(approve(&shelf.open(), 2).at, minute(5));
    }

    #[test]
    fn what_is_forgotten_is_recalled_from_the_file() {
        let shelf = Shelf::new();
        shelf.filled(20);
        for ledger in [shelf.open(), shelf.open()] {
            assert_eq!(ledger.look_up(charge(1).attempt), LookUp::Forgotten);
            assert!(matches!(ledger.look_up(charge(20).attempt), LookUp::Booked(_)));
            // Minted after all that was forgotten, so nothing needs to be read.
            assert_eq!(ledger.look_up(charge(30).attempt), LookUp::Absent);

            let recalled = ledger.recall(charge(1).attempt).unwrap().unwrap();
            assert_eq!((recalled.decided, recalled.reference), (Decided::Approved, Reference(1)));
            assert_eq!(ledger.look_up(charge(1).attempt), LookUp::Booked(recalled));
            // Sent again, a forgotten attempt is not charged again.
            assert_eq!(book(&ledger, 2, Decided::Approved), Err(Unwritten::Perhaps));
            let other = AttemptId::new(minute(1), ShardId(2), 1);
            assert_eq!(ledger.look_up(other), LookUp::Forgotten);
            assert_eq!(ledger.recall(other).unwrap(), None);
        }
    }

    /// However generations change around it, a pending attempt is approved once.
    #[test]
    fn a_conclusion_is_not_forgotten_before_its_entry_can_be_recalled() {
        for (between, after) in (0..12).flat_map(|one| (0..12).map(move |other| (one, other))) {
            let shelf = Shelf::new();
            let ledger = shelf.open();
            book(&ledger, 1, Decided::Pending).unwrap();
            for number in 100..100 + between {
                approve(&ledger, number);
            }
            let conclude = |ledger: &Ledger| {
                ledger.recall(charge(1).attempt).unwrap();
                ledger.conclude(charge(1), Decided::Approved, minute(200)).unwrap().unwrap()
            };
            assert_eq!(conclude(&ledger).decided, Decided::Approved);
            for number in 300..300 + after {
                approve(&ledger, number);
            }
            assert_eq!(conclude(&ledger).decided, Decided::Approved);
            let entries = ledger.page(0, 99).unwrap().entries;
            let ours = entries.iter().filter(|entry| entry.attempt_id == charge(1).attempt);
            assert_eq!(ours.count(), 2, "{between} entries before, {after} after");
        }
    }

    #[test]
    fn conclusions_are_for_pending_attempts() {
        let shelf = Shelf::new();
        let ledger = shelf.open();
        let conclude =
            |number| ledger.conclude(charge(number), Decided::Approved, minute(9)).unwrap();
        assert_eq!(conclude(1), None);
        let declined = Decided::Declined(DeclineCode::LostCard);
        book(&ledger, 1, declined).unwrap();
        assert_eq!(conclude(1).unwrap().decided, declined);
        assert_eq!(ledger.page(0, 9).unwrap().entries.len(), 1);
    }

    /// A file opened for reading alone refuses the entry, and to be cut as well.
    #[test]
    fn what_cannot_be_written_is_not_booked() {
        let shelf = Shelf::new();
        shelf.filled(1);
        let mut ledger = shelf.open();
        ledger.file.replace(fs::File::open(shelf.path()).unwrap());
        assert_eq!(book(&ledger, 2, Decided::Approved), Err(Unwritten::Perhaps));
        assert_eq!(ledger.look_up(charge(2).attempt), LookUp::Absent);
        ledger.file.replace(fs::File::options().write(true).read(true).open(shelf.path()).unwrap());
        assert_eq!(approve(&ledger, 2).calls, 1);
        assert_eq!(numbers(&shelf.open().page(0, 9).unwrap()), [1, 2]);
    }

    #[test]
    fn a_page_does_not_pass_over_damage() {
        let shelf = Shelf::new();
        shelf.filled(2);
        let ledger = shelf.open();
        let file = fs::File::options().write(true).open(shelf.path()).unwrap();
        file.write_all_at(&[0xff], HEADER as u64 + 9).unwrap();
        let refused = ledger.page(0, 9);
        assert!(matches!(refused, Err(LedgerError::Damaged { entry: 1, .. })), "{refused:?}");
    }
}
