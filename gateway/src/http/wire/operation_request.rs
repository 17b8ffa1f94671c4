//! What is asked for a payment that exists, as a client writes it, and once it has been checked.
//!
//! Amounts are in the payment's currency, which the request does not repeat. Fields that are absent
//! have the documented defaults: an amount is all that is left.

use tollgate_domain::{Amount, Currency, MerchantId, PaymentId};

use super::{
    amount::AmountFields,
    number::Raw,
    object::{Names, object},
    text::{Metadata, Text},
    validation::{Faults, present},
};
use crate::{
    http::error::{ErrorCode, Problem},
    secrets::RequestDigest,
};

/// Longest reason of a refund, in characters.
const LONGEST_REASON: usize = 500;

object! {
    /// The body of an operation that has nothing to say but that it is asked for.
    PlainOperationRequest {
        /// Older clients name the merchant, which the key tells already.
        merchant_id: "merchant_id" | "merchantID" => Text<'a>,
        idempotency_key: "idempotencyKey" | "idempotency_key" => Text<'a>,
    }
}

object! {
    /// The body of a capture.
    CaptureRequest {
        amount: "amount" => Raw<'a>,
        amount_minor: "amount_minor" | "amountMinor" => Raw<'a>,
        amount_paisa: "amount_paisa" | "amountPaisa" => Raw<'a>,
        is_final: "final" => bool,
        merchant_id: "merchant_id" | "merchantID" => Text<'a>,
        idempotency_key: "idempotencyKey" | "idempotency_key" => Text<'a>,
    }
}

object! {
    /// The body of a refund.
    RefundRequest {
        /// Where the path does not name it.
        payment_id: "payment_id" | "paymentID" => Text<'a>,
        amount: "amount" => Raw<'a>,
        amount_minor: "amount_minor" | "amountMinor" => Raw<'a>,
        amount_paisa: "amount_paisa" | "amountPaisa" => Raw<'a>,
        reason: "reason" => Text<'a>,
        metadata: "metadata" => Metadata<'a>,
        merchant_id: "merchant_id" | "merchantID" => Text<'a>,
        idempotency_key: "idempotencyKey" | "idempotency_key" => Text<'a>,
    }
}

/// Which names requests for operations take, by the names of their types.
pub(crate) fn operation_request_names() -> [(&'static str, Names); 3] {
    [
        ("PlainOperationRequest", PlainOperationRequest::NAMES),
        ("CaptureRequest", CaptureRequest::NAMES),
        ("RefundRequest", RefundRequest::NAMES),
    ]
}

/// What every request for an operation has.
pub(crate) trait OperationBody<'a> {
    /// The merchant that it names.
    fn merchant_id(&self) -> &Option<Text<'a>>;

    /// Its idempotency key.
    fn idempotency_key(&self) -> Option<&str>;

    /// Whether it names another merchant than `own`.
    fn names_another_merchant(&self, own: MerchantId) -> bool {
        present(self.merchant_id()).is_some_and(|named| named.parse() != Ok(own))
    }
}

macro_rules! operation_bodies {
    ($($name:ident),*) => {
        $(impl<'a> OperationBody<'a> for $name<'a> {
            fn merchant_id(&self) -> &Option<Text<'a>> {
                &self.merchant_id
            }

            fn idempotency_key(&self) -> Option<&str> {
                self.idempotency_key.as_ref().map(Text::as_str)
            }
        })*
    };
}

operation_bodies!(PlainOperationRequest, CaptureRequest, RefundRequest);

/// A capture without a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ValidCapture {
    pub(crate) amount: Option<Amount>,
    pub(crate) release_rest: bool,
}

/// A refund without a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ValidRefund {
    pub(crate) amount: Option<Amount>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) metadata: Vec<(Box<str>, Box<str>)>,
}

impl PlainOperationRequest<'_> {
    /// Checks that nothing else is asked for.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<(), Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        if faults.is_empty() { Ok(()) } else { Err(faults.into_problem()) }
    }
}

impl CaptureRequest<'_> {
    /// Checks everything, for a payment in that currency.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self, currency: Currency) -> Result<ValidCapture, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let Self { amount: major, amount_minor: minor, amount_paisa: paisa, .. } = *self;
        let amount = AmountFields { major, minor, paisa }.read(Some(currency), &mut faults);
        if !faults.is_empty() {
            return Err(faults.into_problem());
        }
        Ok(ValidCapture { amount, release_rest: self.is_final.unwrap_or(true) })
    }
}

impl RefundRequest<'_> {
    /// The payment that the body names; it has to.
    ///
    /// # Errors
    /// Where it does not.
    pub(crate) fn payment(&self) -> Result<PaymentId, Problem> {
        let Some(id) = present(&self.payment_id) else {
            let mut faults = Faults::default();
            faults.missing("/payment_id");
            return Err(faults.into_problem());
        };
        // What is no payment's id names no payment.
        id.parse().map_err(|_malformed| Problem::of(ErrorCode::PaymentNotFound))
    }

    /// Checks everything, for a refund of that payment in that currency.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(
        &self,
        payment: PaymentId,
        currency: Currency,
    ) -> Result<ValidRefund, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        if present(&self.payment_id).is_some_and(|named| named.parse() != Ok(payment)) {
            faults.invalid("/payment_id", "The path names another payment.");
        }
        let Self { amount: major, amount_minor: minor, amount_paisa: paisa, .. } = *self;
        let amount = AmountFields { major, minor, paisa }.read(Some(currency), &mut faults);
        let reason = faults.bounded("/reason", &self.reason, LONGEST_REASON);
        let metadata = faults.metadata(&self.metadata);
        if !faults.is_empty() {
            return Err(faults.into_problem());
        }
        Ok(ValidRefund {
            amount,
            reason: reason.map(Into::into),
            metadata: metadata
                .iter()
                .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                .collect(),
        })
    }
}

impl ValidCapture {
    /// Feeds all of it to `digest`, in an order that never changes.
    pub(crate) fn digest_into(self, digest: &mut RequestDigest) {
        digest_amount(self.amount, digest);
        digest.number(u64::from(self.release_rest));
    }
}

impl ValidRefund {
    /// Feeds all of it to `digest`, in an order that never changes.
    pub(crate) fn digest_into(&self, digest: &mut RequestDigest) {
        digest_amount(self.amount, digest);
        digest.text(self.reason.as_deref());
        for (key, value) in &self.metadata {
            digest.text(Some(key));
            digest.text(Some(value));
        }
    }
}

/// Nothing said is something else than the amount that it comes to.
fn digest_amount(amount: Option<Amount>, digest: &mut RequestDigest) {
    digest.number(amount.map_or(0, |amount| amount.minor_units().unsigned_abs()));
}
