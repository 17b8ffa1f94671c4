//! Amounts of money: checked `i64` minor units with an ISO 4217 currency. Never a float.

use std::fmt;

use rust_decimal::Decimal;

/// An ISO 4217 currency that has minor units (so not `XAU`, `XXX` and their like).
///
/// Stored as its ISO 4217 numeric code, which outlives any enum's order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency {
    iso: iso_currency::Currency,
    /// Digits after the decimal point (ISO 4217 table A.1, column "minor unit").
    exponent: u8,
}

/// A non-negative number of minor units, at most [`Amount::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Amount(i64);

/// An amount in a currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Money {
    /// How many minor units.
    pub amount: Amount,
    /// Of which currency.
    pub currency: Currency,
}

/// Why a number is no amount.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AmountError {
    /// More decimals than the currency has.
    #[error("more decimal places than the currency has ({exponent})")]
    TooPrecise {
        /// Decimal places of the currency.
        exponent: u8,
    },
    /// Zero or negative.
    #[error("not positive")]
    NotPositive,
    /// Above [`Amount::MAX`].
    #[error("above the largest amount of {} minor units", Amount::MAX.minor_units())]
    TooLarge,
}

/// The code names no ISO 4217 currency with minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not an ISO 4217 currency code with minor units")]
pub struct UnknownCurrency;

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The largest amount of one movement: 10¹² − 1 minor units. Nine million movements of this
    /// size still fit an `i64`, and ledger balances are `i128`, so sums cannot overflow.
    pub const MAX: Self = Self(999_999_999_999);

    /// Takes minor units.
    ///
    /// # Errors
    /// [`AmountError::NotPositive`] for zero and below, [`AmountError::TooLarge`] above
    /// [`Amount::MAX`].
    pub const fn from_minor_units(minor_units: i64) -> Result<Self, AmountError> {
        if minor_units <= 0 {
            return Err(AmountError::NotPositive);
        }
        if minor_units > Self::MAX.0 {
            return Err(AmountError::TooLarge);
        }
        Ok(Self(minor_units))
    }

    /// Takes major units, exact: `10.00` INR is 1,000 minor units.
    ///
    /// # Errors
    /// [`AmountError::TooPrecise`] where the currency has fewer decimals than the number needs
    /// (trailing zeros need none), otherwise as [`Amount::from_minor_units`].
    pub fn from_major_units(major_units: Decimal, currency: Currency) -> Result<Self, AmountError> {
        let exponent = currency.exponent();
        let exact = major_units.normalize();
        if exact.scale() > u32::from(exponent) {
            return Err(AmountError::TooPrecise { exponent });
        }
        let scale = Decimal::from(10_i64.checked_pow(u32::from(exponent)).unwrap_or(i64::MAX));
        let minor_units = exact.checked_mul(scale).ok_or(AmountError::TooLarge)?;
        if minor_units <= Decimal::ZERO {
            return Err(AmountError::NotPositive);
        }
        i64::try_from(minor_units).map_or(Err(AmountError::TooLarge), Self::from_minor_units)
    }

    /// The number of minor units.
    #[must_use]
    pub const fn minor_units(self) -> i64 {
        self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The sum, or `None` above [`Amount::MAX`].
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).filter(|sum| *sum <= Self::MAX.0).map(Self)
    }

    /// The difference, or `None` below zero.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).filter(|difference| *difference >= 0).map(Self)
    }
}

impl Currency {
    /// Indian rupee, the only currency that is also spoken of in paisa.
    pub const INR: Self = Self { iso: iso_currency::Currency::INR, exponent: 2 };

    /// Takes an alphabetic code such as `INR`, upper case.
    ///
    /// # Errors
    /// [`UnknownCurrency`] for anything else.
    pub fn from_code(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code).ok_or(UnknownCurrency).and_then(Self::from_iso)
    }

    /// Takes an ISO 4217 numeric code such as 356.
    ///
    /// # Errors
    /// [`UnknownCurrency`] for anything else.
    pub fn from_numeric(numeric: u16) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_numeric(numeric)
            .ok_or(UnknownCurrency)
            .and_then(Self::from_iso)
    }

    fn from_iso(iso: iso_currency::Currency) -> Result<Self, UnknownCurrency> {
        iso.exponent()
            .and_then(|exponent| u8::try_from(exponent).ok())
            .map(|exponent| Self { iso, exponent })
            .ok_or(UnknownCurrency)
    }

    /// The alphabetic code, such as `INR`.
    #[must_use]
    pub fn code(self) -> &'static str {
        self.iso.code()
    }

    /// The numeric code, such as 356.
    #[must_use]
    pub fn numeric(self) -> u16 {
        self.iso.numeric()
    }

    /// Digits after the decimal point: 0 for JPY, 2 for INR, 3 for BHD.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        self.exponent
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.numeric().cmp(&other.numeric())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl Money {
    /// The amount in major units, with as many decimals as the currency has: `100.00`.
    #[must_use]
    pub fn to_major_units(self) -> Decimal {
        Decimal::new(self.amount.0, u32::from(self.currency.exponent))
    }

    /// The same currency with another amount.
    #[must_use]
    pub const fn with_amount(self, amount: Amount) -> Self {
        Self { amount, currency: self.currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.to_major_units(), self.currency.code())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::from_code(code).unwrap()
    }

    fn major(text: &str, code: &str) -> Result<i64, AmountError> {
        Amount::from_major_units(text.parse().unwrap(), currency(code)).map(Amount::minor_units)
    }

    #[test]
    fn exponents_are_those_of_iso_4217() {
        for (code, exponent) in
            [("JPY", 0), ("INR", 2), ("USD", 2), ("BHD", 3), ("KWD", 3), ("CLF", 4)]
        {
            assert_eq!(currency(code).exponent(), exponent, "{code}");
        }
        for code in ["XAU", "XXX", "inr", "INRR", "", "ZZZ"] {
            assert_eq!(Currency::from_code(code), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn major_units_are_exact_or_refused() {
        assert_eq!(major("100", "INR"), Ok(10_000));
        assert_eq!(major("100.5", "INR"), Ok(10_050));
        assert_eq!(major("10.000", "INR"), Ok(1_000));
        assert_eq!(major("10.005", "INR"), Err(AmountError::TooPrecise { exponent: 2 }));
        assert_eq!(major("1.5", "JPY"), Err(AmountError::TooPrecise { exponent: 0 }));
        assert_eq!(major("1.234", "BHD"), Ok(1_234));
        assert_eq!(major("0", "INR"), Err(AmountError::NotPositive));
        assert_eq!(major("-1", "INR"), Err(AmountError::NotPositive));
        assert_eq!(major("9999999999.99", "INR"), Ok(Amount::MAX.minor_units()));
        assert_eq!(major("10000000000", "INR"), Err(AmountError::TooLarge));
        assert_eq!(major("79228162514264337593543950335", "INR"), Err(AmountError::TooLarge));
    }

    #[test]
    fn differences_below_zero_do_not_exist() {
        let one = Amount::from_minor_units(1).unwrap();
        assert_eq!(one.checked_sub(one), Some(Amount::ZERO));
        assert_eq!(Amount::ZERO.checked_sub(one), None);
        assert_eq!(Amount::MAX.checked_add(one), None);
    }

    proptest! {
        #[test]
        fn major_units_round_trip(
            minor_units in 1..=Amount::MAX.minor_units(),
            code in prop::sample::select(vec!["JPY", "INR", "BHD"]),
        ) {
            let money = Money {
                amount: Amount::from_minor_units(minor_units).unwrap(),
                currency: currency(code),
            };
            let back = Amount::from_major_units(money.to_major_units(), money.currency);
            prop_assert_eq!(back, Ok(money.amount));
        }
    }
}
