//! A merchant to register, as an operator writes it.

use super::{
    object::object,
    text::Text,
    validation::{Faults, is_email, present},
};
use crate::http::error::Problem;

/// Longest name of a merchant, in characters.
const LONGEST_NAME: usize = 128;

object! {
    /// The body of a merchant registration.
    MerchantRequest {
        name: "name" => Text<'a>,
        email: "email" => Text<'a>,
    }
}

impl MerchantRequest<'_> {
    /// The merchant's name.
    ///
    /// The e-mail address is checked and not kept: there is no sealed storage for it yet.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<Box<str>, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let name = faults.bounded("/name", &self.name, LONGEST_NAME);
        if name.is_none() {
            faults.missing("/name");
        }
        faults.formed("/email", &self.email, is_email, "This is no e-mail address.");
        match present(&self.name) {
            Some(name) if faults.is_empty() => Ok(name.into()),
            Some(_) | None => Err(faults.into_problem()),
        }
    }
}
