//! An endpoint: where a merchant wants to be told what happens, and of what.
//!
//! Invariant: its secrets and headers are known here only sealed, under a key outside the log.
//!
//! Not here: what has been delivered to it. That is derived from the log and kept elsewhere.

use std::num::NonZeroU32;

use crate::{
    id::{MerchantId, WebhookEndpointId},
    merchant::Mode,
    timestamp::Timestamp,
};

/// An endpoint of a merchant, in a mode.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WebhookEndpoint {
    /// Its id, minted by the control shard.
    pub id: WebhookEndpointId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// The world whose events it gets.
    pub mode: Mode,
    /// What its owner wants of it.
    pub settings: WebhookSettings,
    /// What its deliveries are signed with.
    pub secret: SealedSecret,
    /// What they are signed with besides, for a while after a rotation.
    pub previous_secret: Option<PreviousSecret>,
    /// Since when and why it gets nothing; its events wait for it meanwhile.
    pub disabled: Option<Disablement>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What the owner of an endpoint decides.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WebhookSettings {
    /// Where deliveries go.
    pub url: Box<str>,
    /// What its owner calls it.
    pub description: Option<Box<str>>,
    /// Which events it gets: those that one of these takes.
    pub filters: Vec<EventFilter>,
    /// Headers of its own that deliveries carry; `None` where there are none.
    pub headers: Option<SealedSecret>,
    /// Deliveries a second at the most.
    pub rate_per_s: Option<NonZeroU32>,
}

/// Names of events that are wanted: one name, all names that begin alike (`payment.*`), or all
/// there are (`*`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventFilter(Box<str>);

/// Something that only the holder of a key outside the log can read.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SealedSecret(pub Box<[u8]>);

/// A secret that was rotated.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PreviousSecret {
    /// It.
    pub secret: SealedSecret,
    /// Until when deliveries are signed with it as well.
    pub until: Timestamp,
}

/// Why an endpoint gets nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Disablement {
    /// Why.
    pub reason: DisableReason,
    /// Since when.
    pub at: Timestamp,
}

/// Why an endpoint was disabled.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DisableReason {
    /// Its owner wanted it.
    Requested,
    /// It answered that it is gone (410).
    Gone,
    /// It has taken nothing for days, though there was something to take.
    Failing,
}

impl EventFilter {
    /// Longest text of a filter, in characters.
    const LONGEST: usize = 64;

    /// The filter of that text; `None` where it is none: words of small letters and `_`, with dots
    /// between them, of which the last may be `*`.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let words = match text.strip_suffix('*') {
            Some("") => return Some(Self(text.into())),
            Some(words) => words.strip_suffix('.')?,
            None => text,
        };
        let fits = text.len() <= Self::LONGEST && words.split('.').all(is_word);
        fits.then(|| Self(text.into()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it takes events of that name.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => *self.0 == *name,
        }
    }
}

impl WebhookSettings {
    /// Whether it wants events of that name.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        self.filters.iter().any(|filter| filter.takes(name))
    }
}

impl DisableReason {
    /// All, in the order of [`DisableReason::code`].
    pub const ALL: [Self; 3] = [Self::Requested, Self::Gone, Self::Failing];

    /// The reason's number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Requested => 0,
            Self::Gone => 1,
            Self::Failing => 2,
        }
    }

    /// The reason of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_take_names_beginnings_or_all() {
        let takes = |filter: &str, name: &str| EventFilter::new(filter).unwrap().takes(name);
        assert!(takes("*", "payment.completed"));
        assert!(takes("payment.*", "payment.requires_action"));
        assert!(takes("payment.failed", "payment.failed"));
        assert!(!takes("payment.*", "payments.failed"));
        assert!(!takes("payment.*", "refund.failed"));
        assert!(!takes("payment.failed", "payment.failed_late"));
    }

    #[test]
    fn other_texts_are_no_filters() {
        let long = "a".repeat(65);
        for text in ["", ".", "payment.", ".*", "pay*", "payment.*.x", "**", "Payment.*", &long] {
            assert_eq!(EventFilter::new(text), None, "{text}");
        }
    }
}
