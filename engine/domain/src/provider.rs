//! What a provider says of an attempt, in our words.

use std::fmt;

use crate::payment::{NextAction, OperationFailure};

/// Names a provider: up to 16 characters of `a`–`z`, `0`–`9`, `_` and `-`, kept inline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId([u8; 16]);

/// How a provider answered a call, an inquiry or a callback.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ProviderOutcome {
    /// Funds are reserved; with automatic capture, taken.
    Approved(ProviderReceipt),
    /// The issuer says no. Final.
    Declined(DeclineCode),
    /// The customer has to do something first.
    ActionRequired {
        /// What.
        action: NextAction,
    },
    /// Accepted, and the answer comes later.
    Pending,
    /// Certainly not sent; safe to try elsewhere.
    NotSent,
    /// Sent, perhaps; what became of it is not known.
    Unknown,
    /// The answer of an inquiry: the provider knows of no such attempt. Counts as
    /// [`ProviderOutcome::NotSent`] only when the inquiry was made past the provider's horizon, for
    /// until then our request may still arrive.
    NotFound {
        /// Whether the inquiry was made past the horizon.
        past_horizon: bool,
    },
}

/// How a provider answered a call, an inquiry or a callback about an operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OperationOutcome {
    /// Done.
    Succeeded(ProviderReceipt),
    /// Not done, and it will not be.
    Failed(OperationFailure),
    /// Accepted, and the answer comes later.
    Pending,
    /// Certainly not sent.
    NotSent,
    /// Sent, perhaps; what became of it is not known.
    Unknown,
    /// The answer of an inquiry: the provider knows of no such operation. Counts as
    /// [`OperationOutcome::NotSent`] only past the provider's horizon.
    NotFound {
        /// Whether the inquiry was made past the horizon.
        past_horizon: bool,
    },
}

/// What a provider gives with an approval.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ProviderReceipt {
    /// The provider's own id of the transaction.
    pub external_id: Box<str>,
    /// Retrieval reference number (ISO 8583 field 37).
    pub rrn: Box<str>,
    /// Approval code (ISO 8583 field 38).
    pub approval_code: Box<str>,
}

/// How an outcome came to us.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutcomeSource {
    /// The answer to our own call.
    Call,
    /// The answer to an inquiry.
    Inquiry,
    /// The provider called us.
    Callback,
    /// An operator has learnt it elsewhere.
    Operator,
}

/// Why an issuer declined.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeclineCode {
    /// No reason given.
    GenericDecline,
    /// Not enough money.
    InsufficientFunds,
    /// The issuer will not say.
    DoNotHonor,
    /// Reported lost.
    LostCard,
    /// Reported stolen.
    StolenCard,
    /// Past its expiry date.
    ExpiredCard,
    /// Wrong security code.
    IncorrectCvc,
    /// The provider or issuer failed.
    ProcessingError,
    /// Taken for fraud.
    Fraudulent,
    /// Too many payments or too much money in a span of time.
    CardVelocityExceeded,
}

impl ProviderId {
    /// The simulator that is part of every gateway.
    pub const SIMULATOR: Self = match Self::new("simulator") {
        Some(id) => id,
        None => panic!("a well-formed name"),
    };

    /// Takes a name; `None` if it is not of the form above.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "const evaluation has no iterators; the index is below both lengths"
    )]
    pub const fn new(name: &str) -> Option<Self> {
        let source = name.as_bytes();
        let mut bytes = [0; 16];
        if source.is_empty() || source.len() > bytes.len() {
            return None;
        }
        let mut index = 0;
        while index < source.len() {
            match source[index] {
                byte @ (b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') => bytes[index] = byte,
                _ => return None,
            }
            index += 1;
        }
        Some(Self(bytes))
    }

    /// The name, padded with zeros.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }

    /// Takes what [`ProviderId::to_bytes`] gave; `None` for anything else.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        Self::new(Self(bytes).as_str()).filter(|id| id.0 == bytes)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        self.0.get(..length).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }
}

impl ProviderReceipt {
    /// The longest of each text that is kept, in bytes. ISO 8583 needs 12 and 6; providers' own ids
    /// have some 40.
    pub const MAX_TEXT: usize = 128;

    /// With every text cut to [`ProviderReceipt::MAX_TEXT`]: what a provider sends must fit a
    /// record, whatever it is.
    #[must_use]
    pub(crate) fn clipped(self) -> Self {
        Self {
            external_id: clip(self.external_id),
            rrn: clip(self.rrn),
            approval_code: clip(self.approval_code),
        }
    }
}

fn clip(text: Box<str>) -> Box<str> {
    if text.len() <= ProviderReceipt::MAX_TEXT {
        return text;
    }
    text.get(..text.floor_char_boundary(ProviderReceipt::MAX_TEXT)).unwrap_or_default().into()
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl OutcomeSource {
    /// Every source, in the order of [`OutcomeSource::code`].
    pub const ALL: [Self; 4] = [Self::Call, Self::Inquiry, Self::Callback, Self::Operator];

    /// The source's number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Call => 0,
            Self::Inquiry => 1,
            Self::Callback => 2,
            Self::Operator => 3,
        }
    }

    /// The source of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.code() == code)
    }

    /// Whether somebody asked for it, so that it is not an old message on a long way.
    #[must_use]
    pub const fn is_answer_to_inquiry(self) -> bool {
        match self {
            Self::Inquiry | Self::Operator => true,
            Self::Call | Self::Callback => false,
        }
    }
}

impl DeclineCode {
    /// Every code, in the order of [`DeclineCode::code`].
    pub const ALL: [Self; 10] = [
        Self::GenericDecline,
        Self::InsufficientFunds,
        Self::DoNotHonor,
        Self::LostCard,
        Self::StolenCard,
        Self::ExpiredCard,
        Self::IncorrectCvc,
        Self::ProcessingError,
        Self::Fraudulent,
        Self::CardVelocityExceeded,
    ];

    /// The code's number in stored records. Invariant: never changes.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::GenericDecline => 0,
            Self::InsufficientFunds => 1,
            Self::DoNotHonor => 2,
            Self::LostCard => 3,
            Self::StolenCard => 4,
            Self::ExpiredCard => 5,
            Self::IncorrectCvc => 6,
            Self::ProcessingError => 7,
            Self::Fraudulent => 8,
            Self::CardVelocityExceeded => 9,
        }
    }

    /// The decline code of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|decline| decline.code() == code)
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GenericDecline => "generic_decline",
            Self::InsufficientFunds => "insufficient_funds",
            Self::DoNotHonor => "do_not_honor",
            Self::LostCard => "lost_card",
            Self::StolenCard => "stolen_card",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectCvc => "incorrect_cvc",
            Self::ProcessingError => "processing_error",
            Self::Fraudulent => "fraudulent",
            Self::CardVelocityExceeded => "card_velocity_exceeded",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_inline_and_checked() {
        assert_eq!(ProviderId::new("simulator").unwrap().as_str(), "simulator");
        assert_eq!(ProviderId::new("sixteen-letters_").unwrap().as_str(), "sixteen-letters_");
        for wrong in ["", "Simulator", "seventeen-letters", "späti"] {
            assert_eq!(ProviderId::new(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn stored_numbers_come_back() {
        for code in DeclineCode::ALL {
            assert_eq!(DeclineCode::from_code(code.code()), Some(code));
        }
        for source in OutcomeSource::ALL {
            assert_eq!(OutcomeSource::from_code(source.code()), Some(source));
        }
        assert_eq!(DeclineCode::from_code(10), None);
    }
}
