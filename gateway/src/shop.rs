//! A shard that takes payments, and its records as observers of the log are shown them: for tests of
//! what is derived from it.

use std::{num::NonZeroU16, sync::Arc};

use tollgate_domain::{
    Amount, CaptureMode, CardBrand, CardFacts, CardFingerprint, Command, CreatePayment, Currency,
    DecideReview, Decision, DeclineCode, Env, Event, MerchantId, Mode, Money, OperationOutcome,
    OutcomeSource, Payment, PaymentId, PaymentMethod, Policy, ProviderId, ProviderOutcome,
    ProviderReceipt, RecordOperationOutcome, RecordProviderOutcome, RefundPayment, ReviewVerdict,
    ShardId, ShardState, Target, Timestamp,
};
use tollgate_engine::{DurableContent, DurableRecord};

use crate::vault::Realm;

/// When the first record is, in milliseconds since 1970. Each later one is a millisecond later.
pub(crate) const BEGINNING: u64 = 1_768_473_000_000;

/// Whose all payments are.
pub(crate) fn realm() -> Realm {
    Realm { merchant: MerchantId::from_u128(7), mode: Mode::Test }
}

/// What a merchant says of a payment.
#[derive(Clone, Copy)]
pub(crate) struct Sale<'s> {
    pub(crate) minor: i64,
    pub(crate) order: Option<&'s str>,
    pub(crate) customer: Option<&'s str>,
    pub(crate) callback_url: Option<&'s str>,
    pub(crate) is_held: bool,
}

impl Sale<'_> {
    pub(crate) const USUAL: Self =
        Self { minor: 100, order: None, customer: None, callback_url: None, is_held: false };
}

/// The shard.
pub(crate) struct Shop {
    pub(crate) state: ShardState,
    pub(crate) records: Vec<Arc<DurableRecord>>,
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shards = NonZeroU16::new(4).unwrap();
        let shard = ShardId::of_merchant(realm().merchant, shards);
        Self { state: ShardState::new(shard), records: Vec::new() }
    }

    pub(crate) fn pay(&mut self, sale: Sale<'_>) -> PaymentId {
        self.decide(Command::CreatePayment(Box::new(CreatePayment {
            merchant: realm().merchant,
            mode: realm().mode,
            money: Money {
                amount: Amount::from_minor_units(sale.minor).unwrap(),
                currency: Currency::INR,
            },
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
            hold_for_review: sale.is_held,
            emi: None,
            order: None,
            one_payment_per_order: false,
            repeats_only: false,
            order_id: sale.order.map(Into::into),
            customer_id: sale.customer.map(Into::into),
            personal: None,
            description: None,
            callback_url: sale.callback_url.map(Into::into),
            return_url: None,
            metadata: Vec::new(),
            provider: ProviderId::SIMULATOR,
            control_version: 0,
            idempotency: None,
        })));
        let DurableContent::Payments { record, .. } = &self.records.last().unwrap().content else {
            panic!("it is no payment's")
        };
        record.events.iter().find_map(Event::payment).unwrap()
    }

    pub(crate) fn approve(&mut self, payment: PaymentId) {
        self.answer(payment, ProviderOutcome::Approved(receipt()));
    }

    pub(crate) fn decline(&mut self, payment: PaymentId) {
        self.answer(payment, ProviderOutcome::Declined(DeclineCode::GenericDecline));
    }

    /// A reviewer lets a payment go on that was held: what is reserved is taken.
    pub(crate) fn review(&mut self, payment: PaymentId) {
        let target = target(payment);
        let verdict = ReviewVerdict::Approve;
        self.decide(Command::DecideReview(DecideReview { target, verdict }));
    }

    pub(crate) fn refund(&mut self, payment: PaymentId, minor: i64) {
        self.decide(Command::RefundPayment(RefundPayment {
            target: target(payment),
            amount: Some(Amount::from_minor_units(minor).unwrap()),
            reason: None,
            metadata: Vec::new(),
        }));
    }

    /// What was begun last on a payment is done.
    pub(crate) fn settle(&mut self, payment: PaymentId) {
        let operation = self.payment(payment).operations().last().unwrap().id();
        self.decide(Command::RecordOperationOutcome(RecordOperationOutcome {
            payment,
            operation,
            source: OutcomeSource::Call,
            outcome: OperationOutcome::Succeeded(receipt()),
        }));
    }

    /// The payment as it stands now.
    pub(crate) fn payment(&self, payment: PaymentId) -> &Payment {
        self.state.payment(payment).unwrap()
    }

    fn answer(&mut self, payment: PaymentId, outcome: ProviderOutcome) {
        let attempt = self.payment(payment).attempts()[0].id;
        self.decide(Command::RecordProviderOutcome(RecordProviderOutcome {
            payment,
            attempt,
            source: OutcomeSource::Call,
            outcome,
        }));
    }

    fn decide(&mut self, command: Command) {
        let policy = Policy::default();
        let number = self.records.len() as u64;
        let now = Timestamp::from_millis(BEGINNING + number);
        let env = Env { now, shard: self.state.shard(), entropy: [number, 1, 2], policy: &policy };
        let Decision::Accepted { record, .. } = self.state.decide(command, &env).unwrap() else {
            panic!("nothing was decided")
        };
        self.state.apply(&record);
        let record = DurableRecord::of_payments(&self.state, number + 1, record);
        self.records.push(Arc::new(record));
    }
}

fn target(payment: PaymentId) -> Target {
    Target { payment, merchant: realm().merchant, mode: realm().mode, idempotency: None }
}

fn receipt() -> ProviderReceipt {
    ProviderReceipt { external_id: "x-1".into(), rrn: "r-1".into(), approval_code: "a-1".into() }
}
