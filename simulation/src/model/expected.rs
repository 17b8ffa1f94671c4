//! What should be true of a payment, and what is told of it.

use tollgate_domain::{
    AttemptId, CaptureMode, Cause, CreatePayment, MerchantId, Mode, Money, OperationFailure,
    OperationId, OrderId, PaymentId, PaymentMethod, PaymentStatus, Policy, Timestamp,
};

use super::{
    Owed,
    asking::{Asking, after},
    deed::{Act, Deed, Doing},
    fees::{Tariff, due_back},
    matters::ExpectedCase,
};

/// A payment. Amounts are in minor units.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) merchant: MerchantId,
    pub(crate) mode: Mode,
    pub(crate) money: Money,
    pub(crate) capture: CaptureMode,
    pub(crate) review: bool,
    pub(crate) order: Option<OrderId>,
    pub(super) by_upi: bool,
    tariff: Tariff,
    pub(crate) attempt: AttemptId,
    pub(crate) status: PaymentStatus,
    pub(crate) heard: Heard,
    /// Until when the customer may act, or what is held stays so.
    pub(crate) until: Option<Timestamp>,
    pub(crate) held: i64,
    pub(crate) captured: i64,
    /// Our fee for what was taken.
    charged: i64,
    pub(crate) deeds: Vec<Deed>,
    pub(crate) cases: Vec<ExpectedCase>,
    /// What its key tells for ever, once it has had a final answer.
    first: Option<Told>,
    /// What a reviewer was told whose approval only let it go on.
    approved: Option<Told>,
}

/// What the provider has said of the attempt, as far as it binds us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Heard {
    /// Nothing: the call may be under way.
    Nothing,
    /// That it will answer later.
    Later(Asking),
    /// Nothing that tells, so that we ask.
    NothingCertain(Asking),
    /// That the customer has to act; it is asked when his time is over.
    Act(Asking),
    /// Yes.
    Yes(Doubt),
    /// No.
    No,
    /// That it is called off.
    CalledOff,
    /// Yes, when we had given up.
    TooLateYes,
}

/// What the provider has said against its own word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Doubt {
    None,
    /// That it was not so, whereupon we ask.
    Asked(Asking),
    /// That it was not so, and again when we asked.
    Insisted,
}

/// What an answer shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Told {
    pub(crate) status: PaymentStatus,
    pub(crate) captured: i64,
    pub(crate) refunded: i64,
    /// How the operation is called that the answer is about.
    pub(crate) word: &'static str,
}

impl Expected {
    pub(crate) fn new(command: &CreatePayment, attempt: AttemptId) -> Self {
        Self {
            merchant: command.merchant,
            mode: command.mode,
            money: command.money,
            capture: command.capture,
            review: command.hold_for_review,
            order: command.order,
            by_upi: matches!(command.method, PaymentMethod::Upi(_)),
            tariff: Tariff::of(&command.method),
            attempt,
            status: PaymentStatus::Processing,
            heard: Heard::Nothing,
            until: None,
            held: 0,
            captured: 0,
            charged: 0,
            deeds: Vec::new(),
            cases: Vec::new(),
            first: None,
            approved: None,
        }
    }

    /// Whether nothing is left to do, and nobody has to decide anything.
    pub(crate) fn is_finished(&self) -> bool {
        let has_ended = match self.status {
            PaymentStatus::Completed
            | PaymentStatus::Failed
            | PaymentStatus::Voided
            | PaymentStatus::Reversed
            | PaymentStatus::Expired => true,
            PaymentStatus::Processing
            | PaymentStatus::RequiresAction
            | PaymentStatus::Review
            | PaymentStatus::Authorized
            | PaymentStatus::PartiallyCaptured
            | PaymentStatus::Unknown => false,
        };
        let is_asked = matches!(self.heard, Heard::Yes(Doubt::Asked(_)))
            || self.deeds.iter().any(|deed| matches!(deed.doing, Doing::Done(Doubt::Asked(_))));
        has_ended
            && !is_asked
            && !self.deeds.iter().any(Deed::is_unsettled)
            && !self.cases.iter().any(ExpectedCase::is_open)
    }

    pub(crate) fn asked(&self) -> i64 {
        self.money.amount.minor_units()
    }

    pub(crate) fn deed(&self, id: OperationId) -> Option<&Deed> {
        self.deeds.iter().find(|deed| deed.id == id)
    }

    /// What was returned, by refunds that stand.
    pub(crate) fn refunded(&self) -> i64 {
        let done = self.deeds.iter().filter(|deed| matches!(deed.doing, Doing::Done(_)));
        done.map(Deed::refund).sum()
    }

    /// Our fee that stands: what was charged, less what refunds gave back.
    pub(crate) fn fee(&self) -> i64 {
        self.charged - self.deeds.iter().map(Deed::fee_returned).sum::<i64>()
    }

    pub(crate) fn gave_fee_back(&self) -> bool {
        self.fee() < self.charged
    }

    /// So much is taken, and charged for.
    pub(super) fn take(&mut self, minor_units: i64, policy: &Policy) {
        let first = self.captured == 0;
        let taken = (minor_units, self.money.currency);
        self.charged += self.tariff.charge(&policy.fees, taken, first);
        self.captured += minor_units;
    }

    /// All that was taken is undone, our fee included.
    pub(super) fn untake(&mut self) {
        (self.captured, self.charged) = (0, 0);
    }

    /// What of our fee goes back with a refund of so much that is about to stand.
    pub(super) fn fee_back(&self, minor_units: i64, policy: &Policy) -> i64 {
        let refunded = self.refunded() + minor_units;
        let due = due_back(&policy.fees, self.charged, refunded, self.captured);
        (due - (self.charged - self.fee())).clamp(0, self.fee())
    }

    /// What may yet be returned, by refunds under way.
    pub(crate) fn refunding(&self) -> i64 {
        self.deeds.iter().filter(|deed| deed.is_unsettled()).map(Deed::refund).sum()
    }

    /// What the customer has again or may have: by refunds, and by what the provider did late.
    pub(crate) fn returning(&self) -> i64 {
        let late: i64 = self.cases.iter().map(ExpectedCase::paid_out).sum();
        self.refunded() + self.refunding() + late
    }

    /// What a further refund may return.
    pub(crate) fn refundable(&self) -> i64 {
        (self.captured - self.returning()).max(0)
    }

    /// What stands on the exceptions account for it, and what was assigned to its merchant.
    pub(crate) fn exceptional(&self) -> (i64, i64) {
        self.cases.iter().fold((0, 0), |(open, assigned), case| {
            let (more_open, more_assigned) = case.accounts();
            (open + more_open, assigned + more_assigned)
        })
    }

    /// The deed that excludes others now.
    pub(crate) fn exclusive(&self) -> Option<&Deed> {
        self.deeds.iter().find(|deed| deed.excludes())
    }

    /// The deed under way that may undo all that was taken.
    pub(super) fn undoing(&self) -> Option<&Deed> {
        let completed = self.status == PaymentStatus::Completed;
        self.exclusive().filter(|deed| match deed.act {
            Act::Reverse => true,
            Act::Void => completed,
            Act::Confirm | Act::Capture { .. } | Act::Refund { .. } => false,
        })
    }

    pub(crate) fn is_being_voided(&self) -> bool {
        self.exclusive().is_some_and(|deed| deed.act == Act::Void)
    }

    /// Whether the merchant relies on its being called off.
    pub(crate) fn is_called_off(&self) -> bool {
        self.deeds.iter().any(|deed| {
            deed.cause == Cause::Cancellation
                && deed.doing != Doing::Failed(OperationFailure::NotSent)
        })
    }

    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.status, PaymentStatus::Processing | PaymentStatus::Unknown)
    }

    /// Whether the provider's word on the attempt still decides.
    pub(crate) fn awaits(&self) -> bool {
        !self.is_final() || self.status == PaymentStatus::RequiresAction
    }

    pub(crate) fn holds(&self) -> bool {
        match self.status {
            PaymentStatus::Review
            | PaymentStatus::Authorized
            | PaymentStatus::PartiallyCaptured => true,
            PaymentStatus::Processing
            | PaymentStatus::RequiresAction
            | PaymentStatus::Completed
            | PaymentStatus::Failed
            | PaymentStatus::Voided
            | PaymentStatus::Reversed
            | PaymentStatus::Expired
            | PaymentStatus::Unknown => false,
        }
    }

    /// Whether the payment rests on an approval.
    pub(crate) fn is_approved(&self) -> bool {
        matches!(self.heard, Heard::Yes(_))
    }

    /// What it may yet take of its order.
    pub(crate) fn reserved_of_order(&self) -> i64 {
        match self.status {
            PaymentStatus::Processing
            | PaymentStatus::RequiresAction
            | PaymentStatus::Review
            | PaymentStatus::Authorized
            | PaymentStatus::Unknown => self.asked(),
            PaymentStatus::PartiallyCaptured => self.held,
            PaymentStatus::Completed
            | PaymentStatus::Failed
            | PaymentStatus::Voided
            | PaymentStatus::Reversed
            | PaymentStatus::Expired => 0,
        }
    }

    /// When something must be done about it.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let deeds = self.deeds.iter().filter_map(Deed::due);
        deeds.chain(self.inquiry_due()).chain(self.expiry()).min()
    }

    pub(super) fn inquiry_due(&self) -> Option<Timestamp> {
        match self.heard {
            Heard::Later(asking) | Heard::NothingCertain(asking) => {
                self.awaits().then_some(asking.due)
            }
            Heard::Act(asking) => (self.awaits() && !self.is_being_voided()).then_some(asking.due),
            Heard::Yes(Doubt::Asked(asking)) => Some(asking.due),
            Heard::Nothing
            | Heard::Yes(Doubt::None | Doubt::Insisted)
            | Heard::No
            | Heard::CalledOff
            | Heard::TooLateYes => None,
        }
    }

    fn expiry(&self) -> Option<Timestamp> {
        self.until.filter(|_until| self.holds() && self.exclusive().is_none())
    }

    /// Whether only an inquiry can tell, after a restart.
    pub(crate) fn is_unresolved(&self) -> bool {
        self.is_attempt_unresolved() || self.deeds.iter().any(Deed::is_unresolved)
    }

    fn is_attempt_unresolved(&self) -> bool {
        let open =
            matches!(self.heard, Heard::Nothing | Heard::Later(_) | Heard::NothingCertain(_));
        open && self.awaits()
    }

    pub(super) fn tick(
        &mut self,
        id: PaymentId,
        now: Timestamp,
        policy: &Policy,
        owed: &mut Vec<Owed>,
    ) {
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        let expires = is_due(self.expiry());
        if is_due(self.inquiry_due()) {
            self.ask(now, policy);
            owed.push(Owed::Attempt(self.attempt));
        }
        let attempt = self.attempt;
        for deed in self.deeds.iter_mut().filter(|deed| is_due(deed.due())) {
            if let Doing::Waiting { tries, .. } = deed.doing {
                deed.doing = Doing::Open { tries };
                owed.push(Owed::Again(deed.id));
            } else {
                owed.push(deed.ask(attempt, now, policy));
            }
        }
        if expires {
            owed.push(Owed::Begun(id, Act::Void, Cause::Expiry));
        }
    }

    pub(super) fn restart(&mut self, now: Timestamp, policy: &Policy, owed: &mut Vec<Owed>) {
        if self.is_attempt_unresolved() {
            if self.heard == Heard::Nothing {
                self.heard = Heard::NothingCertain(Asking { asked: 0, due: now });
                self.status = PaymentStatus::Unknown;
            }
            self.ask(now, policy);
            owed.push(Owed::Attempt(self.attempt));
        }
        let attempt = self.attempt;
        for deed in self.deeds.iter_mut().filter(|deed| deed.is_unresolved()) {
            if let Doing::Open { .. } = deed.doing {
                deed.doing = Doing::Unsure(Asking { asked: 0, due: now });
            }
            owed.push(deed.ask(attempt, now, policy));
        }
    }

    fn ask(&mut self, now: Timestamp, policy: &Policy) {
        match &mut self.heard {
            Heard::Later(asking)
            | Heard::NothingCertain(asking)
            | Heard::Act(asking)
            | Heard::Yes(Doubt::Asked(asking)) => asking.ask(now, policy),
            Heard::Nothing
            | Heard::Yes(Doubt::None | Doubt::Insisted)
            | Heard::No
            | Heard::CalledOff
            | Heard::TooLateYes => unreachable!("nobody asks about this: {self:?}"),
        }
    }

    /// The provider is asked because an approval may be on its way.
    pub(super) fn ask_at_once(&mut self, now: Timestamp, policy: &Policy) {
        if let Heard::Act(asking) = &mut self.heard {
            *asking = Asking { asked: asking.asked + 1, due: after(1, now, policy) };
        }
    }

    /// How it stands.
    pub(crate) fn told(&self) -> Told {
        let (captured, refunded) = (self.captured, self.refunded());
        Told { status: self.status, captured, refunded, word: "" }
    }

    /// What a repeated request for it is answered.
    pub(crate) fn first_answer(&self) -> Told {
        self.first.unwrap_or_else(|| self.told())
    }

    /// A reviewer's approval lets it go on, and does nothing else to it.
    pub(super) fn release_from_review(&mut self) {
        self.status = PaymentStatus::Authorized;
        self.approved = Some(self.told());
    }

    /// What a repeated approval is answered that only let it go on.
    pub(crate) fn answer_to_approval(&self) -> Told {
        self.approved.expect("it was approved")
    }

    /// What a request for one of its operations is answered; a repeated one as the first.
    pub(crate) fn answer_to(&self, id: OperationId, replayed: bool) -> Told {
        let deed = self.deed(id).expect("an operation of this payment");
        let now = Told { word: deed.word(), ..self.told() };
        if replayed { deed.first.unwrap_or(now) } else { now }
    }

    pub(super) fn remember_first_answers(&mut self) {
        let told = self.told();
        if self.is_final() {
            self.first.get_or_insert(told);
        }
        for deed in self.deeds.iter_mut().filter(|deed| deed.is_final()) {
            let word = deed.word();
            deed.first.get_or_insert(Told { word, ..told });
        }
    }
}

impl Deed {
    /// The provider is asked what became of it. What became of a confirmation the attempt tells.
    fn ask(&mut self, attempt: AttemptId, now: Timestamp, policy: &Policy) -> Owed {
        match &mut self.doing {
            Doing::Later(asking) | Doing::Unsure(asking) | Doing::Done(Doubt::Asked(asking)) => {
                asking.ask(now, policy);
            }
            Doing::Open { .. }
            | Doing::Waiting { .. }
            | Doing::Done(Doubt::None | Doubt::Insisted)
            | Doing::Failed(_)
            | Doing::Returned
            | Doing::TooLate => unreachable!("nobody asks about this: {self:?}"),
        }
        if self.act == Act::Confirm { Owed::Attempt(attempt) } else { Owed::Operation(self.id) }
    }
}
