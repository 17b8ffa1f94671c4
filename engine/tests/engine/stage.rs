//! A stage for engine tests: an engine, and a provider that does as its script says.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    num::NonZeroU16,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, time::sleep};
use tollgate_domain::{
    Amount, ApiKeyHash, ArchiveRules, Asker, CaptureMode, CardBrand, CardFacts, CardFingerprint,
    CreateMerchant, CreatePayment, Currency, Effect, Fingerprint, IdempotencyKey, KeyImprint,
    KeyTail, MerchantId, Mode, Money, OperationOutcome, Payment, PaymentId, PaymentMethod,
    ProviderId, ProviderOutcome, ProviderReceipt, ShardId, Target,
};
use tollgate_engine::{
    Answer, CallOutcome, CommandError, DurableRecord, EffectSink, Engine, EngineHealth,
    EngineOptions, Error, NoObserver, OwedCall, Patience, RecordObserver, RecordObservers,
    RecoveryReport,
};
use tollgate_wal::{
    LogStore,
    store::faulty::{Disk, Faulty},
};

/// An engine and its provider.
pub(crate) struct Stage {
    pub(crate) engine: Engine<String>,
    pub(crate) script: Arc<Script>,
    pub(crate) report: RecoveryReport,
}

/// What the provider does with calls.
pub(crate) struct Script {
    manner: Manner,
    held: Mutex<Vec<OwedCall<String>>>,
    attachments: Mutex<Vec<String>>,
    calls: Mutex<usize>,
}

enum Manner {
    /// Approves at once.
    Approve,
    /// Keeps every call until told what to answer.
    Hold,
    /// Drops what would move money, and answers inquiries as if it had moved.
    Drop,
}

impl Script {
    pub(crate) fn approving() -> Arc<Self> {
        Self::new(Manner::Approve)
    }

    pub(crate) fn holding() -> Arc<Self> {
        Self::new(Manner::Hold)
    }

    pub(crate) fn dropping() -> Arc<Self> {
        Self::new(Manner::Drop)
    }

    fn new(manner: Manner) -> Arc<Self> {
        Arc::new(Self {
            manner,
            held: Mutex::default(),
            attachments: Mutex::default(),
            calls: Mutex::default(),
        })
    }

    pub(crate) fn calls(&self) -> usize {
        *self.calls.lock()
    }

    pub(crate) fn saw_attachments(&self) -> Vec<String> {
        self.attachments.lock().clone()
    }

    pub(crate) fn answer_all(&self, outcome: ProviderOutcome) {
        let held = std::mem::take(&mut *self.held.lock());
        held.into_iter().for_each(|call| call.answer(CallOutcome::Attempt(outcome.clone())));
    }

    /// Ends operations that were kept.
    pub(crate) fn finish_all(&self, outcome: OperationOutcome) {
        let held = std::mem::take(&mut *self.held.lock());
        held.into_iter().for_each(|call| call.answer(CallOutcome::Operation(outcome.clone())));
    }

    pub(crate) async fn until_called(&self, times: usize) {
        while self.calls() < times {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

/// What somebody who observes was shown, and what of it he would still know after a crash.
#[derive(Default)]
pub(crate) struct Notes {
    shown: Mutex<Vec<Arc<DurableRecord>>>,
    kept: Mutex<BTreeMap<ShardId, u64>>,
    behind: AtomicBool,
    refusal: Mutex<Option<&'static str>>,
}

impl Notes {
    pub(crate) fn shown(&self) -> Vec<Arc<DurableRecord>> {
        self.shown.lock().clone()
    }

    /// Everything up to these will be known to whoever comes next.
    pub(crate) fn keep(&self, positions: BTreeMap<ShardId, u64>) {
        *self.kept.lock() = positions;
    }

    /// The engine is not to start where the log has let go of what these lack.
    pub(crate) fn refuse_a_gap(&self, refusal: &'static str) {
        *self.refusal.lock() = Some(refusal);
    }

    pub(crate) fn fall_behind(&self, behind: bool) {
        self.behind.store(behind, Ordering::Release);
    }
}

impl RecordObserver for Notes {
    fn position(&self, shard: ShardId) -> u64 {
        self.kept.lock().get(&shard).copied().unwrap_or(0)
    }

    fn replay(&self, records: Vec<Arc<DurableRecord>>) {
        self.shown.lock().extend(records);
    }

    fn observe(&self, records: Vec<Arc<DurableRecord>>) {
        self.shown.lock().extend(records);
    }

    fn refuses_a_gap(&self) -> Option<&'static str> {
        *self.refusal.lock()
    }

    fn do_without(&self, up_to: &[u64]) {
        let positions = (0..).map(ShardId).zip(up_to.iter().copied());
        self.keep(positions.collect());
    }

    fn has_room(&self) -> bool {
        !self.behind.load(Ordering::Acquire)
    }
}

impl EffectSink<String> for Script {
    fn run(&self, mut call: OwedCall<String>) {
        *self.calls.lock() += 1;
        self.attachments.lock().extend(call.take_attachment());
        let approval = || CallOutcome::Attempt(ProviderOutcome::Approved(receipt()));
        let success = || CallOutcome::Operation(OperationOutcome::Succeeded(receipt()));
        match (&self.manner, call.call().effect) {
            (Manner::Hold, _) => self.held.lock().push(call),
            (Manner::Drop, Effect::Authorize { .. } | Effect::Operate { .. }) => drop(call),
            (Manner::Approve | Manner::Drop, Effect::Inquire { .. })
            | (Manner::Approve, Effect::Authorize { .. }) => call.answer(approval()),
            (Manner::Approve | Manner::Drop, Effect::InquireOperation { .. })
            | (Manner::Approve, Effect::Operate { .. }) => call.answer(success()),
        }
    }
}

impl Stage {
    /// On a real log.
    pub(crate) fn open(directory: &Path, script: Arc<Script>) -> Self {
        Self::try_open(directory, script, &[]).unwrap()
    }

    /// On a real log, where finished payments leave memory at once.
    pub(crate) fn archiving(directory: &Path, script: Arc<Script>) -> Self {
        Self::archiving_in_segments(options().segment_bytes, directory, script)
    }

    /// The same in segments of this size.
    pub(crate) fn archiving_in_segments(
        segment_bytes: u64,
        directory: &Path,
        script: Arc<Script>,
    ) -> Self {
        let mut options = options();
        options.policy.archive = ArchiveRules { after: tollgate_domain::Millis(0), most: 0 };
        options.segment_bytes = segment_bytes;
        Self::try_open_with(options, directory, script, &[]).unwrap()
    }

    /// The same on a log that compresses what is sealed.
    pub(crate) fn compressing(segment_bytes: u64, directory: &Path, script: Arc<Script>) -> Self {
        let mut options = options();
        options.policy.archive = ArchiveRules { after: tollgate_domain::Millis(0), most: 0 };
        options.segment_bytes = segment_bytes;
        options.compress_sealed = true;
        Self::try_open_with(options, directory, script, &[]).unwrap()
    }

    /// The same on a log that also keeps nothing for longer than it has to.
    pub(crate) fn compressing_and_letting_go(directory: &Path, script: Arc<Script>) -> Self {
        let mut options = options();
        options.policy.archive = ArchiveRules { after: tollgate_domain::Millis(0), most: 0 };
        options.segment_bytes = 8 << 10;
        options.compress_sealed = true;
        options.retention = Some(Duration::ZERO);
        Self::try_open_with(options, directory, script, &[]).unwrap()
    }

    /// The same on a log that keeps nothing for longer than it has to, with some who observe.
    pub(crate) fn letting_go(
        directory: &Path,
        script: Arc<Script>,
        notes: &[&Arc<Notes>],
    ) -> Result<Self, Error> {
        Self::keeping_for(Duration::ZERO, directory, script, notes)
    }

    /// The same on a log that keeps its records for so long.
    pub(crate) fn keeping_for(
        retention: Duration,
        directory: &Path,
        script: Arc<Script>,
        notes: &[&Arc<Notes>],
    ) -> Result<Self, Error> {
        let mut options = options();
        options.policy.archive = ArchiveRules { after: tollgate_domain::Millis(0), most: 0 };
        options.segment_bytes = 8 << 10;
        options.retention = Some(retention);
        Self::try_open_with(options, directory, script, notes)
    }

    /// On a real log, with some who observe.
    pub(crate) fn try_open(
        directory: &Path,
        script: Arc<Script>,
        notes: &[&Arc<Notes>],
    ) -> Result<Self, Error> {
        Self::try_open_with(options(), directory, script, notes)
    }

    fn try_open_with(
        mut options: EngineOptions,
        directory: &Path,
        script: Arc<Script>,
        notes: &[&Arc<Notes>],
    ) -> Result<Self, Error> {
        options.directory = directory.to_owned();
        options.min_free_bytes = 0;
        let sink = Arc::clone(&script) as Arc<dyn EffectSink<String>>;
        let observers =
            RecordObservers::new(notes.iter().map(|notes| Arc::clone(notes) as _).collect());
        let (engine, report) =
            Engine::start(options, &Handle::current(), sink, Arc::new(NoObserver), observers)?;
        Ok(Self { engine, script, report })
    }

    /// On a simulated disk.
    pub(crate) fn in_memory(disk: &Disk, script: Arc<Script>) -> Self {
        Self::simulated(disk, script, options(), RecordObservers::none())
    }

    /// On a simulated disk, with somebody who observes.
    pub(crate) fn observed(disk: &Disk, script: Arc<Script>, notes: &Arc<Notes>) -> Self {
        let observers = RecordObservers::new(vec![Arc::clone(notes) as _]);
        Self::simulated(disk, script, options(), observers)
    }

    /// On a simulated disk, with room for so many commands in flight.
    pub(crate) fn limited(script: Arc<Script>, max_in_flight: usize) -> Self {
        let options = EngineOptions { max_in_flight, ..options() };
        Self::simulated(&Disk::new(), script, options, RecordObservers::none())
    }

    fn simulated(
        disk: &Disk,
        script: Arc<Script>,
        options: EngineOptions,
        observers: RecordObservers,
    ) -> Self {
        let sink = Arc::clone(&script) as Arc<dyn EffectSink<String>>;
        let (engine, report) = Engine::start_on(
            options,
            |geometry, visit| {
                let (store, recovery) = Faulty::open(disk, Some(geometry), visit)?;
                Ok((Box::new(store) as Box<dyn LogStore>, recovery))
            },
            &Handle::current(),
            sink,
            Arc::new(NoObserver),
            observers,
        )
        .unwrap();
        Self { engine, script, report }
    }

    pub(crate) async fn create(
        &self,
        command: CreatePayment,
        patience: Patience,
    ) -> Result<Answer, CommandError> {
        let key = command.idempotency.expect("tests give keys").0.0[0];
        let attachment = format!("secret of {}", char::from(key));
        self.engine.create_payment(command, attachment, patience).await.map(|answer| *answer)
    }

    /// Registers a merchant with one test key.
    pub(crate) async fn register(&self, number: u8) -> (MerchantId, ApiKeyHash) {
        let imprint = imprint(number);
        let keys = vec![(Mode::Test, imprint)];
        let command =
            CreateMerchant { asker: Asker::Process, name: "Shop".into(), email: None, keys };
        (self.engine.control_command(command).await.unwrap().id, imprint.hash)
    }

    /// Waits until a payment has settled.
    pub(crate) async fn settled(&self, id: PaymentId) -> Payment {
        loop {
            let payment = self.engine.payment(id).await.unwrap().unwrap();
            if payment.state().is_final_answer() {
                return *payment;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn until_idle(&self) {
        while self.engine.health().in_flight > 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits until the engine says of itself what `tells` wants to hear.
    pub(crate) async fn until_health(&self, tells: impl Fn(EngineHealth) -> bool) {
        while !tells(self.engine.health()) {
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn until_room(&self, room: bool) {
        while self.engine.health().has_room != room {
            sleep(Duration::from_millis(1)).await;
        }
    }

    pub(crate) async fn close(self) {
        self.engine.stop(Duration::from_secs(5)).await;
    }
}

fn options() -> EngineOptions {
    let mut options = EngineOptions::new("");
    options.shards = NonZeroU16::new(4).unwrap();
    // The first inquiry comes at once, and no second one while a test looks.
    options.policy.inquiry_delays =
        vec![tollgate_domain::Millis(1), tollgate_domain::Millis::from_seconds(60)];
    options
}

/// What is kept of a key's text that nobody knows.
pub(crate) fn imprint(number: u8) -> KeyImprint {
    KeyImprint { hash: ApiKeyHash([number; 32]), tail: KeyTail::new(*b"x7q9").unwrap() }
}

/// A payment of 100.00 INR with a key of its own.
pub(crate) fn payment(key: &str) -> CreatePayment {
    let mut bytes = [0; 16];
    bytes[..key.len()].copy_from_slice(key.as_bytes());
    CreatePayment {
        merchant: MerchantId::from_u128(7),
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
        order_id: None,
        customer_id: None,
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: Vec::new(),
        provider: ProviderId::SIMULATOR,
        control_version: 0,
        idempotency: Some((IdempotencyKey(bytes), Fingerprint(1))),
    }
}

/// A payment as an operation names it, with a key of its own.
pub(crate) fn target(payment: &Payment, key: &str) -> Target {
    let mut bytes = [0; 16];
    bytes[..key.len()].copy_from_slice(key.as_bytes());
    let intent = payment.intent();
    Target {
        payment: payment.id(),
        merchant: intent.merchant,
        mode: intent.mode,
        idempotency: Some((IdempotencyKey(bytes), Fingerprint(2))),
    }
}

pub(crate) fn receipt() -> ProviderReceipt {
    ProviderReceipt { external_id: "ext".into(), rrn: "1".into(), approval_code: "2".into() }
}
