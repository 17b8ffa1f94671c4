//! What should be true, told without events, attempts' states or timers of the domain's making.
//!
//! The model hears every command that a shard takes and says what it must come to. It keeps what it
//! heard in the order of the log, each with the state that it led to, so that after a crash it can be
//! taken back to what the log still holds.
//!
//! Not here: the log, and what clients were told. The play keeps those.

use std::collections::{BTreeMap, BTreeSet};

use tollgate_domain::{
    AttemptId, CaptureMode, CreatePayment, Event, Fingerprint, IdempotencyKey, MerchantId, Millis,
    Mode, Money, NextAction, PaymentId, PaymentMethod, PaymentStatus, Policy, ProviderOutcome,
    ShardId, Timestamp,
};

/// What one shard should hold.
#[derive(Clone, Default, Debug)]
pub(crate) struct Model {
    pub(crate) payments: BTreeMap<PaymentId, Expected>,
    pub(crate) keys: BTreeMap<IdempotencyKey, Key>,
}

/// An idempotency key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    fingerprint: Fingerprint,
    payment: PaymentId,
    since: Timestamp,
}

/// What should be true of a payment.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) merchant: MerchantId,
    pub(crate) mode: Mode,
    pub(crate) money: Money,
    pub(crate) capture: CaptureMode,
    by_upi: bool,
    pub(crate) attempt: AttemptId,
    pub(crate) status: PaymentStatus,
    pub(crate) heard: Heard,
    /// When something is due, if ever: an inquiry or an expiry.
    pub(crate) due: Option<Timestamp>,
    inquiries: usize,
    /// The first final answer, once there is one: the status, and what was captured.
    pub(crate) first: Option<(PaymentStatus, i64)>,
}

/// What the provider has said of the attempt, as far as it binds us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Heard {
    /// Nothing: the call may be under way.
    Nothing,
    /// That it will answer later.
    Later,
    /// Nothing that tells, so that we ask.
    NothingCertain,
    /// That the customer has to act.
    Act,
    /// Yes.
    Yes,
    /// Yes, and then that it was not so.
    YesThenNo,
    /// No.
    No,
    /// Yes, when we had given up.
    TooLateYes,
}

/// What a request for a payment must come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request {
    /// A new payment.
    New,
    /// The payment that the key stands for.
    Known(PaymentId),
    /// A refusal: the key came with another request.
    Reused,
    /// A refusal: the card's last month is over.
    CardExpired,
}

/// What a provider's answer must come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hearing {
    /// Nothing.
    Nothing,
    /// A record.
    Recorded,
    /// A record, and an inquiry.
    Contradicted,
}

impl Model {
    pub(crate) fn request(&self, command: &CreatePayment, now: Timestamp) -> Request {
        let known = command.idempotency.and_then(|(key, fingerprint)| {
            self.keys.get(&key).map(|known| (known, known.fingerprint == fingerprint))
        });
        match known {
            Some((known, true)) => Request::Known(known.payment),
            Some((_, false)) => Request::Reused,
            None if command.card_expires_at.is_some_and(|end| end <= now) => Request::CardExpired,
            None => Request::New,
        }
    }

    pub(crate) fn create(
        &mut self,
        id: PaymentId,
        expected: Expected,
        key: Option<(IdempotencyKey, Fingerprint)>,
        now: Timestamp,
    ) {
        let known = self.payments.insert(id, expected);
        assert!(known.is_none(), "an id is given once: {id}");
        if let Some((key, fingerprint)) = key {
            self.keys.insert(key, Key { fingerprint, payment: id, since: now });
        }
    }

    pub(crate) fn hear(
        &mut self,
        id: PaymentId,
        outcome: &ProviderOutcome,
        now: Timestamp,
        policy: &Policy,
    ) -> Hearing {
        self.payments.get_mut(&id).expect("a payment of this play").hear(outcome, now, policy)
    }

    /// A tick: gives the attempts that must be asked about.
    pub(crate) fn tick(&mut self, now: Timestamp, policy: &Policy) -> BTreeSet<AttemptId> {
        let mut asked = BTreeSet::new();
        for expected in self.payments.values_mut() {
            if expected.due.is_none_or(|due| due > now) {
                continue;
            }
            if expected.is_unresolved() {
                expected.ask(now, policy);
                asked.insert(expected.attempt);
            } else {
                expected.settle(PaymentStatus::Expired, None);
            }
        }
        asked
    }

    /// A restart: gives the attempts that must be asked about.
    pub(crate) fn restart(&mut self, now: Timestamp, policy: &Policy) -> BTreeSet<AttemptId> {
        let mut asked = BTreeSet::new();
        for expected in self.payments.values_mut() {
            if !expected.is_unresolved() {
                continue;
            }
            if expected.heard == Heard::Nothing {
                expected.heard = Heard::NothingCertain;
                expected.status = PaymentStatus::Unknown;
            }
            expected.ask(now, policy);
            asked.insert(expected.attempt);
        }
        asked
    }

    /// Keys from before a time are forgotten, but for those of payments that may yet succeed.
    /// Nobody else may be forgotten, and nobody before his time.
    pub(crate) fn forget(&mut self, events: &[Event], now: Timestamp, policy: &Policy) {
        for event in events {
            let Event::IdempotencyKeysForgotten { created_before } = event else { continue };
            assert!(now.since(*created_before) >= policy.idempotency_retention, "forgotten early");
            let payments = &self.payments;
            self.keys.retain(|_key, known| {
                if known.since.as_seconds() >= created_before.as_seconds() {
                    return true;
                }
                known.since = *created_before;
                payments[&known.payment].awaits()
            });
        }
    }

    /// When something must be done, keys apart.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.payments.values().filter_map(|expected| expected.due).min()
    }

    /// The payments without a certain outcome.
    pub(crate) fn unresolved(&self) -> Vec<PaymentId> {
        let unresolved = self.payments.iter().filter(|(_id, expected)| expected.is_unresolved());
        unresolved.map(|(id, _expected)| *id).collect()
    }
}

impl Expected {
    pub(crate) fn new(command: &CreatePayment, attempt: AttemptId) -> Self {
        Self {
            merchant: command.merchant,
            mode: command.mode,
            money: command.money,
            capture: command.capture,
            by_upi: matches!(command.method, PaymentMethod::Upi(_)),
            attempt,
            status: PaymentStatus::Processing,
            heard: Heard::Nothing,
            due: None,
            inquiries: 0,
            first: None,
        }
    }

    fn hear(&mut self, outcome: &ProviderOutcome, now: Timestamp, policy: &Policy) -> Hearing {
        match outcome {
            ProviderOutcome::Approved(_) => self.hear_yes(now, policy),
            ProviderOutcome::Declined(_)
            | ProviderOutcome::NotSent
            | ProviderOutcome::NotFound { past_horizon: true } => self.hear_no(),
            ProviderOutcome::ActionRequired { action } => {
                let Some(validity) = self.validity_of(action, policy) else {
                    return self.hear(&ProviderOutcome::Unknown, now, policy);
                };
                if !self.is_unresolved() {
                    return Hearing::Nothing;
                }
                self.heard = Heard::Act;
                self.settle(PaymentStatus::RequiresAction, Some(now.after(validity)));
                Hearing::Recorded
            }
            ProviderOutcome::Pending
                if matches!(self.heard, Heard::Nothing | Heard::NothingCertain) =>
            {
                self.wait(Heard::Later, PaymentStatus::Processing, now, policy)
            }
            ProviderOutcome::Unknown | ProviderOutcome::NotFound { past_horizon: false }
                if self.heard == Heard::Nothing =>
            {
                self.wait(Heard::NothingCertain, PaymentStatus::Unknown, now, policy)
            }
            ProviderOutcome::Pending
            | ProviderOutcome::Unknown
            | ProviderOutcome::NotFound { past_horizon: false } => Hearing::Nothing,
        }
    }

    /// How long the customer has for what he is asked to do, if he can do it at all.
    fn validity_of(&self, action: &NextAction, policy: &Policy) -> Option<Millis> {
        match action {
            NextAction::Redirect { url } => (url.len() < 2_049).then_some(policy.action_validity),
            NextAction::ApproveUpi { .. } => self.by_upi.then_some(policy.upi_validity),
        }
    }

    fn hear_yes(&mut self, now: Timestamp, policy: &Policy) -> Hearing {
        match self.heard {
            Heard::Yes | Heard::YesThenNo | Heard::TooLateYes => return Hearing::Nothing,
            Heard::No => self.heard = Heard::TooLateYes,
            Heard::Nothing | Heard::Later | Heard::NothingCertain | Heard::Act => {
                if self.awaits() {
                    self.heard = Heard::Yes;
                    match self.capture {
                        CaptureMode::Automatic => self.settle(PaymentStatus::Completed, None),
                        CaptureMode::Manual => {
                            let until = now.after(policy.authorization_validity);
                            self.settle(PaymentStatus::Authorized, Some(until));
                        }
                    }
                } else {
                    self.heard = Heard::TooLateYes;
                }
            }
        }
        Hearing::Recorded
    }

    fn hear_no(&mut self) -> Hearing {
        match self.heard {
            Heard::Yes => {
                self.heard = Heard::YesThenNo;
                Hearing::Contradicted
            }
            Heard::YesThenNo | Heard::No | Heard::TooLateYes => Hearing::Nothing,
            Heard::Nothing | Heard::Later | Heard::NothingCertain | Heard::Act => {
                self.heard = Heard::No;
                if self.awaits() {
                    self.settle(PaymentStatus::Failed, None);
                }
                Hearing::Recorded
            }
        }
    }

    fn wait(
        &mut self,
        heard: Heard,
        status: PaymentStatus,
        now: Timestamp,
        policy: &Policy,
    ) -> Hearing {
        (self.heard, self.status, self.inquiries) = (heard, status, 0);
        self.due = Some(now.after(policy.inquiry_delay(0)));
        Hearing::Recorded
    }

    /// The provider is asked, each time after a longer wait.
    fn ask(&mut self, now: Timestamp, policy: &Policy) {
        self.inquiries += 1;
        let last = policy.inquiry_delays.len() - 1;
        self.due = Some(now.after(policy.inquiry_delays[self.inquiries.min(last)]));
    }

    fn settle(&mut self, status: PaymentStatus, due: Option<Timestamp>) {
        (self.status, self.due) = (status, due);
        let captured = self.captured();
        self.first.get_or_insert((status, captured));
    }

    /// What was taken for the merchant, in minor units.
    pub(crate) fn captured(&self) -> i64 {
        if self.status == PaymentStatus::Completed { self.money.amount.minor_units() } else { 0 }
    }

    /// What was taken when nobody wanted it any more, in minor units.
    pub(crate) fn exceptional(&self) -> i64 {
        match (self.heard, self.capture) {
            (Heard::TooLateYes, CaptureMode::Automatic) => self.money.amount.minor_units(),
            (_, CaptureMode::Automatic | CaptureMode::Manual) => 0,
        }
    }

    /// What a repeated request is answered: status and what was captured.
    pub(crate) fn first_answer(&self) -> (PaymentStatus, i64) {
        self.first.unwrap_or((self.status, self.captured()))
    }

    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.status, PaymentStatus::Processing | PaymentStatus::Unknown)
    }

    /// Whether the provider's word still decides.
    pub(crate) fn awaits(&self) -> bool {
        !self.is_final() || self.status == PaymentStatus::RequiresAction
    }

    /// Whether only an inquiry can tell.
    pub(crate) fn is_unresolved(&self) -> bool {
        matches!(self.heard, Heard::Nothing | Heard::Later | Heard::NothingCertain)
    }
}

/// What a shard's record said to the model, in the order of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) shard: ShardId,
    pub(crate) sequence: u64,
    /// The shard's model after it.
    pub(crate) model: Model,
}
