//! Merchants to register and to change, as an operator writes them.

use tollgate_domain::{Asker, MerchantId, UpdateMerchant};

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

object! {
    /// The body of a change: what is absent stays as it is.
    MerchantChange {
        name: "name" => Text<'a>,
        /// Empty for none.
        email: "email" => Text<'a>,
        status: "status" => Text<'a>,
        one_payment_per_order: "one_payment_per_order" => bool,
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

impl MerchantChange<'_> {
    /// The change of that merchant, for the one who asks.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(
        &self,
        asker: Asker,
        merchant: MerchantId,
    ) -> Result<UpdateMerchant, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let name = faults.bounded("/name", &self.name, LONGEST_NAME);
        if self.name.is_some() && name.is_none() {
            faults.invalid("/name", "A merchant has a name.");
        }
        let email = faults.formed("/email", &self.email, is_email, NO_EMAIL);
        let suspended = match self.status.as_ref().map(Text::as_str) {
            None => None,
            Some("active") => Some(false),
            Some("suspended") => Some(true),
            Some(_other) => {
                faults.invalid("/status", "A merchant is `active` or `suspended`.");
                None
            }
        };
        if !faults.is_empty() {
            return Err(faults.into_problem());
        }
        Ok(UpdateMerchant {
            asker,
            merchant,
            name: name.map(Into::into),
            email: self.email.as_ref().map(|_given| email.map(Into::into)),
            suspended,
            one_payment_per_order: self.one_payment_per_order,
        })
    }
}

const NO_EMAIL: &str = "This is no e-mail address.";
