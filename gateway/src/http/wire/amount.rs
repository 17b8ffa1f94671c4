//! An amount as requests write it: in major units, in minor units, or in paisa; in one of them.

use tollgate_domain::{Amount, Currency};

use super::{number::Raw, validation::Faults};
use crate::http::error::ErrorCode;

/// The fields of a request that may hold its amount.
pub(super) struct AmountFields<'a> {
    /// `amount`: a decimal number of major units.
    pub(super) major: Option<Raw<'a>>,
    /// `amount_minor`: an integer of minor units.
    pub(super) minor: Option<Raw<'a>>,
    /// `amount_paisa`: the same, of INR alone.
    pub(super) paisa: Option<Raw<'a>>,
}

impl AmountFields<'_> {
    /// Whether any of them is given.
    pub(super) fn is_given(&self) -> bool {
        self.major.is_some() || self.minor.is_some() || self.paisa.is_some()
    }

    /// The amount, if one is given and without a fault. Without a currency nothing can be said of
    /// it, for its exponent is not known.
    pub(super) fn read(&self, currency: Option<Currency>, faults: &mut Faults) -> Option<Amount> {
        let given =
            [("/amount", self.major), ("/amount_minor", self.minor), ("/amount_paisa", self.paisa)];
        let mut amounts = given.into_iter().filter_map(|(at, raw)| raw.map(|raw| (at, raw)));
        let (pointer, raw) = amounts.next()?;
        for (second, _raw) in amounts {
            let detail = "Exactly one of amount, amount_minor and amount_paisa may be given.";
            faults.add(second, ErrorCode::ParameterConflict, detail);
        }
        let currency = currency?;
        if self.paisa.is_some() && currency != Currency::INR {
            let detail = "Only an amount in INR can be given in paisa.";
            faults.add("/amount_paisa", ErrorCode::ParameterConflict, detail);
        }
        if self.major.is_some() {
            faults.major_units(pointer, raw, currency)
        } else {
            faults.minor_units(pointer, raw)
        }
    }
}
