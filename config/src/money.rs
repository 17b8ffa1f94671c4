//! An amount of money as the configuration writes it: `"50000.00 INR"`.
//!
//! Invariant: no amount goes through a float, and none has more decimals than its currency.

use std::fmt;

use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};

/// Above zero and at most 10¹² − 1 minor units, of a currency that has minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Money {
    /// The currency's ISO 4217 numeric code.
    pub currency: u16,
    /// How many minor units.
    pub minor_units: i64,
}

/// The largest amount of one movement, in minor units.
const LARGEST: i64 = 999_999_999_999;

impl Money {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let form = "must be an amount with its currency, such as \"50000.00 INR\"";
        let (number, code) = text.split_once(' ').ok_or(form)?;
        let currency = Currency::from_code(code).ok_or("must end with an ISO 4217 code")?;
        let exponent = currency.exponent().ok_or("must be in a currency with minor units")?;
        let number = Decimal::from_str_exact(number).map_err(|_no_number| form)?.normalize();
        if number.scale() > u32::from(exponent) {
            return Err("has more decimals than its currency");
        }
        let scale = Decimal::from(10_i64.pow(u32::from(exponent)));
        let minor_units = number.checked_mul(scale).and_then(|units| i64::try_from(units).ok());
        match minor_units {
            Some(minor_units @ 1..=LARGEST) => {
                Ok(Self { currency: currency.numeric(), minor_units })
            }
            Some(_) | None => Err("must be above zero and at most 999999999999 minor units"),
        }
    }
}

/// Whether no currency has two of these amounts.
pub(crate) fn is_one_per_currency(amounts: &[Money]) -> bool {
    let earlier = |index: usize| amounts.get(..index).unwrap_or_default();
    amounts
        .iter()
        .enumerate()
        .all(|(index, money)| !earlier(index).iter().any(|other| other.currency == money.currency))
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Money;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an amount with its currency")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Money, E> {
                Money::parse(text).map_err(|fault| E::custom(format!("\"{text}\" {fault}")))
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        for (text, currency, minor_units) in [
            ("50000.00 INR", 356, 5_000_000),
            ("3 INR", 356, 300),
            ("0.01 USD", 840, 1),
            ("100 JPY", 392, 100),
            ("1.234 BHD", 48, 1_234),
            ("9999999999.99 INR", 356, LARGEST),
        ] {
            assert_eq!(Money::parse(text), Ok(Money { currency, minor_units }), "{text}");
        }
        for text in [
            "",
            "INR",
            "100",
            "100INR",
            "x INR",
            "100 inr",
            "100 XAU",
            "0 INR",
            "-1 INR",
            "1.005 INR",
            "0.5 JPY",
            "10000000000 INR",
            "1e3 INR",
        ] {
            assert!(Money::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_currency_has_one_amount() {
        let money = |text| Money::parse(text).unwrap();
        assert!(is_one_per_currency(&[money("1 INR"), money("1 USD")]));
        assert!(!is_one_per_currency(&[money("1 INR"), money("1 USD"), money("2 INR")]));
    }
}
