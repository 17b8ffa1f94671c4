//! One shard on a stage: its clock and its chance are the test's, and every record it makes is kept
//! as bytes, so that it can be played again at any time.
//!
//! Not here: what ought to happen. Each test holds its own expectations.

#![allow(dead_code, reason = "each test file uses its own part of the stage")]

use std::collections::BTreeMap;

use tollgate_domain::{
    Amount, Attempt, AttemptState, CaptureMode, CardBrand, CardFacts, CardFingerprint, Command,
    Contradiction, CreatePayment, Currency, Decision, DeclineCode, Effect, Env, Fingerprint,
    IdempotencyKey, MerchantId, Millis, Mode, Money, NetBankingFacts, NextAction, Operation,
    OperationOutcome, OperationState, OutcomeSource, Payment, PaymentId, PaymentMethod, Policy,
    ProviderId, ProviderOutcome, ProviderReceipt, RecordOperationOutcome, RecordProviderOutcome,
    Rejection, ShardId, ShardState, Target, Timestamp, UpiFacts, VpaFingerprint, WalletFacts,
    WalletFingerprint, codec, invariant,
    ledger::{Account, AccountKey},
};

/// The shard on stage.
pub(crate) const SHARD: ShardId = ShardId(3);

/// When the curtain rises: 2026-01-15T10:30:00Z.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_768_473_000_000);

/// One minute.
pub(crate) const MINUTE: Millis = Millis::from_seconds(60);

/// One hour.
pub(crate) const HOUR: Millis = Millis::from_seconds(3_600);

/// One day.
pub(crate) const DAY: Millis = Millis::from_seconds(86_400);

/// A small generator of chance (the splitmix64 sequence): equal seeds give equal plays, on every
/// machine and with every version of every library.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

/// A shard and its surroundings.
pub(crate) struct Stage {
    state: ShardState,
    now: Timestamp,
    chance: Chance,
    policy: Policy,
    log: Vec<Vec<u8>>,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `bound`, which is above zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.word() % bound
    }

    /// One of `choices`, which are some.
    pub(crate) fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).expect("few choices");
        let index = usize::try_from(self.below(count)).expect("an index");
        choices[index].clone()
    }
}

impl Stage {
    pub(crate) fn new(policy: Policy) -> Self {
        Self::seeded(policy, 0)
    }

    pub(crate) fn seeded(policy: Policy, seed: u64) -> Self {
        let state = ShardState::new(SHARD);
        Self { state, now: START, chance: Chance::new(seed), policy, log: Vec::new() }
    }

    pub(crate) fn state(&self) -> &ShardState {
        &self.state
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every record so far, as bytes.
    pub(crate) fn log(&self) -> &[Vec<u8>] {
        &self.log
    }

    /// The payment with this id, which exists.
    pub(crate) fn payment(&self, id: PaymentId) -> &Payment {
        self.state.payment(id).expect("the payment exists")
    }

    /// Lets time pass, and nothing else.
    pub(crate) fn wait(&mut self, span: Millis) {
        self.now = self.now.after(span);
    }

    /// Sets the clock, which never goes back.
    pub(crate) fn wait_until(&mut self, time: Timestamp) {
        self.now = self.now.max(time);
    }

    /// Decides a command, encodes its record, applies it and checks every invariant.
    pub(crate) fn send(&mut self, command: Command) -> Result<Decision, Rejection> {
        let entropy = [self.chance.word(), self.chance.word(), self.chance.word()];
        let env = Env { now: self.now, shard: SHARD, entropy, policy: &self.policy };
        let decision = self.state.decide(command, &env)?;
        if let Decision::Accepted { record, .. } = &decision {
            assert!(!record.events.is_empty(), "a record holds an event");
            assert_eq!(record.at, self.now, "a record bears the shard's time");
            let bytes = codec::encode(record).expect("a record fits the log");
            assert_eq!(codec::decode(&bytes).as_ref().ok(), Some(record), "bytes tell all");
            self.log.push(bytes);
            self.state.apply(record);
            assert_eq!(invariant::shard(&self.state), Ok(()), "after {record:?}");
            assert_eq!(invariant::histories(&self.state), Ok(()), "after {record:?}");
        }
        Ok(decision)
    }

    /// What a provider says of the last attempt of a payment.
    pub(crate) fn answer(
        &mut self,
        payment: PaymentId,
        source: OutcomeSource,
        outcome: ProviderOutcome,
    ) -> Result<Decision, Rejection> {
        let attempt = last_attempt(self.payment(payment)).id;
        let answer = RecordProviderOutcome { payment, attempt, source, outcome };
        self.send(Command::RecordProviderOutcome(answer))
    }

    /// What a provider says of the last operation on a payment.
    pub(crate) fn answer_operation(
        &mut self,
        payment: PaymentId,
        source: OutcomeSource,
        outcome: OperationOutcome,
    ) -> Result<Decision, Rejection> {
        let operation = last_operation(self.payment(payment)).id();
        let answer = RecordOperationOutcome { payment, operation, source, outcome };
        self.send(Command::RecordOperationOutcome(answer))
    }

    /// The state as the log alone tells it.
    pub(crate) fn replayed(&self) -> ShardState {
        let mut state = ShardState::new(SHARD);
        for bytes in &self.log {
            state.apply(&codec::decode(bytes).expect("what was encoded decodes"));
        }
        state
    }

    /// The process dies and comes back: the state is replayed from bytes, must be what it was, and
    /// attempts without an outcome are asked about.
    pub(crate) fn restart(&mut self) -> Result<Decision, Rejection> {
        let replayed = self.replayed();
        assert_eq!(replayed.hash(), self.state.hash(), "replay gives the state that was lived");
        assert_eq!(replayed.next_due(&self.policy), self.state.next_due(&self.policy));
        assert_eq!(replayed.unresolved(), self.state.unresolved());
        assert_eq!(invariant::shard(&replayed), Ok(()));
        self.state = replayed;
        self.send(Command::ResolveUnsettled(self.state.unresolved()))
    }

    /// What stands to the credit of an account, in minor units.
    pub(crate) fn credit(&self, mode: Mode, currency: Currency, account: Account) -> i128 {
        self.state.ledger().balance(&AccountKey { mode, currency, account }).net_credit()
    }
}

/// A card payment of `money`, without a key.
pub(crate) fn create_payment(money: Money, capture: CaptureMode) -> CreatePayment {
    CreatePayment {
        merchant: merchant(1),
        mode: Mode::Test,
        money,
        capture,
        method: card(),
        card_expires_at: None,
        repeats_only: false,
        hold_for_review: false,
        emi: None,
        order: None,
        one_payment_per_order: false,
        order_id: Some("order_456".into()),
        customer_id: None,
        personal: None,
        description: None,
        callback_url: None,
        return_url: None,
        metadata: vec![("table".into(), "12".into())],
        provider: ProviderId::SIMULATOR,
        control_version: 1,
        idempotency: None,
    }
}

/// One of each method.
pub(crate) fn methods() -> [PaymentMethod; 4] {
    [card(), upi(), net_banking(), wallet()]
}

pub(crate) fn card() -> PaymentMethod {
    PaymentMethod::Card(CardFacts {
        brand: CardBrand::Visa,
        bin: 424_242,
        last4: 4_242,
        expiry_month: 12,
        expiry_year: 2_030,
        fingerprint: CardFingerprint([7; 16]),
        funding: None,
        issuer_country: None,
    })
}

pub(crate) fn upi() -> PaymentMethod {
    PaymentMethod::Upi(UpiFacts {
        handle: "okbank".into(),
        fingerprint: VpaFingerprint([8; 16]),
        payee_name: "Tea House".into(),
    })
}

pub(crate) fn net_banking() -> PaymentMethod {
    PaymentMethod::NetBanking(NetBankingFacts { bank: "SBIN".into() })
}

pub(crate) fn wallet() -> PaymentMethod {
    PaymentMethod::Wallet(WalletFacts {
        provider: "paytm".into(),
        fingerprint: WalletFingerprint([9; 16]),
    })
}

/// Merchant number `number`.
pub(crate) fn merchant(number: u64) -> MerchantId {
    MerchantId::new(START, ShardId::CONTROL, number)
}

/// `100.00` of `INR`.
pub(crate) fn money(major_units: &str, code: &str) -> Money {
    let currency = Currency::from_code(code).expect("a currency");
    let major_units = major_units.parse().expect("a number");
    let amount = Amount::from_major_units(major_units, currency).expect("an amount");
    Money { amount, currency }
}

/// The digests of a client's key and of the request it comes with; a gateway would use a keyed
/// hash.
pub(crate) fn idempotency(key: &str, request: &str) -> (IdempotencyKey, Fingerprint) {
    let mut digest = [0_u8; 16];
    for (index, byte) in key.bytes().enumerate() {
        digest[index % 16] = byte.wrapping_add(digest[index % 16].wrapping_mul(31));
    }
    let fingerprint = request
        .bytes()
        .fold(7_u64, |hash, byte| hash.wrapping_mul(0x0100_0000_01b3).wrapping_add(byte.into()));
    (IdempotencyKey(digest), Fingerprint(fingerprint))
}

pub(crate) fn approved() -> ProviderOutcome {
    ProviderOutcome::Approved(ProviderReceipt {
        external_id: "sim_1".into(),
        rrn: "600115000001".into(),
        approval_code: "A1B2C3".into(),
    })
}

pub(crate) fn declined() -> ProviderOutcome {
    ProviderOutcome::Declined(DeclineCode::InsufficientFunds)
}

/// What a customer who pays by `method` is usually asked to do.
pub(crate) fn action_required(method: &PaymentMethod) -> ProviderOutcome {
    let action = match method {
        PaymentMethod::Card(_) | PaymentMethod::NetBanking(_) | PaymentMethod::Wallet(_) => {
            NextAction::Redirect { url: "https://bank.example/3ds".into() }
        }
        PaymentMethod::Upi(_) => NextAction::ApproveUpi {
            payee_vpa: "tollgate@okbank".into(),
            reference: "att_1".into(),
        },
    };
    ProviderOutcome::ActionRequired { action }
}

/// The last attempt of a payment; each has one.
pub(crate) fn last_attempt(payment: &Payment) -> &Attempt {
    payment.attempts().last().expect("a payment begins with an attempt")
}

/// The last operation on a payment that has one.
pub(crate) fn last_operation(payment: &Payment) -> &Operation {
    payment.operations().last().expect("something was done to the payment")
}

/// The payment as its merchant names it, with the digest of a client's key, if there is one.
pub(crate) fn target(payment: &Payment, key: Option<(IdempotencyKey, Fingerprint)>) -> Target {
    let intent = payment.intent();
    Target { payment: payment.id(), merchant: intent.merchant, mode: intent.mode, idempotency: key }
}

/// What a provider gives with what it has done.
pub(crate) fn receipt() -> ProviderReceipt {
    ProviderReceipt {
        external_id: "sim_2".into(),
        rrn: "600115000002".into(),
        approval_code: "D4E5F6".into(),
    }
}

/// `succeeded`, `waiting`: what became of an operation, or what has to be known of its contradiction.
pub(crate) fn outcome_of(operation: &Operation) -> &'static str {
    match &operation.state {
        OperationState::Open { .. } => "open",
        OperationState::Waiting(_) => "waiting",
        OperationState::Pending(_) => "pending",
        OperationState::Unknown { .. } => "unknown",
        OperationState::Succeeded { contradiction: None, .. } => "succeeded",
        OperationState::Succeeded { contradiction: Some(Contradiction::Asked(_)), .. } => {
            "contradicted"
        }
        OperationState::Succeeded { contradiction: Some(Contradiction::Insisted), .. } => "denied",
        OperationState::Failed { .. } => "failed",
        OperationState::Returned { .. } => "returned",
        OperationState::SucceededLate { .. } => "succeeded_late",
    }
}

/// `completed/approved`: the payment's status and what became of its last attempt.
pub(crate) fn standing(payment: &Payment) -> String {
    let attempt = match &last_attempt(payment).state {
        AttemptState::Open => "open",
        AttemptState::Pending(_) => "pending",
        AttemptState::Unknown(_) => "unknown",
        AttemptState::ActionRequired(_) => "action_required",
        AttemptState::Approved { contradiction: None, .. } => "approved",
        AttemptState::Approved { contradiction: Some(Contradiction::Asked(_)), .. } => {
            "contradicted"
        }
        AttemptState::Approved { contradiction: Some(Contradiction::Insisted), .. } => "denied",
        AttemptState::Declined { .. } => "declined",
        AttemptState::NotSent { .. } => "not_sent",
        AttemptState::Cancelled { .. } => "cancelled",
        AttemptState::ApprovedLate { .. } => "approved_late",
    };
    format!("{}/{attempt}", payment.state().status().as_str())
}

/// The effects of a decision.
pub(crate) fn effects(decision: &Decision) -> &[Effect] {
    match decision {
        Decision::Accepted { record, .. } => &record.effects,
        Decision::Replayed { .. } | Decision::Unchanged => &[],
    }
}

/// Credits less debits by account, in minor units.
pub(crate) type Balances = BTreeMap<AccountKey, i128>;

/// What stands on each account of a shard.
pub(crate) fn balances(state: &ShardState) -> Balances {
    state.ledger().sorted().into_iter().map(|(key, balance)| (key, balance.net_credit())).collect()
}
