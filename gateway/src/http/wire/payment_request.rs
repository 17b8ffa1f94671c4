//! A payment to create, as a client writes it, and as it is once it has been checked.
//!
//! The method's own parts are in `payment_request/`: `method.rs` reads every method, `card.rs` a card,
//! `emi.rs` the instalments that it is paid in.
//!
//! Personal data (e-mail, phone, address, names, device) enters a record only sealed; see `vault.rs`.
//! The merchant's own customer id is no personal data of this kind: it stands in the clear.
//!
//! Invariant: a [`ValidPayment`] holds only what every later step may rely on.

mod card;
mod emi;
mod method;
mod method_request;

use tollgate_domain::{CaptureMode, Currency, MerchantId, Mode, Money, OrderId, Timestamp};

use super::{
    amount::AmountFields,
    card_number_search::CardNumberSearch,
    number::Raw,
    object::{Field, Names, object},
    text::{Metadata, Text},
    validation::{
        Faults, is_callback_url, is_country, is_email, is_ip, is_phone, is_return_url,
        metadata_pointer, present,
    },
};
use crate::{
    http::error::{ErrorCode, Problem},
    offer::Offer,
    secrets::RequestDigest,
    vault::{PersonalData, PersonalField},
};

use card::CardRequest;
use emi::{AskedEmi, EmiRequest};
use method::{NetBankingRequest, PaymentDetails, UpiRequest, WalletRequest};
use method_request::MethodRequest;

pub(crate) use method::ValidMethod;

/// Longest strings, in characters, as they are documented.
const LONGEST_ID: usize = 64;
const LONGEST_DESCRIPTION: usize = 1_000;
const LONGEST_ADDRESS_LINE: usize = 256;
const LONGEST_DEVICE_TEXT: usize = 1_024;

object! {
    /// The body of a payment request.
    PaymentRequest {
        amount: "amount" => Raw<'a>,
        amount_minor: "amount_minor" | "amountMinor" => Raw<'a>,
        amount_paisa: "amount_paisa" | "amountPaisa" => Raw<'a>,
        currency: "currency" => Text<'a>,
        payment_method: "payment_method" | "paymentMethod" => MethodRequest<'a, PaymentDetails<'a>>,
        card: "card" | "cardDetails" | "card_details" => CardRequest<'a>,
        upi: "upi" => UpiRequest<'a>,
        netbanking: "netbanking" => NetBankingRequest<'a>,
        wallet: "wallet" => WalletRequest<'a>,
        /// The fields of a method may stand here, outside an object of its own.
        vpa: "vpa" => Text<'a>,
        bank: "bank" | "bank_code" | "bankCode" => Text<'a>,
        provider: "provider" => Text<'a>,
        wallet_id: "wallet_id" | "walletID" => Text<'a>,
        /// The older place of any method's fields.
        payment_details: "payment_details" | "paymentDetails" => PaymentDetails<'a>,
        customer: "customer" | "customerInfo" | "customer_info" => CustomerRequest<'a>,
        /// The older name of the customer's id.
        user_id: "user_id" | "userID" | "customer_id" | "customerID" => Text<'a>,
        /// Older clients name the merchant, which the key tells already.
        merchant_id: "merchant_id" | "merchantID" => Text<'a>,
        billing_address: "billing_address" | "billingAddress" => AddressRequest<'a>,
        order_id: "order_id" | "orderID" => Text<'a>,
        description: "description" => Text<'a>,
        callback_url: "callback_url" | "callbackURL" => Text<'a>,
        return_url: "return_url" | "returnURL" | "returnUrl" => Text<'a>,
        emi: "emi" => EmiRequest<'a>,
        metadata: "metadata" => Metadata<'a>,
        device: "device" => DeviceRequest<'a>,
        capture: "capture" => Text<'a>,
        idempotency_key: "idempotencyKey" | "idempotency_key" => Text<'a>,
    }
}

object! {
    /// Who pays.
    CustomerRequest {
        id: "id" | "customer_id" | "customerID" => Text<'a>,
        email: "email" => Text<'a>,
        phone: "phone" => Text<'a>,
    }
}

object! {
    /// Where the card's statements go.
    AddressRequest {
        street: "street" => Text<'a>,
        city: "city" => Text<'a>,
        state: "state" => Text<'a>,
        zip_code: "zip_code" | "zipCode" => Text<'a>,
        country: "country" => Text<'a>,
    }
}

object! {
    /// What the customer pays with, technically.
    DeviceRequest {
        fingerprint: "fingerprint" => Text<'a>,
        ip: "ip" => Text<'a>,
        user_agent: "user_agent" | "userAgent" => Text<'a>,
    }
}

/// Which names a payment request and the objects in it take, by the names of their types.
pub(crate) fn payment_request_names() -> [(&'static str, Names); 10] {
    [
        ("PaymentRequest", PaymentRequest::NAMES),
        ("CardRequest", CardRequest::NAMES),
        ("UpiRequest", UpiRequest::NAMES),
        ("NetBankingRequest", NetBankingRequest::NAMES),
        ("WalletRequest", WalletRequest::NAMES),
        ("PaymentDetails", PaymentDetails::NAMES),
        ("CustomerRequest", CustomerRequest::NAMES),
        ("AddressRequest", AddressRequest::NAMES),
        ("DeviceRequest", DeviceRequest::NAMES),
        ("EmiRequest", EmiRequest::NAMES),
    ]
}

/// What a request is checked against besides itself.
#[derive(Clone, Copy)]
pub(crate) struct Circumstances<'c> {
    pub(crate) now: Timestamp,
    /// That of the key.
    pub(crate) mode: Mode,
    pub(crate) offer: &'c Offer,
}

/// A payment request without a fault.
#[derive(Debug)]
pub(crate) struct ValidPayment<'r> {
    pub(crate) money: Money,
    pub(crate) capture: CaptureMode,
    pub(crate) method: ValidMethod<'r>,
    pub(crate) customer_id: Option<&'r str>,
    pub(crate) emi: Option<AskedEmi>,
    pub(crate) order_id: Option<&'r str>,
    /// The order of ours, where `order_id` is the id of one.
    pub(crate) order: Option<OrderId>,
    pub(crate) description: Option<&'r str>,
    pub(crate) callback_url: Option<&'r str>,
    pub(crate) return_url: Option<&'r str>,
    /// What of it is not offered, or not any more, so that nothing new may come of it.
    pub(crate) not_offered: Option<Problem>,
    metadata: &'r [(Text<'r>, Text<'r>)],
    /// Kept sealed alone; part of what tells two requests apart.
    personal: [Option<&'r str>; PERSONAL_FIELDS.len()],
}

/// What [`ValidPayment`] knows of a person. The order never changes: fingerprints rest on it.
const PERSONAL_FIELDS: [PersonalField; 10] = [
    PersonalField::Email,
    PersonalField::Phone,
    PersonalField::Street,
    PersonalField::City,
    PersonalField::State,
    PersonalField::ZipCode,
    PersonalField::Country,
    PersonalField::DeviceFingerprint,
    PersonalField::Ip,
    PersonalField::UserAgent,
];

impl PaymentRequest<'_> {
    /// Whether the request names another merchant than `own`.
    pub(crate) fn names_another_merchant(&self, own: MerchantId) -> bool {
        present(&self.merchant_id).is_some_and(|named| named.parse() != Ok(own))
    }

    /// Makes a method that is an object what it stands for: its type the method's name, its other
    /// fields the payment's details. Where there are details besides, it is left as it is, and
    /// refused when it is checked.
    pub(crate) fn unfold_method(&mut self) {
        let (kind, instrument) = match self.payment_method.take() {
            Some(MethodRequest::Object { kind, instrument })
                if self.payment_details.is_none() || instrument.is_empty() =>
            {
                (kind, instrument)
            }
            other => {
                self.payment_method = other;
                return;
            }
        };
        self.payment_method = kind.map(MethodRequest::Name);
        let place = self.renamed.iter().position(|(first, _written)| *first == "payment_method");
        let written = match place {
            Some(place) => self.renamed.swap_remove(place).1,
            None => Text::from("payment_method"),
        };
        let kind_written = Text::from(format!("{}/type", written.as_str()));
        self.renamed.push(("payment_method", kind_written));
        let is_elsewhere = self.card.is_some() || self.payment_details.is_some();
        if !(is_elsewhere && instrument.is_empty()) {
            self.payment_details = Some(*instrument);
            self.renamed.push(("payment_details", written));
        }
    }

    /// Checks everything; `idempotency_key` is the one that header and body agree on. A request with
    /// a key may repeat one from when it asked for what was offered then, which only the engine can
    /// tell: what is not offered is no error there.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(
        &self,
        idempotency_key: Option<&str>,
        circumstances: Circumstances<'_>,
    ) -> Result<ValidPayment<'_>, Problem> {
        let Circumstances { now, mode, offer } = circumstances;
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let money = self.money(&mut faults);
        let method = self.method(now, &offer.bins, &mut faults);
        let capture = self.capture_mode(&mut faults);
        if let Some(method) = &method {
            method.check(money.map(|money| money.currency), capture, offer, &mut faults);
        }
        let emi = self.emi_plan(money, method.as_ref(), &offer.emi, &mut faults);
        let customer_id = self.customer_id(&mut faults);
        let order_id = faults.bounded("/order_id", &self.order_id, LONGEST_ID);
        let description = faults.bounded("/description", &self.description, LONGEST_DESCRIPTION);
        let callback_url = faults.formed(
            "/callback_url",
            &self.callback_url,
            is_callback_url,
            "This is no http or https address of at most 2048 characters.",
        );
        let return_url = faults.formed(
            "/return_url",
            &self.return_url,
            |text| is_return_url(text, mode),
            "This is no https address of at most 2048 characters; in test mode, it may be one of http on \
             localhost.",
        );
        let metadata = faults.metadata(&self.metadata);
        let personal = self.personal(&mut faults);
        self.keep_card_number_out(idempotency_key, &mut faults);
        let is_valid = faults.is_empty() || idempotency_key.is_some() && faults.are_of_the_offer();
        match (money, method, capture) {
            (Some(money), Some(method), Some(capture)) if is_valid => Ok(ValidPayment {
                not_offered: (!faults.is_empty()).then(|| faults.into_problem()),
                money,
                capture,
                method,
                emi,
                customer_id,
                order_id,
                order: order_id.and_then(|id| id.parse().ok()),
                description,
                callback_url,
                return_url,
                metadata,
                personal,
            }),
            _faulty => Err(faults.into_problem()),
        }
    }

    fn money(&self, faults: &mut Faults) -> Option<Money> {
        let currency = self.checked_currency(faults);
        let fields =
            AmountFields { major: self.amount, minor: self.amount_minor, paisa: self.amount_paisa };
        let amount = fields.read(currency, faults);
        if !fields.is_given() {
            faults.missing("/amount");
        }
        Some(Money { amount: amount?, currency: currency? })
    }

    fn checked_currency(&self, faults: &mut Faults) -> Option<Currency> {
        let Some(code) = present(&self.currency) else {
            faults.missing("/currency");
            return None;
        };
        let currency = Currency::from_code(code).ok();
        if currency.is_none() {
            let detail = "This is no ISO 4217 code, in upper case, of a currency with minor units.";
            faults.add("/currency", ErrorCode::CurrencyInvalid, detail);
        }
        currency
    }

    fn capture_mode(&self, faults: &mut Faults) -> Option<CaptureMode> {
        match present(&self.capture) {
            None | Some("automatic") => Some(CaptureMode::Automatic),
            Some("manual") => Some(CaptureMode::Manual),
            Some(_other) => {
                let detail = "This is neither automatic nor manual.";
                faults.add("/capture", ErrorCode::ParameterInvalid, detail);
                None
            }
        }
    }

    fn customer_id(&self, faults: &mut Faults) -> Option<&str> {
        let id = self
            .customer
            .as_ref()
            .and_then(|customer| faults.bounded("/customer/id", &customer.id, LONGEST_ID));
        let older = faults.bounded("/user_id", &self.user_id, LONGEST_ID);
        if id.is_some() && older.is_some() && id != older {
            let detail = "customer.id and its older name user_id differ.";
            faults.add("/user_id", ErrorCode::ParameterConflict, detail);
        }
        id.or(older)
    }

    /// Refuses the card's number in the texts that are kept, and in the idempotency key, which
    /// clients and proxies log. The pointer of a metadata key does not name it where that would
    /// repeat the number.
    fn keep_card_number_out(&self, idempotency_key: Option<&str>, faults: &mut Faults) {
        const DETAIL: &str = "This text is kept, and may not hold the card's number.";
        const KEY_DETAIL: &str = "The idempotency key may not hold the card's number.";
        let Some(search) = self.card_number().and_then(CardNumberSearch::new) else { return };
        let customer_id = self.customer.as_ref().and_then(|customer| customer.id.as_ref());
        for (pointer, text) in [
            ("/customer/id", customer_id),
            ("/user_id", self.user_id.as_ref()),
            ("/order_id", self.order_id.as_ref()),
            ("/description", self.description.as_ref()),
        ]
        .into_iter()
        .chain(self.personal_texts())
        {
            if text.is_some_and(|text| search.finds_in(text.as_str())) {
                faults.add(pointer, ErrorCode::CardNumberInText, DETAIL);
            }
        }
        if idempotency_key.is_some_and(|key| search.finds_in(key)) {
            faults.add("/idempotencyKey", ErrorCode::CardNumberInText, KEY_DETAIL);
        }
        for (pointer, url) in
            [("/callback_url", &self.callback_url), ("/return_url", &self.return_url)]
        {
            if url.as_ref().is_some_and(|url| search.finds_in_url(url.as_str())) {
                faults.add(pointer, ErrorCode::CardNumberInText, DETAIL);
            }
        }
        for (key, value) in self.metadata.iter().flat_map(|Metadata(entries)| entries) {
            if search.finds_in(key.as_str()) {
                faults.add("/metadata", ErrorCode::CardNumberInText, DETAIL);
            } else if search.finds_in(value.as_str()) {
                faults.add(metadata_pointer(key), ErrorCode::CardNumberInText, DETAIL);
            }
        }
    }

    /// The texts about the customer, which are kept sealed.
    fn personal_texts(&self) -> impl Iterator<Item = (&'static str, Option<&Text<'_>>)> {
        let customer = self.customer.as_ref();
        let address = self.billing_address.as_ref();
        let device = self.device.as_ref();
        let details = self.payment_details.as_ref();
        [
            ("/card/holder_name", self.card.as_ref().and_then(|card| card.holder_name.as_ref())),
            (
                "/payment_details/holder_name",
                details.and_then(|details| details.holder_name.as_ref()),
            ),
            ("/customer/email", customer.and_then(|customer| customer.email.as_ref())),
            ("/customer/phone", customer.and_then(|customer| customer.phone.as_ref())),
            ("/billing_address/street", address.and_then(|address| address.street.as_ref())),
            ("/billing_address/city", address.and_then(|address| address.city.as_ref())),
            ("/billing_address/state", address.and_then(|address| address.state.as_ref())),
            ("/billing_address/zip_code", address.and_then(|address| address.zip_code.as_ref())),
            ("/device/fingerprint", device.and_then(|device| device.fingerprint.as_ref())),
            ("/device/user_agent", device.and_then(|device| device.user_agent.as_ref())),
        ]
        .into_iter()
    }

    fn personal(&self, faults: &mut Faults) -> [Option<&str>; PERSONAL_FIELDS.len()] {
        let (mut email, mut phone) = (None, None);
        if let Some(customer) = &self.customer {
            faults.unknown("/customer", &customer.unknown);
            let form = "This is no e-mail address.";
            email = faults.formed("/customer/email", &customer.email, is_email, form);
            let form = "This is no E.164 phone number such as +919876543210.";
            phone = faults.formed("/customer/phone", &customer.phone, is_phone, form);
        }
        let mut address = [None; 5];
        if let Some(billing) = &self.billing_address {
            faults.unknown("/billing_address", &billing.unknown);
            let form = "These are not two capital letters, as in ISO 3166-1 alpha-2.";
            let line = LONGEST_ADDRESS_LINE;
            address = [
                faults.bounded("/billing_address/street", &billing.street, line),
                faults.bounded("/billing_address/city", &billing.city, line),
                faults.bounded("/billing_address/state", &billing.state, line),
                faults.bounded("/billing_address/zip_code", &billing.zip_code, LONGEST_ID),
                faults.formed("/billing_address/country", &billing.country, is_country, form),
            ];
        }
        let mut facts = [None; 3];
        if let Some(device) = &self.device {
            faults.unknown("/device", &device.unknown);
            let longest = LONGEST_DEVICE_TEXT;
            facts = [
                faults.bounded("/device/fingerprint", &device.fingerprint, longest),
                faults.formed("/device/ip", &device.ip, is_ip, "This is no IP address."),
                faults.bounded("/device/user_agent", &device.user_agent, longest),
            ];
        }
        let [street, city, state, zip_code, country] = address;
        let [fingerprint, ip, user_agent] = facts;
        [email, phone, street, city, state, zip_code, country, fingerprint, ip, user_agent]
    }
}

impl<'r> ValidPayment<'r> {
    /// The merchant's own keys and values, in the order of the keys.
    pub(crate) fn metadata(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        self.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What is kept sealed.
    pub(crate) fn personal_data(&self) -> PersonalData<'r> {
        let data = self.method.personal_data();
        let given = PERSONAL_FIELDS.into_iter().zip(self.personal);
        given.fold(data, |data, (field, text)| data.with(field, text))
    }

    /// Feeds everything but the security code to `digest`, in an order that never changes.
    pub(crate) fn digest_into(&self, digest: &mut RequestDigest) {
        digest.number(self.money.amount.minor_units().unsigned_abs());
        digest.number(u64::from(self.money.currency.numeric()));
        digest.number(u64::from(self.capture.code()));
        self.method.digest_into(digest);
        for text in [self.customer_id, self.order_id, self.description, self.callback_url] {
            digest.text(text);
        }
        for text in self.personal {
            digest.text(text);
        }
        for (key, value) in self.metadata() {
            digest.text(Some(key));
            digest.text(Some(value));
        }
        // What was not there at first comes last, and only where it is given, so that the fingerprints
        // of all other requests stay as they are. No metadata ends with an absent text.
        if let Some(AskedEmi { months, no_cost, plan: _ }) = self.emi {
            digest.text(None);
            digest.text(Some("emi"));
            digest.number(u64::from(months));
            digest.number(u64::from(no_cost));
        }
        if self.return_url.is_some() {
            digest.text(None);
            digest.text(Some("return_url"));
            digest.text(self.return_url);
        }
    }
}

#[cfg(test)]
mod tests;
