//! `[methods]`: which payment methods serve which currencies and countries.

use std::path::PathBuf;

use serde::Deserialize;

use crate::error::Error;

/// Which payment methods serve which currencies and countries.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Methods {
    /// A file with the first digits of cards; empty for the table that is compiled in.
    pub card_bins: PathBuf,
    /// Cards.
    pub card: Served,
    /// UPI.
    pub upi: Served,
    /// Net banking.
    pub netbanking: Served,
    /// Wallets.
    pub wallet: Served,
}

/// Where a method is offered; `*` alone is everywhere, and an empty list is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    /// In which currencies, by their ISO 4217 codes.
    pub currencies: Vec<String>,
    /// In which countries, by their ISO 3166-1 alpha-2 codes.
    pub countries: Vec<String>,
}

/// Everywhere.
pub const EVERYWHERE: &str = "*";

impl Methods {
    pub(crate) fn check(&self) -> Result<(), Error> {
        let methods = [
            ("methods.card.currencies", "methods.card.countries", &self.card),
            ("methods.upi.currencies", "methods.upi.countries", &self.upi),
            ("methods.netbanking.currencies", "methods.netbanking.countries", &self.netbanking),
            ("methods.wallet.currencies", "methods.wallet.countries", &self.wallet),
        ];
        for (currencies, countries, served) in methods {
            let is_currency = |code: &str| {
                iso_currency::Currency::from_code(code)
                    .is_some_and(|currency| currency.exponent().is_some())
            };
            let fault = "must hold ISO 4217 codes such as \"INR\", or \"*\" alone";
            check(currencies, &served.currencies, is_currency, fault)?;
            let fault = "must hold ISO 3166-1 alpha-2 codes such as \"IN\", or \"*\" alone";
            check(countries, &served.countries, is_country, fault)?;
        }
        Ok(())
    }
}

fn check(
    key: &'static str,
    codes: &[String],
    is_code: impl Fn(&str) -> bool,
    fault: &'static str,
) -> Result<(), Error> {
    let is_good = match codes {
        [one] if one == EVERYWHERE => true,
        codes => codes.iter().all(|code| is_code(code)),
    };
    if is_good { Ok(()) } else { Err(Error::Value { key, fault }) }
}

/// Two capital letters.
pub(crate) fn is_country(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}
