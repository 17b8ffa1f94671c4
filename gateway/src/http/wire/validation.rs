//! The forms that values must have, and the list that gathers what has not.

use std::{borrow::Cow, net::IpAddr};

use tollgate_domain::{Amount, AmountError, Currency, Mode};

use super::{
    number::{self, NumberFault, Raw},
    text::{Metadata, Text},
};
use crate::http::error::{ErrorCode, Fault, Problem};

/// What a merchant may keep with an object, as it is documented: so many keys, and characters.
const MOST_METADATA: usize = 50;
const LONGEST_METADATA_KEY: usize = 40;
const LONGEST_METADATA_VALUE: usize = 500;

/// All faults of a request, in the order of their discovery.
#[derive(Default, Debug)]
pub(super) struct Faults {
    list: Vec<Fault>,
    /// How many of them ask for what is not offered.
    not_offered: usize,
}

impl Faults {
    pub(super) fn add(
        &mut self,
        pointer: impl Into<Cow<'static, str>>,
        code: ErrorCode,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.list.push(Fault::new(pointer, code, detail));
    }

    /// Notes something that is right in itself and not offered. It may have been once, so that a
    /// repeat of a request has an answer all the same.
    pub(super) fn not_offered(
        &mut self,
        pointer: &'static str,
        code: ErrorCode,
        detail: impl Into<Cow<'static, str>>,
    ) {
        self.add(pointer, code, detail);
        self.not_offered += 1;
    }

    /// Notes a value that is not of its form.
    pub(super) fn invalid(&mut self, pointer: &'static str, detail: &'static str) {
        self.add(pointer, ErrorCode::ParameterInvalid, detail);
    }

    /// Notes a field that has to be there.
    pub(super) fn missing(&mut self, pointer: &'static str) {
        self.add(pointer, ErrorCode::ParameterMissing, "This field is needed.");
    }

    /// Notes the names that the object at `parent` does not have.
    pub(super) fn unknown(&mut self, parent: &str, names: &[Text<'_>]) {
        for name in names {
            // RFC 6901: `~` and `/` are escaped in a pointer.
            let name = name.as_str().replace('~', "~0").replace('/', "~1");
            self.add(
                format!("{parent}/{name}"),
                ErrorCode::ParameterUnknown,
                "There is no such field.",
            );
        }
    }

    /// A string of bounded length; an empty one counts as absent.
    pub(super) fn bounded<'t>(
        &mut self,
        pointer: &'static str,
        text: &'t Option<Text<'_>>,
        longest: usize,
    ) -> Option<&'t str> {
        let text = present(text)?;
        if text.chars().count() > longest {
            let detail = format!("At most {longest} characters are allowed.");
            self.add(pointer, ErrorCode::ParameterInvalid, detail);
        }
        Some(text)
    }

    /// A string that `is_formed` accepts; an empty one counts as absent.
    pub(super) fn formed<'t>(
        &mut self,
        pointer: &'static str,
        text: &'t Option<Text<'_>>,
        is_formed: impl FnOnce(&str) -> bool,
        form: &'static str,
    ) -> Option<&'t str> {
        let text = present(text)?;
        if !is_formed(text) {
            self.add(pointer, ErrorCode::ParameterInvalid, form);
        }
        Some(text)
    }

    /// The merchant's own keys and values, sorted by key.
    pub(super) fn metadata<'t>(
        &mut self,
        metadata: &'t Option<Metadata<'t>>,
    ) -> &'t [(Text<'t>, Text<'t>)] {
        self.pairs("/metadata", metadata)
    }

    /// The same of a field with another name.
    pub(super) fn pairs<'t>(
        &mut self,
        pointer: &'static str,
        metadata: &'t Option<Metadata<'t>>,
    ) -> &'t [(Text<'t>, Text<'t>)] {
        let Some(Metadata(entries)) = metadata else { return &[] };
        if entries.len() > MOST_METADATA {
            let detail = format!("At most {MOST_METADATA} keys are allowed.");
            self.add(pointer, ErrorCode::ParameterInvalid, detail);
            return entries;
        }
        for (key, value) in entries {
            let letters = key.as_str().chars().count();
            if !(1..=LONGEST_METADATA_KEY).contains(&letters) {
                let detail = format!("A key has 1 to {LONGEST_METADATA_KEY} characters.");
                self.add(pointer, ErrorCode::ParameterInvalid, detail);
            }
            if value.as_str().chars().count() > LONGEST_METADATA_VALUE {
                let detail = format!("A value has at most {LONGEST_METADATA_VALUE} characters.");
                self.add(pair_pointer(pointer, key), ErrorCode::ParameterInvalid, detail);
            }
        }
        entries
    }

    /// The one value that is given in any of several places, and where; one has to be.
    pub(super) fn only_one<'t>(
        &mut self,
        places: &[(&'static str, Option<&'t str>)],
    ) -> Option<(&'static str, &'t str)> {
        let mut given = places.iter().filter_map(|(at, text)| text.map(|text| (*at, text)));
        let first = given.next();
        for (second, _text) in given {
            let detail = "This is given in another place as well, and only one may be used.";
            self.add(second, ErrorCode::ParameterConflict, detail);
        }
        if let (None, Some((usual, _nothing))) = (first, places.first()) {
            self.missing(usual);
        }
        first
    }

    /// An amount in major units.
    pub(super) fn major_units(
        &mut self,
        pointer: &'static str,
        raw: Raw<'_>,
        currency: Currency,
    ) -> Option<Amount> {
        match number::decimal(raw) {
            Ok(number) => self.amount(pointer, Amount::from_major_units(number, currency)),
            Err(fault) => self.no_number(pointer, fault, "This is no exact decimal number."),
        }
    }

    /// An amount in minor units.
    pub(super) fn minor_units(&mut self, pointer: &'static str, raw: Raw<'_>) -> Option<Amount> {
        match number::integer(raw) {
            Ok(number) => self.amount(pointer, Amount::from_minor_units(number)),
            Err(fault) => self.no_number(pointer, fault, "This is no integer."),
        }
    }

    fn amount(
        &mut self,
        pointer: &'static str,
        amount: Result<Amount, AmountError>,
    ) -> Option<Amount> {
        let (code, detail) = match amount {
            Ok(amount) => return Some(amount),
            Err(AmountError::TooPrecise { exponent }) => (
                ErrorCode::AmountInvalid,
                format!("The currency has {exponent} decimal places; this has more.").into(),
            ),
            Err(AmountError::NotPositive) => (ErrorCode::AmountTooSmall, TOO_SMALL.into()),
            Err(AmountError::TooLarge) => (ErrorCode::AmountTooLarge, too_large()),
        };
        self.add(pointer, code, detail);
        None
    }

    fn no_number(
        &mut self,
        pointer: &'static str,
        fault: NumberFault,
        detail: &'static str,
    ) -> Option<Amount> {
        match fault {
            NumberFault::NotExact => self.add(pointer, ErrorCode::AmountInvalid, detail),
            NumberFault::TooLarge => self.add(pointer, ErrorCode::AmountTooLarge, too_large()),
        }
        None
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether nothing is wrong but what is not offered, if that is.
    pub(super) fn are_of_the_offer(&self) -> bool {
        self.not_offered == self.list.len()
    }

    pub(super) fn into_problem(self) -> Problem {
        Problem::of_faults(self.list)
    }
}

const TOO_SMALL: &str = "The amount must be above zero.";

fn too_large() -> Cow<'static, str> {
    format!("The amount may be at most {} minor units.", Amount::MAX.minor_units()).into()
}

/// Points at a metadata value; RFC 6901 escapes `~` and `/`.
pub(super) fn metadata_pointer(key: &Text<'_>) -> String {
    pair_pointer("/metadata", key)
}

fn pair_pointer(parent: &str, key: &Text<'_>) -> String {
    format!("{parent}/{}", key.as_str().replace('~', "~0").replace('/', "~1"))
}

/// The text, unless it is empty: older clients send empty strings for what they do not have.
pub(super) fn present<'t>(text: &'t Option<Text<'_>>) -> Option<&'t str> {
    text.as_ref().map(Text::as_str).filter(|text| !text.is_empty())
}

pub(super) fn is_all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// One `@` between a local part and a domain with a dot, lengths as RFC 5321 bounds them. Whether
/// the address exists, only a message can tell.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.chars().all(|letter| !letter.is_whitespace() && !letter.is_control())
        && domain.contains('.')
        && domain.split('.').all(is_label)
}

/// E.164: a plus sign, then up to fifteen digits that begin with a country code. Seven digits are
/// the shortest that are in use.
pub(super) fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && is_all_digits(digits)
    })
}

/// A UPI address, `name@handle`: 2 to 256 letters, digits, dots, hyphens and underscores, then 2 to
/// 64 letters and digits of which the first is a letter. The form is that of NPCI's UPI procedural
/// guidelines as payment apps check it; handles such as `s2b` have a digit, and so may have one.
/// Whether somebody has the address, only its bank can tell.
pub(super) fn is_vpa(text: &str) -> bool {
    let Some((name, handle)) = text.split_once('@') else { return false };
    (2..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && (2..=64).contains(&handle.len())
        && handle.starts_with(|first: char| first.is_ascii_alphabetic())
        && handle.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The longest wallet id, in characters.
const LONGEST_WALLET_ID: usize = 64;

/// Whether the text may be a wallet's id: its provider alone can tell whether it is one.
pub(super) fn is_wallet_id(text: &str) -> bool {
    let is_visible = |letter: char| !letter.is_whitespace() && !letter.is_control();
    text.chars().count() <= LONGEST_WALLET_ID && text.chars().all(is_visible)
}

/// Two capital letters, as in ISO 3166-1 alpha-2.
///
/// Not here: the table of countries.
pub(super) fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// An absolute `http` or `https` address with a host, without user name and password.
pub(super) fn is_callback_url(text: &str) -> bool {
    text.len() <= 2_048
        && text.parse::<hyper::Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some_and(|authority| {
                    !authority.host().is_empty() && !authority.as_str().contains('@')
                })
        })
}

/// Where a customer goes once he has acted: as a callback's address, but over TLS, or in test mode to
/// the machine that his browser runs on.
pub(super) fn is_return_url(text: &str, mode: Mode) -> bool {
    let is_local = |host: &str| matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    is_callback_url(text)
        && text.parse::<hyper::Uri>().is_ok_and(|uri| match uri.scheme_str() {
            Some("https") => true,
            _http => mode == Mode::Test && uri.host().is_some_and(is_local),
        })
}

pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_as_documented() {
        for email in ["a@b.co", "first.last+tag@sub.example.com", "jos\u{e9}@example.org"] {
            assert!(is_email(email), "{email}");
        }
        for email in ["a", "a@b", "@b.co", "a@b..co", "a b@c.de", "a@b@c.de", "a@-b.co"] {
            assert!(!is_email(email), "{email}");
        }
        assert!(is_phone("+919876543210"));
        for phone in ["919876543210", "+0123456789", "+12", "+1234567890123456", "+12a4567890"] {
            assert!(!is_phone(phone), "{phone}");
        }
        let (longest, too_long) = ("n".repeat(256) + "@sim", "n".repeat(257) + "@sim");
        for vpa in ["asha@okbank", "a.b-c_1@ybl", "9876543210@s2b", "AB@Sim", longest.as_str()] {
            assert!(is_vpa(vpa), "{vpa}");
        }
        for vpa in [
            "",
            "asha",
            "@sim",
            "a@sim",
            "asha@",
            "asha@s",
            "asha@2s",
            "as ha@sim",
            "asha@o@k",
            "asha@bank.com",
            "ash\u{e1}@sim",
            "asha+x@sim",
            too_long.as_str(),
        ] {
            assert!(!is_vpa(vpa), "{vpa}");
        }
        assert!(is_country("IN"));
        assert!(!is_country("in") && !is_country("IND") && !is_country("I1"));
        for url in ["https://example.com/a?b=c", "http://localhost:8080/x"] {
            assert!(is_callback_url(url), "{url}");
        }
        for url in ["ftp://example.com", "/path", "https://", "https://a b", "https://u:p@host/"] {
            assert!(!is_callback_url(url), "{url}");
            assert!(!is_return_url(url, Mode::Test), "{url}");
        }
        for (url, in_test_mode, in_live_mode) in [
            ("https://shop.example/thanks?cart=7", true, true),
            ("http://localhost:3000/thanks", true, false),
            ("http://127.0.0.1/", true, false),
            ("http://[::1]:3000/", true, false),
            ("http://shop.example/thanks", false, false),
            ("http://localhost.shop.example/", false, false),
        ] {
            assert_eq!(is_return_url(url, Mode::Test), in_test_mode, "{url}");
            assert_eq!(is_return_url(url, Mode::Live), in_live_mode, "{url}");
        }
    }
}
