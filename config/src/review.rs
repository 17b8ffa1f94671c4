//! `[review]`: which payments wait for a reviewer.

use serde::Deserialize;

use crate::{
    error::Error,
    money::{Money, is_one_per_currency},
};

/// Which payments wait for a reviewer once they are authorized.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Those of as much or more, by currency.
    pub hold_from: Vec<Money>,
}

impl Review {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if is_one_per_currency(&self.hold_from) {
            return Ok(());
        }
        Err(Error::Value { key: "review.hold_from", fault: "must have a currency once" })
    }
}
