//! One play: the engine's own parts on a simulated disk, a provider, clients and a clock, all moved
//! by the steps of a story; beside them the model, with which everything is compared.
//!
//! Real here: `decide` and `apply`, the codec, the shard, its lane and the rule of release, the group
//! writer, frames, chain and recovery. Simulated: the disk's bytes, time, the provider, clients, and
//! who gets his turn when. Invariant: what happens depends on the story alone.
//!
//! A play that finds something wrong panics.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    num::NonZeroU16,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tollgate_domain::{
    Amount, AttemptId, AttemptState, CaptureMode, CardBrand, CardFacts, CardFingerprint,
    ControlEvent, CreatePayment, Currency, DeclineCode, Effect, Fingerprint, IdempotencyKey,
    MerchantId, Millis, Mode, Money, NetBankingFacts, NextAction, OutcomeSource, Payment,
    PaymentId, PaymentMethod, Policy, ProviderId, ProviderOutcome, Record, RecordProviderOutcome,
    Rejection, SealKeyId, Sealed, ShardId, ShardState, StateHash, Timestamp, UpiFacts,
    VpaFingerprint, WalletFacts, WalletFingerprint, codec, invariant,
    ledger::{Account, AccountKey},
};
use tollgate_engine::{
    Caller, Clock, CommandError, Completion, Error, Lane, LogError, Moment, NewRecord, Outlet,
    PaymentReply, PreparedCall, Repair, Replayed, Shard, Step as Decided, Submission, recover,
    release,
};
use tollgate_wal::{
    FreeSpace, GroupWriter, InlineWriter, LogHandle, LogStore, Recovery, Released, WriterOptions,
    store::faulty::{Disk, Fault, Faulty, Kept},
};

use crate::{
    chance::Chance,
    coverage::Coverage,
    model::{Entry, Expected, Heard, Hearing, Model, Request},
    provider::{Charge, Provider, Stands, action_required},
    step::{Claim, Coin, Copy, Crash, Damage, DamageKind, Fate, Method, Pay, Step},
    story::Story,
};

/// When the curtain rises: 2026-01-15T10:30:00Z.
const START: Timestamp = Timestamp::from_millis(1_768_473_000_000);

/// Below this, in bytes, the disk has no room for new work: some three groups.
const MINIMUM_SPACE: u64 = 3_000;

/// How far the wall clock may stray and still be believed, as `tollgate_engine::Clock` has it.
const BELIEVED: u64 = 60_000;

/// How often everything is let run its course at the end. Inquiries settle in two rounds and expiries
/// in another two; the longest span of time is a week.
const ROUNDS_OF_REST: u32 = 40;

/// The play.
pub(crate) struct Play<'a> {
    shards: NonZeroU16,
    policy: Arc<Policy>,
    chance: Chance,
    disk: Disk,
    wall: u64,
    monotonic: u64,
    provider: Provider,
    /// What each shard should hold.
    models: Vec<Model>,
    /// Every record handed to the log, in its order, as far as the log holds it.
    history: Vec<Handed>,
    told: Told,
    /// Every idempotency key that ever stood for a payment.
    keys: BTreeSet<IdempotencyKey>,
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
}

/// What the world has seen; no crash takes it back.
#[derive(Default)]
struct Told {
    /// By shard: the last record that anything shown rests on.
    durable: BTreeMap<ShardId, u64>,
    /// The first final answers that clients have in their hands.
    answers: BTreeMap<PaymentId, Payment>,
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
    answers: Vec<Answered>,
    waiting: BTreeMap<PaymentId, Client>,
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
    Payment(Client, PaymentReply),
    Read(PaymentId, Option<Box<Payment>>),
}

/// A client, who may give up.
#[derive(Clone, Debug)]
struct Client(Rc<Cell<bool>>);

/// What only the provider may see: stands for a card's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Card(u32);

/// A provider's answer under way.
struct Answered {
    payment: PaymentId,
    attempt: AttemptId,
    source: OutcomeSource,
    outcome: ProviderOutcome,
}

impl Caller for Client {
    fn is_waiting(&self) -> bool {
        self.0.get()
    }
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
        // Shorter spans than in life, so that everything falls due within one play.
        let policy = Policy {
            authorization_validity: Millis(chance.pick(&[60_000, 3_600_000, 7 * 86_400_000])),
            action_validity: Millis(chance.pick(&[30_000, 900_000])),
            upi_validity: Millis(chance.pick(&[20_000, 900_000])),
            idempotency_retention: Millis(chance.pick(&[60_000, 86_400_000])),
            ..Policy::default()
        };
        let mut play = Self {
            shards,
            policy: Arc::new(policy),
            chance,
            disk,
            wall: START.as_millis(),
            monotonic: 1_000,
            provider: Provider::default(),
            models: vec![Model::default(); usize::from(shards.get())],
            history: Vec::new(),
            told: Told::default(),
            keys: BTreeSet::new(),
            cards: BTreeMap::new(),
            last_group: (0, 0),
            scars: BTreeMap::new(),
            clients: 0,
            coverage: Coverage::default(),
            tell,
        };
        let mut life = play.start(None);
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
            Step::Nobody => self.answer_nobody(&mut life),
            Step::Tick(which) => self.tick(&mut life, which),
            Step::Wait(span) => self.wait(span),
            Step::WaitDue => self.wait_until_due(&life),
            Step::Jump(span) => self.jump(&life, span),
            Step::Space(bytes) => self.set_space(&mut life, bytes),
            Step::Fail(journal, sled) => self.fail(&mut life, journal, sled),
            Step::Crash(crash) => return self.crash(life, crash),
        }
        life
    }

    // What merchants do.

    fn pay(&mut self, life: &mut Life, pay: Pay) {
        let (command, client, card) = self.request(pay);
        let shard = ShardId::of_merchant(command.merchant, self.shards);
        let index = index_of(shard);
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        let room = life.lanes[index].has_room();
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let asked = command.clone();
        let submission = Submission {
            command: Box::new(command),
            attachment: card,
            caller: client.clone(),
            until_settled: pay.waiting,
        };
        let step = life.shards[index].create_payment(submission, room, moment);
        match self.models[index].request(&asked, now) {
            Request::New if !room => {
                assert!(step.record.is_none(), "nothing is begun without room");
                expect_error(&step, CommandError::StorageFull);
                self.coverage.saw("reply: storage full");
            }
            Request::New => {
                let id = step.created.expect("a payment is created");
                let attempt = authorized_by(&step, id, card);
                let (expected, key) = (Expected::new(&asked, attempt), asked.idempotency);
                self.models[index].create(id, expected, key, now);
                if self.cards.insert(id, card.0).is_some() {
                    panic!("an id is given once: {id}");
                }
                if pay.waiting {
                    assert!(step.reply.is_none(), "who waits is answered later");
                    life.waiting.insert(id, client);
                } else {
                    self.expect_answer(&step, id, false);
                }
                if key.is_some_and(|(key, _fingerprint)| !self.keys.insert(key)) {
                    self.coverage.saw("keys: taken again");
                }
                self.coverage.saw("reply: new payment");
                self.coverage.saw(match pay.method {
                    Method::Card => "method: card",
                    Method::OldCard => "method: card that expires",
                    Method::Upi => "method: upi",
                    Method::NetBanking => "method: netbanking",
                    Method::Wallet => "method: wallet",
                });
                (self.tell)(format!("  {id} is begun"));
            }
            Request::Known(id) if life.waiting.get(&id).is_some_and(Client::is_waiting) => {
                expect_error(&step, CommandError::InProgress);
                self.coverage.saw("reply: in progress");
            }
            Request::Known(id) => {
                assert!(step.record.is_none(), "a repeated request does nothing");
                self.expect_answer(&step, id, true);
                self.coverage.saw("reply: same payment");
            }
            Request::Reused => {
                let reused = CommandError::Rejected(Rejection::IdempotencyKeyReused);
                expect_error(&step, reused);
                self.coverage.saw("reply: other request");
            }
            Request::CardExpired => {
                expect_error(&step, CommandError::Rejected(Rejection::CardExpired));
                self.coverage.saw("reply: card expired");
            }
        }
        self.carry_out(life, shard, step, now);
    }

    fn request(&mut self, pay: Pay) -> (CreatePayment, Client, Card) {
        self.clients += 1;
        let number = u64::from(pay.merchant);
        let merchant = MerchantId::new(START, ShardId::CONTROL, number);
        let amount = Amount::from_minor_units(pay.minor_units).expect("stories have amounts");
        let idempotency = pay.key.map(|(key, body)| {
            let mut digest = [key; 16];
            digest[..2].copy_from_slice(&pay.merchant.to_le_bytes());
            (IdempotencyKey(digest), Fingerprint(body.into()))
        });
        let command = CreatePayment {
            merchant,
            mode: if pay.merchant.is_multiple_of(2) { Mode::Test } else { Mode::Live },
            money: Money { amount, currency: currency(pay.currency) },
            capture: if pay.manual { CaptureMode::Manual } else { CaptureMode::Automatic },
            method: method(pay.method),
            card_expires_at: (pay.method == Method::OldCard)
                .then(|| START.after(Millis::from_seconds(3_600))),
            personal: Sealed::new(SealKeyId([1; 16]), [42; 40]),
            order_id: Some(format!("order {}", self.clients).into()),
            customer_id: None,
            description: None,
            callback_url: None,
            metadata: Vec::new(),
            provider: ProviderId::SIMULATOR,
            control_version: 1,
            idempotency,
        };
        (command, Client(Rc::new(Cell::new(true))), Card(self.clients))
    }

    fn read(&mut self, life: &mut Life, which: u16) {
        let known: Vec<PaymentId> =
            self.models.iter().flat_map(|model| model.payments.keys().copied()).collect();
        let id = match pick(which, known.len()) {
            Some(index) if which % 50 != 49 => known[index],
            Some(_) | None => {
                PaymentId::new(START, ShardId(1 + which % self.shards), self.chance.word())
            }
        };
        let index = index_of(id.shard());
        let found = life.shards[index].read(id);
        match (&found, self.models[index].payments.get(&id)) {
            (Some(payment), Some(expected)) => compare(payment, expected),
            (None, None) => self.coverage.saw("read: nothing there"),
            (found, expected) => panic!("read {found:?} instead of {expected:?}"),
        }
        let completion = Completion::reply(Reply::Read(id, found), None);
        let at_once = self.after_durable(life, id.shard(), completion);
        self.coverage.saw(if at_once { "read: at once" } else { "read: behind the log" });
    }

    // What the engine does.

    /// Hands a step's record to the log, with all that rests on it.
    fn carry_out(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        step: Decided<Client, Card>,
        now: Timestamp,
    ) {
        let Decided { record, created: _, reply, calls } = step;
        let reply = reply.map(|(client, reply)| Reply::Payment(client, reply));
        let completion = Completion { reply, calls, publication: None, permit: None };
        let Some(NewRecord { record, bytes }) = record else {
            self.after_durable(life, shard, completion);
            return;
        };
        assert_eq!(record.at, now, "a record bears the shard's time");
        assert!(!record.events.is_empty(), "a record holds an event");
        assert_eq!(codec::decode(&bytes).as_ref().ok(), Some(&record), "bytes tell all");
        let index = index_of(shard);
        let state = life.shards[index].state();
        assert_eq!(invariant::shard(state), Ok(()), "after {record:?}");
        let lane = &mut life.lanes[index];
        let sequence = lane.sequence() + 1;
        lane.append(bytes, Ticket { shard, rests_on: sequence, completion });
        let entry = Entry { shard, sequence, model: self.models[index].clone() };
        self.history.push(Handed { entry, hash: state.hash() });
        self.note_standings(index);
    }

    /// Lets go of what needs no record once everything before it is durable; tells whether it was.
    fn after_durable(
        &mut self,
        life: &mut Life,
        shard: ShardId,
        completion: Completion<Card, Reply>,
    ) -> bool {
        let lane = &life.lanes[index_of(shard)];
        let ticket = Ticket { shard, rests_on: lane.sequence(), completion };
        let Some(ticket) = lane.after_durable(ticket) else { return false };
        self.let_go(life, ticket);
        true
    }

    fn let_go(&mut self, life: &mut Life, ticket: Ticket) {
        let Ticket { shard, rests_on, completion } = ticket;
        let (told, coverage) = (&mut self.told, &mut self.coverage);
        let mut world = World { shard, rests_on, told, calls: &mut life.calls, coverage };
        release(Released::Durable(vec![completion]), &mut world);
    }

    /// The log writer takes its turn; tells whether that is where the log failed.
    fn group(&mut self, life: &mut Life) -> bool {
        let waiting = life.log.queue_depth();
        if waiting == 0 {
            return false;
        }
        if waiting >= 8 {
            self.coverage.saw("disk: slow, many records in a group");
        }
        let (commits, poisoned) = (self.disk.commits(), life.log.is_poisoned());
        let (segment, length) = self.newest_journal();
        assert!(life.writer.take_turn(), "something waits");
        life.writer.look_at_space();
        if life.log.is_poisoned() {
            return !poisoned;
        }
        if self.disk.commits() > commits {
            let (written, _length) = self.newest_journal();
            self.last_group = (written, if written == segment { length } else { 0 });
        }
        false
    }

    fn newest_journal(&self) -> (u64, usize) {
        let newest = *self.disk.segments().last().expect("an open log has a segment");
        let mut length = 0;
        self.disk.damage_journal(newest, |journal| length = journal.len());
        (newest, length)
    }

    fn release(&mut self, life: &mut Life) {
        let group = life.groups.borrow_mut().pop_front();
        match group {
            None => {}
            Some(Released::Durable(tickets)) => {
                tickets.into_iter().for_each(|ticket| self.let_go(life, ticket));
            }
            Some(Released::Unknown { completions, cause }) => {
                assert!(life.log.is_poisoned(), "only a log that failed knows nothing");
                for ticket in completions {
                    let Ticket { shard, rests_on, completion } = ticket;
                    let (told, coverage) = (&mut self.told, &mut self.coverage);
                    let calls = &mut life.calls;
                    let mut world = World { shard, rests_on, told, calls, coverage };
                    let completions = vec![completion];
                    release(
                        Released::Unknown { completions, cause: Arc::clone(&cause) },
                        &mut world,
                    );
                }
                life.failed = true;
                for client in life.shards.iter_mut().flat_map(Shard::stop) {
                    client.0.set(false);
                    self.coverage.saw("reply: unknown");
                }
                life.waiting.clear();
            }
        }
    }

    fn tick(&mut self, life: &mut Life, which: u16) {
        let shard = ShardId(1 + which % self.shards);
        let index = index_of(shard);
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let due = self.models[index].next_due().is_some_and(|due| due <= now);
        let step = life.shards[index].tick(moment);
        let Some(step) = step else {
            assert!(!due, "what is due is done");
            return self.coverage.saw("tick: nothing due");
        };
        let record = &step.record.as_ref().expect("a tick that does something is recorded").record;
        let keys = self.models[index].keys.len();
        let asked = self.models[index].tick(now, &self.policy);
        self.models[index].forget(&record.events, now, &self.policy);
        assert!(due || record.events.len() == 1 && asked.is_empty(), "nothing was due: {record:?}");
        expect_inquiries(&step, &asked);
        if self.models[index].keys.len() < keys {
            self.coverage.saw("keys: forgotten");
        }
        if !asked.is_empty() {
            self.coverage.saw("tick: asks a provider");
        }
        if due && record.events.len() > asked.len() {
            self.coverage.saw("tick: expires");
        }
        // Plays are small: one record does all there is.
        let next_due = life.shards[index].state().next_due(&self.policy);
        assert!(next_due.is_none_or(|due| due > now), "a tick does what is due");
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    // What the provider does.

    fn call(&mut self, life: &mut Life, which: u16, fate: Fate) {
        let Some(which) = pick(which, life.calls.len()) else { return };
        let PreparedCall { call, attachment, .. } = life.calls.remove(which).expect("picked");
        let (payment, attempt, began) = (call.intent.id, call.attempt, call.started_at);
        let now = self.time(life);
        let (source, outcome) = match call.effect {
            Effect::Authorize { .. } => {
                let card = attachment.expect("a card rides with the call").0;
                assert_eq!(self.cards.get(&payment), Some(&card), "the client's own card");
                let charge = Charge::of(&call.intent, attempt, began);
                let outcome = self.provider.authorize(charge, fate, now);
                let too_late = outcome == ProviderOutcome::NotSent && fate != Fate::NotSent;
                self.coverage.saw(if too_late {
                    "call: too late to be sent"
                } else {
                    called(fate)
                });
                (OutcomeSource::Call, outcome)
            }
            Effect::Inquire { .. } => {
                assert_eq!(attachment, None, "an inquiry needs no card");
                self.coverage.saw("call: inquiry");
                let outcome = self.provider.inquire(attempt, began, fate, now);
                (OutcomeSource::Inquiry, outcome)
            }
        };
        (self.tell)(format!("  {payment} will hear {outcome:?}"));
        life.answers.push(Answered { payment, attempt, source, outcome });
    }

    fn arrive(&mut self, life: &Life, which: u16, fate: Fate) {
        let Some(which) = pick(which, self.provider.delayed()) else { return };
        let now = self.time(life);
        let arrived = self.provider.arrive(which, fate, now);
        self.coverage.saw(if arrived { "delayed call: arrives" } else { "delayed call: too late" });
    }

    fn answer(&mut self, life: &mut Life, which: u16, twice: bool) {
        let Some(which) = pick(which, life.answers.len()) else { return };
        let Answered { payment, attempt, source, outcome } = life.answers.swap_remove(which);
        if twice {
            self.hear(life, payment, attempt, source, outcome.clone());
        }
        self.hear(life, payment, attempt, source, outcome);
    }

    fn settle(&mut self, which: u16, fate: Fate) {
        let attempts = self.provider.attempts();
        let Some(which) = pick(which, attempts.len()) else { return };
        let stands = self.provider.settle(attempts[which].1, fate);
        (self.tell)(format!("  {} stands {stands:?} at the provider", attempts[which].0));
    }

    fn callback(&mut self, life: &mut Life, which: u16, claim: Claim) {
        let attempts = self.provider.attempts();
        let Some(which) = pick(which, attempts.len()) else { return };
        let (payment, attempt) = attempts[which];
        let outcome = match claim {
            Claim::Truth => {
                self.coverage.saw("callback: truth");
                self.provider.truth(attempt)
            }
            Claim::Denial => {
                self.coverage.saw("callback: denial");
                ProviderOutcome::Declined(DeclineCode::GenericDecline)
            }
            Claim::Act | Claim::ActInVain | Claim::Pend | Claim::Unknown => {
                self.coverage.saw("callback: confused");
                confused(claim)
            }
        };
        self.hear(life, payment, attempt, OutcomeSource::Callback, outcome);
    }

    /// The provider is heard.
    fn hear(
        &mut self,
        life: &mut Life,
        payment: PaymentId,
        attempt: AttemptId,
        source: OutcomeSource,
        outcome: ProviderOutcome,
    ) {
        let index = index_of(payment.shard());
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        assert!(
            self.models[index].payments.contains_key(&payment),
            "the provider was asked about {payment}, of which the log knows nothing"
        );
        let hearing = self.models[index].hear(payment, &outcome, now, &self.policy);
        let command = RecordProviderOutcome { payment, attempt, source, outcome };
        let step = life.shards[index].record_outcome(command, moment);
        let step = step.expect("what a provider reports is always accepted");
        let recorded = step.is_some();
        assert_eq!(recorded, hearing != Hearing::Nothing, "what is new is recorded, and only that");
        self.coverage.saw(match hearing {
            Hearing::Nothing => "answer: changes nothing",
            Hearing::Recorded => "answer: recorded",
            Hearing::Contradicted => "answer: contradicts",
        });
        let expected = &self.models[index].payments[&payment];
        let found = life.shards[index].state().payment(payment).expect("it is there");
        compare(found, expected);
        let Some(step) = step else { return };
        let asked = (hearing == Hearing::Contradicted).then_some(attempt);
        expect_inquiries(&step, &asked.into_iter().collect());
        let waits = if expected.is_final() { life.waiting.remove(&payment) } else { None };
        assert_eq!(step.reply.is_some(), waits.is_some(), "who waits is answered, once");
        if waits.is_some() {
            self.expect_answer(&step, payment, false);
            self.coverage.saw("reply: payment settled");
        }
        self.carry_out(life, payment.shard(), step, now);
    }

    fn answer_nobody(&mut self, life: &mut Life) {
        let shard = ShardId(1 + self.chance.short() % self.shards);
        let payment = PaymentId::new(START, shard, self.chance.word());
        let attempt = AttemptId::new(START, shard, self.chance.word());
        let known = self.models[index_of(shard)].payments.keys().next().copied();
        let refusals = [
            Some((payment, Rejection::PaymentNotFound(payment))),
            known.map(|known| (known, Rejection::AttemptNotFound(attempt))),
        ];
        for (payment, refusal) in refusals.into_iter().flatten() {
            let (source, outcome) = (OutcomeSource::Callback, ProviderOutcome::Pending);
            let command = RecordProviderOutcome { payment, attempt, source, outcome };
            let moment = self.moment(life);
            let step: Result<Option<Decided<Client, Card>>, _> =
                life.shards[index_of(shard)].record_outcome(command, moment);
            assert_eq!(step.err(), Some(refusal));
        }
        self.coverage.saw("answer: to nobody");
    }

    // What happens to time and disk.

    fn time(&self, life: &Life) -> Timestamp {
        life.clock.time_at(Duration::from_millis(self.wall), Duration::from_millis(self.monotonic))
    }

    fn moment(&mut self, life: &Life) -> Moment {
        let entropy = [self.chance.word(), self.chance.word(), self.chance.word()];
        Moment { time: self.time(life), entropy }
    }

    fn wait(&mut self, span: u64) {
        self.wall += span;
        self.monotonic += span;
    }

    fn wait_until_due(&mut self, life: &Life) {
        let due = life.shards.iter().filter_map(|shard| shard.state().next_due(&self.policy)).min();
        let Some(due) = due else { return };
        self.wait(due.since(self.time(life)).0);
        self.coverage.saw("time: leaps to what is due");
    }

    fn jump(&mut self, life: &Life, span: i64) {
        let before = self.time(life);
        self.wall = self.wall.saturating_add_signed(span);
        let after = self.time(life);
        let moved = after.since(before).0.max(before.since(after).0);
        assert!(moved <= 2 * BELIEVED, "a clock that jumps by {span} ms is not believed");
        self.coverage.saw(if span < 0 {
            "time: wall clock back"
        } else {
            "time: wall clock far ahead"
        });
    }

    fn set_space(&mut self, life: &mut Life, bytes: Option<u64>) {
        let available = bytes.unwrap_or(u64::MAX);
        self.disk.set_space(FreeSpace { available, minimum: MINIMUM_SPACE });
        life.writer.look_at_space();
        if !life.log.has_room() {
            self.coverage.saw("disk: no room for new work");
        }
    }

    fn fail(&mut self, life: &mut Life, journal: Kept, sled: Kept) {
        if life.log.queue_depth() == 0 || life.log.is_poisoned() {
            return;
        }
        let commit = self.disk.commits() + 1;
        self.disk.plan(Fault { journal, sled, ..Fault::fail(commit, Kept::Nothing) });
        if self.group(life) {
            self.coverage.saw("disk: commit fails by plan");
        } else {
            // Only reads and refusals waited: nothing was written.
            self.disk.forget_faults();
        }
    }

    fn crash(&mut self, mut life: Life, crash: Crash) -> Life {
        if crash.deciding && !life.failed {
            self.decide_in_vain(&mut life);
        }
        if life.failed {
            self.coverage.saw("crash: after the log failed");
        } else if life.log.queue_depth() > 0 {
            match crash.committing {
                Some((journal, sled)) => {
                    self.fail(&mut life, journal, sled);
                    self.coverage.saw("crash: in the middle of a commit");
                }
                None => self.coverage.saw("crash: between append and durable"),
            }
        }
        if life.groups.borrow().iter().any(|group| matches!(group, Released::Durable(_))) {
            self.coverage.saw("crash: between durable and release");
        }
        if life.calls.iter().any(|call| matches!(call.call.effect, Effect::Authorize { .. })) {
            self.coverage.saw("crash: after release, before its call");
        }
        if !life.answers.is_empty() {
            self.coverage.saw("crash: after a call, before its answer");
        }
        drop(life);
        if let Some((journal, sled)) = crash.power {
            self.disk.lose_power(journal, sled);
            self.coverage.saw("crash: with the power");
        }
        self.start(crash.damage)
    }

    /// A payment is decided and applied, and the process dies before its record is handed over.
    fn decide_in_vain(&mut self, life: &mut Life) {
        let pay = Pay {
            merchant: self.chance.short() % 7,
            minor_units: 100,
            currency: Coin::Inr,
            manual: false,
            method: Method::Card,
            key: None,
            waiting: true,
        };
        let (command, caller, attachment) = self.request(pay);
        let index = index_of(ShardId::of_merchant(command.merchant, self.shards));
        let command = Box::new(command);
        let submission = Submission { command, attachment, caller, until_settled: true };
        let moment = self.moment(life);
        drop(life.shards[index].create_payment(submission, true, moment));
        self.coverage.saw("crash: between decision and append");
    }

    // How a process begins.

    /// Recovers what the log holds, compares it with what it should hold, and asks about what is not
    /// known.
    fn start(&mut self, damage: Option<Damage>) -> Life {
        let (sound, scars) = (self.disk.snapshot(), self.scars.clone());
        let damage = damage.filter(|damage| self.damage(*damage));
        let (store, replayed) = match (self.open(), damage) {
            (Ok(opened), _) => opened,
            // What cannot be read may have been acknowledged: somebody has to bring the disk back.
            (Err(Error::Log(LogError::Damaged(_))), Some(damage))
                if damage.copy == Copy::Both || damage.kind == DamageKind::Unread =>
            {
                self.coverage.saw(match damage.copy {
                    Copy::Both => "recovery: refused a damaged log",
                    Copy::Journal | Copy::Sled => "recovery: refused what cannot be read",
                });
                (self.disk, self.scars) = (sound, scars);
                self.open().expect("a sound disk opens")
            }
            (Err(error), damage) => panic!("cannot start after {damage:?}: {error:?}"),
        };
        self.take_back(&replayed);
        let mut life = self.life(store, replayed);
        for index in 0..life.shards.len() {
            self.compare_shard(&life, index);
            self.resolve(&mut life, index);
        }
        life
    }

    fn open(&mut self) -> Result<(Box<dyn LogStore>, Replayed), Error> {
        let mut found: Option<Recovery> = None;
        let (store, replayed, report) = recover(self.shards, |geometry, visit| {
            let (store, recovery) = Faulty::open(&self.disk, Some(geometry), visit)?;
            found = Some(recovery.clone());
            Ok((Box::new(store) as Box<dyn LogStore>, recovery))
        })?;
        if report.created {
            self.coverage.saw("recovery: first start");
        }
        if self.disk.segments().len() > 3 {
            self.coverage.saw("recovery: several segments");
        }
        for repair in report.repairs {
            let (segment, repaired) = match repair {
                Repair::TornGroupCut { segment, .. } => (segment, "recovery: cut a torn group"),
                Repair::JournalHealed { segment, .. } => (segment, "recovery: healed the journal"),
                Repair::JournalTrimmed { segment, .. } => {
                    (segment, "recovery: trimmed the journal")
                }
                Repair::SledRebuilt { segment, .. } => (segment, "recovery: rebuilt sled"),
            };
            self.coverage.saw(repaired);
            self.scars.remove(&segment);
        }
        Ok((store, replayed))
    }

    /// Takes the model back to what the log still holds, and compares.
    ///
    /// Not here yet: snapshots. A second state, from a snapshot and the tail, has to have the same
    /// hashes as `replayed`.
    fn take_back(&mut self, replayed: &Replayed) {
        let sequences = &replayed.sequences;
        let held =
            |handed: &Handed| handed.entry.sequence <= sequences[usize::from(handed.entry.shard.0)];
        for (shard, sequence) in &self.told.durable {
            let found = sequences[usize::from(shard.0)];
            assert!(
                found >= *sequence,
                "shard {} lost record {}: {sequence} was relied on",
                shard.0,
                found + 1
            );
        }
        let kept = self.history.iter().take_while(|handed| held(handed)).count();
        let lost = self.history.split_off(kept);
        assert!(!lost.iter().any(held), "the log lost a record before one that it kept");
        if !lost.is_empty() {
            self.coverage.saw("recovery: lost what nobody was told");
        }
        for (state, model) in replayed.shards.iter().zip(&mut self.models) {
            let shard = state.shard();
            let found = sequences[usize::from(shard.0)];
            let last = self.history.iter().rev().find(|handed| handed.entry.shard == shard);
            let (sequence, hash) = match last {
                Some(Handed { entry, hash }) => {
                    *model = entry.model.clone();
                    (entry.sequence, *hash)
                }
                None => {
                    *model = Model::default();
                    (0, ShardState::new(shard).hash())
                }
            };
            assert_eq!(found, sequence, "shard {} has records of nobody's", shard.0);
            assert_eq!(state.hash(), hash, "replay gives the state that was lived");
            if self.told.durable.get(&shard).copied().unwrap_or(0) < found {
                self.coverage.saw("recovery: kept what nobody was told");
            }
        }
    }

    fn life(&mut self, store: Box<dyn LogStore>, replayed: Replayed) -> Life {
        let Replayed { control, shards, sequences } = replayed;
        let last = shards.iter().map(ShardState::last_time).fold(control.last_time(), Ord::max);
        let (wall, monotonic) =
            (Duration::from_millis(self.wall), Duration::from_millis(self.monotonic));
        let clock = Clock::start_at(last, wall, monotonic);
        let groups = Groups::default();
        let released = Rc::clone(&groups);
        let release: ReleaseLater = Box::new(move |group| released.borrow_mut().push_back(group));
        let (log, writer) = GroupWriter::inline(store, WriterOptions::default(), release)
            .expect("a simulated disk says how much space is free");
        let lanes = (1..).map(ShardId).zip(&sequences[1..]);
        Life {
            clock,
            lanes: lanes.map(|(shard, last)| Lane::new(shard, *last, log.clone())).collect(),
            shards: shards
                .into_iter()
                .map(|state| Shard::new(state, Arc::clone(&self.policy)))
                .collect(),
            log,
            writer,
            groups,
            calls: VecDeque::new(),
            answers: Vec::new(),
            waiting: BTreeMap::new(),
            failed: false,
        }
    }

    fn resolve(&mut self, life: &mut Life, index: usize) {
        let moment = self.moment(life);
        let state = life.shards[index].state();
        let (shard, now) = (state.shard(), moment.time.max(state.last_time()));
        assert_eq!(state.unresolved(), self.models[index].unresolved());
        let asked = self.models[index].restart(now, &self.policy);
        let steps = life.shards[index].resolve_attempts(|| moment);
        assert_eq!(steps.is_empty(), asked.is_empty(), "each is asked about");
        for step in steps {
            expect_inquiries(&step, &asked);
            self.carry_out(life, shard, step, now);
        }
        self.compare_shard(life, index);
    }

    /// Damages the log; tells whether there was anything to damage.
    fn damage(&mut self, damage: Damage) -> bool {
        let Damage { copy, kind, segment, at } = damage;
        let mut names = self.disk.segments();
        names.retain(|name| {
            let mut empty = true;
            self.disk.damage_journal(*name, |journal| empty = journal.is_empty());
            !empty
        });
        names.reverse();
        let Some(segment) = pick(segment, names.len()).map(|index| names[index]) else {
            return false;
        };
        if copy != Copy::Both && self.scars.get(&segment).is_some_and(|scarred| *scarred != copy) {
            return false;
        }
        self.scars.insert(segment, copy);
        let at = usize::try_from(at).expect("the platform addresses 32 bits");
        // Both copies, at their common end, is where a crash and a damage look alike.
        let end = match copy {
            Copy::Both if segment >= self.last_group.0 => self.last_group.1,
            Copy::Both | Copy::Journal | Copy::Sled => usize::MAX,
        };
        if end == 0 || (copy == Copy::Both && kind == DamageKind::Cut) {
            return false;
        }
        if matches!(copy, Copy::Journal | Copy::Both) {
            let mut length = 0;
            self.disk.damage_journal(segment, |journal| {
                length = journal.len();
                spoil(journal, kind, at, end);
            });
            if kind == DamageKind::Unread {
                let from = at % length.min(end);
                let to = length.min(end).min(from + 4096);
                self.disk.fail_journal_reads(segment, from..to);
            }
        }
        if matches!(copy, Copy::Sled | Copy::Both) {
            self.disk.damage_sled(segment, |sled| spoil(sled, kind, at, end));
            if kind == DamageKind::Unread {
                self.disk.fail_sled_reads(segment);
            }
        }
        self.coverage.saw(match copy {
            Copy::Journal => "damage: journal",
            Copy::Sled => "damage: sled",
            Copy::Both => "damage: in both copies",
        });
        self.coverage.saw(match kind {
            DamageKind::Flip => "damage: flip",
            DamageKind::Zero => "damage: zero",
            DamageKind::Misdirect => "damage: misdirect",
            DamageKind::Cut => "damage: cut",
            DamageKind::Grow => "damage: grow",
            DamageKind::Unread => "damage: unread",
        });
        true
    }

    // What must be true.

    /// What a reply must say of a payment.
    fn expect_answer(&self, step: &Decided<Client, Card>, id: PaymentId, replayed: bool) {
        let Some((_client, Ok(answer))) = &step.reply else { panic!("an answer about {id}") };
        let expected = &self.models[index_of(id.shard())].payments[&id];
        let payment = &answer.payment;
        let told = (payment.state().status(), payment.amount_captured().minor_units());
        assert_eq!((payment.id(), answer.replayed), (id, replayed));
        assert_eq!(told, expected.first_answer(), "the first final answer, or how it stands");
    }

    /// A shard and its model agree on payments, keys and accounts.
    fn compare_shard(&self, life: &Life, index: usize) {
        let (state, model) = (life.shards[index].state(), &self.models[index]);
        assert_eq!(state.payment_count(), model.payments.len());
        let mut credits = BTreeMap::<AccountKey, i128>::new();
        for (id, expected) in &model.payments {
            compare(state.payment(*id).expect("a payment of the model"), expected);
            let mut credit = |account, minor_units: i64| {
                let (mode, currency) = (expected.mode, expected.money.currency);
                let sum = credits.entry(AccountKey { mode, currency, account }).or_default();
                *sum += i128::from(minor_units);
            };
            let (captured, exceptional) = (expected.captured(), expected.exceptional());
            credit(Account::MerchantPayable(expected.merchant), captured);
            credit(Account::Exceptions, exceptional);
            credit(Account::ProviderReceivable(ProviderId::SIMULATOR), -captured - exceptional);
        }
        credits.retain(|_account, credit| *credit != 0);
        let books = state.ledger().sorted().into_iter();
        let mut found: BTreeMap<AccountKey, i128> =
            books.map(|(account, balance)| (account, balance.net_credit())).collect();
        found.retain(|_account, credit| *credit != 0);
        assert_eq!(found, credits, "the ledger holds what was taken, and nothing else");
        let keys: BTreeSet<_> = model.keys.keys().copied().collect();
        let found = state.idempotency().sorted().into_iter();
        let found: BTreeSet<_> = found.map(|(entry, _since)| entry.key).collect();
        assert_eq!(found, keys, "the keys that are remembered");
        assert_eq!(invariant::shard(state), Ok(()));
    }

    fn note_standings(&mut self, index: usize) {
        for expected in self.models[index].payments.values() {
            use tollgate_domain::PaymentStatus as Status;
            self.coverage.saw(match expected.status {
                Status::Processing => "payment: processing",
                Status::RequiresAction => "payment: requires_action",
                Status::Authorized => "payment: authorized",
                Status::Completed => "payment: completed",
                Status::Failed => "payment: failed",
                Status::Expired => "payment: expired",
                Status::Unknown => "payment: unknown",
                Status::Review | Status::PartiallyCaptured | Status::Voided | Status::Reversed => {
                    unreachable!("nothing leads there yet")
                }
            });
            self.coverage.saw(match expected.heard {
                Heard::Nothing => continue,
                Heard::Later => "heard: later",
                Heard::NothingCertain => "heard: nothing certain",
                Heard::Act => "heard: act",
                Heard::Yes => "heard: yes",
                Heard::YesThenNo => "heard: yes, then no",
                Heard::No => "heard: no",
                Heard::TooLateYes => "heard: late yes",
            });
        }
    }

    // How it ends.

    /// Everything works at last, everybody tells the truth, and time runs on. Then nothing may be
    /// left open, and the provider's ledger must be ours.
    fn come_to_rest(&mut self, life: Life) {
        self.disk.set_space(FreeSpace { available: u64::MAX, minimum: 0 });
        let mut life = self.crash(life, Crash::default());
        for round in 0..ROUNDS_OF_REST {
            self.let_everything_happen(&mut life);
            if round == 1 {
                for (_payment, attempt) in self.provider.attempts() {
                    let fate = self.chance.pick(&[Fate::Approve, Fate::Decline]);
                    if let Some(Stands::ActionRequired | Stands::Pending) =
                        self.provider.booking(attempt).map(|booking| booking.stands)
                    {
                        self.provider.settle(attempt, fate);
                    }
                }
                for which in 0..self.provider.attempts().len() {
                    let which = u16::try_from(which).expect("plays are small");
                    self.callback(&mut life, which, Claim::Truth);
                }
            }
            let due =
                life.shards.iter().any(|shard| shard.state().next_due(&self.policy).is_some());
            if round > 1 && !due && life.log.queue_depth() == 0 {
                break;
            }
            self.wait(if round < 4 { 130_000 } else { 12 * 3_600_000 });
            (0..self.shards.get()).for_each(|shard| self.tick(&mut life, shard));
        }
        self.let_everything_happen(&mut life);
        let nothing = (Kept::Nothing, Kept::Nothing);
        let life = self.crash(life, Crash { power: Some(nothing), ..Crash::default() });
        for (shard, model) in life.shards.iter().zip(&self.models) {
            assert_eq!(shard.state().next_due(&self.policy), None, "nothing is ever left open");
            assert!(shard.state().idempotency().is_empty(), "every key is forgotten in the end");
            assert_eq!(model.unresolved(), [], "everything is known in the end");
        }
        self.reconcile(&life);
    }

    fn let_everything_happen(&mut self, life: &mut Life) {
        for _turn in 0..4 {
            assert!(!self.group(life), "a sound disk takes every group");
            while !life.groups.borrow().is_empty() {
                self.release(life);
            }
            while self.provider.delayed() > 0 {
                self.arrive(life, 0, Fate::Approve);
            }
            while !life.calls.is_empty() {
                self.call(life, 0, Fate::Approve);
            }
            while !life.answers.is_empty() {
                self.answer(life, 0, false);
            }
        }
    }

    /// The provider's ledger beside ours, attempt by attempt and in sum.
    fn reconcile(&self, life: &Life) {
        let mut taken = 0;
        let payments = self.models.iter().flat_map(|model| &model.payments);
        for (id, expected) in payments {
            let stands = self.provider.booking(expected.attempt).map(|booking| booking.stands);
            let agree = match stands {
                Some(Stands::Approved) => {
                    matches!(expected.heard, Heard::Yes | Heard::YesThenNo | Heard::TooLateYes)
                }
                // We may have heard the yes, the no, or both, in any order.
                Some(Stands::TakenBack) => {
                    matches!(expected.heard, Heard::YesThenNo | Heard::No | Heard::TooLateYes)
                }
                Some(Stands::Declined) | None => expected.heard == Heard::No,
                Some(Stands::ActionRequired | Stands::Pending) => false,
            };
            assert!(agree, "{id} stands {stands:?} at the provider, and here {expected:?}");
            let stands_for_money = match stands {
                Some(Stands::Approved) => true,
                Some(Stands::TakenBack) => expected.heard != Heard::No,
                Some(Stands::Declined | Stands::ActionRequired | Stands::Pending) | None => false,
            };
            if let Some(booking) = self.provider.booking(expected.attempt)
                && stands_for_money
                && booking.charge.capture == CaptureMode::Automatic
            {
                taken += i128::from(booking.charge.minor_units);
            }
        }
        let receivable = Account::ProviderReceivable(ProviderId::SIMULATOR);
        let books = life.shards.iter().flat_map(|shard| shard.state().ledger().sorted());
        let owed: i128 = books
            .filter(|(key, _balance)| key.account == receivable)
            .map(|(_key, balance)| -balance.net_credit())
            .sum();
        assert_eq!(owed, taken, "the provider owes us what it took");
    }
}

/// Where what is let go leaves to: clients' hands, and calls that wait to be made.
struct World<'a> {
    shard: ShardId,
    rests_on: u64,
    told: &'a mut Told,
    calls: &'a mut VecDeque<PreparedCall<Card>>,
    coverage: &'a mut Coverage,
}

impl World<'_> {
    fn rely(&mut self) {
        let durable = self.told.durable.entry(self.shard).or_default();
        *durable = self.rests_on.max(*durable);
    }
}

impl Outlet<Card, Reply> for World<'_> {
    fn publish(&mut self, record: Record<ControlEvent>) {
        unreachable!("payment shards publish nothing: {record:?}");
    }

    fn deliver(&mut self, reply: Reply) {
        self.rely();
        match reply {
            Reply::Read(id, payment) => {
                assert!(payment.is_none_or(|payment| payment.id() == id));
            }
            Reply::Payment(client, reply) => {
                client.0.set(false);
                let Ok(answer) = reply else { return };
                let payment = answer.payment;
                if payment.state().is_final_answer() {
                    let told = self.told.answers.entry(payment.id()).or_insert(payment.clone());
                    assert_eq!(*told, payment, "one key, one answer, whenever it is asked");
                }
            }
        }
    }

    fn run(&mut self, call: PreparedCall<Card>) {
        self.rely();
        self.calls.push_back(call);
    }

    fn log_failed(&mut self, _cause: &LogError) {}

    fn fail(&mut self, reply: Reply) {
        if let Reply::Payment(client, _reply) = reply {
            client.0.set(false);
        }
        self.coverage.saw("reply: unknown");
    }
}

/// A payment is as the model says.
fn compare(payment: &Payment, expected: &Expected) {
    let attempt = payment.attempts().last().expect("a payment begins with an attempt");
    let heard = match attempt.state {
        AttemptState::Open => Heard::Nothing,
        AttemptState::Pending { .. } => Heard::Later,
        AttemptState::Unknown { .. } => Heard::NothingCertain,
        AttemptState::ActionRequired => Heard::Act,
        AttemptState::Approved { contradicted_at: None, .. } => Heard::Yes,
        AttemptState::Approved { contradicted_at: Some(_), .. } => Heard::YesThenNo,
        AttemptState::Declined { .. } | AttemptState::NotSent { .. } => Heard::No,
        AttemptState::ApprovedLate { .. } => Heard::TooLateYes,
    };
    let found = (payment.state().status(), attempt.id, heard, payment.due_at());
    let wanted = (expected.status, expected.attempt, expected.heard, expected.due);
    assert_eq!(found, wanted, "{payment:?}");
    assert_eq!(payment.amount_captured().minor_units(), expected.captured());
    let first = payment.as_first_answered();
    let first = (first.state().status(), first.amount_captured().minor_units());
    assert_eq!(first, expected.first_answer(), "what a repeated request is answered");
}

/// A new payment owes one call, which carries the card.
fn authorized_by(step: &Decided<Client, Card>, id: PaymentId, card: Card) -> AttemptId {
    let [PreparedCall { call, attachment, .. }] = &step.calls[..] else {
        panic!("a new payment owes one call");
    };
    let Effect::Authorize { payment, attempt } = call.effect else {
        panic!("a new payment is authorized: {call:?}");
    };
    assert_eq!((payment, call.attempt, *attachment), (id, attempt, Some(card)));
    attempt
}

fn expect_error(step: &Decided<Client, Card>, error: CommandError) {
    match &step.reply {
        Some((_client, Err(found))) => assert_eq!(*found, error),
        Some((_client, Ok(answer))) => panic!("{:?} instead of {error:?}", answer.payment),
        None => panic!("no reply instead of {error:?}"),
    }
    assert!(step.record.is_none() && step.calls.is_empty(), "a refusal leaves no trace");
}

/// A step asks about exactly these attempts, and does nothing else.
fn expect_inquiries(step: &Decided<Client, Card>, asked: &BTreeSet<AttemptId>) {
    let found: Vec<AttemptId> = step
        .calls
        .iter()
        .map(|call| match call.call.effect {
            Effect::Inquire { attempt, .. } => attempt,
            Effect::Authorize { payment, .. } => panic!("{payment} is charged once more"),
        })
        .collect();
    assert_eq!(found.len(), asked.len(), "each is asked about once");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), *asked);
}

fn leave(life: &Life, which: u16) {
    let waiting: Vec<&Client> = life.waiting.values().collect();
    if let Some(which) = pick(which, waiting.len()) {
        waiting[which].0.set(false);
    }
}

/// What a provider says that has lost its thread.
fn confused(claim: Claim) -> ProviderOutcome {
    match claim {
        Claim::Act => action_required(false),
        // Nobody can follow half an address.
        Claim::ActInVain => {
            let url = "x".repeat(NextAction::MAX_URL + 1).into();
            ProviderOutcome::ActionRequired { action: NextAction::Redirect { url } }
        }
        Claim::Pend => ProviderOutcome::Pending,
        Claim::Truth | Claim::Denial | Claim::Unknown => ProviderOutcome::Unknown,
    }
}

fn spoil(bytes: &mut Vec<u8>, kind: DamageKind, at: usize, end: usize) {
    let end = end.min(bytes.len());
    if end == 0 {
        return;
    }
    let at = at % end;
    let sector = at..end.min(at + 512);
    match kind {
        DamageKind::Flip => bytes[at] ^= 1 << (at % 8),
        DamageKind::Zero => bytes[sector].fill(0),
        DamageKind::Misdirect => {
            // What belongs to the end of the file was written here instead.
            let from = bytes.len() - sector.len();
            let lost = bytes[from..].to_vec();
            if end == bytes.len() {
                bytes[from..].fill(0);
            }
            bytes[sector].copy_from_slice(&lost);
        }
        DamageKind::Cut => bytes.truncate(at),
        DamageKind::Grow => bytes.extend([0x5a; 100]),
        DamageKind::Unread => {}
    }
}

fn called(fate: Fate) -> &'static str {
    match fate {
        Fate::Approve => "call: approve",
        Fate::Decline => "call: decline",
        Fate::Act => "call: act",
        Fate::Pend => "call: pend",
        Fate::ApproveUnheard => "call: approve-unheard",
        Fate::DeclineUnheard => "call: decline-unheard",
        Fate::NotSent => "call: not-sent",
        Fate::Lost => "call: lost",
        Fate::Delayed => "call: delayed",
    }
}

fn currency(coin: Coin) -> Currency {
    let code = match coin {
        Coin::Inr => "INR",
        Coin::Jpy => "JPY",
        Coin::Bhd => "BHD",
    };
    Currency::from_code(code).expect("a currency")
}

fn method(method: Method) -> PaymentMethod {
    match method {
        Method::Card | Method::OldCard => PaymentMethod::Card(CardFacts {
            brand: CardBrand::Visa,
            bin: 424_242,
            last4: 4_242,
            expiry_month: 12,
            expiry_year: 2_030,
            fingerprint: CardFingerprint([7; 16]),
        }),
        Method::Upi => PaymentMethod::Upi(UpiFacts {
            handle: "okbank".into(),
            fingerprint: VpaFingerprint([8; 16]),
            payee_name: "Tea House".into(),
        }),
        Method::NetBanking => PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() }),
        Method::Wallet => PaymentMethod::Wallet(WalletFacts {
            provider: "paytm".into(),
            fingerprint: WalletFingerprint([9; 16]),
        }),
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
