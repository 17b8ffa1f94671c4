//! One play: the engine's own parts on a simulated disk, a provider, clients and a clock, all moved
//! by the steps of a story; beside them the model, with which everything is compared.
//!
//! Real here: `decide` and `apply`, the codec, the shard, its lane and the rule of release, the group
//! writer, frames, chain and recovery. Simulated: the disk's bytes, time, the provider, clients, and
//! who gets his turn when. Invariant: what happens depends on the story alone.
//!
//! A play that finds something wrong panics.

mod answers;
mod archive;
mod clients;
mod damage;
mod diary;
mod expectation;
mod log;
mod operations;
mod orders;
mod rest;
mod restart;
mod shown;
mod snapshots;
mod time;

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroU16,
    rc::Rc,
    sync::Arc,
};

use tollgate_domain::{
    Amount, ArchiveRules, CreateOrder, Currency, FeeRule, FeeSchedule, History, IdempotencyKey,
    LateApprovals, Millis, Money, Payment, PaymentId, Policy, ShardId, StateHash, Subject,
    Timestamp,
};
use tollgate_engine::{
    Caller, Clock, Completion, Departures, DurableRecord, Finding, Lane, OrderAnswer,
    PaymentCommand, PaymentReply, PreparedCall, ProviderReport, RecordObservers, Shard, Wanted,
};
use tollgate_wal::{InlineWriter, LogHandle, Released, store::faulty::Disk};

use self::{
    archive::{AllAway, Vault, Waits},
    clients::leave,
    diary::Diary,
    shown::Shown,
    snapshots::Shelf,
};
use crate::{
    chance::Chance,
    coverage::Coverage,
    model::{Entry, Model},
    provider::Provider,
    step::{Copy, Step},
    story::Story,
};

/// When the curtain rises: 2026-01-15T10:30:00Z.
const START: Timestamp = Timestamp::from_millis(1_768_473_000_000);

/// Below this, in bytes, the disk has no room for new work: some three groups.
const MINIMUM_SPACE: u64 = 3_000;

/// The play.
pub(crate) struct Play<'a> {
    shards: NonZeroU16,
    policy: Arc<Policy>,
    chance: Chance,
    disk: Disk,
    shelf: Shelf,
    vault: Arc<Vault>,
    /// How payments and orders were when they left memory the last time.
    away: AllAway,
    wall: u64,
    monotonic: u64,
    provider: Provider,
    /// What each shard should hold.
    models: Vec<Model>,
    /// Every record handed to the log, in its order, as far as the log holds it.
    history: Vec<Handed>,
    told: Told,
    /// What somebody who observes was shown.
    diary: Arc<Diary>,
    observers: RecordObservers,
    /// Every idempotency key that ever stood for something.
    keys: BTreeSet<IdempotencyKey>,
    /// Everything that was asked for a payment under a key.
    asked: Vec<PaymentCommand>,
    /// Every order that was asked for under a key.
    ordered: Vec<CreateOrder>,
    /// Payments of which the provider has told what never was, or whose money an operator has seen to:
    /// its books and ours need not agree on them.
    beyond_compare: BTreeSet<PaymentId>,
    /// Which client's card pays for a payment.
    cards: BTreeMap<PaymentId, u32>,
    /// Where the last group begins that the disk has confirmed, in its segment's journal.
    last_group: (u64, usize),
    /// By segment: which copy was damaged and has not been mended since. An older segment's sled copy
    /// is looked at only where its journal is damaged; what then hits the other copy as well is lost,
    /// and no promise of ours.
    scars: BTreeMap<u64, Copy>,
    clients: u32,
    coverage: Coverage,
    tell: &'a mut dyn FnMut(String),
}

/// A record that was handed to the log.
struct Handed {
    entry: Entry,
    hash: StateHash,
    /// What observers have to be shown of it.
    observation: DurableRecord,
    /// What has left memory by it.
    departures: Option<Departures>,
}

/// What the world has seen; no crash takes it back.
#[derive(Default)]
struct Told {
    /// By shard: the last record that anything shown rests on.
    durable: BTreeMap<ShardId, u64>,
    /// The final answers that clients have in their hands, by the key that they were given under.
    answers: BTreeMap<IdempotencyKey, (Subject, Shown)>,
}

/// A process, from its start to its end.
struct Life {
    clock: Clock,
    shards: Vec<Shard<Client>>,
    lanes: Vec<Lane<Ticket>>,
    log: LogHandle<Ticket>,
    writer: InlineWriter<Ticket, ReleaseLater>,
    groups: Groups,
    calls: VecDeque<PreparedCall<Card>>,
    answers: Vec<ProviderReport>,
    waiting: BTreeMap<Subject, Client>,
    /// What waits until its payment or its order has been looked for, by the number of the look-up.
    absent: BTreeMap<u64, Waits>,
    /// What was found.
    found: Vec<(u64, Finding)>,
    /// How many look-ups there were.
    lookups: u64,
    failed: bool,
}

type Groups = Rc<RefCell<VecDeque<Released<Ticket>>>>;

type ReleaseLater = Box<dyn FnMut(Released<Ticket>)>;

/// What waits for a record, and which one.
struct Ticket {
    shard: ShardId,
    rests_on: u64,
    completion: Completion<Card, Reply>,
}

/// Who is told what.
enum Reply {
    Payments(Vec<(Client, PaymentReply)>),
    Order(OrderAnswer),
    Read(PaymentId, Option<Box<Payment>>),
    /// A read of a payment that was away, and how it was when it left.
    ReadAway(Arc<History>),
    /// What waits looks for its payment or its order.
    Look(u64, Wanted),
}

/// A client, who may give up, and his key.
#[derive(Clone, Debug)]
struct Client {
    waits: Rc<Cell<bool>>,
    key: Option<IdempotencyKey>,
}

/// What only the provider may see: stands for a card's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Card(u32);

impl Client {
    fn new(key: Option<IdempotencyKey>) -> Self {
        Self { waits: Rc::new(Cell::new(true)), key }
    }
}

impl Caller for Client {
    fn is_waiting(&self) -> bool {
        self.waits.get()
    }
}

/// What captures cost: nothing, a share, a fixed sum, or both; and refunds give it back, or not.
fn fees(chance: &mut Chance) -> FeeSchedule {
    let mut rule = || {
        let fixed = chance.pick(&[0, 0, 7, 300]);
        let currencies = ["INR", "JPY", "BHD"].map(Currency::from_code);
        let fixed = currencies.into_iter().flatten().filter_map(|currency| {
            let amount = Amount::from_minor_units(fixed).ok()?;
            Some(Money { amount, currency })
        });
        let fixed = fixed.collect();
        FeeRule { basis_points: chance.pick(&[0, 175, 299, 10_000]), fixed }
    };
    let (card, upi, net_banking, wallet) = (rule(), rule(), rule(), rule());
    let returned_with_refunds = chance.one_in(2);
    FeeSchedule { card, upi, net_banking, wallet, returned_with_refunds }
}

impl<'a> Play<'a> {
    /// Plays a story to its end, and then until everything has come to rest. Each step is told to
    /// `tell` before it happens, and what it led to after.
    ///
    /// # Panics
    /// Where anything is not as it should be.
    pub(crate) fn run(story: &Story, tell: &'a mut dyn FnMut(String)) -> Coverage {
        let mut chance = Chance::new(story.seed);
        let disk = Disk::new();
        disk.set_segment_bytes(chance.pick(&[2 << 10, 8 << 10, 64 << 10]));
        let shards = NonZeroU16::new(chance.pick(&[1, 2, 3])).expect("some");
        // By a chance of its own: equal seeds give the plays that they gave without fees.
        let fees = fees(&mut Chance::new(!story.seed));
        // Shorter spans than in life, so that everything falls due within one play.
        let policy = Policy {
            authorization_validity: Millis(chance.pick(&[60_000, 3_600_000, 7 * 86_400_000])),
            action_validity: Millis(chance.pick(&[30_000, 900_000])),
            upi_validity: Millis(chance.pick(&[20_000, 900_000])),
            idempotency_retention: Millis(chance.pick(&[60_000, 86_400_000])),
            late_approvals: chance.pick(&[LateApprovals::Reverse, LateApprovals::Accept]),
            archive: ArchiveRules {
                after: Millis(chance.pick(&[0, 5_000, 86_400_000])),
                most: chance.pick(&[0, 1, 5, 100]),
            },
            fees,
            ..Policy::default()
        };
        let diary = Arc::new(Diary::default());
        let mut play = Self {
            shards,
            policy: Arc::new(policy),
            chance,
            disk,
            shelf: Shelf::default(),
            vault: Arc::new(Vault::default()),
            away: AllAway::default(),
            wall: START.as_millis(),
            monotonic: 1_000,
            provider: Provider::default(),
            models: vec![Model::default(); usize::from(shards.get())],
            history: Vec::new(),
            told: Told::default(),
            observers: RecordObservers::new(vec![Arc::clone(&diary) as _]),
            diary,
            keys: BTreeSet::new(),
            asked: Vec::new(),
            ordered: Vec::new(),
            beyond_compare: BTreeSet::new(),
            cards: BTreeMap::new(),
            last_group: (0, 0),
            scars: BTreeMap::new(),
            clients: 0,
            coverage: Coverage::default(),
            tell,
        };
        let mut life = play.start(None, None);
        for step in &story.steps {
            (play.tell)(format!("> {step}"));
            life = play.step(life, *step);
        }
        (play.tell)("> come to rest".to_owned());
        play.come_to_rest(life);
        play.coverage
    }

    fn step(&mut self, mut life: Life, step: Step) -> Life {
        match step {
            Step::Pay(pay) => self.pay(&mut life, pay),
            Step::Order(order) => self.order(&mut life, order),
            Step::Ask(ask) => self.ask(&mut life, ask),
            Step::Repeat(which, otherwise) => self.repeat(&mut life, which, otherwise),
            Step::Decide(which, verdict) => self.decide_case(&mut life, which, verdict),
            Step::Leave(which) => leave(&life, which),
            Step::Read(which) => self.read(&mut life, which),
            Step::Group => {
                if self.group(&mut life) {
                    self.coverage.saw("disk: full while a group is written");
                }
            }
            Step::Release => self.release(&mut life),
            Step::Call(which, fate) => self.call(&mut life, which, fate),
            Step::Arrive(which, fate) => self.arrive(&life, which, fate),
            Step::Answer(which, twice) => self.answer(&mut life, which, twice),
            Step::Settle(which, fate) => self.settle(which, fate),
            Step::Callback(which, claim) => self.callback(&mut life, which, claim),
            Step::SettleJob(which, fate) => self.settle_job(which, fate),
            Step::CallbackJob(which, claim) => self.callback_job(&mut life, which, claim),
            Step::Nobody => self.answer_nobody(&mut life),
            Step::Tick(which) => self.tick(&mut life, which),
            Step::Archive(which) => self.archive(&mut life, which),
            Step::Find(which) => self.find(&mut life, which),
            Step::Wait(span) => self.wait(span),
            Step::WaitDue => self.wait_until_due(&life),
            Step::Jump(span) => self.jump(&life, span),
            Step::Space(bytes) => self.set_space(&mut life, bytes),
            Step::Fail(journal, sled) => self.fail(&mut life, journal, sled),
            Step::Snapshot => self.take_snapshot(),
            Step::Crash(crash) => return self.crash(life, crash),
        }
        life
    }
}

/// Payment shard `n` is at `n - 1`.
fn index_of(shard: ShardId) -> usize {
    usize::from(shard.0) - 1
}

/// One of so many, if there is any.
fn pick(which: u16, count: usize) -> Option<usize> {
    usize::from(which).checked_rem(count)
}
