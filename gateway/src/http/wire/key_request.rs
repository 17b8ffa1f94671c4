//! Keys to issue and to rotate, as those who manage them write it.

use tollgate_domain::{Millis, Mode, Scope, ScopeSet, Timestamp};

use super::{
    number::{self, Raw},
    object::object,
    text::Text,
    time::parse_rfc3339,
    validation::{Faults, present},
};
use crate::http::error::{ErrorCode, Problem};

/// Longest name of a key, in characters.
const LONGEST_NAME: usize = 128;

/// The overlap of a rotation if the request does not say: a day, for every server to be told.
const USUAL_OVERLAP: Millis = Millis::from_seconds(86_400);

/// The longest overlap: with more, a rotation would be none.
const LONGEST_OVERLAP_S: i64 = 30 * 86_400;

/// The longest life that can be given in seconds: a hundred years.
const LONGEST_LIFE_S: i64 = 100 * 366 * 86_400;

object! {
    /// The body of an issue.
    KeyRequest {
        kind: "kind" => Text<'a>,
        mode: "mode" => Text<'a>,
        name: "name" => Text<'a>,
        scopes: "scopes" => Vec<Text<'a>>,
        expires_at: "expires_at" => Text<'a>,
        expires_in: "expires_in_seconds" => Raw<'a>,
    }
}

object! {
    /// The body of a rotation.
    RotationRequest {
        overlap: "overlap_seconds" => Raw<'a>,
        expires_at: "expires_at" => Text<'a>,
        expires_in: "expires_in_seconds" => Raw<'a>,
    }
}

/// A merchant's key without a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewMerchantKey {
    /// Whether it is for pages instead of servers.
    pub(crate) publishable: bool,
    /// `None` where the request does not say.
    pub(crate) mode: Option<Mode>,
    pub(crate) key: NewKey,
}

/// What any key may be given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct NewKey {
    pub(crate) name: Option<Box<str>>,
    pub(crate) scopes: Option<ScopeSet>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// A rotation without a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NewRotation {
    pub(crate) overlap: Millis,
    pub(crate) expires_at: Option<Timestamp>,
}

impl KeyRequest<'_> {
    /// The merchant's key to issue.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_merchant(&self, now: Timestamp) -> Result<NewMerchantKey, Problem> {
        let mut faults = Faults::default();
        let publishable = match present(&self.kind) {
            None | Some("secret") => false,
            Some("publishable") => true,
            Some(_other) => {
                faults.invalid("/kind", "A key is `secret` or `publishable`.");
                false
            }
        };
        let mode = match present(&self.mode) {
            None => None,
            Some("test") => Some(Mode::Test),
            Some("live") => Some(Mode::Live),
            Some(_other) => {
                faults.invalid("/mode", "A mode is `test` or `live`.");
                None
            }
        };
        Ok(NewMerchantKey { publishable, mode, key: self.key(faults, now)? })
    }

    /// The operator's key to issue, which is of one kind and of no mode.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn of_operator(&self, now: Timestamp) -> Result<NewKey, Problem> {
        let mut faults = Faults::default();
        for (pointer, field) in [("/kind", &self.kind), ("/mode", &self.mode)] {
            if field.is_some() {
                let detail = "Operators' keys have no such field.";
                faults.add(pointer, ErrorCode::ParameterUnknown, detail);
            }
        }
        self.key(faults, now)
    }

    fn key(&self, mut faults: Faults, now: Timestamp) -> Result<NewKey, Problem> {
        faults.unknown("", &self.unknown);
        let name = faults.bounded("/name", &self.name, LONGEST_NAME).map(Box::from);
        let scopes = self.scopes.as_deref().map(|names| scopes(names, &mut faults));
        let expires_at = expiry(&self.expires_at, self.expires_in, now, &mut faults);
        if !faults.is_empty() {
            return Err(faults.into_problem());
        }
        Ok(NewKey { name, scopes, expires_at })
    }
}

impl RotationRequest<'_> {
    /// The rotation.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn validate(&self, now: Timestamp) -> Result<NewRotation, Problem> {
        let mut faults = Faults::default();
        faults.unknown("", &self.unknown);
        let overlap = self.overlap.map_or(USUAL_OVERLAP, |raw| {
            let detail = "An overlap is from 0 to 2592000 seconds.";
            seconds("/overlap_seconds", raw, 0..=LONGEST_OVERLAP_S, detail, &mut faults)
        });
        let expires_at = expiry(&self.expires_at, self.expires_in, now, &mut faults);
        if !faults.is_empty() {
            return Err(faults.into_problem());
        }
        Ok(NewRotation { overlap, expires_at })
    }
}

fn scopes(names: &[Text<'_>], faults: &mut Faults) -> ScopeSet {
    let found = names.iter().enumerate().filter_map(|(index, name)| {
        let scope = Scope::from_name(name.as_str());
        if scope.is_none() {
            let detail = "There is no such scope.";
            faults.add(format!("/scopes/{index}"), ErrorCode::ParameterInvalid, detail);
        }
        scope
    });
    found.collect()
}

/// When a key expires: at a time, or so many seconds from now.
fn expiry(
    at: &Option<Text<'_>>,
    span: Option<Raw<'_>>,
    now: Timestamp,
    faults: &mut Faults,
) -> Option<Timestamp> {
    match (present(at), span) {
        (None, None) => None,
        (Some(text), None) => {
            let time = parse_rfc3339(text);
            if time.is_none() {
                faults.invalid("/expires_at", "A time is such as `2030-01-31T12:00:00Z`, in UTC.");
            }
            time
        }
        (None, Some(raw)) => {
            let detail = "A life is at least one second and at most a hundred years.";
            let pointer = "/expires_in_seconds";
            Some(now.after(seconds(pointer, raw, 1..=LONGEST_LIFE_S, detail, faults)))
        }
        (Some(_), Some(_)) => {
            let detail = "Give a time or a span, not both.";
            faults.add("/expires_in_seconds", ErrorCode::ParameterConflict, detail);
            None
        }
    }
}

fn seconds(
    pointer: &'static str,
    raw: Raw<'_>,
    allowed: std::ops::RangeInclusive<i64>,
    detail: &'static str,
    faults: &mut Faults,
) -> Millis {
    let number = number::integer(raw).ok().filter(|number| allowed.contains(number));
    if number.is_none() {
        faults.invalid(pointer, detail);
    }
    Millis::from_seconds(number.and_then(|number| number.try_into().ok()).unwrap_or_default())
}
