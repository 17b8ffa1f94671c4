//! A payment as an answer shows it.
//!
//! Invariant: the text depends on the payment alone, so that a repeated request is answered byte
//! for byte as the first, but for personal data that was erased in between. Fields come in the order of the documentation, and those without a value
//! are `null`.

mod classic;
mod emi;

pub(crate) use classic::{ClassicCreated, ClassicPayment, ClassicStatus, ClassicSuccess};
pub(super) use classic::{MajorNumber, exact_number};
pub(super) use emi::Percent;

mod event_data;
mod upi_link;

pub(crate) use event_data::complete;

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};
use tollgate_domain::{
    Amount, Attempt, AttemptId, CardFacts, CardFunding, Country, Currency, DeclineCode,
    FailureReason, Mode, Money, NextAction, OperationFailure, Payment, PaymentId, PaymentMethod,
    PaymentState, ProviderReceipt, Timestamp, TransactionId, UpiFacts, WalletFacts,
};

use emi::EmiBody;
use upi_link::{QrImage, UpiLink};

use super::{id_text::IdText, time::Rfc3339};
use crate::{
    http::error::{ErrorCode, FailedPayment, ProblemDocument},
    vault::{OpenedData, PersonalField},
};

/// A payment, to be serialized.
pub(crate) struct PaymentBody<'p> {
    pub(crate) payment: &'p Payment,
    /// What is sealed in the payment, unless it is erased.
    pub(crate) personal: Option<&'p OpenedData>,
}

/// A failed payment as a problem (RFC 9457), to be serialized.
pub(crate) struct DeclinedBody<'p> {
    pub(crate) payment: &'p Payment,
    pub(crate) personal: Option<&'p OpenedData>,
    pub(crate) reason: FailureReason,
}

/// An operation that the provider did not carry out, as a problem (RFC 9457) with its payment, to be
/// serialized.
pub(crate) struct UndoneBody<'p> {
    pub(crate) payment: &'p Payment,
    pub(crate) personal: Option<&'p OpenedData>,
    pub(crate) reason: OperationFailure,
}

impl UndoneBody<'_> {
    /// What the failure is called.
    pub(crate) const CODE: ErrorCode = ErrorCode::OperationFailed;

    /// What the provider said, in words.
    pub(crate) fn detail(reason: OperationFailure) -> &'static str {
        match reason {
            OperationFailure::NotSent => "The provider could not be reached; nothing was sent.",
            OperationFailure::Refused => "The provider refused.",
            OperationFailure::AuthorizationExpired => "The funds are not reserved any more.",
            OperationFailure::AlreadyCaptured => "The funds are taken already.",
            OperationFailure::AccountClosed => "The customer's account takes no money any more.",
        }
    }
}

impl DeclinedBody<'_> {
    /// What the failure is called.
    pub(crate) fn code(&self) -> ErrorCode {
        match self.reason {
            FailureReason::Declined(_) => ErrorCode::PaymentDeclined,
            FailureReason::NotSent => ErrorCode::ProviderUnavailable,
        }
    }
}

#[derive(Serialize)]
struct PaymentFields<'p> {
    id: IdText<PaymentId>,
    object: &'static str,
    payment_id: IdText<PaymentId>,
    status: &'static str,
    amount: Major,
    amount_minor: i64,
    amount_paisa: Option<i64>,
    currency: &'static str,
    amount_authorized: Major,
    amount_captured: Major,
    amount_refunded: Major,
    amount_disputed: Major,
    fees_minor: i64,
    fees_paisa: Option<i64>,
    payment_method: &'static str,
    card: Option<CardBody>,
    upi: Option<UpiBody<'p>>,
    netbanking: Option<NetBankingBody<'p>>,
    wallet: Option<WalletBody<'p>>,
    customer: CustomerBody<'p>,
    order_id: Option<&'p str>,
    emi: Option<EmiBody>,
    return_url: Option<&'p str>,
    transaction_id: IdText<TransactionId>,
    external_txn_id: Option<&'p str>,
    provider: Option<&'p str>,
    gateway_response: Option<GatewayResponse<'p>>,
    fraud_score: Option<u8>,
    decline_code: Option<&'static str>,
    failure_reason: Option<&'static str>,
    next_action: Option<NextActionBody<'p>>,
    payment_url: Option<UpiLink<'p>>,
    qr_code: Option<QrImage<'p>>,
    attempts: Attempts<'p>,
    metadata: Metadata<'p>,
    sequence: u32,
    livemode: bool,
    created_at: Rfc3339,
    updated_at: Rfc3339,
    processed_at: Option<Rfc3339>,
    expires_at: Option<Rfc3339>,
}

#[derive(Serialize)]
struct CardBody {
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
struct UpiBody<'p> {
    /// Sealed in the payment; `null` once it is erased.
    vpa: Option<&'p str>,
    handle: &'p str,
    fingerprint: Hex,
}

#[derive(Serialize)]
struct NetBankingBody<'p> {
    bank: &'p str,
}

#[derive(Serialize)]
struct WalletBody<'p> {
    provider: &'p str,
    /// As the address.
    wallet_id: Option<&'p str>,
    fingerprint: Hex,
}

#[derive(Serialize)]
struct CustomerBody<'p> {
    id: Option<&'p str>,
    /// As these.
    email: Option<&'p str>,
    /// As these.
    phone: Option<&'p str>,
}

#[derive(Serialize)]
struct GatewayResponse<'p> {
    rrn: &'p str,
    approval_code: &'p str,
}

#[derive(Serialize)]
struct NextActionBody<'p> {
    #[serde(rename = "type")]
    kind: &'static str,
    url: ActionUrl<'p>,
}

/// Where the customer is sent.
#[derive(Serialize)]
#[serde(untagged)]
enum ActionUrl<'p> {
    Page(&'p str),
    UpiApp(UpiLink<'p>),
}

#[derive(Serialize)]
struct AttemptBody<'p> {
    id: IdText<AttemptId>,
    provider: &'p str,
    status: &'static str,
    created_at: Rfc3339,
}

impl Serialize for PaymentBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PaymentFields::of(self.payment).with(self.personal).serialize(serializer)
    }
}

impl<'p> PaymentFields<'p> {
    /// The same with what is sealed, as far as it is open.
    fn with(mut self, personal: Option<&'p OpenedData>) -> Self {
        let Some(personal) = personal else { return self };
        self.customer.email = personal.get(PersonalField::Email);
        self.customer.phone = personal.get(PersonalField::Phone);
        if let Some(upi) = &mut self.upi {
            upi.vpa = personal.get(PersonalField::Vpa);
        }
        if let Some(wallet) = &mut self.wallet {
            wallet.wallet_id = personal.get(PersonalField::WalletId);
        }
        self
    }

    /// What there is to say of a payment, whichever surface says it.
    fn of(payment: &'p Payment) -> Self {
        let intent = payment.intent();
        let major = |amount: Amount| Major(payment.money(amount));
        let paisa =
            |minor_units: i64| (intent.money.currency == Currency::INR).then_some(minor_units);
        let shown = Shown::of(payment.state());
        let receipt = payment.attempts().iter().rev().find_map(Attempt::receipt);
        let amount_minor = intent.money.amount.minor_units();
        let fees_minor = payment.fee().minor_units();
        let (card, upi, netbanking, wallet) = method_bodies(&intent.method);
        let upi_link = UpiLink::of(payment);
        PaymentFields {
            id: IdText(intent.id),
            object: "payment",
            payment_id: IdText(intent.id),
            status: payment.state().status().as_str(),
            amount: Major(intent.money),
            amount_minor,
            amount_paisa: paisa(amount_minor),
            currency: intent.money.currency.code(),
            amount_authorized: major(payment.amount_authorized()),
            amount_captured: major(payment.amount_captured()),
            amount_refunded: major(payment.amount_refunded()),
            // Not here: disputes.
            amount_disputed: major(Amount::ZERO),
            fees_minor,
            fees_paisa: paisa(fees_minor),
            payment_method: intent.method.as_str(),
            card,
            upi,
            netbanking,
            wallet,
            customer: CustomerBody { id: intent.customer_id.as_deref(), email: None, phone: None },
            order_id: intent.order_id.as_deref(),
            emi: EmiBody::of(intent),
            return_url: intent.return_url.as_deref(),
            transaction_id: IdText(intent.transaction),
            external_txn_id: receipt.map(|receipt| &*receipt.external_id),
            provider: payment.attempts().last().map(|attempt| attempt.provider.as_str()),
            gateway_response: receipt.map(|receipt| GatewayResponse::of(receipt)),
            // Not here: fraud rules.
            fraud_score: None,
            decline_code: shown.failure.and_then(decline_code),
            failure_reason: shown.failure.map(failure_reason),
            next_action: shown.action.and_then(|action| NextActionBody::of(action, upi_link)),
            payment_url: upi_link,
            qr_code: upi_link.map(QrImage),
            attempts: Attempts(payment.attempts()),
            metadata: Metadata(&intent.metadata),
            sequence: payment.sequence(),
            livemode: match intent.mode {
                Mode::Test => false,
                Mode::Live => true,
            },
            created_at: Rfc3339(intent.created_at),
            updated_at: Rfc3339(payment.updated_at()),
            processed_at: shown.processed_at.map(Rfc3339),
            expires_at: shown.expires_at.map(Rfc3339),
        }
    }
}

impl Serialize for DeclinedBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let code = self.code();
        let declined = match self.reason {
            FailureReason::Declined(declined) => Some(declined),
            FailureReason::NotSent => None,
        };
        ProblemDocument {
            code,
            detail: declined.map_or(code.meaning(), decline_detail),
            faults: &[],
            standing: None,
            // A repeat has an id of its own, and must have the same bytes.
            request_id: None,
            payment: Some(FailedPayment {
                instance: format_args!("/api/v1/payments/{}", self.payment.id()),
                decline_code: declined.map(DeclineCode::as_str),
                advice_code: declined.map(advice_code),
                payment: PaymentBody { payment: self.payment, personal: self.personal },
            }),
        }
        .serialize(serializer)
    }
}

impl Serialize for UndoneBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ProblemDocument {
            code: Self::CODE,
            detail: Self::detail(self.reason),
            faults: &[],
            standing: None,
            // A repeat has an id of its own, and must have the same bytes.
            request_id: None,
            payment: Some(FailedPayment {
                instance: format_args!("/api/v1/payments/{}", self.payment.id()),
                decline_code: None,
                advice_code: None,
                payment: PaymentBody { payment: self.payment, personal: self.personal },
            }),
        }
        .serialize(serializer)
    }
}

/// What a state adds to the answer.
struct Shown<'p> {
    failure: Option<FailureReason>,
    action: Option<&'p NextAction>,
    processed_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
}

impl<'p> Shown<'p> {
    fn of(state: &'p PaymentState) -> Self {
        let nothing = Self { failure: None, action: None, processed_at: None, expires_at: None };
        match state {
            PaymentState::Processing | PaymentState::Unknown { .. } => nothing,
            PaymentState::RequiresAction { action, expires_at } => {
                Self { action: Some(action), expires_at: Some(*expires_at), ..nothing }
            }
            PaymentState::Review { expires_at, .. }
            | PaymentState::Authorized { expires_at, .. }
            | PaymentState::PartiallyCaptured { expires_at, .. } => {
                Self { expires_at: Some(*expires_at), ..nothing }
            }
            PaymentState::Completed { at, .. } => Self { processed_at: Some(*at), ..nothing },
            PaymentState::Failed { reason, at } => {
                Self { failure: Some(*reason), processed_at: Some(*at), ..nothing }
            }
            PaymentState::Voided { at }
            | PaymentState::Reversed { at }
            | PaymentState::Expired { at } => Self { processed_at: Some(*at), ..nothing },
        }
    }
}

fn decline_code(reason: FailureReason) -> Option<&'static str> {
    match reason {
        FailureReason::Declined(code) => Some(code.as_str()),
        FailureReason::NotSent => None,
    }
}

pub(super) fn failure_reason(reason: FailureReason) -> &'static str {
    match reason {
        FailureReason::Declined(_) => "declined",
        FailureReason::NotSent => "provider_unavailable",
    }
}

fn decline_detail(code: DeclineCode) -> &'static str {
    match code {
        DeclineCode::GenericDecline => "The issuer declined and gave no reason.",
        DeclineCode::InsufficientFunds => "The account has not enough money.",
        DeclineCode::DoNotHonor => "The issuer declined and will not say why.",
        DeclineCode::LostCard => "The card is reported lost.",
        DeclineCode::StolenCard => "The card is reported stolen.",
        DeclineCode::ExpiredCard => "The card has expired.",
        DeclineCode::IncorrectCvc => "The security code is wrong.",
        DeclineCode::ProcessingError => "The issuer could not process the payment.",
        DeclineCode::Fraudulent => "The payment was taken for fraud.",
        DeclineCode::CardVelocityExceeded => "The card was used too often or for too much.",
    }
}

/// What the customer should do, in the words that card networks use.
fn advice_code(code: DeclineCode) -> &'static str {
    match code {
        DeclineCode::ExpiredCard | DeclineCode::IncorrectCvc => "confirm_card_data",
        DeclineCode::LostCard
        | DeclineCode::StolenCard
        | DeclineCode::Fraudulent
        | DeclineCode::DoNotHonor => "do_not_try_again",
        DeclineCode::GenericDecline
        | DeclineCode::InsufficientFunds
        | DeclineCode::ProcessingError
        | DeclineCode::CardVelocityExceeded => "try_again_later",
    }
}

impl CardBody {
    fn of(facts: &CardFacts) -> Self {
        Self {
            brand: facts.brand.as_str(),
            bin: ZeroPadded(facts.bin),
            last4: ZeroPadded(u32::from(facts.last4)),
            expiry_month: facts.expiry_month,
            expiry_year: facts.expiry_year,
            fingerprint: Hex(facts.fingerprint.0),
            funding: facts.funding.map(CardFunding::as_str),
            issuer_country: facts.issuer_country.map(CountryText),
        }
    }
}

impl<'p> NextActionBody<'p> {
    fn of(action: &'p NextAction, link: Option<UpiLink<'p>>) -> Option<Self> {
        Some(match action {
            NextAction::Redirect { url } => {
                Self { kind: "redirect_to_url", url: ActionUrl::Page(url) }
            }
            NextAction::ApproveUpi { .. } => {
                Self { kind: "approve_upi", url: ActionUrl::UpiApp(link?) }
            }
        })
    }
}

/// The bodies of card, UPI, net banking and wallet, of which a payment has one.
type MethodBodies<'p> =
    (Option<CardBody>, Option<UpiBody<'p>>, Option<NetBankingBody<'p>>, Option<WalletBody<'p>>);

fn method_bodies(method: &PaymentMethod) -> MethodBodies<'_> {
    match method {
        PaymentMethod::Card(facts) => (Some(CardBody::of(facts)), None, None, None),
        PaymentMethod::Upi(facts) => (None, Some(UpiBody::of(facts)), None, None),
        PaymentMethod::NetBanking(facts) => {
            (None, None, Some(NetBankingBody { bank: &facts.bank }), None)
        }
        PaymentMethod::Wallet(facts) => (None, None, None, Some(WalletBody::of(facts))),
    }
}

impl<'p> UpiBody<'p> {
    fn of(facts: &'p UpiFacts) -> Self {
        Self { vpa: None, handle: &facts.handle, fingerprint: Hex(facts.fingerprint.0) }
    }
}

impl<'p> WalletBody<'p> {
    fn of(facts: &'p WalletFacts) -> Self {
        let fingerprint = Hex(facts.fingerprint.0);
        Self { provider: &facts.provider, wallet_id: None, fingerprint }
    }
}

impl<'p> GatewayResponse<'p> {
    fn of(receipt: &'p ProviderReceipt) -> Self {
        Self { rrn: &receipt.rrn, approval_code: &receipt.approval_code }
    }
}

/// An amount in major units as a string, with all decimals of its currency.
pub(super) struct Major(pub(super) Money);

impl Serialize for Major {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0.to_major_units())
    }
}

/// A country by its two letters.
struct CountryText(Country);

impl Serialize for CountryText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.code())
    }
}

/// A number with leading zeros, as a string.
struct ZeroPadded<const WIDTH: usize>(u32);

impl<const WIDTH: usize> Serialize for ZeroPadded<WIDTH> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:0WIDTH$}", self.0))
    }
}

/// Bytes in lower-case hexadecimal digits.
struct Hex([u8; 16]);

impl fmt::Display for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

struct Attempts<'p>(&'p [Attempt]);

impl Serialize for Attempts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for attempt in self.0 {
            list.serialize_element(&AttemptBody {
                id: IdText(attempt.id),
                provider: attempt.provider.as_str(),
                status: attempt.state.as_str(),
                created_at: Rfc3339(attempt.started_at),
            })?;
        }
        list.end()
    }
}

pub(super) struct Metadata<'p>(pub(super) &'p [(Box<str>, Box<str>)]);

impl Serialize for Metadata<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// Whether money of that mode is real.
pub(super) const fn is_live(mode: Mode) -> bool {
    match mode {
        Mode::Test => false,
        Mode::Live => true,
    }
}
