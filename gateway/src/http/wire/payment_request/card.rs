//! A card as a client writes it, and as it is once it has been checked.

use std::fmt;

use tollgate_domain::{CardFacts, Timestamp};
use zeroize::Zeroizing;

use super::super::{
    number::Digits,
    object::object,
    text::Text,
    time::CivilDate,
    validation::{Faults, is_all_digits, present},
};
use crate::{
    card_bins::{CardBin, CardBins},
    card_number::passes_luhn,
    http::error::ErrorCode,
    provider::CardData,
    secrets::Secrets,
};

/// The longest name on a card, in characters.
const LONGEST_NAME: usize = 128;

/// No issuer gives a card out for longer, so a later year is a mistyped one.
const LONGEST_CARD_VALIDITY_YEARS: u64 = 50;

object! {
    /// A card.
    CardRequest {
        number: "number" | "card_number" | "cardNumber" => Text<'a>,
        expiry_month: "expiry_month" | "expiryMonth" => Digits,
        expiry_year: "expiry_year" | "expiryYear" => Digits,
        cvv: "cvv" => Text<'a>,
        holder_name: "holder_name" | "holderName" | "card_holder_name" | "cardHolderName" => Text<'a>,
    }
}

/// A card's fields, under whichever name the card stands.
#[derive(Clone, Copy)]
pub(super) struct CardFields<'r> {
    pub(super) at: &'static CardPointers,
    pub(super) number: &'r Option<Text<'r>>,
    pub(super) expiry_month: Option<Digits>,
    pub(super) expiry_year: Option<Digits>,
    pub(super) cvv: &'r Option<Text<'r>>,
    pub(super) holder_name: &'r Option<Text<'r>>,
}

/// Where a card's fields stand.
pub(super) struct CardPointers {
    number: &'static str,
    expiry_month: &'static str,
    expiry_year: &'static str,
    cvv: &'static str,
    holder_name: &'static str,
}

/// A card without a fault.
pub(crate) struct ValidCard<'r> {
    number: &'r str,
    expiry_month: u8,
    expiry_year: u16,
    cvv: Option<&'r str>,
    holder_name: Option<&'r str>,
    expiry_pointer: &'static str,
    /// What is known of it by its first digits.
    known: CardBin,
}

impl CardPointers {
    /// Of `card`.
    pub(super) const CARD: Self = Self {
        number: "/card/number",
        expiry_month: "/card/expiry_month",
        expiry_year: "/card/expiry_year",
        cvv: "/card/cvv",
        holder_name: "/card/holder_name",
    };

    /// Of its older name, `payment_details`.
    pub(super) const PAYMENT_DETAILS: Self = Self {
        number: "/payment_details/number",
        expiry_month: "/payment_details/expiry_month",
        expiry_year: "/payment_details/expiry_year",
        cvv: "/payment_details/cvv",
        holder_name: "/payment_details/holder_name",
    };
}

impl CardRequest<'_> {
    pub(super) fn fields(&self) -> CardFields<'_> {
        CardFields {
            at: &CardPointers::CARD,
            number: &self.number,
            expiry_month: self.expiry_month,
            expiry_year: self.expiry_year,
            cvv: &self.cvv,
            holder_name: &self.holder_name,
        }
    }
}

impl<'r> CardFields<'r> {
    pub(super) fn validate(
        &self,
        now: Timestamp,
        bins: &CardBins,
        faults: &mut Faults,
    ) -> Option<ValidCard<'r>> {
        let at = self.at;
        let number = self.checked_number(faults);
        let expiry = self.expiry(now, faults);
        let cvv = present(self.cvv);
        if cvv.is_some_and(|cvv| !is_all_digits(cvv) || !matches!(cvv.len(), 3 | 4)) {
            let detail = "The security code has three or four digits.";
            faults.add(at.cvv, ErrorCode::CardCvvInvalid, detail);
        }
        let holder_name = faults.bounded(at.holder_name, self.holder_name, LONGEST_NAME);
        let (expiry_month, expiry_year) = expiry?;
        let (number, expiry_pointer) = (number?, at.expiry_year);
        let known = bins.find(number);
        Some(ValidCard {
            number,
            expiry_month,
            expiry_year,
            cvv,
            holder_name,
            expiry_pointer,
            known,
        })
    }

    fn checked_number(&self, faults: &mut Faults) -> Option<&'r str> {
        let Some(number) = present(self.number) else {
            faults.missing(self.at.number);
            return None;
        };
        let detail = if !is_all_digits(number) || !(13..=19).contains(&number.len()) {
            "A card number has 13 to 19 digits, and nothing between them."
        } else if !passes_luhn(number) {
            "The check digit is wrong."
        } else {
            return Some(number);
        };
        faults.add(self.at.number, ErrorCode::CardNumberInvalid, detail);
        None
    }

    /// Month and four-digit year.
    ///
    /// Not here: whether they are past. A repeat of an earlier request is answered as it was, and
    /// which request is a repeat only the engine can tell: see [`ValidCard::expires_at`].
    fn expiry(&self, now: Timestamp, faults: &mut Faults) -> Option<(u8, u16)> {
        let at = self.at;
        let month = match self.expiry_month {
            None => {
                faults.missing(at.expiry_month);
                None
            }
            Some(Digits(month)) => {
                let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month));
                if month.is_none() {
                    let detail = "A month is a number from 1 to 12.";
                    faults.add(at.expiry_month, ErrorCode::ParameterInvalid, detail);
                }
                month
            }
        };
        let year = match self.expiry_year {
            None => {
                faults.missing(at.expiry_year);
                None
            }
            Some(Digits(year)) => {
                // Two digits are a year of this century.
                let year = if year < 100 { year + 2_000 } else { year };
                let last = CivilDate::of(now).year + LONGEST_CARD_VALIDITY_YEARS;
                let year = u16::try_from(year)
                    .ok()
                    .filter(|year| *year >= 1_000 && u64::from(*year) <= last);
                if year.is_none() {
                    let detail = "A year has two or four digits, and is not half a century away.";
                    faults.add(at.expiry_year, ErrorCode::ParameterInvalid, detail);
                }
                year
            }
        };
        Some((month?, year?))
    }
}

impl<'r> ValidCard<'r> {
    /// The name on the card.
    pub(super) fn holder_name(&self) -> Option<&'r str> {
        self.holder_name
    }
}

impl ValidCard<'_> {
    /// Its number.
    pub(super) fn number(&self) -> &str {
        self.number
    }

    /// 1 to 12.
    pub(super) fn expiry_month(&self) -> u8 {
        self.expiry_month
    }

    /// Four digits.
    pub(super) fn expiry_year(&self) -> u16 {
        self.expiry_year
    }

    /// Where a fault of the expiry date is told.
    pub(super) fn expiry_pointer(&self) -> &'static str {
        self.expiry_pointer
    }

    /// The end of its last month, in UTC: a card is good until then.
    pub(super) fn expires_at(&self) -> Timestamp {
        CivilDate::first_of_month_after(u64::from(self.expiry_year), u64::from(self.expiry_month))
    }

    /// What is known of it by its first digits.
    pub(super) fn known(&self) -> CardBin {
        self.known
    }

    /// What may be remembered of it.
    pub(super) fn facts(&self, secrets: &Secrets) -> CardFacts {
        let CardBin { brand, funding, issuer_country } = self.known;
        CardFacts {
            brand,
            bin: self.bin(),
            last4: self.last4(),
            expiry_month: self.expiry_month,
            expiry_year: self.expiry_year,
            fingerprint: secrets.card_fingerprint(self.number),
            funding,
            issuer_country,
        }
    }

    /// What the provider needs; wiped when it is dropped.
    pub(super) fn to_card_data(&self) -> CardData {
        let wiped = |text: &str| Zeroizing::new(text.to_owned());
        CardData::new(
            wiped(self.number),
            self.expiry_month,
            self.expiry_year,
            self.cvv.map(wiped),
            self.holder_name.map(wiped),
        )
    }

    /// The first six digits.
    pub(super) fn bin(&self) -> u32 {
        self.number.get(..6).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }

    /// The last four digits.
    pub(super) fn last4(&self) -> u16 {
        let start = self.number.len().saturating_sub(4);
        self.number.get(start..).and_then(|digits| digits.parse().ok()).unwrap_or_default()
    }
}

impl fmt::Debug for ValidCard<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ValidCard(redacted)")
    }
}
