//! What a provider tells us of its own accord, and how we know that it was the provider.
//!
//! ```text
//!   POST /api/v1/providers/simulator/webhook
//!   Callback-Timestamp: 1800000000                    seconds since 1970
//!   Callback-Signature: v1=6b1f…                      HMAC-SHA-256 of "1800000000." and the raw body,
//!                                                     in hexadecimal; several are separated by commas
//!   {"id":"cb_…","payment_id":"pay_…","attempt_id":"att_…",
//!    "answer":{"outcome":"approved","receipt":{…}},"created_at":"2027-01-15T08:00:00.000Z"}
//! ```
//!
//! Instead of an `attempt_id` there may be an `operation_id`. Answers are those of the calls, see
//! `simulator/protocol.rs`. A callback is acknowledged by 2xx, and sent again until it is.
//!
//! Invariant: nothing of a body is believed before its signature is found right, over the bytes as
//! they came.

use std::borrow::Cow;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use sha2::{Digest, Sha256};
use tollgate_domain::{
    AttemptId, DeclineCode, Millis, OperationFailure, OperationId, OperationOutcome, OutcomeSource,
    Payment, PaymentId, ProviderId, ProviderOutcome, ProviderReceipt, RecordOperationOutcome,
    RecordProviderOutcome, Timestamp,
};
use tollgate_engine::ProviderReport;

use super::simulator::protocol::{AnswerBody, OperationAnswerBody};
use crate::http::Rfc3339;

/// The header with the time of sending.
pub(crate) const TIMESTAMP: &str = "callback-timestamp";
/// The header with the signatures.
pub(crate) const SIGNATURE: &str = "callback-signature";

/// How old, or how far ahead of our clock, a callback may be. Clocks differ and networks are slow;
/// what is older may be a recording.
const TOLERANCE: Millis = Millis::from_seconds(300);

/// How many signatures of one callback are looked at: one for each of two secrets, while they are
/// exchanged, and some that are not ours to know.
const MOST_SIGNATURES: usize = 4;

/// The secret that we share with a provider.
#[derive(Clone)]
pub(crate) struct CallbackKey(Hmac<Sha256>);

/// A callback as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CallbackBody<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    payment_id: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    attempt_id: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    operation_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    answer: &'a RawValue,
    #[serde(borrow)]
    created_at: Cow<'a, str>,
}

/// A callback as it is understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Callback {
    /// Stable over retries.
    pub(crate) id: Box<str>,
    /// The payment it speaks of.
    pub(crate) payment: PaymentId,
    /// What it says.
    pub(crate) news: News,
}

/// What a callback is known by: its provider, its id, and what it says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct CallbackDigest(u128);

/// What became of what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// Of an attempt.
    Attempt(AttemptId, ProviderOutcome),
    /// Of an operation.
    Operation(OperationId, OperationOutcome),
}

/// Why a callback is not believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Disbelief {
    /// A header is absent or not of its form.
    #[error("the callback is not signed")]
    Unsigned,
    /// None of the signatures is right.
    #[error("the callback's signature is wrong")]
    WrongSignature,
    /// It may be a recording.
    #[error("the callback is too old, or from the future")]
    OutOfTime,
}

impl CallbackKey {
    /// Takes the secret.
    #[must_use]
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The values of both headers for a body that is sent at that time.
    #[must_use]
    pub(crate) fn sign(&self, at: Timestamp, body: &[u8]) -> (String, String) {
        let timestamp = at.as_seconds().to_string();
        let signature = format!("v1={}", hexadecimal(&self.digest(&timestamp, body)));
        (timestamp, signature)
    }

    /// Whether the body was signed with this secret, at about this time.
    pub(crate) fn verify(
        &self,
        timestamp: Option<&str>,
        signatures: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), Disbelief> {
        let (timestamp, signatures) = timestamp.zip(signatures).ok_or(Disbelief::Unsigned)?;
        let seconds: u64 = timestamp.parse().map_err(|_no_number| Disbelief::Unsigned)?;
        let mut given =
            signatures.split(',').filter_map(|text| text.trim().strip_prefix("v1=")).peekable();
        given.peek().ok_or(Disbelief::Unsigned)?;
        let is_right = |text: &str| {
            let mut mac = self.0.clone();
            mac.update(timestamp.as_bytes());
            mac.update(b".");
            mac.update(body);
            // In constant time.
            bytes(text).is_some_and(|signature| mac.verify_slice(&signature).is_ok())
        };
        if !given.take(MOST_SIGNATURES).any(is_right) {
            return Err(Disbelief::WrongSignature);
        }
        let sent = Timestamp::from_millis(seconds.saturating_mul(1_000));
        let apart = now.since(sent).max(sent.since(now));
        if apart > TOLERANCE { Err(Disbelief::OutOfTime) } else { Ok(()) }
    }

    /// Signs where a customer is sent back to: by it the merchant knows that the query is ours.
    #[must_use]
    pub(crate) fn sign_return(&self, payment: PaymentId, status: &str, seconds: u64) -> String {
        let mut mac = self.0.clone();
        // No timestamp begins so: a signature of this kind is none of a callback.
        mac.update(format!("return.{payment}.{status}.{seconds}").as_bytes());
        hexadecimal(&mac.finalize().into_bytes())
    }

    fn digest(&self, timestamp: &str, body: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac.finalize().into_bytes().into()
    }
}

impl Callback {
    /// A callback with that news, which became true at `since`. The same news has the same id, however
    /// often it is told; should it come true again later, that is other news.
    pub(super) fn new(payment: PaymentId, news: News, since: Timestamp) -> Self {
        Self { id: news.callback_id(since), payment, news }
    }

    /// What it is known by.
    pub(crate) fn digest(&self, provider: ProviderId) -> CallbackDigest {
        // As it is written, so that an id which is used again for other news hides nothing.
        let said = self.write(Timestamp::default()).unwrap_or_default();
        let digest = Sha256::new().chain_update(provider.to_bytes()).chain_update(said).finalize();
        CallbackDigest(u128::from_le_bytes(*digest.first_chunk().expect("SHA-256 has 32 bytes")))
    }

    /// The provider that what it speaks of was sent to; `None` where the payment knows nothing of it.
    pub(crate) fn subject_provider(&self, payment: &Payment) -> Option<ProviderId> {
        let attempt = match &self.news {
            News::Attempt(attempt, _outcome) => *attempt,
            News::Operation(operation, _outcome) => payment.operation(*operation)?.intent.attempt,
        };
        payment.attempt(attempt).map(|attempt| attempt.provider)
    }

    /// What the engine is told.
    pub(crate) fn into_report(self) -> ProviderReport {
        let Self { id: _, payment, news } = self;
        let source = OutcomeSource::Callback;
        match news {
            News::Attempt(attempt, outcome) => {
                ProviderReport::Attempt(RecordProviderOutcome { payment, attempt, source, outcome })
            }
            News::Operation(operation, outcome) => {
                ProviderReport::Operation(RecordOperationOutcome {
                    payment,
                    operation,
                    source,
                    outcome,
                })
            }
        }
    }

    /// One that says the opposite, for a test of what is made of it; `None` where the news is not
    /// final. `receipt` is what is given where the opposite is a success.
    pub(super) fn contradicted(&self, receipt: &ProviderReceipt, at: Timestamp) -> Option<Self> {
        let news = match &self.news {
            News::Attempt(attempt, outcome) => {
                let opposite = match outcome {
                    ProviderOutcome::Approved(_) => {
                        ProviderOutcome::Declined(DeclineCode::GenericDecline)
                    }
                    ProviderOutcome::Declined(_) => ProviderOutcome::Approved(receipt.clone()),
                    ProviderOutcome::ActionRequired { .. }
                    | ProviderOutcome::Pending
                    | ProviderOutcome::NotSent
                    | ProviderOutcome::Unknown
                    | ProviderOutcome::NotFound { .. } => return None,
                };
                News::Attempt(*attempt, opposite)
            }
            News::Operation(operation, outcome) => {
                let opposite = match outcome {
                    OperationOutcome::Succeeded(_) => {
                        OperationOutcome::Failed(OperationFailure::Refused)
                    }
                    OperationOutcome::Failed(_) => OperationOutcome::Succeeded(receipt.clone()),
                    OperationOutcome::Pending
                    | OperationOutcome::NotSent
                    | OperationOutcome::Unknown
                    | OperationOutcome::NotFound { .. } => return None,
                };
                News::Operation(*operation, opposite)
            }
        };
        Some(Self::new(self.payment, news, at))
    }

    /// Reads a body whose signature is right. `None` if it is none of the form above.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let read: CallbackBody<'_> = serde_json::from_slice(body).ok()?;
        let payment = read.payment_id.parse().ok()?;
        // A callback is no inquiry, so that "not found" says nothing.
        let news = match (read.attempt_id, read.operation_id) {
            (Some(attempt), None) => {
                let answer: AnswerBody = serde_json::from_str(read.answer.get()).ok()?;
                News::Attempt(attempt.parse().ok()?, answer.into_outcome())
            }
            (None, Some(operation)) => {
                let answer: OperationAnswerBody = serde_json::from_str(read.answer.get()).ok()?;
                News::Operation(operation.parse().ok()?, answer.into_outcome())
            }
            (None, None) | (Some(_), Some(_)) => return None,
        };
        Some(Self { id: read.id.into(), payment, news })
    }

    /// Writes the body. `None` where there is nothing to tell, as the outcome is not known.
    pub(crate) fn write(&self, created_at: Timestamp) -> Option<Vec<u8>> {
        let Self { id, payment, news } = self;
        let (attempt, operation, answer) = match news {
            News::Attempt(attempt, outcome) => {
                let answer = to_raw_value(&AnswerBody::of_outcome(outcome.clone())?);
                (Some(attempt.to_string().into()), None, answer)
            }
            News::Operation(operation, outcome) => {
                let answer = to_raw_value(&OperationAnswerBody::of_outcome(outcome.clone())?);
                (None, Some(operation.to_string().into()), answer)
            }
        };
        let body = CallbackBody {
            id: Cow::from(&**id),
            payment_id: payment.to_string().into(),
            attempt_id: attempt,
            operation_id: operation,
            answer: &answer.expect("answers have string keys"),
            created_at: Rfc3339(created_at).to_string().into(),
        };
        Some(serde_json::to_vec(&body).expect("callbacks have string keys"))
    }
}

impl News {
    /// The outcome's name.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Attempt(_, outcome) => match outcome {
                ProviderOutcome::Approved(_) => "approved",
                ProviderOutcome::Declined(_) => "declined",
                ProviderOutcome::ActionRequired { .. } => "action_required",
                ProviderOutcome::Pending => "pending",
                ProviderOutcome::NotSent => "not_sent",
                ProviderOutcome::Unknown => "unknown",
                ProviderOutcome::NotFound { .. } => "not_found",
            },
            Self::Operation(_, outcome) => match outcome {
                OperationOutcome::Succeeded(_) => "succeeded",
                OperationOutcome::Failed(_) => "failed",
                OperationOutcome::Pending => "pending",
                OperationOutcome::NotSent => "not_sent",
                OperationOutcome::Unknown => "unknown",
                OperationOutcome::NotFound { .. } => "not_found",
            },
        }
    }

    fn callback_id(&self, since: Timestamp) -> Box<str> {
        let (said, since) = (self.outcome(), since.as_millis());
        match self {
            Self::Attempt(attempt, _) => format!("cb_{attempt}_{said}_{since}").into(),
            Self::Operation(operation, _) => format!("cb_{operation}_{said}_{since}").into(),
        }
    }
}

impl CallbackDigest {
    #[cfg(test)]
    pub(crate) fn from_u128(number: u128) -> Self {
        Self(number)
    }

    /// Half of it.
    pub(crate) fn low_bits(self) -> u64 {
        let bytes = self.0.to_le_bytes();
        u64::from_le_bytes(*bytes.first_chunk().expect("sixteen are more than eight"))
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// The bytes of a text in hexadecimal, as many as a digest has.
fn bytes(text: &str) -> Option<[u8; 32]> {
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let digit =
        |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

    fn key() -> CallbackKey {
        CallbackKey::new(b"a secret of two")
    }

    #[test]
    fn what_was_signed_is_believed() {
        let (timestamp, signature) = key().sign(NOW, b"body");
        assert_eq!(timestamp, "1800000000");
        // Computed by another implementation of HMAC.
        assert_eq!(
            signature,
            "v1=114db6c8891c9721e573f1f6d252df5808e6e5264e07c0dc2a04b3d39a1089a0"
        );
        let verify = |timestamp, signature, body: &[u8], now| {
            key().verify(Some(timestamp), Some(signature), body, now)
        };
        assert_eq!(verify(&timestamp, &signature, b"body", NOW), Ok(()));
        let beside_another = format!("v1={}, {signature}", "0".repeat(64));
        assert_eq!(verify(&timestamp, &beside_another, b"body", NOW), Ok(()));
    }

    #[test]
    fn nothing_else_is_believed() {
        let (timestamp, signature) = key().sign(NOW, b"body");
        let (time, sign) = (Some(timestamp.as_str()), Some(signature.as_str()));
        let other = CallbackKey::new(b"another secret").sign(NOW, b"body").1;
        let short = &signature[..signature.len() - 1];
        let many = format!("{}{signature}", "v1=00,".repeat(MOST_SIGNATURES));
        for (timestamp, signature, body, now, expected) in [
            (time, sign, "bodY", NOW, Disbelief::WrongSignature),
            (Some("1800000001"), sign, "body", NOW, Disbelief::WrongSignature),
            (time, Some(other.as_str()), "body", NOW, Disbelief::WrongSignature),
            (time, Some(short), "body", NOW, Disbelief::WrongSignature),
            (time, Some("v1="), "body", NOW, Disbelief::WrongSignature),
            (time, Some(many.as_str()), "body", NOW, Disbelief::WrongSignature),
            (time, Some("v2=00"), "body", NOW, Disbelief::Unsigned),
            (Some("yesterday"), sign, "body", NOW, Disbelief::Unsigned),
            (None, sign, "body", NOW, Disbelief::Unsigned),
            (time, None, "body", NOW, Disbelief::Unsigned),
            (time, sign, "body", NOW.after(TOLERANCE), Disbelief::OutOfTime),
            (time, sign, "body", NOW.before(Millis(301_000)), Disbelief::OutOfTime),
        ] {
            let found = key().verify(timestamp, signature, body.as_bytes(), now);
            assert_eq!(found, Err(expected), "{timestamp:?} {signature:?} {body} {now:?}");
        }
        let last = NOW.before(Millis(500)).after(TOLERANCE);
        assert_eq!(key().verify(time, sign, b"body", last), Ok(()));
    }

    #[test]
    fn a_body_is_read_whole_or_not_at_all() {
        let (payment, attempt) = (PaymentId::from_u128(1), AttemptId::from_u128(2));
        let operation = OperationId::from_u128(3);
        let body = |subject: &str, answer: &str| {
            format!(
                r#"{{"id":"cb_1","payment_id":"{payment}",{subject}"answer":{answer},"created_at":"2027-01-15T08:00:00.500Z"}}"#
            )
        };
        let of_attempt = format!(r#""attempt_id":"{attempt}","#);
        let of_operation = format!(r#""operation_id":"{operation}","#);
        let pending = r#"{"outcome":"pending"}"#;
        let failed = r#"{"outcome":"failed","reason":"account_closed"}"#;
        let closed = OperationOutcome::Failed(OperationFailure::AccountClosed);
        for (subject, answer, news) in [
            (&*of_attempt, pending, News::Attempt(attempt, ProviderOutcome::Pending)),
            (&*of_operation, pending, News::Operation(operation, OperationOutcome::Pending)),
            (&*of_operation, failed, News::Operation(operation, closed)),
        ] {
            let callback = Callback { id: "cb_1".into(), payment, news };
            let text = body(subject, answer);
            assert_eq!(Callback::read(text.as_bytes()), Some(callback.clone()), "{text}");
            assert_eq!(callback.write(NOW), Some(text.into_bytes()));
        }
        for (subject, answer) in [
            ("", pending),
            (&*format!("{of_attempt}{of_operation}"), pending),
            (&*of_attempt, failed),
            (&*of_operation, r#"{"outcome":"declined","code":"lost_card"}"#),
            (r#""operation_id":"op_1","#, pending),
            (&*of_attempt, "null"),
            (&*format!(r#"{of_attempt}"more":1,"#), pending),
        ] {
            let text = body(subject, answer);
            assert_eq!(Callback::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ids_are_of_the_news_and_digests_each_providers_own() {
        let (payment, operation) = (PaymentId::from_u128(1), OperationId::from_u128(3));
        let done = || {
            let receipt = ProviderReceipt {
                external_id: "sim_1".into(),
                rrn: "12".into(),
                approval_code: "345".into(),
            };
            News::Operation(operation, OperationOutcome::Succeeded(receipt))
        };
        let at_first = Callback::new(payment, done(), NOW);
        assert_eq!(at_first, Callback::new(payment, done(), NOW));
        // Done, then undone, then done: the third is other news than the first.
        assert_ne!(at_first.id, Callback::new(payment, done(), NOW.after(Millis(1))).id);
        let (simulator, other) = (ProviderId::SIMULATOR, ProviderId::new("other").unwrap());
        assert_eq!(
            at_first.digest(simulator),
            Callback::new(payment, done(), NOW).digest(simulator)
        );
        assert_ne!(at_first.digest(simulator), at_first.digest(other));
        let failed = OperationOutcome::Failed(OperationFailure::Refused);
        let under_the_same_id =
            Callback { news: News::Operation(operation, failed), ..at_first.clone() };
        assert_ne!(at_first.digest(simulator), under_the_same_id.digest(simulator));
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let news = News::Attempt(AttemptId::from_u128(2), ProviderOutcome::Unknown);
        let callback = Callback { id: "cb_1".into(), payment: PaymentId::from_u128(1), news };
        assert_eq!(callback.write(NOW), None);
    }
}
