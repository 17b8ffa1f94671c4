//! Where a method is offered: in which currencies and countries.

use tollgate_config::EVERYWHERE;
use tollgate_domain::{Country, Currency};

/// Where a method is offered.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) currencies: Codes<Currency>,
    pub(crate) countries: Codes<Country>,
}

/// Some, or all there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Codes<T> {
    All,
    These(Vec<T>),
}

impl Served {
    pub(super) fn new(configured: &tollgate_config::Served) -> Self {
        Self {
            currencies: Codes::read(&configured.currencies, |code| Currency::from_code(code).ok()),
            countries: Codes::read(&configured.countries, Country::from_code),
        }
    }
}

impl<T: PartialEq> Codes<T> {
    /// `read` knows all codes that the configuration lets pass.
    fn read(codes: &[String], read: impl Fn(&str) -> Option<T>) -> Self {
        match codes {
            [one] if one == EVERYWHERE => Self::All,
            codes => Self::These(codes.iter().filter_map(|code| read(code)).collect()),
        }
    }

    pub(crate) fn contains(&self, code: &T) -> bool {
        match self {
            Self::All => true,
            Self::These(codes) => codes.contains(code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_all_and_nothing_is_none() {
        let read = |codes: &[&str]| {
            let codes: Vec<String> = codes.iter().map(|code| (*code).to_owned()).collect();
            Codes::read(&codes, Country::from_code)
        };
        assert_eq!(read(&["*"]), Codes::All);
        assert!(read(&["*"]).contains(&Country::INDIA));
        assert!(read(&["IN"]).contains(&Country::INDIA));
        assert!(!read(&["US", "GB"]).contains(&Country::INDIA));
        assert!(!read(&[]).contains(&Country::INDIA));
    }
}
