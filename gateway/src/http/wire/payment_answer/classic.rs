//! Payments as the classic surface shows them: camelCase with `ID` and `URL`, amounts as numbers,
//! in an envelope. It says nothing of its own: every value is one of version 1.
//!
//! Invariant: no amount is ever a float; its decimal text is written as it is.

use rust_decimal::Decimal;
use serde::{Serialize, Serializer, ser::Error};
use serde_json::value::RawValue;
use tollgate_domain::{Payment, PaymentId, TransactionId};

use super::{
    CardBody, CountryText, Hex, Major, Metadata, NetBankingBody, NextActionBody, PaymentFields,
    QrImage, UpiBody, UpiLink, WalletBody, ZeroPadded, emi::ClassicEmi,
};
use crate::{
    http::wire::{id_text::IdText, time::Rfc3339},
    vault::OpenedData,
};

/// The envelope of every good answer.
#[derive(Serialize)]
pub(crate) struct ClassicSuccess<T> {
    success: bool,
    data: T,
}

/// A payment as the answer to its creation: what it always was, and what a customer has to do.
pub(crate) struct ClassicCreated<'p>(pub(crate) &'p Payment);

/// All of a payment.
pub(crate) struct ClassicPayment<'p> {
    pub(crate) payment: &'p Payment,
    /// What is sealed in it; `None` once it is erased.
    pub(crate) personal: Option<&'p OpenedData>,
}

/// A payment in short.
pub(crate) struct ClassicStatus<'p>(pub(crate) &'p Payment);

/// The older answer to a payment, kept as it was.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OlderFields<'p> {
    #[serde(rename = "paymentID")]
    payment_id: IdText<PaymentId>,
    status: &'static str,
    amount: MajorNumber,
    currency: &'static str,
    #[serde(rename = "transactionID")]
    transaction_id: IdText<TransactionId>,
    created_at: Rfc3339,
    provider: Option<&'p str>,
    fraud_score: Option<Hundredths>,
}

/// The older fields; the others only where they have a value.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreatedFields<'p> {
    #[serde(flatten)]
    older: OlderFields<'p>,
    #[serde(flatten)]
    failure: FailureFields,
    #[serde(flatten)]
    action: Option<ActionFields<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FailureFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ActionFields<'p> {
    next_action: NextActionBody<'p>,
    #[serde(rename = "paymentURL", skip_serializing_if = "Option::is_none")]
    payment_url: Option<UpiLink<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    qr_code: Option<QrImage<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Rfc3339>,
}

/// The older fields, and the newer ones after them; those without a value are `null`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllFields<'p> {
    #[serde(flatten)]
    older: OlderFields<'p>,
    amount_authorized: MajorNumber,
    amount_captured: MajorNumber,
    amount_refunded: MajorNumber,
    amount_disputed: MajorNumber,
    payment_method: &'static str,
    card: Option<CardFields>,
    upi: Option<UpiBody<'p>>,
    netbanking: Option<NetBankingBody<'p>>,
    wallet: Option<WalletFields<'p>>,
    #[serde(rename = "customerID")]
    customer_id: Option<&'p str>,
    #[serde(rename = "orderID")]
    order_id: Option<&'p str>,
    emi: Option<ClassicEmi>,
    #[serde(rename = "returnURL")]
    return_url: Option<&'p str>,
    #[serde(rename = "externalTxnID")]
    external_txn_id: Option<&'p str>,
    gateway_response: Option<GatewayFields<'p>>,
    decline_code: Option<&'static str>,
    failure_reason: Option<&'static str>,
    next_action: Option<NextActionBody<'p>>,
    #[serde(rename = "paymentURL")]
    payment_url: Option<UpiLink<'p>>,
    qr_code: Option<QrImage<'p>>,
    metadata: Metadata<'p>,
    livemode: bool,
    updated_at: Rfc3339,
    processed_at: Option<Rfc3339>,
    expires_at: Option<Rfc3339>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CardFields {
    brand: &'static str,
    bin: ZeroPadded<6>,
    last4: ZeroPadded<4>,
    expiry_month: u8,
    expiry_year: u16,
    fingerprint: Hex,
    funding: Option<&'static str>,
    issuer_country: Option<CountryText>,
}

#[derive(Serialize)]
struct WalletFields<'p> {
    provider: &'p str,
    #[serde(rename = "walletID")]
    wallet_id: Option<&'p str>,
    fingerprint: Hex,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GatewayFields<'p> {
    rrn: &'p str,
    approval_code: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusFields {
    #[serde(rename = "paymentID")]
    payment_id: IdText<PaymentId>,
    status: &'static str,
    #[serde(rename = "transactionID")]
    transaction_id: IdText<TransactionId>,
    #[serde(flatten)]
    failure: FailureFields,
    created_at: Rfc3339,
    updated_at: Rfc3339,
}

impl<T> ClassicSuccess<T> {
    pub(crate) fn of(data: T) -> Self {
        Self { success: true, data }
    }
}

impl Serialize for ClassicCreated<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = PaymentFields::of(self.0);
        let action = shown.next_action.take().map(|next_action| ActionFields {
            next_action,
            payment_url: shown.payment_url,
            qr_code: shown.qr_code,
            expires_at: shown.expires_at,
        });
        let failure = FailureFields::of(&shown);
        CreatedFields { older: OlderFields::of(&shown), failure, action }.serialize(serializer)
    }
}

impl Serialize for ClassicPayment<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = PaymentFields::of(self.payment).with(self.personal);
        AllFields {
            older: OlderFields::of(&shown),
            amount_authorized: MajorNumber::of(&shown.amount_authorized),
            amount_captured: MajorNumber::of(&shown.amount_captured),
            amount_refunded: MajorNumber::of(&shown.amount_refunded),
            amount_disputed: MajorNumber::of(&shown.amount_disputed),
            payment_method: shown.payment_method,
            card: shown.card.map(CardFields::of),
            upi: shown.upi,
            netbanking: shown.netbanking,
            wallet: shown.wallet.map(|WalletBody { provider, wallet_id, fingerprint }| {
                WalletFields { provider, wallet_id, fingerprint }
            }),
            customer_id: shown.customer.id,
            order_id: shown.order_id,
            emi: shown.emi.map(ClassicEmi::from),
            return_url: shown.return_url,
            external_txn_id: shown.external_txn_id,
            gateway_response: shown.gateway_response.map(|response| GatewayFields {
                rrn: response.rrn,
                approval_code: response.approval_code,
            }),
            decline_code: shown.decline_code,
            failure_reason: shown.failure_reason,
            next_action: shown.next_action,
            payment_url: shown.payment_url,
            qr_code: shown.qr_code,
            metadata: shown.metadata,
            livemode: shown.livemode,
            updated_at: shown.updated_at,
            processed_at: shown.processed_at,
            expires_at: shown.expires_at,
        }
        .serialize(serializer)
    }
}

impl Serialize for ClassicStatus<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let shown = PaymentFields::of(self.0);
        StatusFields {
            failure: FailureFields::of(&shown),
            payment_id: shown.payment_id,
            status: shown.status,
            transaction_id: shown.transaction_id,
            created_at: shown.created_at,
            updated_at: shown.updated_at,
        }
        .serialize(serializer)
    }
}

impl<'p> OlderFields<'p> {
    fn of(shown: &PaymentFields<'p>) -> Self {
        Self {
            payment_id: shown.payment_id,
            status: shown.status,
            amount: MajorNumber::of(&shown.amount),
            currency: shown.currency,
            transaction_id: shown.transaction_id,
            created_at: shown.created_at,
            provider: shown.provider,
            fraud_score: shown.fraud_score.map(Hundredths),
        }
    }
}

impl FailureFields {
    fn of(shown: &PaymentFields<'_>) -> Self {
        Self { decline_code: shown.decline_code, failure_reason: shown.failure_reason }
    }
}

impl CardFields {
    fn of(card: CardBody) -> Self {
        let CardBody {
            brand,
            bin,
            last4,
            expiry_month,
            expiry_year,
            fingerprint,
            funding,
            issuer_country,
        } = card;
        Self { brand, bin, last4, expiry_month, expiry_year, fingerprint, funding, issuer_country }
    }
}

/// An amount in major units as a number, with all decimals of its currency.
pub(in crate::http::wire) struct MajorNumber(Decimal);

impl MajorNumber {
    pub(in crate::http::wire) fn of(Major(money): &Major) -> Self {
        Self(money.to_major_units())
    }
}

impl Serialize for MajorNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact_number(self.0, serializer)
    }
}

/// 0 to 100, shown as 0 to 1.
struct Hundredths(u8);

impl Serialize for Hundredths {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        exact_number(Decimal::new(i64::from(self.0), 2).normalize(), serializer)
    }
}

/// Writes the number's own text, because every number of the serializer that has a fraction is a
/// float.
pub(in crate::http::wire) fn exact_number<S: Serializer>(
    number: Decimal,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    RawValue::from_string(number.to_string()).map_err(S::Error::custom)?.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use tollgate_domain::{Amount, Currency, Money};

    use super::*;

    fn text(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn amounts_are_numbers_with_all_their_digits() {
        for (minor_units, code, expected) in [
            (10_000, "INR", "100.00"),
            (7, "INR", "0.07"),
            (0, "INR", "0.00"),
            (100, "JPY", "100"),
            (1_234, "BHD", "1.234"),
            (999_999_999_999, "INR", "9999999999.99"),
        ] {
            let amount = if minor_units == 0 {
                Amount::ZERO
            } else {
                Amount::from_minor_units(minor_units).unwrap()
            };
            let money = Money { amount, currency: Currency::from_code(code).unwrap() };
            assert_eq!(text(&MajorNumber::of(&Major(money))), expected);
        }
    }

    #[test]
    fn a_fraud_score_is_a_fraction() {
        for (score, expected) in [(0, "0"), (5, "0.05"), (20, "0.2"), (100, "1")] {
            assert_eq!(text(&Hundredths(score)), expected);
        }
    }
}
