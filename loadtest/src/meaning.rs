//! What an answer under an idempotency key can mean, whatever was asked for.
//!
//! Not here: which answers are right for a payment, an operation or an order; each says so itself.

use crate::answer::{Answer, has_code, unexpected};

/// The meaning of an answer: `F` is what the last word on a key says, `A` what one before it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meaning<F, A> {
    /// The last word on this key.
    Final(F),
    /// 202: acknowledged, not final.
    Accepted(A),
    /// The rules forbid it: nothing was begun, and the key remembers nothing.
    Rejected { status: u16 },
    /// It says nothing of what was asked for.
    Nothing(Nothing),
}

/// An answer from which nothing is learnt but itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// 409 `idempotency_key_in_use`: the first request still runs.
    InUse,
    /// 429 or 503: not taken in, nothing was begun.
    Refused,
    /// 422 `idempotency_key_reused`.
    KeyReused,
    /// Anything else, with what was wrong about it.
    Unexpected(String),
}

impl<F, A> Meaning<F, A> {
    /// Of an answer that does not tell of what was asked for.
    pub(crate) fn of_nothing(answer: &Answer) -> Self {
        Self::Nothing(match answer.status {
            409 if has_code(answer, "idempotency_key_in_use") => Nothing::InUse,
            422 if has_code(answer, "idempotency_key_reused") => Nothing::KeyReused,
            429 | 503 => Nothing::Refused,
            _ => return Self::unexpected(answer, "this status is not allowed here"),
        })
    }

    pub(crate) fn unexpected(answer: &Answer, why: &str) -> Self {
        Self::Nothing(Nothing::Unexpected(unexpected(answer, why)))
    }

    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Final(_))
    }

    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Nothing(Nothing::Refused))
    }

    pub(crate) fn is_reused(&self) -> bool {
        matches!(self, Self::Nothing(Nothing::KeyReused))
    }

    /// Puts answers to requests sent at the same moment into the order in which a correct server
    /// gave them: what says "not yet" came before what is final.
    pub(crate) fn finality(&self) -> u8 {
        match self {
            Self::Nothing(Nothing::InUse | Nothing::Refused) => 0,
            Self::Accepted(_) => 1,
            Self::Final(_) => 2,
            Self::Rejected { .. } | Self::Nothing(Nothing::KeyReused | Nothing::Unexpected(_)) => 3,
        }
    }
}
