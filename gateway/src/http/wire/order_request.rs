//! Orders to create, as merchants write them.
//!
//! Not here: a search for card numbers. A request's own number is looked for in the texts that it
//! brings along, and an order brings no card.

use tollgate_domain::{Amount, Currency, MerchantId, Money};

use super::{
    amount::AmountFields,
    number::Raw,
    object::object,
    text::{Metadata, Text},
    validation::{Faults, present},
};
use crate::{
    http::error::{ErrorCode, Problem},
    secrets::RequestDigest,
};

/// Longest number that a merchant gives an order, in characters.
const LONGEST_RECEIPT: usize = 64;

object! {
    /// The body of an order.
    OrderRequest {
        amount: "amount" => Raw<'a>,
        amount_minor: "amount_minor" => Raw<'a>,
        amount_paisa: "amount_paisa" => Raw<'a>,
        currency: "currency" => Text<'a>,
        receipt: "receipt" => Text<'a>,
        notes: "notes" => Metadata<'a>,
        merchant_id: "merchant_id" | "merchantID" => Text<'a>,
        idempotency_key: "idempotencyKey" | "idempotency_key" => Text<'a>,
    }
}

/// An order without a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ValidOrder {
    pub(crate) money: Money,
    pub(crate) receipt: Option<Box<str>>,
    pub(crate) notes: Vec<(Box<str>, Box<str>)>,
}

impl OrderRequest<'_> {
    /// Whether it names another merchant than `own`.
    pub(crate) fn names_another_merchant(&self, own: MerchantId) -> bool {
        present(&self.merchant_id).is_some_and(|named| named.parse() != Ok(own))
    }

    /// Its idempotency key.
    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_ref().map(Text::as_str)
    }

    /// Checks everything.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<ValidOrder, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let currency = self.currency(&mut faults);
        let amount = self.amount(currency, &mut faults);
        let receipt = faults.bounded("/receipt", &self.receipt, LONGEST_RECEIPT);
        let notes = faults.pairs("/notes", &self.notes);
        match (amount, currency) {
            (Some(amount), Some(currency)) if faults.is_empty() => Ok(ValidOrder {
                money: Money { amount, currency },
                receipt: receipt.map(Into::into),
                notes: notes
                    .iter()
                    .map(|(key, value)| (key.as_str().into(), value.as_str().into()))
                    .collect(),
            }),
            _faulty => Err(faults.into_problem()),
        }
    }

    fn currency(&self, faults: &mut Faults) -> Option<Currency> {
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

    fn amount(&self, currency: Option<Currency>, faults: &mut Faults) -> Option<Amount> {
        let Self { amount: major, amount_minor: minor, amount_paisa: paisa, .. } = *self;
        let fields = AmountFields { major, minor, paisa };
        if !fields.is_given() {
            faults.missing("/amount");
        }
        fields.read(currency, faults)
    }
}

impl ValidOrder {
    /// Feeds all of it to `digest`, in an order that never changes.
    pub(crate) fn digest_into(&self, digest: &mut RequestDigest) {
        digest.number(self.money.amount.minor_units().unsigned_abs());
        digest.number(u64::from(self.money.currency.numeric()));
        digest.text(self.receipt.as_deref());
        for (key, value) in &self.notes {
            digest.text(Some(key));
            digest.text(Some(value));
        }
    }
}
