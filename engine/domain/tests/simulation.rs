//! Many merchants on one shard, driven by a seed: payments, providers that answer in any order,
//! twice, late and against their own word, time that jumps, and processes that die.
//!
//! Beside the shard runs a model that is too simple to be wrong in the same way. After each command
//! the two must agree on every payment, every key and every account; after each restart the state
//! replayed from bytes must be the state that was lived. Simulated: the shard alone. Not here:
//! faults of the log, which the engine's simulation adds.
//!
//! `TOLLGATE_SEEDS` says how many seeds are played; `TOLLGATE_SEED` plays one alone.

#[path = "stage/stage.rs"]
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use stage::{Chance, DAY, HOUR, MINUTE, Stage, create_payment, last_attempt, merchant};
use tollgate_domain::{
    Amount, AttemptId, AttemptState, CaptureMode, Command, CreatePayment, Currency, Decision,
    DeclineCode, Effect, Event, Fingerprint, IdempotencyKey, MerchantId, Millis, Mode, Money,
    NextAction, OutcomeSource, Payment, PaymentId, PaymentMethod, PaymentStatus, Policy,
    ProviderOutcome, ProviderReceipt, RecordProviderOutcome, Rejection, Timestamp,
    ledger::{Account, AccountKey},
};

/// Seeds played where nobody says otherwise: all of them take a few seconds.
const SEEDS: u64 = 300;

/// Commands of one play.
const COMMANDS: u64 = 250;

#[test]
fn the_shard_agrees_with_its_model_under_every_seed() {
    let (first, count) = match number_in_environment("TOLLGATE_SEED") {
        Some(seed) => (seed, 1),
        None => (0, number_in_environment("TOLLGATE_SEEDS").unwrap_or(SEEDS)),
    };
    let mut seen = BTreeSet::new();
    for seed in first..first + count {
        let _tells = TellsItsSeed(seed);
        seen.extend(Play::new(seed).run());
    }
    if count >= SEEDS {
        let all = [
            "answer accepted",
            "answer changes nothing",
            "answer to nobody",
            "approved late",
            "contradicted",
            "expired",
            "key answered",
            "key forgotten",
            "key refused",
            "key taken again",
            "restarted",
            "restarted with open attempts",
        ];
        assert_eq!(seen, all.into(), "the seeds reach whatever matters");
    }
}

#[test]
fn equal_seeds_give_equal_plays() {
    let play = |seed| {
        let mut play = Play::new(seed);
        play.run();
        (play.stage.log().to_vec(), play.stage.state().hash())
    };
    assert_eq!(play(7), play(7));
    assert_ne!(play(7).1, play(8).1);
}

#[expect(clippy::disallowed_methods, reason = "which seeds are played is the caller's choice")]
fn number_in_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Says how to play a seed again, should it fail.
struct TellsItsSeed(u64);

impl Drop for TellsItsSeed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {} failed; play it again with\n    \
                 TOLLGATE_SEED={} cargo test -p tollgate-domain --test simulation",
                self.0, self.0
            );
        }
    }
}

/// One play: the shard, its model, and the chance that drives both.
struct Play {
    stage: Stage,
    model: Model,
    chance: Chance,
    /// Every attempt there is, in the order of its making.
    attempts: Vec<(PaymentId, AttemptId)>,
    seen: BTreeSet<&'static str>,
}

/// What should be true, told without states of attempts, timers or events.
#[derive(Default)]
struct Model {
    payments: BTreeMap<PaymentId, Expected>,
    keys: BTreeMap<IdempotencyKey, (Fingerprint, PaymentId, Timestamp)>,
    /// Attempts that a provider was asked to authorize; never twice.
    authorized: BTreeSet<AttemptId>,
}

/// What should be true of a payment.
struct Expected {
    merchant: MerchantId,
    mode: Mode,
    money: Money,
    capture: CaptureMode,
    method: PaymentMethod,
    stands: Stands,
    /// The provider's verdict, as far as it binds us.
    verdict: Verdict,
    /// The first final answer, once there is one.
    answered: Option<Payment>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Waiting,
    Acting { until: Timestamp },
    Held { until: Timestamp },
    Paid,
    Failed,
    Expired,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    None,
    Yes,
    YesThenNo,
    No,
    TooLateYes,
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        // Shorter spans than in life, so that everything falls due within one play.
        let policy = Policy {
            authorization_validity: chance.pick(&[HOUR, DAY]),
            action_validity: chance.pick(&[MINUTE, HOUR]),
            upi_validity: chance.pick(&[MINUTE, HOUR]),
            idempotency_retention: chance.pick(&[HOUR, DAY]),
            ..Policy::default()
        };
        let stage = Stage::seeded(policy, chance.word());
        let attempts = Vec::new();
        Self { stage, model: Model::default(), chance, attempts, seen: BTreeSet::new() }
    }

    fn run(&mut self) -> BTreeSet<&'static str> {
        for _ in 0..COMMANDS {
            match self.chance.below(100) {
                0..30 => self.create_payment(),
                30..75 => self.answer_any(),
                75..85 => self.tick(),
                85..97 => self.jump(),
                _ => self.restart(),
            }
            self.compare();
        }
        self.come_to_rest();
        self.seen.clone()
    }

    fn create_payment(&mut self) {
        let chance = &mut self.chance;
        let code = chance.pick(&["INR", "JPY", "BHD"]);
        let currency = Currency::from_code(code).expect("a currency");
        let units = chance.pick(&[1, 10_000, 99_999, Amount::MAX.minor_units()]);
        let amount = Amount::from_minor_units(units).expect("an amount");
        let capture = chance.pick(&CaptureMode::ALL);
        let key = (chance.below(4) > 0).then(|| {
            // Few keys and two requests: most keys come back.
            let key = IdempotencyKey([u8::try_from(chance.below(24)).expect("few"); 16]);
            (key, Fingerprint(u64::from(chance.below(5) == 0)))
        });
        let command = CreatePayment {
            merchant: merchant(chance.below(5)),
            mode: chance.pick(&Mode::ALL),
            method: chance.pick(&stage::methods()),
            idempotency: key,
            ..create_payment(Money { amount, currency }, capture)
        };
        let sent = command.clone();
        let decided = self.stage.send(Command::CreatePayment(Box::new(command)));
        let now = self.stage.now();
        let known = key.and_then(|(key, fingerprint)| {
            self.model.keys.get(&key).map(|known| (fingerprint, *known))
        });
        let retention = self.stage.policy().idempotency_retention;
        match (decided, known) {
            (Ok(Decision::Replayed { payment }), Some((fingerprint, known))) => {
                assert_eq!((fingerprint, payment), (known.0, known.1), "one key, one payment");
                self.seen.insert("key answered");
            }
            (Err(Rejection::IdempotencyKeyReused), Some((fingerprint, known))) => {
                assert_ne!(fingerprint, known.0, "the same request is answered");
                self.seen.insert("key refused");
            }
            (Ok(decision @ Decision::Accepted { payment: Some(id), .. }), known) => {
                if let Some((_fingerprint, (_, _, since))) = known {
                    assert!(now.since(since) >= retention, "forgotten before its time");
                    self.seen.insert("key taken again");
                }
                let [Effect::Authorize { payment, attempt }] = *stage::effects(&decision) else {
                    panic!("a new payment is sent to a provider: {decision:?}")
                };
                assert_eq!(payment, id);
                assert!(self.model.authorized.insert(attempt), "never charged twice");
                self.attempts.push((payment, attempt));
                self.model.payments.insert(payment, Expected::of(&sent));
                if let Some((key, fingerprint)) = key {
                    self.model.keys.insert(key, (fingerprint, payment, now));
                }
            }
            (decided, known) => panic!("{decided:?} where the key stands for {known:?}"),
        }
    }

    /// Some provider says something of some attempt.
    fn answer_any(&mut self) {
        if self.attempts.is_empty() || self.chance.below(50) == 0 {
            return self.answer_to_nobody();
        }
        let outcome = self.outcome();
        // Mostly of recent attempts, but no attempt is ever safe from an answer.
        let recent = self.attempts.len().saturating_sub(6);
        let among = if self.chance.below(4) > 0 { recent } else { 0 };
        let (payment, attempt) = self.chance.pick(&self.attempts[among..]);
        self.answer(payment, attempt, &outcome);
        if self.chance.below(5) == 0 {
            let hash = self.stage.state().hash();
            let expects_inquiry = self.answer(payment, attempt, &outcome);
            assert!(!expects_inquiry, "a repeated answer asks nothing");
            assert_eq!(self.stage.state().hash(), hash, "an answer that comes twice counts once");
        }
    }

    /// Records an answer; tells whether an inquiry follows.
    fn answer(
        &mut self,
        payment: PaymentId,
        attempt: AttemptId,
        outcome: &ProviderOutcome,
    ) -> bool {
        let source = self.chance.pick(&OutcomeSource::ALL);
        let outcome = outcome.clone();
        let (now, policy) = (self.stage.now(), self.stage.policy().clone());
        let expected = self.model.payments.get_mut(&payment).expect("a payment of this play");
        let inquires = expected.hear(&outcome, now, &policy);
        let verdict = expected.verdict;
        let answer = RecordProviderOutcome { payment, attempt, source, outcome };
        let decision = self.stage.send(Command::RecordProviderOutcome(answer));
        let decision = decision.expect("what a provider reports is always accepted");
        let inquiry = [Effect::Inquire { payment, attempt }];
        assert_eq!(stage::effects(&decision), if inquires { &inquiry[..] } else { &[] });
        self.seen.insert(match (&decision, verdict) {
            (Decision::Unchanged, _) => "answer changes nothing",
            (_, Verdict::TooLateYes) => "approved late",
            (_, Verdict::YesThenNo) => "contradicted",
            (_, Verdict::None | Verdict::Yes | Verdict::No) => "answer accepted",
        });
        inquires
    }

    fn answer_to_nobody(&mut self) {
        let hash = self.stage.state().hash();
        let nobody = PaymentId::from_u128(self.chance.word().into());
        let attempt = AttemptId::from_u128(self.chance.word().into());
        let (source, outcome) = (OutcomeSource::Callback, self.outcome());
        let answer = RecordProviderOutcome { payment: nobody, attempt, source, outcome };
        let refused = self.stage.send(Command::RecordProviderOutcome(answer));
        assert_eq!(refused, Err(Rejection::PaymentNotFound(nobody)));
        if let Some((payment, _own)) = self.attempts.last().copied() {
            let outcome = self.outcome();
            let answer = RecordProviderOutcome { payment, attempt, source, outcome };
            let refused = self.stage.send(Command::RecordProviderOutcome(answer));
            assert_eq!(refused, Err(Rejection::AttemptNotFound(attempt)));
        }
        assert_eq!(self.stage.state().hash(), hash);
        self.seen.insert("answer to nobody");
    }

    fn outcome(&mut self) -> ProviderOutcome {
        match self.chance.below(12) {
            0..3 => ProviderOutcome::Approved(ProviderReceipt {
                external_id: format!("sim_{}", self.chance.below(100)).into(),
                rrn: "600115000001".into(),
                approval_code: "".into(),
            }),
            3 | 4 => ProviderOutcome::Declined(self.chance.pick(&DeclineCode::ALL)),
            5 | 6 => stage::action_required(&self.chance.pick(&stage::methods())),
            7 => ProviderOutcome::Pending,
            8 => ProviderOutcome::NotSent,
            9 => ProviderOutcome::Unknown,
            10 => ProviderOutcome::NotFound { past_horizon: false },
            _ => ProviderOutcome::NotFound { past_horizon: true },
        }
    }

    fn jump(&mut self) {
        let span = match self.chance.below(10) {
            0..5 => Millis(self.chance.below(2_000)),
            5..8 => Millis(self.chance.below(10 * MINUTE.0)),
            8 => Millis(self.chance.below(3 * HOUR.0)),
            _ => Millis(self.chance.below(2 * DAY.0)),
        };
        self.stage.wait(span);
    }

    fn tick(&mut self) {
        let now = self.stage.now();
        let due = self.stage.state().next_due(self.stage.policy()).is_some_and(|due| due <= now);
        let decision = self.stage.send(Command::Tick).expect("a tick is never refused");
        match &decision {
            Decision::Accepted { record, payment: None } => {
                assert!(due, "nothing was due: {record:?}");
                for event in &record.events {
                    if let Event::IdempotencyKeysForgotten { .. } = event {
                        self.seen.insert("key forgotten");
                    }
                    if let Event::PaymentExpired { .. } = event {
                        self.seen.insert("expired");
                    }
                }
            }
            Decision::Unchanged => assert!(!due, "what is due is done"),
            Decision::Accepted { .. } | Decision::Replayed { .. } => panic!("{decision:?}"),
        }
        for expected in self.model.payments.values_mut() {
            expected.pass(now);
        }
        for effect in stage::effects(&decision) {
            self.inquires_into_the_unresolved(*effect);
        }
        // Plays are small: one tick does all there is.
        let next_due = self.stage.state().next_due(self.stage.policy());
        assert!(next_due.is_none_or(|due| due > now), "a tick does what is due");
    }

    fn restart(&mut self) {
        let open = self.stage.state().payments_sorted().into_iter();
        let open = open.filter(|payment| last_attempt(payment).state == AttemptState::Open).count();
        let unresolved = self.stage.state().unresolved();
        let decision = self.stage.restart().expect("a restart is never refused");
        let inquiries = stage::effects(&decision);
        assert_eq!(inquiries.len(), unresolved.len(), "each is asked about, once");
        for effect in inquiries {
            self.inquires_into_the_unresolved(*effect);
        }
        for payment in self.stage.state().payments_sorted() {
            assert_ne!(last_attempt(payment).state, AttemptState::Open, "no call is under way");
        }
        self.seen.insert("restarted");
        if open > 0 {
            self.seen.insert("restarted with open attempts");
        }
    }

    fn inquires_into_the_unresolved(&self, effect: Effect) {
        let Effect::Inquire { payment, attempt } = effect else {
            panic!("only a new payment is charged: {effect:?}")
        };
        let unresolved = self.stage.payment(payment).unresolved_attempt().map(|found| found.id);
        assert_eq!(unresolved, Some(attempt));
        let call = self.stage.state().provider_call(effect).expect("a call a worker can run");
        assert_eq!((call.attempt, call.intent.id), (attempt, payment));
    }

    /// The shard and its model agree on payments and accounts.
    fn compare(&mut self) {
        let state = self.stage.state();
        assert_eq!(state.payment_count(), self.model.payments.len());
        let mut credits = BTreeMap::<AccountKey, i128>::new();
        for payment in state.payments_sorted() {
            let id = payment.id();
            let expected = self.model.payments.get_mut(&id).expect("a payment of this play");
            let status = payment.state().status();
            assert!(expected.stands.allows(status), "{:?}, not {payment:?}", expected.stands);
            let taken = i128::from(expected.money.amount.minor_units());
            let captured = if expected.stands == Stands::Paid { taken } else { 0 };
            assert_eq!(i128::from(payment.amount_captured().minor_units()), captured);
            let mut credit = |account, amount: i128| {
                let (mode, currency) = (expected.mode, expected.money.currency);
                *credits.entry(AccountKey { mode, currency, account }).or_default() += amount;
            };
            credit(Account::MerchantPayable(expected.merchant), captured);
            if expected.verdict == Verdict::TooLateYes && expected.capture == CaptureMode::Automatic
            {
                credit(Account::Exceptions, taken);
            }
            // Nobody waits for ever: where no call is under way, a timer runs.
            let attempt = last_attempt(payment);
            assert!(
                !payment.state().awaits_outcome()
                    || attempt.state == AttemptState::Open
                    || payment.due_at().is_some(),
                "{payment:?}"
            );
            match &expected.answered {
                Some(answered) => assert_eq!(payment.as_first_answered(), answered),
                None if status.is_final_answer() => expected.answered = Some(payment.clone()),
                None => assert_eq!(payment.as_first_answered(), payment),
            }
        }
        let mut owed = stage::balances(state);
        owed.retain(|key, credit| {
            *credit != 0 && !matches!(key.account, Account::ProviderReceivable(_))
        });
        credits.retain(|_key, credit| *credit != 0);
        assert_eq!(owed, credits, "the ledger holds what was captured, and nothing else");
    }

    /// Every provider tells the truth at last, and time runs on: everything comes to an end.
    fn come_to_rest(&mut self) {
        for payment in self.stage.state().unresolved() {
            let attempt = last_attempt(self.stage.payment(payment)).id;
            let outcome = self.chance.pick(&[stage::approved(), stage::declined()]);
            self.answer(payment, attempt, &outcome);
            self.compare();
        }
        while let Some(due_at) = self.stage.state().next_due(self.stage.policy()) {
            self.stage.wait_until(due_at);
            self.tick();
            self.compare();
        }
        assert!(self.stage.state().idempotency().is_empty(), "every key is forgotten in the end");
        for payment in self.stage.state().payments_sorted() {
            assert!(!payment.state().awaits_outcome(), "{payment:?}");
        }
        self.restart();
    }
}

impl Expected {
    fn of(command: &CreatePayment) -> Self {
        Self {
            merchant: command.merchant,
            mode: command.mode,
            money: command.money,
            capture: command.capture,
            method: command.method.clone(),
            stands: Stands::Waiting,
            verdict: Verdict::None,
            answered: None,
        }
    }

    /// A provider speaks; tells whether that has to be asked about.
    fn hear(&mut self, outcome: &ProviderOutcome, now: Timestamp, policy: &Policy) -> bool {
        let awaited = matches!(self.stands, Stands::Waiting | Stands::Acting { .. });
        match outcome {
            ProviderOutcome::Approved(_) => {
                match (self.verdict, self.capture) {
                    (Verdict::Yes | Verdict::YesThenNo | Verdict::TooLateYes, _) => {}
                    (Verdict::None | Verdict::No, _) if !awaited => {
                        self.verdict = Verdict::TooLateYes;
                    }
                    (Verdict::None | Verdict::No, capture) => {
                        self.verdict = Verdict::Yes;
                        self.stands = match capture {
                            CaptureMode::Automatic => Stands::Paid,
                            CaptureMode::Manual => {
                                Stands::Held { until: now.after(policy.authorization_validity) }
                            }
                        };
                    }
                }
                false
            }
            ProviderOutcome::Declined(_)
            | ProviderOutcome::NotSent
            | ProviderOutcome::NotFound { past_horizon: true } => {
                let contradicts = self.verdict == Verdict::Yes;
                match self.verdict {
                    Verdict::None => self.verdict = Verdict::No,
                    Verdict::Yes => self.verdict = Verdict::YesThenNo,
                    Verdict::YesThenNo | Verdict::No | Verdict::TooLateYes => {}
                }
                if awaited {
                    self.stands = Stands::Failed;
                }
                contradicts
            }
            ProviderOutcome::ActionRequired { action } => {
                let by_upi = matches!(self.method, PaymentMethod::Upi(_));
                let validity = match action {
                    NextAction::Redirect { .. } => Some(policy.action_validity),
                    NextAction::ApproveUpi { .. } => by_upi.then_some(policy.upi_validity),
                };
                if let (Stands::Waiting, Some(validity)) = (self.stands, validity) {
                    self.stands = Stands::Acting { until: now.after(validity) };
                }
                false
            }
            ProviderOutcome::Pending
            | ProviderOutcome::Unknown
            | ProviderOutcome::NotFound { past_horizon: false } => false,
        }
    }

    /// A tick at `now`.
    fn pass(&mut self, now: Timestamp) {
        if let Stands::Acting { until } | Stands::Held { until } = self.stands
            && until <= now
        {
            self.stands = Stands::Expired;
        }
    }
}

impl Stands {
    fn allows(self, status: PaymentStatus) -> bool {
        match self {
            Self::Waiting => matches!(status, PaymentStatus::Processing | PaymentStatus::Unknown),
            Self::Acting { .. } => status == PaymentStatus::RequiresAction,
            Self::Held { .. } => status == PaymentStatus::Authorized,
            Self::Paid => status == PaymentStatus::Completed,
            Self::Failed => status == PaymentStatus::Failed,
            Self::Expired => status == PaymentStatus::Expired,
        }
    }
}
