//! What happened to one payment from its beginning, record by record: enough to make it again.
//!
//! A payment that leaves memory is kept as its history, and so are the payments of a snapshot. There
//! is no second form of a payment beside its events that would have to follow every change of it.
//!
//! Invariant: a payment that is made of its history is the one that the history was kept of.
//! Departures and returns are no part of it: to a payment they are nothing.

use std::sync::Arc;

use crate::{
    codec,
    event::Event,
    id::{OperationId, PaymentId},
    payment::{NextAction, OperationKind, Payment, PaymentIntent, PaymentMethod},
    provider::ProviderReceipt,
    shard_state::happen,
    timestamp::Timestamp,
};

/// All of a payment's events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct History {
    intent: Arc<PaymentIntent>,
    /// Never empty.
    chapters: Vec<Chapter>,
}

/// What one record did to the payment: first answers are kept between records, so that it matters
/// which events came together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chapter {
    /// The record's time.
    pub at: Timestamp,
    /// What happened to the payment, in order.
    pub events: Vec<Event>,
}

/// A place in a payment's history.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// When everything of this time and before it had happened.
    Time(Timestamp),
    /// When so many of the payment's events had happened: its sequence was this.
    Event(u32),
}

/// The largest history, in bytes, of a payment that may leave memory: it has to come back in one
/// record, which holds little else.
const MOST_BYTES: usize = codec::MAX_RECORD - 1_024;

/// As many bytes as any event takes beside its texts, with its share of what holds events together. A
/// creation takes most, 246.
const MOST_BESIDE_TEXTS: usize = 256;

impl History {
    /// Of a payment that is created.
    pub(crate) fn new(intent: Arc<PaymentIntent>, at: Timestamp) -> Self {
        // Most are created, and then approved or declined.
        let mut history = Self { intent, chapters: Vec::with_capacity(2) };
        // With the first attempt.
        history.begin(at, 2);
        history.push(Event::PaymentCreated(Arc::clone(&history.intent)));
        history
    }

    /// Puts chapters together; `None` where they are not those of one payment from its creation on.
    #[must_use]
    pub fn of_chapters(chapters: Vec<Chapter>) -> Option<Self> {
        let first = chapters.first()?.events.first()?;
        let Event::PaymentCreated(intent) = first else { return None };
        let intent = Arc::clone(intent);
        let id = intent.id;
        let mut events = chapters.iter().flat_map(|chapter| &chapter.events).skip(1);
        let fits = events.all(|event| {
            event.payment() == Some(id)
                && !event.is_of_archive()
                && !matches!(event, Event::PaymentCreated(_))
        });
        (fits && chapters.iter().all(|chapter| !chapter.events.is_empty()))
            .then_some(Self { intent, chapters })
    }

    /// Whose it is.
    #[must_use]
    pub fn id(&self) -> PaymentId {
        self.intent.id
    }

    /// What was asked for.
    #[must_use]
    pub fn intent(&self) -> &Arc<PaymentIntent> {
        &self.intent
    }

    /// What happened, in order.
    #[must_use]
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// The payment that this comes to.
    ///
    /// # Panics
    /// Where the events do not follow from each other, which only a bug or an unnoticed damage can
    /// bring about.
    #[must_use]
    pub fn payment(&self) -> Payment {
        self.payment_until(|_payment, _at| true)
    }

    /// The payment as it was then; `None` where it had not been created yet, or has not come to that
    /// event. A time in the future shows it as it is.
    ///
    /// # Panics
    /// As [`History::payment`].
    #[must_use]
    pub fn payment_at(&self, moment: Moment) -> Option<Payment> {
        match moment {
            Moment::Time(time) => {
                (self.created_at() <= time).then(|| self.payment_until(|_payment, at| at <= time))
            }
            Moment::Event(0) => None,
            Moment::Event(number) => {
                let payment = self.payment_until(|payment, _at| payment.sequence() < number);
                (payment.sequence() == number).then_some(payment)
            }
        }
    }

    /// When the payment was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.chapters.first().expect("a history has its first chapter").at
    }

    /// The payment that this comes to, as long as it goes on: that is asked before each event, with
    /// what the payment is before it and the event's time.
    fn payment_until(&self, goes_on: impl Fn(&Payment, Timestamp) -> bool) -> Payment {
        let mut payment = Payment::new(Arc::clone(&self.intent));
        for (index, chapter) in self.chapters.iter().enumerate() {
            if index > 0 && goes_on(&payment, chapter.at) {
                payment.remember_first_answers();
            }
            let created = usize::from(index == 0);
            for event in chapter.events.iter().skip(created) {
                if !goes_on(&payment, chapter.at) {
                    return payment;
                }
                happen(&mut payment, event, chapter.at);
            }
        }
        payment
    }

    /// What was done to the payment, by their ids.
    pub fn operations(&self) -> impl Iterator<Item = OperationId> {
        let events = self.chapters.iter().flat_map(|chapter| &chapter.events);
        events.filter_map(Event::begun_operation)
    }

    /// Whether it can leave memory and come back. Asked at each event, and counted out for the few alone
    /// that a look does not decide.
    pub(crate) fn fits(&self) -> bool {
        let fits = || codec::history_size(self) <= MOST_BYTES;
        if self.most_bytes() <= MOST_BYTES {
            debug_assert!(fits(), "no event takes more than is thought: {self:?}");
            return true;
        }
        fits()
    }

    /// At least as many bytes as it takes.
    fn most_bytes(&self) -> usize {
        let events = self.chapters.iter().flat_map(|chapter| &chapter.events);
        events.fold(0, |sum, event| {
            sum.saturating_add(MOST_BESIDE_TEXTS).saturating_add(texts_of(event))
        })
    }

    /// A further record is about to touch the payment, with so many events.
    pub(crate) fn begin(&mut self, at: Timestamp, events: usize) {
        self.chapters.push(Chapter { at, events: Vec::with_capacity(events) });
    }

    /// It did this.
    pub(crate) fn push(&mut self, event: Event) {
        let last = self.chapters.last_mut().expect("a history has its first chapter");
        last.events.push(event);
    }
}

/// How many bytes an event's texts take, and whatever else of it has no end of its own. Each of the
/// pairs that a merchant may add counts with its two lengths.
fn texts_of(event: &Event) -> usize {
    match event {
        Event::PaymentCreated(intent) => texts_of_intent(intent),
        Event::AttemptApproved { receipt, .. }
        | Event::AttemptApprovedLate { receipt, .. }
        | Event::OperationSucceeded { receipt, .. }
        | Event::OperationSucceededLate { receipt, .. } => {
            let ProviderReceipt { external_id, rrn, approval_code } = &**receipt;
            sum([external_id.len(), rrn.len(), approval_code.len()])
        }
        Event::AttemptActionRequired { action, .. } => match action {
            NextAction::Redirect { url } => url.len(),
            NextAction::ApproveUpi { payee_vpa, reference } => {
                sum([payee_vpa.len(), reference.len()])
            }
        },
        Event::OperationStarted { intent, .. } => match &intent.kind {
            OperationKind::Refund { amount: _, reason, metadata } => {
                sum([length(reason.as_deref()), pairs(metadata)])
            }
            OperationKind::Confirmation
            | OperationKind::Capture { .. }
            | OperationKind::Void
            | OperationKind::Reversal => 0,
        },
        // Not of a payment, or no part of its history; whatever they take, they are not looked at.
        Event::IdempotencyKeysForgotten { .. }
        | Event::OrderCreated(_)
        | Event::PaymentArchived { .. }
        | Event::PaymentRecalled { .. }
        | Event::OrderArchived { .. }
        | Event::OrderRecalled { .. } => usize::MAX,
        Event::AttemptStarted { .. }
        | Event::AttemptDeclined { .. }
        | Event::AttemptPending { .. }
        | Event::AttemptNotSent { .. }
        | Event::AttemptUnknown { .. }
        | Event::InquiryStarted { .. }
        | Event::AttemptContradicted { .. }
        | Event::PaymentAuthorized { .. }
        | Event::PaymentCaptured { .. }
        | Event::PaymentFailed { .. }
        | Event::PaymentExpired { .. }
        | Event::AttemptReaffirmed { .. }
        | Event::AttemptCancelled { .. }
        | Event::PaymentHeldForReview { .. }
        | Event::ReviewApproved { .. }
        | Event::PaymentPartlyCaptured { .. }
        | Event::RemainderReleased { .. }
        | Event::PaymentVoided { .. }
        | Event::PaymentReversed { .. }
        | Event::OperationFailed { .. }
        | Event::OperationPending { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDelayed { .. }
        | Event::OperationResent { .. }
        | Event::OperationInquiryStarted { .. }
        | Event::OperationContradicted { .. }
        | Event::OperationReaffirmed { .. }
        | Event::RefundReturned { .. }
        | Event::CaseOpened { .. }
        | Event::CaseResolved { .. } => 0,
    }
}

fn texts_of_intent(intent: &PaymentIntent) -> usize {
    let method = match &intent.method {
        PaymentMethod::Card(_) => 0,
        PaymentMethod::Upi(upi) => sum([upi.handle.len(), upi.payee_name.len()]),
        PaymentMethod::NetBanking(net_banking) => net_banking.bank.len(),
        PaymentMethod::Wallet(wallet) => wallet.provider.len(),
    };
    sum([
        method,
        length(intent.order_id.as_deref()),
        length(intent.customer_id.as_deref()),
        intent.personal.as_ref().map_or(0, |personal| personal.bytes().len()),
        length(intent.description.as_deref()),
        length(intent.callback_url.as_deref()),
        length(intent.return_url.as_deref()),
        pairs(&intent.metadata),
    ])
}

fn pairs(pairs: &[(Box<str>, Box<str>)]) -> usize {
    // Two lengths of eight bytes.
    pairs
        .iter()
        .map(|(name, value)| sum([16, name.len(), value.len()]))
        .fold(0, usize::saturating_add)
}

fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn sum<const N: usize>(lengths: [usize; N]) -> usize {
    lengths.into_iter().fold(0, usize::saturating_add)
}

#[cfg(test)]
impl History {
    /// As [`History::most_bytes`], of one event by itself.
    pub(crate) fn most_bytes_of(event: &Event) -> usize {
        MOST_BESIDE_TEXTS.saturating_add(texts_of(event))
    }
}
