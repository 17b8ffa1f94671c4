//! Version 1 of both kinds of records, frozen. Control records are written in it; payment records
//! are read alone, and lifted to today's events: their method is a card, their action an address,
//! and nothing in them is sealed.
//!
//! Invariant: nothing here ever changes once a release has written it; a new need is a new version.
//! Fields are fixed-width integers, byte arrays and borrowed strings, in the order given. What has
//! a stored number of its own (modes, brands, decline codes) appears as that number.

use std::sync::Arc;

use serde::Deserialize;

use super::{
    CodecError,
    value::{amount, amount_or_zero, decline, events, mode, time},
};
use crate::{
    api_key::{ApiKey, ApiKeyHash, ApiKeyKind, ScopeSet},
    card::{CardBrand, CardFacts, CardFingerprint},
    effect,
    event::{self, Record},
    id::Id,
    idempotency::{Fingerprint, IdempotencyEntry, IdempotencyKey, Subject},
    merchant,
    money::{Currency, Money},
    payment::{self, CaptureMode, NextAction, PaymentMethod},
    provider::{OutcomeSource, ProviderId, ProviderReceipt},
    timestamp::Timestamp,
};

#[derive(Deserialize)]
pub(super) struct PaymentRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<Event<'a>>,
    idempotency: Option<Idempotency>,
    effects: Vec<Effect>,
}

/// Read, and not written any more.
#[derive(Deserialize)]
pub(super) struct ControlRecord<'a> {
    at: u64,
    #[serde(borrow)]
    events: Vec<ControlEvent<'a>>,
}

/// bincode numbers variants in order; the order is frozen.
#[derive(Deserialize)]
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
        url: &'a str,
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
}

#[derive(Deserialize)]
enum ControlEvent<'a> {
    MerchantCreated { id: u128, name: &'a str, created_at: u64 },
    ApiKeyIssued { hash: [u8; 32], merchant: u128, mode: u8, created_at: u64 },
}

#[derive(Deserialize)]
struct Intent<'a> {
    id: u128,
    transaction: u128,
    merchant: u128,
    mode: u8,
    amount: i64,
    currency: u16,
    capture: u8,
    method: Method,
    #[serde(borrow)]
    order_id: Option<&'a str>,
    customer_id: Option<&'a str>,
    description: Option<&'a str>,
    callback_url: Option<&'a str>,
    metadata: Vec<(&'a str, &'a str)>,
    control_version: u64,
    created_at: u64,
}

#[derive(Deserialize)]
enum Method {
    Card {
        brand: u8,
        bin: u32,
        last4: u16,
        expiry_month: u8,
        expiry_year: u16,
        fingerprint: [u8; 16],
    },
}

/// Whose answer, of which attempt, and how it came.
#[derive(Deserialize)]
struct Answer {
    payment: u128,
    attempt: u128,
    source: u8,
}

#[derive(Deserialize)]
struct Receipt<'a> {
    external_id: &'a str,
    rrn: &'a str,
    approval_code: &'a str,
}

#[derive(Deserialize)]
enum Failure {
    Declined(u8),
    NotSent,
}

#[derive(Deserialize)]
struct Idempotency {
    key: [u8; 16],
    fingerprint: u64,
    payment: u128,
}

#[derive(Deserialize)]
enum Effect {
    Authorize { payment: u128, attempt: u128 },
    Inquire { payment: u128, attempt: u128 },
}

impl TryFrom<PaymentRecord<'_>> for Record<event::Event> {
    type Error = CodecError;

    fn try_from(record: PaymentRecord<'_>) -> Result<Self, CodecError> {
        let at = time(record.at)?;
        let mut lifted = Vec::new();
        for event in events(record.events)? {
            let event = event::Event::try_from((event, at))?;
            let case = case_of(&event);
            lifted.push(event);
            lifted.extend(case);
        }
        Ok(Self {
            at,
            events: lifted,
            idempotency: record.idempotency.map(|entry| IdempotencyEntry {
                key: IdempotencyKey(entry.key),
                fingerprint: Fingerprint(entry.fingerprint),
                subject: Subject::Payment(Id::from_u128(entry.payment)),
            }),
            effects: record.effects.into_iter().map(Into::into).collect(),
        })
    }
}

impl TryFrom<ControlRecord<'_>> for Record<event::ControlEvent> {
    type Error = CodecError;

    fn try_from(record: ControlRecord<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            at: time(record.at)?,
            events: events(record.events)?
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            idempotency: None,
            effects: Vec::new(),
        })
    }
}

/// The case that a late approval opens today; then it was booked alone. Its id follows from the
/// attempt's, so that every replay gives the same.
fn case_of(event: &event::Event) -> Option<event::Event> {
    let event::Event::AttemptApprovedLate { payment, attempt, taken, .. } = event else {
        return None;
    };
    let booked =
        if taken.is_zero() { payment::Booked::Nothing } else { payment::Booked::Received(*taken) };
    Some(event::Event::CaseOpened {
        payment: *payment,
        case: Id::from_u128(attempt.to_u128()),
        matter: payment::Matter::LateApproval(*attempt),
        booked,
    })
}

/// An event, and the time of its record.
impl TryFrom<(Event<'_>, Timestamp)> for event::Event {
    type Error = CodecError;

    fn try_from((event, at_record): (Event<'_>, Timestamp)) -> Result<Self, CodecError> {
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
            Event::AttemptActionRequired { at, url, expires_at } => Self::AttemptActionRequired {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                action: NextAction::Redirect { url: url.into() },
                expires_at: time(expires_at)?,
            },
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
            // Then it was asked about once, and forgotten; now that is due.
            Event::AttemptContradicted { at } => Self::AttemptContradicted {
                payment: Id::from_u128(at.payment),
                attempt: Id::from_u128(at.attempt),
                source: at.source()?,
                inquire_at: at_record,
            },
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

impl TryFrom<ControlEvent<'_>> for event::ControlEvent {
    type Error = CodecError;

    fn try_from(event: ControlEvent<'_>) -> Result<Self, CodecError> {
        Ok(match event {
            ControlEvent::MerchantCreated { id, name, created_at } => {
                Self::MerchantCreated(merchant::Merchant {
                    id: Id::from_u128(id),
                    name: name.into(),
                    email: None,
                    suspended_at: None,
                    one_payment_per_order: false,
                    created_at: time(created_at)?,
                    updated_at: time(created_at)?,
                })
            }
            ControlEvent::ApiKeyIssued { hash, merchant, mode: stored, created_at } => {
                let (hash, created_at) = (ApiKeyHash(hash), time(created_at)?);
                Self::ApiKeyIssued(ApiKey {
                    id: ApiKey::id_of(&hash, created_at),
                    hash,
                    tail: None,
                    kind: ApiKeyKind::Secret {
                        merchant: Id::from_u128(merchant),
                        mode: mode(stored)?,
                    },
                    scopes: ScopeSet::ALL,
                    name: None,
                    created_at,
                    expires_at: None,
                    revoked_at: None,
                    successor: None,
                })
            }
        })
    }
}

impl TryFrom<Intent<'_>> for payment::PaymentIntent {
    type Error = CodecError;

    fn try_from(intent: Intent<'_>) -> Result<Self, CodecError> {
        let Method::Card { brand, bin, last4, expiry_month, expiry_year, fingerprint } =
            intent.method;
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
            method: PaymentMethod::Card(CardFacts {
                brand: CardBrand::from_code(brand).ok_or(CodecError::Value("card brand"))?,
                bin,
                last4,
                expiry_month,
                expiry_year,
                fingerprint: CardFingerprint(fingerprint),
                funding: None,
                issuer_country: None,
            }),
            hold_for_review: false,
            emi: None,
            order_id: intent.order_id.map(Into::into),
            order: None,
            one_payment_per_order: false,
            customer_id: intent.customer_id.map(Into::into),
            personal: None,
            description: intent.description.map(Into::into),
            callback_url: intent.callback_url.map(Into::into),
            return_url: None,
            metadata: intent
                .metadata
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            control_version: intent.control_version,
            created_at: time(intent.created_at)?,
        })
    }
}

impl Answer {
    fn source(&self) -> Result<OutcomeSource, CodecError> {
        OutcomeSource::from_code(self.source).ok_or(CodecError::Value("source of an outcome"))
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

impl From<Effect> for effect::Effect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Authorize { payment, attempt } => {
                Self::Authorize { payment: Id::from_u128(payment), attempt: Id::from_u128(attempt) }
            }
            Effect::Inquire { payment, attempt } => {
                Self::Inquire { payment: Id::from_u128(payment), attempt: Id::from_u128(attempt) }
            }
        }
    }
}
