//! How the customer pays, as a client writes it, and as it is once it has been checked.
//!
//! A method's fields stand in an object of its name, or at the top, or in the older
//! `payment_details`; each of them once. Fields of another method than the one that is named are
//! refused, because nobody can tell which was meant.

use std::fmt;

use tollgate_domain::{
    CaptureMode, Currency, NetBankingFacts, PaymentMethod, Timestamp, UpiFacts, WalletFacts,
};

use super::{
    super::{
        number::Digits,
        object::object,
        text::Text,
        validation::{Faults, is_vpa, is_wallet_id, present},
    },
    PaymentRequest,
    card::{CardFields, CardPointers, ValidCard},
    method_request::MethodRequest,
};
use crate::{
    banks::bank_code,
    card_bins::CardBins,
    http::error::ErrorCode,
    offer::Offer,
    provider::{Instrument, SecretText},
    secrets::{RequestDigest, Secrets},
    vault::{PersonalData, PersonalField},
    wallet_providers::wallet_provider,
};

/// The longest name of a payee that UPI apps take, in characters (NPCI's linking specification, `pn`).
const LONGEST_PAYEE_NAME: usize = 99;

object! {
    /// A payer by UPI.
    UpiRequest {
        vpa: "vpa" => Text<'a>,
    }
}

object! {
    /// A payer by net banking.
    NetBankingRequest {
        bank: "bank" | "bank_code" | "bankCode" => Text<'a>,
    }
}

object! {
    /// A wallet.
    WalletRequest {
        provider: "provider" => Text<'a>,
        wallet_id: "wallet_id" | "walletID" => Text<'a>,
    }
}

object! {
    /// The older form: the fields of whichever method.
    PaymentDetails {
        number: "number" | "card_number" | "cardNumber" => Text<'a>,
        expiry_month: "expiry_month" | "expiryMonth" => Digits,
        expiry_year: "expiry_year" | "expiryYear" => Digits,
        cvv: "cvv" => Text<'a>,
        holder_name: "holder_name" | "holderName" | "card_holder_name" | "cardHolderName" => Text<'a>,
        vpa: "vpa" => Text<'a>,
        bank: "bank" | "bank_code" | "bankCode" => Text<'a>,
        provider: "provider" => Text<'a>,
        wallet_id: "wallet_id" | "walletID" => Text<'a>,
    }
}

/// A method without a fault.
pub(crate) enum ValidMethod<'r> {
    Card(ValidCard<'r>),
    Upi { vpa: &'r str },
    NetBanking { bank: &'static str },
    Wallet { provider: &'static str, id: &'r str },
}

/// What a request calls its method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Rail {
    Card,
    Upi,
    NetBanking,
    Wallet,
}

/// A field of a request: where it stands, and what it says.
type Given<'r> = (&'static str, Option<&'r str>);

impl Rail {
    fn named(name: &str) -> Option<Self> {
        const NAMES: [(&str, Rail); 6] = [
            ("card", Rail::Card),
            ("credit_card", Rail::Card),
            ("debit_card", Rail::Card),
            ("upi", Rail::Upi),
            ("netbanking", Rail::NetBanking),
            ("wallet", Rail::Wallet),
        ];
        NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, rail)| *rail)
    }
}

impl PaymentRequest<'_> {
    pub(super) fn method(
        &self,
        now: Timestamp,
        bins: &CardBins,
        faults: &mut Faults,
    ) -> Option<ValidMethod<'_>> {
        self.unknown_method_fields(faults);
        if let Some(MethodRequest::Object { .. }) = &self.payment_method {
            let detail = "A method that is an object leaves no room for payment_details.";
            faults.add("/payment_method", ErrorCode::ParameterConflict, detail);
            return None;
        }
        let Some(name) = self.method_name() else {
            faults.missing("/payment_method");
            return None;
        };
        let Some(rail) = Rail::named(name) else {
            let detail = "This is no method that is offered: card, upi, netbanking or wallet is.";
            faults.add("/payment_method", ErrorCode::PaymentMethodUnsupported, detail);
            return None;
        };
        self.refuse_fields_of_others(rail, faults);
        match rail {
            Rail::Card => {
                self.card_fields(faults)?.validate(now, bins, faults).map(ValidMethod::Card)
            }
            Rail::Upi => self.upi(faults),
            Rail::NetBanking => self.net_banking(faults),
            Rail::Wallet => self.wallet(faults),
        }
    }

    fn method_name(&self) -> Option<&str> {
        let name = match self.payment_method.as_ref()? {
            MethodRequest::Name(name) => name,
            MethodRequest::Object { kind, .. } => kind.as_ref()?,
        };
        Some(name.as_str()).filter(|name| !name.is_empty())
    }

    /// Forgets the fields of other methods than the one that is named, where they are to be ignored.
    pub(crate) fn forget_other_methods(&mut self) {
        let Some(rail) = self.method_name().and_then(Rail::named) else { return };
        let mut unused = PaymentDetails::default();
        let details = self.payment_details.as_mut().unwrap_or(&mut unused);
        if rail != Rail::Card {
            self.card = None;
            details.number = None;
        }
        if rail != Rail::Upi {
            (self.upi, self.vpa, details.vpa) = (None, None, None);
        }
        if rail != Rail::NetBanking {
            (self.netbanking, self.bank, details.bank) = (None, None, None);
        }
        if rail != Rail::Wallet {
            (self.wallet, self.provider, self.wallet_id) = (None, None, None);
            (details.provider, details.wallet_id) = (None, None);
        }
    }

    /// The card's number as it is given, under either name of the card.
    pub(super) fn card_number(&self) -> Option<&str> {
        let card = self.card.as_ref().map(|card| &card.number);
        let details = self.payment_details.as_ref().map(|details| &details.number);
        present(card.or(details)?)
    }

    fn card_fields(&self, faults: &mut Faults) -> Option<CardFields<'_>> {
        match (&self.card, &self.payment_details) {
            (Some(card), None) => Some(card.fields()),
            (None, Some(details)) => Some(details.card_fields()),
            (None, None) => {
                faults.missing("/card");
                None
            }
            (Some(_), Some(_)) => {
                let detail = "Only one of card and its older name payment_details may be given.";
                faults.add("/payment_details", ErrorCode::ParameterConflict, detail);
                None
            }
        }
    }

    fn upi(&self, faults: &mut Faults) -> Option<ValidMethod<'_>> {
        let vpa = faults.only_one(&self.vpas())?;
        if is_vpa(vpa.1) {
            return Some(ValidMethod::Upi { vpa: vpa.1 });
        }
        let detail = "This is no UPI address of the form name@handle.";
        faults.add(vpa.0, ErrorCode::VpaInvalid, detail);
        None
    }

    fn net_banking(&self, faults: &mut Faults) -> Option<ValidMethod<'_>> {
        let (pointer, name) = faults.only_one(&self.banks())?;
        let bank = bank_code(name);
        if bank.is_none() {
            let detail = "This is the code of no bank that net banking is offered for.";
            faults.add(pointer, ErrorCode::BankInvalid, detail);
        }
        bank.map(|bank| ValidMethod::NetBanking { bank })
    }

    fn wallet(&self, faults: &mut Faults) -> Option<ValidMethod<'_>> {
        let given = faults.only_one(&self.wallet_providers());
        let id = faults.only_one(&self.wallet_ids());
        let provider = given.and_then(|(pointer, name)| {
            let provider = wallet_provider(name);
            if provider.is_none() {
                let detail = "This is no wallet that is offered.";
                faults.add(pointer, ErrorCode::WalletProviderInvalid, detail);
            }
            provider
        });
        let (pointer, id) = id?;
        if !is_wallet_id(id) {
            let detail = "A wallet id has at most 64 characters, and no space among them.";
            faults.add(pointer, ErrorCode::ParameterInvalid, detail);
        }
        Some(ValidMethod::Wallet { provider: provider?, id })
    }

    fn vpas(&self) -> [Given<'_>; 3] {
        [
            ("/upi/vpa", self.upi.as_ref().and_then(|upi| present(&upi.vpa))),
            ("/vpa", present(&self.vpa)),
            ("/payment_details/vpa", self.details(|details| &details.vpa)),
        ]
    }

    fn banks(&self) -> [Given<'_>; 3] {
        let own = self.netbanking.as_ref().and_then(|bank| present(&bank.bank));
        [
            ("/netbanking/bank", own),
            ("/bank", present(&self.bank)),
            ("/payment_details/bank", self.details(|details| &details.bank)),
        ]
    }

    fn wallet_providers(&self) -> [Given<'_>; 3] {
        let own = self.wallet.as_ref().and_then(|wallet| present(&wallet.provider));
        [
            ("/wallet/provider", own),
            ("/provider", present(&self.provider)),
            ("/payment_details/provider", self.details(|details| &details.provider)),
        ]
    }

    fn wallet_ids(&self) -> [Given<'_>; 3] {
        let own = self.wallet.as_ref().and_then(|wallet| present(&wallet.wallet_id));
        [
            ("/wallet/wallet_id", own),
            ("/wallet_id", present(&self.wallet_id)),
            ("/payment_details/wallet_id", self.details(|details| &details.wallet_id)),
        ]
    }

    fn details<'r>(
        &'r self,
        field: impl FnOnce(&'r PaymentDetails<'r>) -> &'r Option<Text<'r>>,
    ) -> Option<&'r str> {
        self.payment_details.as_ref().and_then(|details| present(field(details)))
    }

    fn refuse_fields_of_others(&self, rail: Rail, faults: &mut Faults) {
        let detail = "This belongs to another payment method than the one that is named.";
        let mut refuse = |pointer| faults.add(pointer, ErrorCode::ParameterConflict, detail);
        if rail != Rail::Card {
            if self.card.is_some() {
                refuse("/card");
            }
            if self.details(|details| &details.number).is_some() {
                refuse("/payment_details/number");
            }
        }
        for (owner, given) in [
            (Rail::Upi, self.vpas()),
            (Rail::NetBanking, self.banks()),
            (Rail::Wallet, self.wallet_providers()),
            (Rail::Wallet, self.wallet_ids()),
        ] {
            for (pointer, text) in given {
                if rail != owner && text.is_some() {
                    refuse(pointer);
                }
            }
        }
    }

    fn unknown_method_fields(&self, faults: &mut Faults) {
        if let Some(card) = &self.card {
            faults.unknown("/card", &card.unknown);
        }
        if let Some(upi) = &self.upi {
            faults.unknown("/upi", &upi.unknown);
        }
        if let Some(netbanking) = &self.netbanking {
            faults.unknown("/netbanking", &netbanking.unknown);
        }
        if let Some(wallet) = &self.wallet {
            faults.unknown("/wallet", &wallet.unknown);
        }
        if let Some(details) = &self.payment_details {
            faults.unknown("/payment_details", &details.unknown);
        }
    }
}

impl PaymentDetails<'_> {
    fn card_fields(&self) -> CardFields<'_> {
        CardFields {
            at: &CardPointers::PAYMENT_DETAILS,
            number: &self.number,
            expiry_month: self.expiry_month,
            expiry_year: self.expiry_year,
            cvv: &self.cvv,
            holder_name: &self.holder_name,
        }
    }
}

impl<'r> ValidMethod<'r> {
    /// What of the method tells who pays.
    pub(super) fn personal_data(&self) -> PersonalData<'r> {
        let (field, text) = match self {
            Self::Card(card) => (PersonalField::HolderName, card.holder_name()),
            Self::Upi { vpa } => (PersonalField::Vpa, Some(*vpa)),
            Self::NetBanking { .. } => return PersonalData::default(),
            Self::Wallet { provider: _, id } => (PersonalField::WalletId, Some(*id)),
        };
        PersonalData::default().with(field, text)
    }
}

impl ValidMethod<'_> {
    /// Notes where the method is not offered in the currency, or does not take the way of capturing.
    pub(super) fn check(
        &self,
        currency: Option<Currency>,
        capture: Option<CaptureMode>,
        offer: &Offer,
        faults: &mut Faults,
    ) {
        let (served, only_automatic) = match self {
            Self::Card(_) => (&offer.card, false),
            Self::Upi { .. } => (&offer.upi, true),
            Self::NetBanking { .. } => (&offer.net_banking, true),
            Self::Wallet { .. } => (&offer.wallet, true),
        };
        if currency.is_some_and(|currency| !served.currencies.contains(&currency)) {
            let detail = "This payment method is not offered in this currency.";
            faults.not_offered("/currency", ErrorCode::CurrencyUnsupported, detail);
        }
        if only_automatic && capture == Some(CaptureMode::Manual) {
            let detail = "Only payments by card are captured by an operation of their own.";
            faults.add("/capture", ErrorCode::ParameterInvalid, detail);
        }
    }

    /// What may be remembered of it. `payee_name` is asked where the customer is shown one.
    pub(crate) fn facts(
        &self,
        secrets: &Secrets,
        payee_name: impl FnOnce() -> Box<str>,
    ) -> PaymentMethod {
        match self {
            Self::Card(card) => PaymentMethod::Card(card.facts(secrets)),
            Self::Upi { vpa } => PaymentMethod::Upi(UpiFacts {
                handle: handle_of(vpa),
                fingerprint: secrets.vpa_fingerprint(vpa),
                payee_name: payee_name().chars().take(LONGEST_PAYEE_NAME).collect(),
            }),
            Self::NetBanking { bank } => {
                PaymentMethod::NetBanking(NetBankingFacts { bank: (*bank).into() })
            }
            Self::Wallet { provider, id } => PaymentMethod::Wallet(WalletFacts {
                provider: (*provider).into(),
                fingerprint: secrets.wallet_fingerprint(provider, id),
            }),
        }
    }

    /// What the provider needs; wiped when it is dropped.
    pub(crate) fn to_instrument(&self) -> Instrument {
        match self {
            Self::Card(card) => Instrument::Card(card.to_card_data()),
            Self::Upi { vpa } => Instrument::Upi(SecretText::new(vpa)),
            Self::NetBanking { .. } => Instrument::NetBanking,
            Self::Wallet { id, .. } => Instrument::Wallet(SecretText::new(id)),
        }
    }

    /// From when on nothing new is paid with it, and where that fault is told.
    pub(crate) fn expiry(&self) -> Option<(Timestamp, &'static str)> {
        match self {
            Self::Card(card) => Some((card.expires_at(), card.expiry_pointer())),
            Self::Upi { .. } | Self::NetBanking { .. } | Self::Wallet { .. } => None,
        }
    }

    /// Feeds everything but the security code to `digest`. A card begins with its digits, any other
    /// method with its name, so that no two methods run together.
    pub(super) fn digest_into(&self, digest: &mut RequestDigest) {
        match self {
            Self::Card(card) => {
                digest.text(Some(card.number()));
                digest.number(u64::from(card.expiry_month()));
                digest.number(u64::from(card.expiry_year()));
                digest.text(card.holder_name());
            }
            Self::Upi { vpa } => {
                digest.text(Some("upi"));
                digest.text(Some(vpa));
            }
            Self::NetBanking { bank } => {
                digest.text(Some("netbanking"));
                digest.text(Some(bank));
            }
            Self::Wallet { provider, id } => {
                digest.text(Some("wallet"));
                digest.text(Some(provider));
                digest.text(Some(id));
            }
        }
    }
}

/// What stands behind the `@`; addresses are the same in capitals.
fn handle_of(vpa: &str) -> Box<str> {
    let handle = vpa.split_once('@').map_or("", |(_name, handle)| handle);
    handle.to_ascii_lowercase().into()
}

impl fmt::Debug for ValidMethod<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Card(_) => "Card(redacted)",
            Self::Upi { .. } => "Upi(redacted)",
            Self::NetBanking { .. } => "NetBanking",
            Self::Wallet { .. } => "Wallet(redacted)",
        })
    }
}
