//! A country, by its two letters.

use std::fmt;

/// A country's code as ISO 3166-1 alpha-2 writes it: two capital letters.
///
/// Not here: the table of countries. Which codes there are changes, and what was recorded stays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// India.
    pub const INDIA: Self = Self(*b"IN");

    /// Takes a code such as `IN`; `None` for what is not two capital letters.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        <[u8; 2]>::try_from(code.as_bytes()).ok().and_then(Self::from_bytes)
    }

    /// The same of its two bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        bytes.iter().all(u8::is_ascii_uppercase).then_some(Self(bytes))
    }

    /// Its two letters as bytes.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 2] {
        self.0
    }

    /// Its two letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).expect("capital letters are text")
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

impl fmt::Display for Country {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_two_capital_letters() {
        assert_eq!(Country::from_code("IN"), Some(Country::INDIA));
        for code in ["", "I", "in", "IND", "I1", "\u{c9}"] {
            assert_eq!(Country::from_code(code), None, "{code}");
        }
        assert_eq!(Country::INDIA.to_string(), "IN");
        assert_eq!(Country::from_bytes(Country::INDIA.to_bytes()), Some(Country::INDIA));
    }
}
