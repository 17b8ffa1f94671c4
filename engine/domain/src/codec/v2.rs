//! Version 2 of payment records: every method, actions of several kinds, a sealed part, and what is
//! done to a payment.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.
//! Fields are fixed-width integers, byte arrays and borrowed strings, in the order given. What has
//! a stored number of its own (modes, brands, decline codes) appears as that number.

pub(super) mod operation;

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use operation::Move;

use super::{
    CodecError,
    value::{amount, amount_or_zero, decline, events, mode, time},
};
use crate::{
    card::{CardBrand, CardFacts, CardFingerprint, CardFunding},
    country::Country,
    effect,
    event::{self, Record},
    id::{Id, OperationId, PaymentId},
    idempotency::{self, Fingerprint, IdempotencyEntry, IdempotencyKey},
    money::{Currency, Money},
    net_banking::NetBankingFacts,
    payment::{self, CaptureMode, NextAction, PaymentMethod},
    provider::{OutcomeSource, ProviderId, ProviderReceipt},
    sealed::{self, SealKeyId},
    upi::{UpiFacts, VpaFingerprint},
    wallet::{WalletFacts, WalletFingerprint},
};

#[derive(Serialize, Deserialize)]
pub(super) struct PaymentRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
    idempotency: Option<Idempotency>,
    effects: Vec<Effect>,
}

/// Events without their record, as histories hold them.
#[derive(Serialize, Deserialize)]
pub(super) struct Events<'a>(#[serde(borrow)] Vec<Event<'a>>);

/// bincode numbers variants in order; the order is frozen.
#[derive(Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "one at a time, while it is written or read")]
enum Event<'a> {
    #[serde(borrow)]
    PaymentCreated(Intent<'a>),
    AttemptStarted {
        payment: u128,
        attempt: u128,
        provider: [u8; 16],
    },
    AttemptApproved {
        at: Answer,
        receipt: Receipt<'a>,
    },
    AttemptDeclined {
        at: Answer,
        code: u8,
    },
    AttemptActionRequired {
        at: Answer,
        action: Action<'a>,
        expires_at: u64,
    },
    AttemptPending {
        at: Answer,
        inquire_at: u64,
    },
    AttemptNotSent {
        at: Answer,
    },
    AttemptUnknown {
        at: Answer,
        inquire_at: u64,
    },
    InquiryStarted {
        payment: u128,
        attempt: u128,
        inquire_at: u64,
    },
    AttemptApprovedLate {
        at: Answer,
        receipt: Receipt<'a>,
        taken: i64,
    },
    AttemptContradicted {
        at: Answer,
        inquire_at: u64,
    },
    PaymentAuthorized {
        payment: u128,
        expires_at: u64,
    },
    PaymentCaptured {
        payment: u128,
        captured: i64,
        fee: i64,
    },
    PaymentFailed {
        payment: u128,
        reason: Failure,
    },
    PaymentExpired {
        payment: u128,
    },
    IdempotencyKeysForgotten {
        created_before: u64,
    },
    AttemptReaffirmed {
        at: Answer,
    },
    AttemptCancelled {
        at: Answer,
    },
    PaymentHeldForReview {
        payment: u128,
        expires_at: u64,
    },
    ReviewApproved {
        payment: u128,
    },
    PaymentPartlyCaptured {
        payment: u128,
        captured: i64,
        fee: i64,
    },
    RemainderReleased {
        payment: u128,
    },
    PaymentVoided {
        payment: u128,
    },
    PaymentReversed {
        payment: u128,
    },
    OperationStarted {
        payment: u128,
        intent: operation::Intent<'a>,
    },
    OperationMoved {
        payment: u128,
        operation: u128,
        moved: operation::Move<'a>,
    },
    CaseOpened {
        payment: u128,
        case: u128,
        matter: operation::Matter,
        booked: operation::Booked,
    },
    CaseResolved {
        payment: u128,
        case: u128,
        resolution: u8,
    },
    OrderCreated(operation::Order<'a>),
}

#[derive(Serialize, Deserialize)]
struct Intent<'a> {
    id: u128,
    transaction: u128,
    merchant: u128,
    mode: u8,
    amount: i64,
    currency: u16,
    capture: u8,
    #[serde(borrow)]
    method: Method<'a>,
    hold_for_review: bool,
    emi: Option<Emi>,
    order_id: Option<&'a str>,
    order: Option<u128>,
    one_payment_per_order: bool,
    customer_id: Option<&'a str>,
    personal: Option<Sealed<'a>>,
    description: Option<&'a str>,
    callback_url: Option<&'a str>,
    return_url: Option<&'a str>,
    metadata: Vec<(&'a str, &'a str)>,
    control_version: u64,
    created_at: u64,
}

#[derive(Serialize, Deserialize)]
enum Method<'a> {
    Card {
        brand: u8,
        bin: u32,
        last4: u16,
        expiry_month: u8,
        expiry_year: u16,
        fingerprint: [u8; 16],
        funding: Option<u8>,
        issuer_country: Option<[u8; 2]>,
    },
    Upi {
        handle: &'a str,
        fingerprint: [u8; 16],
        payee_name: &'a str,
    },
    NetBanking {
        bank: &'a str,
    },
    Wallet {
        provider: &'a str,
        fingerprint: [u8; 16],
    },
}

#[derive(Serialize, Deserialize)]
struct Emi {
    months: u8,
    annual_rate: u16,
    no_cost: bool,
}

#[derive(Serialize, Deserialize)]
struct Sealed<'a> {
    key: [u8; 16],
    // As a slice of integers it would be written byte by byte.
    #[serde(serialize_with = "bytes")]
    bytes: &'a [u8],
}

#[derive(Serialize, Deserialize)]
enum Action<'a> {
    Redirect { url: &'a str },
    ApproveUpi { payee_vpa: &'a str, reference: &'a str },
}

/// Whose answer, of which attempt, and how it came.
#[derive(Serialize, Deserialize)]
struct Answer {
    payment: u128,
    attempt: u128,
    source: u8,
}

#[derive(Serialize, Deserialize)]
struct Receipt<'a> {
    external_id: &'a str,
    rrn: &'a str,
    approval_code: &'a str,
}

#[derive(Serialize, Deserialize)]
enum Failure {
    Declined(u8),
    NotSent,
}

#[derive(Serialize, Deserialize)]
struct Idempotency {
    key: [u8; 16],
    fingerprint: u64,
    subject: Subject,
}

#[derive(Serialize, Deserialize)]
enum Subject {
    Payment(u128),
    Operation(u128),
    Order(u128),
    Review(u128),
}

#[derive(Serialize, Deserialize)]
enum Effect {
    Authorize { payment: u128, attempt: u128 },
    Inquire { payment: u128, attempt: u128 },
    Operate { payment: u128, operation: u128 },
    InquireOperation { payment: u128, operation: u128 },
}

impl<'a> From<&'a Record<event::Event>> for PaymentRecord<'a> {
    fn from(record: &'a Record<event::Event>) -> Self {
        Self {
            at: record.at.as_millis(),
            events: record.events.iter().map(Event::from).collect(),
            idempotency: record.idempotency.as_ref().map(|entry| Idempotency {
                key: entry.key.0,
                fingerprint: entry.fingerprint.0,
                subject: Subject::from(entry.subject),
            }),
            effects: record.effects.iter().map(Effect::from).collect(),
        }
    }
}

impl TryFrom<PaymentRecord<'_>> for Record<event::Event> {
    type Error = CodecError;

    fn try_from(record: PaymentRecord<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            at: time(record.at)?,
            events: events(record.events)?
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            idempotency: record.idempotency.map(|entry| IdempotencyEntry {
                key: IdempotencyKey(entry.key),
                fingerprint: Fingerprint(entry.fingerprint),
                subject: entry.subject.into(),
            }),
            effects: record.effects.into_iter().map(Into::into).collect(),
        })
    }
}

impl<'a> From<&'a event::Event> for Event<'a> {
    fn from(event: &'a event::Event) -> Self {
        use event::Event as From;
        match event {
            From::PaymentCreated(intent) => Self::PaymentCreated(Intent::from(&**intent)),
            From::AttemptStarted { payment, attempt, provider } => Self::AttemptStarted {
                payment: payment.to_u128(),
                attempt: attempt.to_u128(),
                provider: provider.to_bytes(),
            },
            From::AttemptApproved { payment, attempt, source, receipt } => Self::AttemptApproved {
                at: Answer::new(*payment, *attempt, *source),
                receipt: Receipt::from(&**receipt),
            },
            From::AttemptDeclined { payment, attempt, source, code } => Self::AttemptDeclined {
                at: Answer::new(*payment, *attempt, *source),
                code: code.code(),
            },
            From::AttemptActionRequired { payment, attempt, source, action, expires_at } => {
                Self::AttemptActionRequired {
                    at: Answer::new(*payment, *attempt, *source),
                    action: Action::from(action),
                    expires_at: expires_at.as_millis(),
                }
            }
            From::AttemptPending { payment, attempt, source, inquire_at } => Self::AttemptPending {
                at: Answer::new(*payment, *attempt, *source),
                inquire_at: inquire_at.as_millis(),
            },
            From::AttemptNotSent { payment, attempt, source } => {
                Self::AttemptNotSent { at: Answer::new(*payment, *attempt, *source) }
            }
            From::AttemptUnknown { payment, attempt, source, inquire_at } => Self::AttemptUnknown {
                at: Answer::new(*payment, *attempt, *source),
                inquire_at: inquire_at.as_millis(),
            },
            From::InquiryStarted { payment, attempt, inquire_at } => Self::InquiryStarted {
                payment: payment.to_u128(),
                attempt: attempt.to_u128(),
                inquire_at: inquire_at.as_millis(),
            },
            From::AttemptApprovedLate { payment, attempt, source, receipt, taken } => {
                Self::AttemptApprovedLate {
                    at: Answer::new(*payment, *attempt, *source),
                    receipt: Receipt::from(&**receipt),
                    taken: taken.minor_units(),
                }
            }
            From::AttemptContradicted { payment, attempt, source, inquire_at } => {
                Self::AttemptContradicted {
                    at: Answer::new(*payment, *attempt, *source),
                    inquire_at: inquire_at.as_millis(),
                }
            }
            From::AttemptReaffirmed { payment, attempt, source } => {
                Self::AttemptReaffirmed { at: Answer::new(*payment, *attempt, *source) }
            }
            From::AttemptCancelled { payment, attempt, source } => {
                Self::AttemptCancelled { at: Answer::new(*payment, *attempt, *source) }
            }
            From::PaymentHeldForReview { payment, expires_at } => Self::PaymentHeldForReview {
                payment: payment.to_u128(),
                expires_at: expires_at.as_millis(),
            },
            From::ReviewApproved { payment } => Self::ReviewApproved { payment: payment.to_u128() },
            From::PaymentPartlyCaptured { payment, captured, fee } => Self::PaymentPartlyCaptured {
                payment: payment.to_u128(),
                captured: captured.minor_units(),
                fee: fee.minor_units(),
            },
            From::RemainderReleased { payment } => {
                Self::RemainderReleased { payment: payment.to_u128() }
            }
            From::PaymentVoided { payment } => Self::PaymentVoided { payment: payment.to_u128() },
            From::PaymentReversed { payment } => {
                Self::PaymentReversed { payment: payment.to_u128() }
            }
            From::OperationStarted { payment, intent } => Self::OperationStarted {
                payment: payment.to_u128(),
                intent: operation::Intent::from(&**intent),
            },
            From::OperationSucceeded { payment, operation, source, receipt, fee_returned } => {
                let (source, receipt) = (source.code(), Receipt::from(&**receipt));
                let fee_returned = fee_returned.minor_units();
                Self::moved(*payment, *operation, Move::Succeeded { source, receipt, fee_returned })
            }
            From::OperationFailed { payment, operation, source, reason } => {
                let (source, reason) = (source.code(), reason.code());
                Self::moved(*payment, *operation, Move::Failed { source, reason })
            }
            From::OperationPending { payment, operation, source, inquire_at } => {
                let (source, inquire_at) = (source.code(), inquire_at.as_millis());
                Self::moved(*payment, *operation, Move::Pending { source, inquire_at })
            }
            From::OperationUnknown { payment, operation, source, inquire_at } => {
                let (source, inquire_at) = (source.code(), inquire_at.as_millis());
                Self::moved(*payment, *operation, Move::Unknown { source, inquire_at })
            }
            From::OperationDelayed { payment, operation, source, retry_at } => {
                let (source, retry_at) = (source.code(), retry_at.as_millis());
                Self::moved(*payment, *operation, Move::Delayed { source, retry_at })
            }
            From::OperationResent { payment, operation } => {
                Self::moved(*payment, *operation, Move::Resent)
            }
            From::OperationInquiryStarted { payment, operation, inquire_at } => {
                let inquire_at = inquire_at.as_millis();
                Self::moved(*payment, *operation, Move::InquiryStarted { inquire_at })
            }
            From::OperationContradicted { payment, operation, source, inquire_at } => {
                let (source, inquire_at) = (source.code(), inquire_at.as_millis());
                Self::moved(*payment, *operation, Move::Contradicted { source, inquire_at })
            }
            From::OperationReaffirmed { payment, operation, source } => {
                Self::moved(*payment, *operation, Move::Reaffirmed { source: source.code() })
            }
            From::RefundReturned { payment, operation, source, reason } => {
                let (source, reason) = (source.code(), reason.code());
                Self::moved(*payment, *operation, Move::RefundReturned { source, reason })
            }
            From::OperationSucceededLate { payment, operation, source, receipt, booked } => {
                let (source, receipt) = (source.code(), Receipt::from(&**receipt));
                let booked = (*booked).into();
                Self::moved(*payment, *operation, Move::SucceededLate { source, receipt, booked })
            }
            From::CaseOpened { payment, case, matter, booked } => Self::CaseOpened {
                payment: payment.to_u128(),
                case: case.to_u128(),
                matter: (*matter).into(),
                booked: (*booked).into(),
            },
            From::CaseResolved { payment, case, resolution } => Self::CaseResolved {
                payment: payment.to_u128(),
                case: case.to_u128(),
                resolution: resolution.code(),
            },
            From::OrderCreated(order) => Self::OrderCreated(operation::Order::from(&**order)),
            From::PaymentArchived { .. }
            | From::PaymentRecalled { .. }
            | From::OrderArchived { .. }
            | From::OrderRecalled { .. } => {
                unreachable!("later versions tell what leaves memory and what comes back")
            }
            From::PaymentAuthorized { payment, expires_at } => Self::PaymentAuthorized {
                payment: payment.to_u128(),
                expires_at: expires_at.as_millis(),
            },
            From::PaymentCaptured { payment, captured, fee } => Self::PaymentCaptured {
                payment: payment.to_u128(),
                captured: captured.minor_units(),
                fee: fee.minor_units(),
            },
            From::PaymentFailed { payment, reason } => Self::PaymentFailed {
                payment: payment.to_u128(),
                reason: match reason {
                    payment::FailureReason::Declined(code) => Failure::Declined(code.code()),
                    payment::FailureReason::NotSent => Failure::NotSent,
                },
            },
            From::PaymentExpired { payment } => Self::PaymentExpired { payment: payment.to_u128() },
            From::IdempotencyKeysForgotten { created_before } => {
                Self::IdempotencyKeysForgotten { created_before: created_before.as_millis() }
            }
        }
    }
}

impl<'a> Event<'a> {
    fn moved(payment: PaymentId, operation: OperationId, moved: Move<'a>) -> Self {
        Self::OperationMoved { payment: payment.to_u128(), operation: operation.to_u128(), moved }
    }
}

impl TryFrom<Event<'_>> for event::Event {
    type Error = CodecError;

    fn try_from(event: Event<'_>) -> Result<Self, CodecError> {
        Ok(match event {
            Event::PaymentCreated(intent) => Self::PaymentCreated(Arc::new(intent.try_into()?)),
            Event::AttemptStarted { payment, attempt, provider } => Self::AttemptStarted {
                payment: Id::from_u128(payment),
                attempt: Id::from_u128(attempt),
                provider: ProviderId::from_bytes(provider)
                    .ok_or(CodecError::Value("provider name"))?,
            },
            Event::AttemptApproved { at, receipt } => Self::AttemptApproved {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                receipt: receipt.into(),
            },
            Event::AttemptDeclined { at, code } => Self::AttemptDeclined {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                code: decline(code)?,
            },
            Event::AttemptActionRequired { at, action, expires_at } => {
                Self::AttemptActionRequired {
                    payment: Id::from_u128(at.payment),
                    attempt: Id::from_u128(at.attempt),
                    source: at.source()?,
                    action: action.into(),
                    expires_at: time(expires_at)?,
                }
            }
            Event::AttemptPending { at, inquire_at } => Self::AttemptPending {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                inquire_at: time(inquire_at)?,
            },
            Event::AttemptNotSent { at } => Self::AttemptNotSent {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
            },
            Event::AttemptUnknown { at, inquire_at } => Self::AttemptUnknown {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                inquire_at: time(inquire_at)?,
            },
            Event::InquiryStarted { payment, attempt, inquire_at } => Self::InquiryStarted {
                payment: Id::from_u128(payment),
                attempt: Id::from_u128(attempt),
                inquire_at: time(inquire_at)?,
            },
            Event::AttemptApprovedLate { at, receipt, taken } => Self::AttemptApprovedLate {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                receipt: receipt.into(),
                taken: amount_or_zero(taken)?,
            },
            Event::AttemptContradicted { at, inquire_at } => Self::AttemptContradicted {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                inquire_at: time(inquire_at)?,
            },
            Event::AttemptReaffirmed { at } => Self::AttemptReaffirmed {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
            },
            Event::AttemptCancelled { at } => Self::AttemptCancelled {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
            },
            Event::PaymentHeldForReview { payment, expires_at } => Self::PaymentHeldForReview {
                payment: Id::from_u128(payment),
                expires_at: time(expires_at)?,
            },
            Event::ReviewApproved { payment } => {
                Self::ReviewApproved { payment: Id::from_u128(payment) }
            }
            Event::PaymentPartlyCaptured { payment, captured, fee } => {
                Self::PaymentPartlyCaptured {
                    payment: Id::from_u128(payment),
                    captured: amount(captured)?,
                    fee: amount_or_zero(fee)?,
                }
            }
            Event::RemainderReleased { payment } => {
                Self::RemainderReleased { payment: Id::from_u128(payment) }
            }
            Event::PaymentVoided { payment } => {
                Self::PaymentVoided { payment: Id::from_u128(payment) }
            }
            Event::PaymentReversed { payment } => {
                Self::PaymentReversed { payment: Id::from_u128(payment) }
            }
            Event::OperationStarted { payment, intent } => Self::OperationStarted {
                payment: Id::from_u128(payment),
                intent: Arc::new(intent.try_into()?),
            },
            Event::OperationMoved { payment, operation, moved } => {
                moved.into_event(Id::from_u128(payment), Id::from_u128(operation))?
            }
            Event::CaseOpened { payment, case, matter, booked } => {
                operation::case_opened(Id::from_u128(payment), case, matter, booked)?
            }
            Event::CaseResolved { payment, case, resolution } => Self::CaseResolved {
                payment: Id::from_u128(payment),
                case: Id::from_u128(case),
                resolution: operation::resolution(resolution)?,
            },
            Event::OrderCreated(order) => operation::order_created(order)?,
            Event::PaymentAuthorized { payment, expires_at } => Self::PaymentAuthorized {
                payment: Id::from_u128(payment),
                expires_at: time(expires_at)?,
            },
            Event::PaymentCaptured { payment, captured, fee } => Self::PaymentCaptured {
                payment: Id::from_u128(payment),
                captured: amount(captured)?,
                fee: amount_or_zero(fee)?,
            },
            Event::PaymentFailed { payment, reason } => Self::PaymentFailed {
                payment: Id::from_u128(payment),
                reason: match reason {
                    Failure::Declined(code) => payment::FailureReason::Declined(decline(code)?),
                    Failure::NotSent => payment::FailureReason::NotSent,
                },
            },
            Event::PaymentExpired { payment } => {
                Self::PaymentExpired { payment: Id::from_u128(payment) }
            }
            Event::IdempotencyKeysForgotten { created_before } => {
                Self::IdempotencyKeysForgotten { created_before: time(created_before)? }
            }
        })
    }
}

impl<'a> From<&'a [event::Event]> for Events<'a> {
    fn from(events: &'a [event::Event]) -> Self {
        Self(events.iter().map(Event::from).collect())
    }
}

impl TryFrom<Events<'_>> for Vec<event::Event> {
    type Error = CodecError;

    fn try_from(Events(stored): Events<'_>) -> Result<Self, CodecError> {
        events(stored)?.into_iter().map(TryInto::try_into).collect()
    }
}

impl<'a> From<&'a payment::PaymentIntent> for Intent<'a> {
    fn from(intent: &'a payment::PaymentIntent) -> Self {
        Self {
            id: intent.id.to_u128(),
            transaction: intent.transaction.to_u128(),
            merchant: intent.merchant.to_u128(),
            mode: intent.mode.code(),
            amount: intent.money.amount.minor_units(),
            currency: intent.money.currency.numeric(),
            capture: intent.capture.code(),
            method: Method::from(&intent.method),
            hold_for_review: intent.hold_for_review,
            emi: intent.emi.map(Emi::from),
            order_id: intent.order_id.as_deref(),
            order: intent.order.map(Id::to_u128),
            one_payment_per_order: intent.one_payment_per_order,
            customer_id: intent.customer_id.as_deref(),
            personal: intent.personal.as_ref().map(Sealed::from),
            description: intent.description.as_deref(),
            callback_url: intent.callback_url.as_deref(),
            return_url: intent.return_url.as_deref(),
            metadata: pairs(&intent.metadata),
            control_version: intent.control_version,
            created_at: intent.created_at.as_millis(),
        }
    }
}

impl TryFrom<Intent<'_>> for payment::PaymentIntent {
    type Error = CodecError;

    fn try_from(intent: Intent<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            id: Id::from_u128(intent.id),
            transaction: Id::from_u128(intent.transaction),
            merchant: Id::from_u128(intent.merchant),
            mode: mode(intent.mode)?,
            money: Money {
                amount: amount(intent.amount)?,
                currency: Currency::from_numeric(intent.currency)
                    .map_err(|_unknown| CodecError::Value("currency"))?,
            },
            capture: CaptureMode::from_code(intent.capture)
                .ok_or(CodecError::Value("capture mode"))?,
            method: intent.method.try_into()?,
            hold_for_review: intent.hold_for_review,
            emi: intent.emi.map(Into::into),
            order_id: intent.order_id.map(Into::into),
            order: intent.order.map(Id::from_u128),
            one_payment_per_order: intent.one_payment_per_order,
            customer_id: intent.customer_id.map(Into::into),
            personal: intent.personal.map(TryInto::try_into).transpose()?,
            description: intent.description.map(Into::into),
            callback_url: intent.callback_url.map(Into::into),
            return_url: intent.return_url.map(Into::into),
            metadata: text_pairs(intent.metadata),
            control_version: intent.control_version,
            created_at: time(intent.created_at)?,
        })
    }
}

impl<'a> From<&'a PaymentMethod> for Method<'a> {
    fn from(method: &'a PaymentMethod) -> Self {
        match method {
            PaymentMethod::Card(card) => Self::Card {
                brand: card.brand.code(),
                bin: card.bin,
                last4: card.last4,
                expiry_month: card.expiry_month,
                expiry_year: card.expiry_year,
                fingerprint: card.fingerprint.0,
                funding: card.funding.map(CardFunding::code),
                issuer_country: card.issuer_country.map(Country::to_bytes),
            },
            PaymentMethod::Upi(upi) => Self::Upi {
                handle: &upi.handle,
                fingerprint: upi.fingerprint.0,
                payee_name: &upi.payee_name,
            },
            PaymentMethod::NetBanking(net_banking) => Self::NetBanking { bank: &net_banking.bank },
            PaymentMethod::Wallet(wallet) => {
                Self::Wallet { provider: &wallet.provider, fingerprint: wallet.fingerprint.0 }
            }
        }
    }
}

impl TryFrom<Method<'_>> for PaymentMethod {
    type Error = CodecError;

    fn try_from(method: Method<'_>) -> Result<Self, CodecError> {
        Ok(match method {
            Method::Card {
                brand,
                bin,
                last4,
                expiry_month,
                expiry_year,
                fingerprint,
                funding,
                issuer_country,
            } => Self::Card(CardFacts {
                brand: CardBrand::from_code(brand).ok_or(CodecError::Value("card brand"))?,
                bin,
                last4,
                expiry_month,
                expiry_year,
                fingerprint: CardFingerprint(fingerprint),
                funding: funding
                    .map(|code| CardFunding::from_code(code).ok_or(CodecError::Value("funding")))
                    .transpose()?,
                issuer_country: issuer_country
                    .map(|code| Country::from_bytes(code).ok_or(CodecError::Value("country")))
                    .transpose()?,
            }),
            Method::Upi { handle, fingerprint, payee_name } => Self::Upi(UpiFacts {
                handle: handle.into(),
                fingerprint: VpaFingerprint(fingerprint),
                payee_name: payee_name.into(),
            }),
            Method::NetBanking { bank } => Self::NetBanking(NetBankingFacts { bank: bank.into() }),
            Method::Wallet { provider, fingerprint } => Self::Wallet(WalletFacts {
                provider: provider.into(),
                fingerprint: WalletFingerprint(fingerprint),
            }),
        })
    }
}

impl From<payment::EmiPlan> for Emi {
    fn from(plan: payment::EmiPlan) -> Self {
        let payment::EmiPlan { months, annual_rate, no_cost } = plan;
        Self { months, annual_rate, no_cost }
    }
}

impl From<Emi> for payment::EmiPlan {
    fn from(plan: Emi) -> Self {
        let Emi { months, annual_rate, no_cost } = plan;
        Self { months, annual_rate, no_cost }
    }
}

impl From<idempotency::Subject> for Subject {
    fn from(subject: idempotency::Subject) -> Self {
        match subject {
            idempotency::Subject::Payment(id) => Self::Payment(id.to_u128()),
            idempotency::Subject::Operation(id) => Self::Operation(id.to_u128()),
            idempotency::Subject::Order(id) => Self::Order(id.to_u128()),
            idempotency::Subject::Review(id) => Self::Review(id.to_u128()),
        }
    }
}

impl From<Subject> for idempotency::Subject {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Payment(id) => Self::Payment(Id::from_u128(id)),
            Subject::Operation(id) => Self::Operation(Id::from_u128(id)),
            Subject::Order(id) => Self::Order(Id::from_u128(id)),
            Subject::Review(id) => Self::Review(Id::from_u128(id)),
        }
    }
}

impl<'a> From<&'a sealed::Sealed> for Sealed<'a> {
    fn from(sealed: &'a sealed::Sealed) -> Self {
        Self { key: sealed.key().0, bytes: sealed.bytes() }
    }
}

impl TryFrom<Sealed<'_>> for sealed::Sealed {
    type Error = CodecError;

    fn try_from(sealed: Sealed<'_>) -> Result<Self, CodecError> {
        Self::new(SealKeyId(sealed.key), sealed.bytes).ok_or(CodecError::Value("sealed part"))
    }
}

impl<'a> From<&'a NextAction> for Action<'a> {
    fn from(action: &'a NextAction) -> Self {
        match action {
            NextAction::Redirect { url } => Self::Redirect { url },
            NextAction::ApproveUpi { payee_vpa, reference } => {
                Self::ApproveUpi { payee_vpa, reference }
            }
        }
    }
}

impl From<Action<'_>> for NextAction {
    fn from(action: Action<'_>) -> Self {
        match action {
            Action::Redirect { url } => Self::Redirect { url: url.into() },
            Action::ApproveUpi { payee_vpa, reference } => {
                Self::ApproveUpi { payee_vpa: payee_vpa.into(), reference: reference.into() }
            }
        }
    }
}

impl Answer {
    fn new(
        payment: crate::id::PaymentId,
        attempt: crate::id::AttemptId,
        source: OutcomeSource,
    ) -> Self {
        Self { payment: payment.to_u128(), attempt: attempt.to_u128(), source: source.code() }
    }

    fn source(&self) -> Result<OutcomeSource, CodecError> {
        OutcomeSource::from_code(self.source).ok_or(CodecError::Value("source of an outcome"))
    }
}

impl<'a> From<&'a ProviderReceipt> for Receipt<'a> {
    fn from(receipt: &'a ProviderReceipt) -> Self {
        Self {
            external_id: &receipt.external_id,
            rrn: &receipt.rrn,
            approval_code: &receipt.approval_code,
        }
    }
}

impl From<Receipt<'_>> for Arc<ProviderReceipt> {
    fn from(receipt: Receipt<'_>) -> Self {
        Self::new(ProviderReceipt {
            external_id: receipt.external_id.into(),
            rrn: receipt.rrn.into(),
            approval_code: receipt.approval_code.into(),
        })
    }
}

impl From<&effect::Effect> for Effect {
    fn from(effect: &effect::Effect) -> Self {
        match effect {
            effect::Effect::Authorize { payment, attempt } => {
                Self::Authorize { payment: payment.to_u128(), attempt: attempt.to_u128() }
            }
            effect::Effect::Inquire { payment, attempt } => {
                Self::Inquire { payment: payment.to_u128(), attempt: attempt.to_u128() }
            }
            effect::Effect::Operate { payment, operation } => {
                Self::Operate { payment: payment.to_u128(), operation: operation.to_u128() }
            }
            effect::Effect::InquireOperation { payment, operation } => Self::InquireOperation {
                payment: payment.to_u128(),
                operation: operation.to_u128(),
            },
        }
    }
}

impl From<Effect> for effect::Effect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Authorize { payment, attempt } => {
                Self::Authorize { payment: Id::from_u128(payment), attempt: Id::from_u128(attempt) }
            }
            Effect::Inquire { payment, attempt } => {
                Self::Inquire { payment: Id::from_u128(payment), attempt: Id::from_u128(attempt) }
            }
            Effect::Operate { payment, operation } => Self::Operate {
                payment: Id::from_u128(payment),
                operation: Id::from_u128(operation),
            },
            Effect::InquireOperation { payment, operation } => Self::InquireOperation {
                payment: Id::from_u128(payment),
                operation: Id::from_u128(operation),
            },
        }
    }
}

fn pairs(pairs: &[(Box<str>, Box<str>)]) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (&**name, &**value)).collect()
}

fn text_pairs(pairs: Vec<(&str, &str)>) -> Vec<(Box<str>, Box<str>)> {
    pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn bytes<S: Serializer>(bytes: &&[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}
