//! A merchant to register, as an operator writes it.

use super::{
    object::object,
    text::Text,
    validation::{Faults, is_email},
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

/// A merchant without a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewMerchant {
    pub(crate) name: Box<str>,
    pub(crate) email: Option<Box<str>>,
}

impl MerchantRequest<'_> {
    /// The merchant to register.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self) -> Result<NewMerchant, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let name = faults.bounded("/name", &self.name, LONGEST_NAME);
        if name.is_none() {
            faults.missing("/name");
        }
        let email = faults.formed("/email", &self.email, is_email, NO_EMAIL);
        match name {
            Some(name) if faults.is_empty() => {
                Ok(NewMerchant { name: name.into(), email: email.map(Into::into) })
            }
            Some(_) | None => Err(faults.into_problem()),
        }
    }
}

const NO_EMAIL: &str = "This is no e-mail address.";
