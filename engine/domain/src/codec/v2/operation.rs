//! Version 2 of what is done to a payment: operations, cases and orders. Frozen as all of the
//! version is.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Receipt, pairs, text_pairs};
use crate::{
    codec::{
        CodecError,
        value::{amount, amount_or_zero, mode, time},
    },
    event,
    id::{CaseId, Id, OperationId, PaymentId},
    money::{Currency, Money},
    order,
    payment::{self, Cause, OperationFailure, OperationKind, Resolution},
    provider::OutcomeSource,
};

#[derive(Serialize, Deserialize)]
pub(super) struct Intent<'a> {
    id: u128,
    attempt: u128,
    #[serde(borrow)]
    kind: Kind<'a>,
    cause: u8,
    started_at: u64,
}

#[derive(Serialize, Deserialize)]
enum Kind<'a> {
    Confirmation,
    Capture {
        amount: i64,
        release_rest: bool,
    },
    Void,
    Reversal,
    Refund {
        amount: i64,
        reason: Option<&'a str>,
        #[serde(borrow)]
        metadata: Vec<(&'a str, &'a str)>,
    },
}

/// What happened to an operation.
#[derive(Serialize, Deserialize)]
pub(super) enum Move<'a> {
    Succeeded {
        source: u8,
        #[serde(borrow)]
        receipt: Receipt<'a>,
        fee_returned: i64,
    },
    Failed {
        source: u8,
        reason: u8,
    },
    Pending {
        source: u8,
        inquire_at: u64,
    },
    Unknown {
        source: u8,
        inquire_at: u64,
    },
    Delayed {
        source: u8,
        retry_at: u64,
    },
    Resent,
    InquiryStarted {
        inquire_at: u64,
    },
    Contradicted {
        source: u8,
        inquire_at: u64,
    },
    Reaffirmed {
        source: u8,
    },
    RefundReturned {
        source: u8,
        reason: u8,
    },
    SucceededLate {
        source: u8,
        receipt: Receipt<'a>,
        booked: Booked,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) enum Matter {
    LateApproval(u128),
    ApprovalDenied(u128),
    OperationDenied(u128),
    OperationLate(u128),
}

#[derive(Serialize, Deserialize)]
pub(super) enum Booked {
    Nothing,
    Received(i64),
    PaidOut(i64),
}

#[derive(Serialize, Deserialize)]
pub(in crate::codec) struct Order<'a> {
    id: u128,
    merchant: u128,
    mode: u8,
    amount: i64,
    currency: u16,
    receipt: Option<&'a str>,
    #[serde(borrow)]
    notes: Vec<(&'a str, &'a str)>,
    created_at: u64,
}

impl<'a> From<&'a payment::OperationIntent> for Intent<'a> {
    fn from(intent: &'a payment::OperationIntent) -> Self {
        Self {
            id: intent.id.to_u128(),
            attempt: intent.attempt.to_u128(),
            kind: match &intent.kind {
                OperationKind::Confirmation => Kind::Confirmation,
                OperationKind::Capture { amount, release_rest } => {
                    Kind::Capture { amount: amount.minor_units(), release_rest: *release_rest }
                }
                OperationKind::Void => Kind::Void,
                OperationKind::Reversal => Kind::Reversal,
                OperationKind::Refund { amount, reason, metadata } => Kind::Refund {
                    amount: amount.minor_units(),
                    reason: reason.as_deref(),
                    metadata: pairs(metadata),
                },
            },
            cause: intent.cause.code(),
            started_at: intent.started_at.as_millis(),
        }
    }
}

impl TryFrom<Intent<'_>> for payment::OperationIntent {
    type Error = CodecError;

    fn try_from(intent: Intent<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            id: Id::from_u128(intent.id),
            attempt: Id::from_u128(intent.attempt),
            kind: match intent.kind {
                Kind::Confirmation => OperationKind::Confirmation,
                Kind::Capture { amount: taken, release_rest } => {
                    OperationKind::Capture { amount: amount(taken)?, release_rest }
                }
                Kind::Void => OperationKind::Void,
                Kind::Reversal => OperationKind::Reversal,
                Kind::Refund { amount: returned, reason, metadata } => OperationKind::Refund {
                    amount: amount(returned)?,
                    reason: reason.map(Into::into),
                    metadata: text_pairs(metadata),
                },
            },
            cause: Cause::from_code(intent.cause).ok_or(CodecError::Value("cause"))?,
            started_at: time(intent.started_at)?,
        })
    }
}

impl Move<'_> {
    /// The event that this is, of this operation on this payment.
    pub(super) fn into_event(
        self,
        payment: PaymentId,
        operation: OperationId,
    ) -> Result<event::Event, CodecError> {
        use event::Event as To;
        Ok(match self {
            Self::Succeeded { source, receipt, fee_returned } => To::OperationSucceeded {
                payment,
                operation,
                source: outcome_source(source)?,
                receipt: receipt.into(),
                fee_returned: amount_or_zero(fee_returned)?,
            },
            Self::Failed { source, reason } => To::OperationFailed {
                payment,
                operation,
                source: outcome_source(source)?,
                reason: failure(reason)?,
            },
            Self::Pending { source, inquire_at } => To::OperationPending {
                payment,
                operation,
                source: outcome_source(source)?,
                inquire_at: time(inquire_at)?,
            },
            Self::Unknown { source, inquire_at } => To::OperationUnknown {
                payment,
                operation,
                source: outcome_source(source)?,
                inquire_at: time(inquire_at)?,
            },
            Self::Delayed { source, retry_at } => To::OperationDelayed {
                payment,
                operation,
                source: outcome_source(source)?,
                retry_at: time(retry_at)?,
            },
            Self::Resent => To::OperationResent { payment, operation },
            Self::InquiryStarted { inquire_at } => {
                let inquire_at = time(inquire_at)?;
                To::OperationInquiryStarted { payment, operation, inquire_at }
            }
            Self::Contradicted { source, inquire_at } => To::OperationContradicted {
                payment,
                operation,
                source: outcome_source(source)?,
                inquire_at: time(inquire_at)?,
            },
            Self::Reaffirmed { source } => {
                To::OperationReaffirmed { payment, operation, source: outcome_source(source)? }
            }
            Self::RefundReturned { source, reason } => To::RefundReturned {
                payment,
                operation,
                source: outcome_source(source)?,
                reason: failure(reason)?,
            },
            Self::SucceededLate { source, receipt, booked } => To::OperationSucceededLate {
                payment,
                operation,
                source: outcome_source(source)?,
                receipt: receipt.into(),
                booked: booked.try_into()?,
            },
        })
    }
}

impl From<payment::Matter> for Matter {
    fn from(matter: payment::Matter) -> Self {
        match matter {
            payment::Matter::LateApproval(attempt) => Self::LateApproval(attempt.to_u128()),
            payment::Matter::ApprovalDenied(attempt) => Self::ApprovalDenied(attempt.to_u128()),
            payment::Matter::OperationDenied(operation) => {
                Self::OperationDenied(operation.to_u128())
            }
            payment::Matter::OperationLate(operation) => Self::OperationLate(operation.to_u128()),
        }
    }
}

impl From<Matter> for payment::Matter {
    fn from(matter: Matter) -> Self {
        match matter {
            Matter::LateApproval(attempt) => Self::LateApproval(Id::from_u128(attempt)),
            Matter::ApprovalDenied(attempt) => Self::ApprovalDenied(Id::from_u128(attempt)),
            Matter::OperationDenied(operation) => Self::OperationDenied(Id::from_u128(operation)),
            Matter::OperationLate(operation) => Self::OperationLate(Id::from_u128(operation)),
        }
    }
}

impl From<payment::Booked> for Booked {
    fn from(booked: payment::Booked) -> Self {
        match booked {
            payment::Booked::Nothing => Self::Nothing,
            payment::Booked::Received(amount) => Self::Received(amount.minor_units()),
            payment::Booked::PaidOut(amount) => Self::PaidOut(amount.minor_units()),
        }
    }
}

impl TryFrom<Booked> for payment::Booked {
    type Error = CodecError;

    fn try_from(booked: Booked) -> Result<Self, CodecError> {
        Ok(match booked {
            Booked::Nothing => Self::Nothing,
            Booked::Received(received) => Self::Received(amount(received)?),
            Booked::PaidOut(paid_out) => Self::PaidOut(amount(paid_out)?),
        })
    }
}

impl<'a> From<&'a order::OrderIntent> for Order<'a> {
    fn from(order: &'a order::OrderIntent) -> Self {
        Self {
            id: order.id.to_u128(),
            merchant: order.merchant.to_u128(),
            mode: order.mode.code(),
            amount: order.money.amount.minor_units(),
            currency: order.money.currency.numeric(),
            receipt: order.receipt.as_deref(),
            notes: pairs(&order.notes),
            created_at: order.created_at.as_millis(),
        }
    }
}

impl TryFrom<Order<'_>> for order::OrderIntent {
    type Error = CodecError;

    fn try_from(order: Order<'_>) -> Result<Self, CodecError> {
        let currency = Currency::from_numeric(order.currency)
            .map_err(|_unknown| CodecError::Value("currency"))?;
        Ok(Self {
            id: Id::from_u128(order.id),
            merchant: Id::from_u128(order.merchant),
            mode: mode(order.mode)?,
            money: Money { amount: amount(order.amount)?, currency },
            receipt: order.receipt.map(Into::into),
            notes: text_pairs(order.notes),
            created_at: time(order.created_at)?,
        })
    }
}

/// The event that opens a case.
pub(super) fn case_opened(
    payment: PaymentId,
    case: u128,
    matter: Matter,
    booked: Booked,
) -> Result<event::Event, CodecError> {
    let (case, matter) = (CaseId::from_u128(case), matter.into());
    Ok(event::Event::CaseOpened { payment, case, matter, booked: booked.try_into()? })
}

/// The event that creates an order.
pub(super) fn order_created(order: Order<'_>) -> Result<event::Event, CodecError> {
    Ok(event::Event::OrderCreated(Arc::new(order.try_into()?)))
}

pub(super) fn resolution(code: u8) -> Result<Resolution, CodecError> {
    Resolution::from_code(code).ok_or(CodecError::Value("resolution"))
}

fn outcome_source(code: u8) -> Result<OutcomeSource, CodecError> {
    OutcomeSource::from_code(code).ok_or(CodecError::Value("source of an outcome"))
}

fn failure(code: u8) -> Result<OperationFailure, CodecError> {
    OperationFailure::from_code(code).ok_or(CodecError::Value("reason of a failure"))
}
