//! Numbers of a request, taken from their text: no value goes through a float.

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{object::Field, text::Text};

/// The raw text of a number, or of a string that should hold one.
pub(crate) type Raw<'a> = &'a RawValue;

/// A small number that clients write as a number or as a string of digits: `7`, `"07"`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Digits(pub(crate) u32);

/// Why a text is no decimal number that can be held exactly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NumberFault {
    /// Not a number, or more digits than can be held exactly.
    NotExact,
    /// Beyond any amount.
    TooLarge,
}

/// A decimal number, from a JSON number or from a string such as `"100.00"`.
pub(crate) fn decimal(raw: Raw<'_>) -> Result<Decimal, NumberFault> {
    let json = raw.get();
    if json.starts_with('"') {
        let text: Text<'_> = serde_json::from_str(json).map_err(|_broken| NumberFault::NotExact)?;
        return plain_decimal(text.as_str());
    }
    match json.split_once(['e', 'E']) {
        None => plain_decimal(json),
        Some((mantissa, exponent)) => scientific(plain_decimal(mantissa)?, exponent),
    }
}

/// An integer, from a JSON number without fraction and exponent.
pub(crate) fn integer(raw: Raw<'_>) -> Result<i64, NumberFault> {
    let json = raw.get();
    let digits = json.strip_prefix('-').unwrap_or(json);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberFault::NotExact);
    }
    // Of the right form, so that only its size can be wrong.
    json.parse().map_err(|_overflow| NumberFault::TooLarge)
}

/// Digits, an optional sign before and one point within.
fn plain_decimal(text: &str) -> Result<Decimal, NumberFault> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let all_digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(whole) || !all_digits(fraction) {
        return Err(NumberFault::NotExact);
    }
    // More than 28 digits: too large where they stand before the point, too fine behind it.
    Decimal::from_str_exact(text).map_err(|_overflow| {
        if whole.trim_start_matches('0').len() > 28 {
            NumberFault::TooLarge
        } else {
            NumberFault::NotExact
        }
    })
}

fn scientific(mantissa: Decimal, exponent: &str) -> Result<Decimal, NumberFault> {
    if mantissa.is_zero() {
        return Ok(mantissa);
    }
    let negative = exponent.starts_with('-');
    // JSON's grammar leaves only an overflow to go wrong here.
    let exponent: u32 = exponent.trim_start_matches(['+', '-']).parse().map_err(|_overflow| {
        if negative { NumberFault::NotExact } else { NumberFault::TooLarge }
    })?;
    if negative {
        let mut shifted = mantissa.normalize();
        let scale = shifted.scale().saturating_add(exponent);
        shifted.set_scale(scale).map_err(|_too_fine| NumberFault::NotExact)?;
        return Ok(shifted);
    }
    10_i128
        .checked_pow(exponent)
        .and_then(|factor| Decimal::try_from_i128_with_scale(factor, 0).ok())
        .and_then(|factor| mantissa.checked_mul(factor))
        .ok_or(NumberFault::TooLarge)
}

impl Field for Raw<'_> {}

impl Field for Digits {}

impl<'de> Deserialize<'de> for Digits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Digits;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a small number, or a string of digits")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Digits, E> {
                // Too large a number is out of every range that is checked later.
                Ok(Digits(u32::try_from(number).unwrap_or(u32::MAX)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Digits, E> {
                // Four digits are the longest that is meant: a year.
                if text.is_empty()
                    || text.len() > 4
                    || !text.bytes().all(|byte| byte.is_ascii_digit())
                {
                    return Ok(Digits(u32::MAX));
                }
                Ok(Digits(text.parse().unwrap_or(u32::MAX)))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<String, NumberFault> {
        let raw: Raw<'_> = serde_json::from_str(json).unwrap();
        decimal(raw).map(|number| number.normalize().to_string())
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        for (json, number) in [
            ("100", "100"),
            ("100.10", "100.1"),
            ("\"100.00\"", "100"),
            ("1e2", "100"),
            ("1.5E+1", "15"),
            ("125e-2", "1.25"),
            ("0e400", "0"),
            ("-1", "-1"),
            ("0.1", "0.1"),
            ("9007199254740993", "9007199254740993"),
            ("\"\\u0031\"", "1"),
        ] {
            assert_eq!(parse(json).as_deref(), Ok(number), "{json}");
        }
        for json in ["\"1e2\"", "\"1_000\"", "\"+1\"", "\"\"", "\" 1\"", "\"1.\"", "\".5\"", "true"]
        {
            assert_eq!(parse(json), Err(NumberFault::NotExact), "{json}");
        }
        assert_eq!(parse("1e-400"), Err(NumberFault::NotExact));
        assert_eq!(parse("0.00000000000000000000000000000000001"), Err(NumberFault::NotExact));
        for json in ["1e400", "1e99999999999", "123456789012345678901234567890123456789"] {
            assert_eq!(parse(json), Err(NumberFault::TooLarge), "{json}");
        }
    }

    #[test]
    fn integers_have_no_fraction() {
        let parse = |json| integer(serde_json::from_str(json).unwrap());
        assert_eq!(parse("10000"), Ok(10_000));
        assert_eq!(parse("-5"), Ok(-5));
        assert_eq!(parse("99999999999999999999"), Err(NumberFault::TooLarge));
        for json in ["1.0", "1e2", "\"100\"", "true"] {
            assert_eq!(parse(json), Err(NumberFault::NotExact), "{json}");
        }
    }
}
