//! What the simulator decided: every decision in a file, the newest in memory.
//!
//! Invariant: a decision is answered only after its entry stands in the file, so that it outlives
//! the process however that ends; and an attempt, or an operation on its funds, is decided once,
//! remembered or not.
//!
//! An attempt has one entry for each decision on it: one, or two where the first was not final. So
//! has each operation; a refund that comes back has one more. Two approvals of one attempt, or of
//! two attempts of one payment, would be a double charge, and entries that move more than was
//! approved would be one too, which is what the ledger is there to show.

mod entry;
mod file;
mod operation;

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tollgate_domain::{
    AttemptId, DeclineCode, MerchantId, Millis, Money, OperationId, PaymentId, Timestamp,
};

use self::{entry::Entry, file::LedgerFile, operation::Funds};
use super::receipt::Reference;

pub(crate) use entry::Fact;
pub(crate) use operation::{Fate, Instruction};
pub(super) use operation::{Operated, Order};

/// How many attempts a generation remembers; there are two generations. 7/8 of 2¹⁹ is what a hash
/// table of 2¹⁹ slots holds, so a table made for as many never grows: 34 MB each, and 18 seconds at
/// 50,000 payments a second for both.
const GENERATION: usize = 458_752;

/// How much earlier than its attempt was minted an entry may be dated, by a clock that was set back
/// in between.
const CLOCK_SLACK: Millis = Millis::from_seconds(5);

/// For how long a decision that nobody asked for is told anew by each start, and of how many that is
/// done: whoever has not heard of an older one has asked meanwhile.
const TOLD_ANEW: Millis = Millis::from_seconds(3_600);
const MOST_TOLD_ANEW: usize = 10_000;

/// The most entries of one page, which stays below 300 KB.
const PAGE_LIMIT: usize = 1_000;

/// The simulator's books.
#[derive(Debug)]
pub(super) struct Ledger {
    file: LedgerFile,
    books: Mutex<Books>,
    /// What it found when it was opened.
    conclusions: Mutex<VecDeque<Conclusion>>,
}

/// A decision that followed an earlier one, so that nobody's request was answered with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Conclusion {
    /// On an attempt.
    Attempt(Charge, Booking),
    /// On an operation on the funds of that payment.
    Operation(PaymentId, Operated),
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
    /// The charge stands: the funds are taken.
    Approved,
    /// The funds are reserved, and taken by a capture.
    Reserved,
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
    pub(super) money: Money,
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

/// Where an attempt, or an operation on its funds, is to be found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LookUp<T = Booking> {
    /// It is remembered.
    Booked(T),
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
    /// How much was asked for.
    pub(crate) money: Money,
    /// What was decided, on what.
    pub(crate) fact: Fact,
    /// When.
    pub(crate) decided_at: Timestamp,
    /// How often the attempt or the operation was sent, as far as is remembered; at least once.
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
    /// How many operations its accounts have, which take room as attempts do.
    operations: usize,
    accounts: FxHashMap<AttemptId, Account>,
}

/// An attempt with all that was done to its funds.
#[derive(Clone, Debug)]
struct Account {
    payment: PaymentId,
    booking: Booking,
    /// `None` for nearly every attempt, so that it takes a word.
    operations: Option<Box<Operations>>,
}

/// In the order in which they were first asked for.
#[derive(Clone, Debug, Default)]
struct Operations(Vec<Operated>);

impl Ledger {
    /// Opens the ledger in that file, or begins it.
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::remembering(path, GENERATION)
    }

    /// As [`Ledger::open`], with generations of that size.
    pub(super) fn remembering(path: &Path, generation: usize) -> Result<Self, LedgerError> {
        let mut books = Books::new(generation);
        let mut conclusions = VecDeque::new();
        let file = LedgerFile::open(path, |entry| {
            conclusions.extend(books.conclusion(entry));
            if conclusions.len() > MOST_TOLD_ANEW {
                conclusions.pop_front();
            }
            books.enter(entry);
        })?;
        Ok(Self { file, books: Mutex::new(books), conclusions: Mutex::new(conclusions) })
    }

    /// The decisions that nobody's request was answered with, of the hour before `now`, among the
    /// entries that stood in the file when it was opened; once.
    pub(super) fn take_conclusions(&self, now: Timestamp) -> Vec<Conclusion> {
        let conclusions = std::mem::take(&mut *self.conclusions.lock());
        let is_fresh = |conclusion: &Conclusion| conclusion.at().after(TOLD_ANEW) > now;
        conclusions.into_iter().filter(is_fresh).collect()
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
        if let Some(account) = books.get_mut(charge.attempt) {
            let booking = &mut account.booking;
            booking.calls = booking.calls.saturating_add(1);
            return Ok(*booking);
        }
        if books.may_have_forgotten(charge.attempt, Millis(0)) {
            return Err(Unwritten::Perhaps);
        }
        let Charge { attempt, payment, merchant, money } = charge;
        let fact = Fact::Attempt { merchant, decided };
        let (reference, at) = (reference(), now.max(books.last_at));
        self.append(&mut books, &Entry { attempt, payment, money, fact, reference, at })?;
        Ok(Booking { decided, money, reference, at, calls: 1 })
    }

    /// Books the final decision on an attempt that waits for one; any other stays as it is, and so
    /// does one that is not remembered.
    pub(super) fn conclude(
        &self,
        charge: Charge,
        decided: Decided,
        now: Timestamp,
    ) -> Result<Option<Booking>, Unwritten> {
        let mut books = self.books.lock();
        let Some(account) = books.get(charge.attempt) else { return Ok(None) };
        let booking = account.booking;
        match booking.decided {
            Decided::Pending | Decided::ActionRequired => {
                let Charge { attempt, payment, merchant, .. } = charge;
                let fact = Fact::Attempt { merchant, decided };
                let Booking { money, reference, .. } = booking;
                let at = now.max(books.last_at);
                self.append(&mut books, &Entry { attempt, payment, money, fact, reference, at })?;
                Ok(Some(Booking { decided, at, ..booking }))
            }
            Decided::Approved | Decided::Reserved | Decided::Declined(_) => Ok(Some(booking)),
        }
    }

    /// Books an operation on an attempt's funds as it is wished for, or as refused where the funds
    /// do not allow it; unless it is decided already: then that decision stands, and the call is
    /// counted.
    pub(super) fn operate(
        &self,
        attempt: AttemptId,
        order: Order,
        reference: impl FnOnce() -> Reference,
        now: Timestamp,
    ) -> Result<LookUp<Operated>, Unwritten> {
        let mut books = self.books.lock();
        let Some(account) = books.get_mut(attempt) else {
            return Ok(books.where_else(attempt));
        };
        if let Some(operated) = account.operation_mut(order.operation) {
            operated.calls = operated.calls.saturating_add(1);
            return Ok(LookUp::Booked(*operated));
        }
        let funds = Funds::of(&account.booking, account.operations());
        let Order { operation, instruction, amount: asked, wish } = order;
        let (amount, fate) = match funds.judge(instruction, asked) {
            Ok(amount) => (amount, wish),
            Err(reason) => (asked, Fate::Failed(reason)),
        };
        let (payment, money) = (account.payment, account.booking.money.with_amount(amount));
        let (reference, at) = (reference(), now.max(books.last_at));
        let fact = Fact::Operation { operation, instruction, fate };
        self.append(&mut books, &Entry { attempt, payment, money, fact, reference, at })?;
        let calls = 1;
        Ok(LookUp::Booked(Operated { operation, instruction, amount, fate, reference, at, calls }))
    }

    /// Books what became of an operation that is pending, or that a refund which had succeeded has
    /// come back; every other stays as it is. What is pending is done if the funds still allow it.
    pub(super) fn conclude_operation(
        &self,
        attempt: AttemptId,
        operation: OperationId,
        fate: Fate,
        now: Timestamp,
    ) -> Result<LookUp<Operated>, Unwritten> {
        let mut books = self.books.lock();
        let Some(account) = books.get(attempt) else { return Ok(books.where_else(attempt)) };
        let others = || account.operations().iter().filter(|other| other.operation != operation);
        let Some(operated) = account.operation(operation) else { return Ok(LookUp::Absent) };
        let Operated { instruction, amount, reference, .. } = operated;
        let fate = match (operated.fate, fate) {
            (Fate::Pending, Fate::Succeeded) => {
                let funds = Funds::of(&account.booking, others());
                funds.judge(instruction, amount).map_or_else(Fate::Failed, |_amount| fate)
            }
            (Fate::Pending, Fate::Failed(_)) | (Fate::Succeeded, Fate::Returned) => fate,
            (Fate::Pending, Fate::Pending | Fate::Returned)
            | (Fate::Succeeded, Fate::Succeeded | Fate::Pending | Fate::Failed(_))
            | (Fate::Failed(_) | Fate::Returned, _) => return Ok(LookUp::Booked(operated)),
        };
        let (payment, money) = (account.payment, account.booking.money.with_amount(amount));
        let at = now.max(books.last_at);
        let fact = Fact::Operation { operation, instruction, fate };
        self.append(&mut books, &Entry { attempt, payment, money, fact, reference, at })?;
        Ok(LookUp::Booked(Operated { fate, at, ..operated }))
    }

    /// The lock is held over the write: entries stand in the order in which they are remembered,
    /// without gaps. The write goes to the page cache, a matter of one or two microseconds.
    fn append(&self, books: &mut Books, entry: &Entry) -> Result<(), Unwritten> {
        self.file.write(books.count + 1, entry)?;
        books.enter(entry);
        Ok(())
    }

    /// Where the attempt is to be found, without looking into the file.
    pub(super) fn look_up(&self, attempt: AttemptId) -> LookUp {
        let books = self.books.lock();
        match books.get(attempt) {
            Some(account) => LookUp::Booked(account.booking),
            None => books.where_else(attempt),
        }
    }

    /// Where the operation on an attempt's funds is to be found, without looking into the file.
    pub(super) fn look_up_operation(
        &self,
        attempt: AttemptId,
        operation: OperationId,
    ) -> LookUp<Operated> {
        let books = self.books.lock();
        match books.get(attempt) {
            Some(account) => account.operation(operation).map_or(LookUp::Absent, LookUp::Booked),
            None => books.where_else(attempt),
        }
    }

    /// Looks for a forgotten attempt in the file, newest entries first, and remembers it again with
    /// all that was done to its funds. Blocks.
    pub(super) fn recall(&self, attempt: AttemptId) -> Result<Option<Booking>, LedgerError> {
        let mut last = self.books.lock().old.before;
        // Newest first.
        let mut found: Vec<Entry> = Vec::new();
        while last > 0 {
            let first = last.saturating_sub(file::CHUNK as u64 - 1).max(1);
            let mut oldest = None;
            let mut chunk: Vec<Entry> = Vec::new();
            self.file.read(first, last, |index, entry| {
                let entry = entry.ok_or_else(|| self.file.damaged(index))?;
                oldest.get_or_insert(entry.at);
                if entry.attempt == attempt {
                    chunk.push(entry);
                }
                Ok(())
            })?;
            found.extend(chunk.into_iter().rev());
            if oldest.is_some_and(|oldest| oldest.after(CLOCK_SLACK) < attempt.time()) {
                break;
            }
            last = first - 1;
        }
        let mut books = self.books.lock();
        // Somebody else may have recalled it, and even concluded it, meanwhile.
        if let Some(account) = books.get(attempt) {
            return Ok(Some(account.booking));
        }
        let mut account = None;
        for entry in found.iter().rev() {
            account = Account::after(account, entry);
        }
        let booking = account.as_ref().map(|account| account.booking);
        if let Some(account) = account {
            books.remember(attempt, account);
        }
        Ok(booking)
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
                attempt_id: entry.attempt,
                payment_id: entry.payment,
                money: entry.money,
                fact: entry.fact,
                decided_at: entry.at,
                calls: 1,
            });
            Ok(())
        })?;
        let books = self.books.lock();
        for entry in &mut entries {
            let account = books.get(entry.attempt_id);
            let calls = match entry.fact {
                Fact::Attempt { .. } => account.map(|account| account.booking.calls),
                Fact::Operation { operation, .. } => account
                    .and_then(|account| account.operation(operation))
                    .map(|operated| operated.calls),
            };
            entry.calls = calls.unwrap_or(1);
        }
        Ok(LedgerPage { entries, has_more: last < count })
    }
}

impl Books {
    fn new(capacity: usize) -> Self {
        let table = || FxHashMap::with_capacity_and_hasher(capacity, Default::default());
        let generation = || Generation { accounts: table(), ..Generation::default() };
        Self {
            count: 0,
            last_at: Timestamp::default(),
            capacity,
            young: generation(),
            old: generation(),
        }
    }

    fn get(&self, attempt: AttemptId) -> Option<&Account> {
        self.young.accounts.get(&attempt).or_else(|| self.old.accounts.get(&attempt))
    }

    fn get_mut(&mut self, attempt: AttemptId) -> Option<&mut Account> {
        match self.young.accounts.get_mut(&attempt) {
            Some(account) => Some(account),
            None => self.old.accounts.get_mut(&attempt),
        }
    }

    /// Counts an entry that stands in the file, and remembers it.
    fn enter(&mut self, entry: &Entry) {
        let account = Account::after(self.get(entry.attempt).cloned(), entry);
        if let Some(account) = account {
            self.remember(entry.attempt, account);
        }
        self.count += 1;
        self.last_at = entry.at;
    }

    /// The entry, if it follows an earlier one on the same thing.
    fn conclusion(&self, entry: &Entry) -> Option<Conclusion> {
        let Entry { attempt, payment, money, fact, reference, at } = *entry;
        let account = self.get(attempt)?;
        match fact {
            Fact::Attempt { merchant, decided } => {
                let charge = Charge { attempt, payment, merchant, money };
                let booking = Booking { decided, money, reference, at, calls: 1 };
                Some(Conclusion::Attempt(charge, booking))
            }
            Fact::Operation { operation, instruction: _, fate } => {
                let operated = account.operation(operation)?;
                Some(Conclusion::Operation(payment, Operated { fate, at, ..operated }))
            }
        }
    }

    fn remember(&mut self, attempt: AttemptId, account: Account) {
        let operations = account.operations().len();
        // Always among the young, also where the old know an earlier decision: an attempt must not
        // be forgotten before its newest entry is among those that `recall` looks at.
        if let Some(remembered) = self.young.accounts.get_mut(&attempt) {
            self.young.operations += operations - remembered.operations().len();
            *remembered = account;
            return;
        }
        if self.young.accounts.len() + self.young.operations >= self.capacity {
            std::mem::swap(&mut self.young, &mut self.old);
            self.young.accounts.clear();
            self.young.operations = 0;
            self.young.before = self.count;
            self.young.before_at = self.last_at;
        }
        self.young.operations += operations;
        self.young.accounts.insert(attempt, account);
    }

    /// Where an attempt is that is not remembered.
    fn where_else<T>(&self, attempt: AttemptId) -> LookUp<T> {
        match self.may_have_forgotten(attempt, CLOCK_SLACK) {
            true => LookUp::Forgotten,
            false => LookUp::Absent,
        }
    }

    /// Whether an attempt that is not remembered may have an entry: not if it was minted more than
    /// `slack` after the newest forgotten entry was made.
    fn may_have_forgotten(&self, attempt: AttemptId, slack: Millis) -> bool {
        self.old.before > 0 && attempt.time() <= self.old.before_at.after(slack)
    }
}

impl Conclusion {
    fn at(&self) -> Timestamp {
        match self {
            Self::Attempt(_charge, booking) => booking.at,
            Self::Operation(_payment, operated) => operated.at,
        }
    }
}

impl Account {
    /// The account after an entry. `None` for an operation on an attempt that has no entry, of which
    /// the first is lost: it never came about here.
    fn after(account: Option<Self>, entry: &Entry) -> Option<Self> {
        let Entry { payment, money, fact, reference, at, attempt: _ } = *entry;
        match (account, fact) {
            (None, Fact::Attempt { decided, .. }) => {
                let booking = Booking { decided, money, reference, at, calls: 1 };
                Some(Self { payment, booking, operations: None })
            }
            (None, Fact::Operation { .. }) => None,
            (Some(mut account), Fact::Attempt { decided, .. }) => {
                account.booking = Booking { decided, at, ..account.booking };
                Some(account)
            }
            (Some(mut account), Fact::Operation { operation, instruction, fate }) => {
                account.enter(operation, instruction, fate, &money, (reference, at));
                Some(account)
            }
        }
    }

    fn enter(
        &mut self,
        operation: OperationId,
        instruction: Instruction,
        fate: Fate,
        money: &Money,
        (reference, at): (Reference, Timestamp),
    ) {
        if let (Instruction::Void, Fate::Succeeded) = (instruction, fate)
            && let Decided::ActionRequired | Decided::Pending = self.booking.decided
        {
            // Called off: whoever acts now comes too late.
            self.booking.decided = Decided::Declined(DeclineCode::GenericDecline);
        }
        match self.operation_mut(operation) {
            Some(operated) => (operated.fate, operated.at) = (fate, at),
            None => {
                let (amount, calls) = (money.amount, 1);
                let operated =
                    Operated { operation, instruction, amount, fate, reference, at, calls };
                self.operations.get_or_insert_default().0.push(operated);
            }
        }
    }

    fn operations(&self) -> &[Operated] {
        self.operations.as_ref().map_or(&[], |operations| &operations.0)
    }

    fn operation(&self, id: OperationId) -> Option<Operated> {
        self.operations().iter().find(|operated| operated.operation == id).copied()
    }

    fn operation_mut(&mut self, id: OperationId) -> Option<&mut Operated> {
        let operations = &mut self.operations.as_mut()?.0;
        operations.iter_mut().find(|operated| operated.operation == id)
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
    use tollgate_domain::{Amount, Currency, OperationFailure, ShardId};

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

    fn operate(ledger: &Ledger, number: u64, order: Order) -> LookUp<Operated> {
        let reference = || Reference(number);
        ledger.operate(charge(number).attempt, order, reference, minute(number)).unwrap()
    }

    fn refund(operation: u128, minor: i64) -> Order {
        Order {
            operation: OperationId::from_u128(operation),
            instruction: Instruction::Refund,
            amount: match minor {
                0 => Amount::ZERO,
                minor => Amount::from_minor_units(minor).unwrap(),
            },
            wish: Fate::Succeeded,
        }
    }

    fn fates(ledger: &Ledger) -> Vec<Fate> {
        let entries = ledger.page(0, 99).unwrap().entries.into_iter();
        entries
            .filter_map(|entry| match entry.fact {
                Fact::Operation { fate, .. } => Some(fate),
                Fact::Attempt { .. } => None,
            })
            .collect()
    }

    /// However generations change around them, an attempt's refunds are added up.
    #[test]
    fn what_was_done_is_not_forgotten() {
        for (between, after) in (0..8).flat_map(|one| (0..8).map(move |other| (one, other))) {
            let shelf = Shelf::new();
            let mut ledger = shelf.open();
            approve(&ledger, 1);
            let mut others = 100;
            let refund = |ledger: &Ledger, operation, expected| {
                ledger.recall(charge(1).attempt).unwrap();
                let LookUp::Booked(done) = operate(ledger, 1, refund(operation, 60)) else {
                    panic!("the attempt was recalled");
                };
                assert_eq!(done.fate, expected, "{between} {after} {operation}");
            };
            let mut busy = |ledger: &Ledger, count| {
                for _other in 0..count {
                    others += 1;
                    approve(ledger, others);
                }
            };
            busy(&ledger, between);
            refund(&ledger, 1, Fate::Succeeded);
            busy(&ledger, after);
            let refused = Fate::Failed(OperationFailure::Refused);
            refund(&ledger, 2, refused);
            busy(&ledger, between);
            refund(&ledger, 1, Fate::Succeeded);
            refund(&ledger, 2, refused);
            assert_eq!(fates(&ledger), [Fate::Succeeded, refused]);
            ledger = shelf.open();
            refund(&ledger, 3, refused);
            refund(&ledger, 1, Fate::Succeeded);
        }
    }

    #[test]
    fn an_operation_is_concluded_once() {
        let shelf = Shelf::new();
        let ledger = shelf.open();
        approve(&ledger, 1);
        let pending = Order { wish: Fate::Pending, ..refund(1, 60) };
        assert!(matches!(operate(&ledger, 1, pending), LookUp::Booked(_)));
        let conclude = |operation: u128, fate| {
            let operation = OperationId::from_u128(operation);
            match ledger.conclude_operation(charge(1).attempt, operation, fate, minute(2)).unwrap()
            {
                LookUp::Booked(operated) => Some(operated.fate),
                LookUp::Absent | LookUp::Forgotten => None,
            }
        };
        assert_eq!(conclude(9, Fate::Succeeded), None);
        assert_eq!(conclude(1, Fate::Returned), Some(Fate::Pending), "it has not succeeded yet");
        for fate in [Fate::Succeeded, Fate::Succeeded, Fate::Pending] {
            assert_eq!(conclude(1, fate), Some(Fate::Succeeded));
        }
        assert_eq!(conclude(1, Fate::Returned), Some(Fate::Returned));
        assert_eq!(conclude(1, Fate::Succeeded), Some(Fate::Returned));
        assert_eq!(fates(&ledger), [Fate::Pending, Fate::Succeeded, Fate::Returned]);
    }

    /// A void that was put off comes too late for an attempt that was approved meanwhile.
    #[test]
    fn what_was_put_off_is_judged_when_its_time_comes() {
        let shelf = Shelf::new();
        let ledger = shelf.open();
        book(&ledger, 1, Decided::ActionRequired).unwrap();
        let void = Order { instruction: Instruction::Void, wish: Fate::Pending, ..refund(1, 0) };
        operate(&ledger, 1, void);
        ledger.conclude(charge(1), Decided::Approved, minute(1)).unwrap();
        let attempt = charge(1).attempt;
        let late = ledger.conclude_operation(attempt, void.operation, Fate::Succeeded, minute(2));
        let LookUp::Booked(late) = late.unwrap() else { panic!("it is remembered") };
        assert_eq!(late.fate, Fate::Failed(OperationFailure::AlreadyCaptured));
    }

    #[test]
    fn who_was_called_off_cannot_approve_any_more() {
        let shelf = Shelf::new();
        for decided in [Decided::ActionRequired, Decided::Pending] {
            let number = if decided == Decided::Pending { 2 } else { 1 };
            let ledger = shelf.open();
            book(&ledger, number, decided).unwrap();
            let void = Order { instruction: Instruction::Void, ..refund(number.into(), 0) };
            operate(&ledger, number, void);
            for ledger in [ledger, shelf.open()] {
                let approved = ledger.conclude(charge(number), Decided::Approved, minute(3));
                let decided = approved.unwrap().unwrap().decided;
                assert_eq!(decided, Decided::Declined(DeclineCode::GenericDecline));
            }
        }
        assert_eq!(shelf.open().page(0, 9).unwrap().entries.len(), 4);
    }

    /// As a file that was written before there were operations.
    #[test]
    fn an_older_file_is_read_and_becomes_a_newer_one() {
        let shelf = Shelf::new();
        let newer = shelf.filled(2);
        let mut older = newer.clone();
        older[8] = 1;
        fs::write(shelf.path(), older).unwrap();
        let ledger = shelf.open();
        assert_eq!(numbers(&ledger.page(0, 9).unwrap()), [1, 2]);
        assert_eq!(fs::read(shelf.path()).unwrap(), newer);
        let mut unheard_of = newer;
        unheard_of[8] = 3;
        fs::write(shelf.path(), unheard_of).unwrap();
        assert!(matches!(shelf.try_open(), Err(LedgerError::Foreign { .. })));
    }

    #[test]
    fn what_followed_is_told_anew_for_an_hour() {
        let shelf = Shelf::new();
        let ledger = shelf.open();
        book(&ledger, 1, Decided::ActionRequired).unwrap();
        ledger.conclude(charge(1), Decided::Approved, minute(1)).unwrap();
        operate(&ledger, 1, refund(1, 60));
        let operation = OperationId::from_u128(1);
        let attempt = charge(1).attempt;
        ledger.conclude_operation(attempt, operation, Fate::Returned, minute(10)).unwrap();
        approve(&ledger, 11);
        assert_eq!(ledger.take_conclusions(minute(11)), [], "those of this process were told");
        let told = |now| -> Vec<&'static str> {
            let ledger = shelf.open();
            let conclusions = ledger.take_conclusions(now);
            assert_eq!(ledger.take_conclusions(now), []);
            conclusions
                .iter()
                .map(|conclusion| match conclusion {
                    Conclusion::Attempt(charge, booking) => {
                        assert_eq!((charge.attempt, booking.decided), (attempt, Decided::Approved));
                        "approved"
                    }
                    Conclusion::Operation(payment, operated) => {
                        assert_eq!((*payment, operated.fate), (charge(1).payment, Fate::Returned));
                        "returned"
                    }
                })
                .collect()
        };
        assert_eq!(told(minute(60)), ["approved", "returned"]);
        assert_eq!(told(minute(61)), ["returned"]);
        assert_eq!(told(minute(70)), [] as [&str; 0]);
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
