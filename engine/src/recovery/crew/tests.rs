//! However many threads replay a log, it comes to the same, is shown in the same order, and ends at the
//! same record.

use std::{num::NonZeroU16, sync::Arc};

use parking_lot::Mutex;
use tollgate_domain::{
    Amount, ArchiveRules, CaptureMode, CardBrand, CardFacts, CardFingerprint, Command,
    ControlEvent, CreatePayment, Currency, Decision, Effect, Env, Event, Id, Merchant, MerchantId,
    Mode, Money, OperationId, OutcomeSource, PaymentId, PaymentMethod, Policy, ProviderId,
    ProviderOutcome, ProviderReceipt, Record, RecordProviderOutcome, ShardId, StateHash, Timestamp,
    codec,
};
use tollgate_wal::{Error as LogError, RecordRef, Stream, Visit};

use crate::{
    archive::{Archive, ArchiveError, ArchiveFeed, Departures, OrderPlace, OrderRange},
    durable_record::DurableRecord,
    error::Error,
    record_observer::{RecordObserver, RecordObservers, ReplayFeed},
    recovery::{ReplayThreads, Replayed},
};

const SHARDS: u16 = 5;

/// Payments of each shard: several times more batches than are under way at once.
const PAYMENTS: u64 = 700;

const WAYS: [ReplayThreads; 5] = [
    ReplayThreads::Caller,
    ReplayThreads::Beside(1),
    ReplayThreads::Beside(2),
    ReplayThreads::Beside(3),
    ReplayThreads::Beside(9),
];

#[derive(Clone)]
struct Logged {
    shard: ShardId,
    sequence: u64,
    bytes: Vec<u8>,
}

/// What a replay came to.
#[derive(PartialEq, Debug)]
struct Outcome {
    hashes: Vec<StateHash>,
    sequences: Vec<u64>,
    /// What was shown, in order.
    shown: Vec<(ShardId, u64)>,
    /// What the archive was given, in order.
    left: Vec<Departures>,
}

/// Notes what it is shown and given. Of the second shard it has a part already.
#[derive(Default)]
struct Notes {
    shown: Mutex<Vec<(ShardId, u64)>>,
    left: Mutex<Vec<Departures>>,
}

impl RecordObserver for Notes {
    fn position(&self, shard: ShardId) -> u64 {
        if shard == ShardId(2) { 100 } else { 0 }
    }

    fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.shown.lock().extend(records.iter().map(|record| (record.shard, record.sequence)));
    }

    fn observe(&self, _records: Vec<Arc<DurableRecord>>) {}
}

impl Archive for Notes {
    fn position(&self, shard: ShardId) -> u64 {
        if shard == ShardId(2) { 20 } else { 0 }
    }

    fn take(&self, _departures: Departures) {}

    fn replay(&self, departures: Departures) {
        self.left.lock().push(departures);
    }

    fn has_room(&self) -> bool {
        true
    }

    fn history(&self, _payment: PaymentId) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(None)
    }

    fn payment_of(&self, _operation: OperationId) -> Result<Option<PaymentId>, ArchiveError> {
        Ok(None)
    }

    fn order(&self, _place: OrderPlace) -> Result<Option<Vec<u8>>, ArchiveError> {
        Ok(None)
    }

    fn orders(&self, _range: OrderRange) -> Result<Vec<Vec<u8>>, ArchiveError> {
        Ok(Vec::new())
    }

    fn persist(&self) -> Result<(), ArchiveError> {
        Ok(())
    }
}

fn creation(number: u64) -> CreatePayment {
    CreatePayment {
        merchant: Id::from_u128(7),
        mode: Mode::Test,
        money: Money { amount: Amount::from_minor_units(10_000).unwrap(), currency: Currency::INR },
        capture: CaptureMode::Automatic,
        method: PaymentMethod::Card(CardFacts {
            brand: CardBrand::Visa,
            bin: 424_242,
            last4: 4_242,
            expiry_month: 12,
            expiry_year: 2_030,
            fingerprint: CardFingerprint([1; 16]),
            funding: None,
            issuer_country: None,
        }),
        card_expires_at: None,
        repeats_only: false,
        hold_for_review: false,
        emi: None,
        order: None,
        one_payment_per_order: false,
        order_id: Some(format!("order-{number}").into()),
        customer_id: None,
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: Vec::new(),
        provider: ProviderId::SIMULATOR,
        control_version: 1,
        idempotency: None,
    }
}

/// A log of merchants, and of payments that leave memory again, of all shards by turns.
struct Writer {
    life: Replayed,
    log: Vec<Logged>,
    policy: Policy,
}

impl Writer {
    fn log() -> Vec<Logged> {
        let policy = Policy {
            archive: ArchiveRules { most: 10, ..Policy::default().archive },
            ..Policy::default()
        };
        let life = Replayed::new(NonZeroU16::new(SHARDS).unwrap());
        let mut writer = Self { life, log: Vec::new(), policy };
        for number in 0..PAYMENTS {
            if number % 100 == 0 {
                writer.register(number);
            }
            for shard in (1..=SHARDS).map(ShardId) {
                writer.pay(shard, number);
            }
        }
        writer.log
    }

    fn register(&mut self, number: u64) {
        let merchant = Merchant {
            id: MerchantId::from_u128(number.into()),
            name: "a shop".into(),
            email: None,
            suspended_at: None,
            one_payment_per_order: false,
            created_at: Timestamp::from_millis(number),
            updated_at: Timestamp::from_millis(number),
        };
        let record = Record {
            at: Timestamp::from_millis(number),
            events: vec![ControlEvent::MerchantCreated(merchant)],
            idempotency: None,
            effects: Vec::new(),
        };
        self.life.control.apply(&record);
        self.write(ShardId::CONTROL, codec::encode_control(&record).unwrap());
    }

    fn pay(&mut self, shard: ShardId, number: u64) {
        let created = self.decide(shard, number, Command::CreatePayment(creation(number).into()));
        let Some(Effect::Authorize { payment, attempt }) = created.unwrap().effects.pop() else {
            panic!("a payment owes a call");
        };
        let receipt = ProviderReceipt {
            external_id: "external".into(),
            rrn: "rrn".into(),
            approval_code: "code".into(),
        };
        let outcome = RecordProviderOutcome {
            payment,
            attempt,
            source: OutcomeSource::Call,
            outcome: ProviderOutcome::Approved(receipt),
        };
        self.decide(shard, number, Command::RecordProviderOutcome(outcome));
        if number % 30 == 29 {
            self.decide(shard, number, Command::ArchiveFinished);
        }
    }

    fn decide(&mut self, shard: ShardId, number: u64, command: Command) -> Option<Record<Event>> {
        let env = Env {
            now: Timestamp::from_millis(1_700_000_000_000 + number),
            shard,
            entropy: [number, number + 1, number + 2],
            policy: &self.policy,
        };
        let state = &mut self.life.shards[usize::from(shard.0) - 1];
        let Ok(Decision::Accepted { record, .. }) = state.decide(command, &env) else {
            return None;
        };
        state.apply(&record);
        self.write(shard, codec::encode(&record).unwrap());
        Some(record)
    }

    fn write(&mut self, shard: ShardId, bytes: Vec<u8>) {
        let sequence = &mut self.life.sequences[usize::from(shard.0)];
        *sequence += 1;
        self.log.push(Logged { shard, sequence: *sequence, bytes });
    }
}

/// Replays a log, and tells what was done of it even where it ends in an error.
fn replayed(threads: ReplayThreads, log: &[Logged]) -> (Result<(), Error>, Outcome) {
    let mut replayed = Replayed::new(NonZeroU16::new(SHARDS).unwrap());
    let notes = Arc::new(Notes::default());
    let observer = Arc::clone(&notes) as Arc<dyn RecordObserver>;
    let feed = ReplayFeed::new(&RecordObservers::new(vec![observer]), replayed.sequences.len());
    let archive = Arc::clone(&notes) as Arc<dyn Archive>;
    let mut archive = ArchiveFeed::new(Some(archive), replayed.sequences.len());
    let read = replayed.replay(threads, feed, &mut archive, |visit| read(log, visit));
    let control = std::iter::once(replayed.control.hash());
    let hashes = control.chain(replayed.shards.iter().map(tollgate_domain::ShardState::hash));
    let outcome = Outcome {
        hashes: hashes.collect(),
        sequences: replayed.sequences,
        shown: std::mem::take(&mut notes.shown.lock()),
        left: std::mem::take(&mut notes.left.lock()),
    };
    (read, outcome)
}

fn read(log: &[Logged], visit: &mut Visit<'_>) -> Result<(), LogError> {
    log.iter().try_for_each(|Logged { shard, sequence, bytes }| {
        let (stream, sequence) = (Stream(shard.0), *sequence);
        visit(RecordRef { stream, sequence, bytes }).map_err(|source| LogError::Visit {
            stream,
            sequence,
            source,
        })
    })
}

/// What `Notes` lacks of a log, in order.
fn lacking(log: &[Logged]) -> Vec<(ShardId, u64)> {
    let in_order = log.iter().map(|logged| (logged.shard, logged.sequence));
    in_order.filter(|(shard, sequence)| *shard != ShardId(2) || *sequence > 100).collect()
}

#[test]
fn any_number_of_threads_comes_to_the_same_in_the_same_order() {
    let log = Writer::log();
    let (read, expected) = replayed(ReplayThreads::Caller, &log);
    read.unwrap();
    assert_eq!(expected.shown, lacking(&log));
    let of_second = expected.left.iter().filter(|left| left.shard == ShardId(2));
    assert_eq!(of_second.map(|left| left.before).min(), Some(20));
    for threads in WAYS {
        let (read, outcome) = replayed(threads, &log);
        read.unwrap();
        assert_eq!(outcome, expected, "{threads:?}");
    }
}

#[test]
fn nobody_is_given_anything_behind_a_record_that_is_not_understood() {
    let whole = Writer::log();
    let (_read, everything) = replayed(ReplayThreads::Caller, &whole);
    for place in [0, 1, 1_023, 1_024, 5_000, whole.len() - 1] {
        let mut log = whole.clone();
        log[place].bytes.truncate(1);
        // A second one, which is another hand's, and is not the first.
        if let Some(later) = log.get_mut(place + 3) {
            later.bytes.truncate(1);
        }
        let (shard, sequence) = (log[place].shard, log[place].sequence);
        let most = lacking(&log[..place]).len();
        for threads in WAYS {
            let (read, outcome) = replayed(threads, &log);
            match read {
                Err(Error::Replay { shard: of, sequence: number, .. }) => {
                    assert_eq!((of, number), (shard, sequence), "{threads:?}");
                }
                other => panic!("refused, not {other:?}"),
            }
            assert!(everything.shown[..most].starts_with(&outcome.shown), "{threads:?}, {place}");
            assert!(everything.left.starts_with(&outcome.left), "{threads:?}, {place}");
        }
    }
}

/// Bug that this keeps away: a thread that is gone leaves the others waiting for it, or for work.
#[test]
fn a_record_that_cannot_be_panics_in_the_callers_thread() {
    let mut log = Writer::log();
    // A payment is created twice.
    let at = log.iter().position(|logged| logged.shard == ShardId(SHARDS)).unwrap();
    log[at + 1] = log[at].clone();
    for threads in WAYS {
        let panicked =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| replayed(threads, &log)));
        let said = panicked.unwrap_err();
        let said = said.downcast_ref::<String>().unwrap();
        assert!(said.contains("minted once"), "{threads:?}: {said}");
    }
}
