//! What became of one try to deliver an event.
//!
//! ```text
//!    0   1  format, 1
//!    1  16  delivery       17  16  event
//!   33   8  begun, in milliseconds since 1970
//!   41   4  how long it took, in milliseconds
//!   45   1  number of the try
//!   46   1  result, 0 to 9
//!   47   2  status, 0 where there was no answer
//!   49   1  1 where the answer's body was longer than what is kept
//!   50   1  length of the event's name; name
//!           the answer's body, sealed
//! ```
//!
//! The body is a stranger's text, which may hold what he was sent: so it is kept sealed as well.

use tollgate_domain::{DeliveryId, FeedEventId, Id, Timestamp};

const FORMAT: u8 = 1;

/// How much of an answer's body is kept, in bytes.
pub(crate) const KEPT_BODY: usize = 20_000;

/// One try.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Attempt {
    pub(crate) id: DeliveryId,
    pub(crate) event: FeedEventId,
    pub(crate) event_name: Box<str>,
    /// Counted from 1.
    pub(crate) number: u8,
    pub(crate) at: Timestamp,
    pub(crate) elapsed_ms: u32,
    pub(crate) result: AttemptResult,
    /// Where there was an answer.
    pub(crate) status: Option<u16>,
    pub(crate) is_cut: bool,
    /// What of the answer's body is kept, sealed.
    pub(crate) sealed_body: Box<[u8]>,
}

macro_rules! results {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal;)*) => {
        /// How a try ended.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub(crate) enum AttemptResult {
            $($(#[$doc])* $name,)*
        }

        impl AttemptResult {
            /// Every result. Numbers are given once and never again.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            fn code(self) -> u8 {
                match self { $(Self::$name => $code,)* }
            }

            fn of_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// Its name, in answers and metrics.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

results! {
    /// Taken: the answer was a 2xx.
    Delivered = 0, "delivered";
    /// Any other answer.
    Refused = 1, "refused";
    /// A 3xx, which is not followed.
    Redirected = 2, "redirected";
    /// A 410: the receiver wants no more.
    Gone = 3, "gone";
    /// An address that may not be dialled, or a port.
    Forbidden = 4, "address_forbidden";
    /// The name has no address.
    Unresolved = 5, "name_not_resolved";
    /// Nobody took the connection.
    Unconnected = 6, "connection_failed";
    /// TLS could not be agreed on, or the certificate is not trusted.
    Untrusted = 7, "tls_failed";
    /// No whole answer in time.
    TimedOut = 8, "timed_out";
    /// The connection broke before there was a whole answer.
    Broken = 9, "connection_broken";
}

impl Attempt {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(51 + self.event_name.len() + self.sealed_body.len());
        bytes.push(FORMAT);
        bytes.extend(self.id.to_u128().to_be_bytes());
        bytes.extend(self.event.to_u128().to_be_bytes());
        bytes.extend(self.at.as_millis().to_be_bytes());
        bytes.extend(self.elapsed_ms.to_be_bytes());
        bytes.extend([self.number, self.result.code()]);
        bytes.extend(self.status.unwrap_or(0).to_be_bytes());
        bytes.push(u8::from(self.is_cut));
        bytes.push(u8::try_from(self.event_name.len()).expect("names of events are short"));
        bytes.extend(self.event_name.as_bytes());
        bytes.extend(&*self.sealed_body);
        bytes
    }

    /// The try of stored bytes; `None` where they are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (&[FORMAT], rest) = bytes.split_first_chunk()? else { return None };
        let (id, rest) = rest.split_first_chunk()?;
        let (event, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (elapsed_ms, rest) = rest.split_first_chunk()?;
        let (&[number, result], rest) = rest.split_first_chunk()?;
        let (status, rest) = rest.split_first_chunk()?;
        let (&[is_cut, length], rest) = rest.split_first_chunk()?;
        let (event_name, sealed_body) = rest.split_at_checked(length.into())?;
        Some(Self {
            id: Id::from_u128(u128::from_be_bytes(*id)),
            event: Id::from_u128(u128::from_be_bytes(*event)),
            event_name: std::str::from_utf8(event_name).ok()?.into(),
            number,
            at: Timestamp::from_millis(u64::from_be_bytes(*at)),
            elapsed_ms: u32::from_be_bytes(*elapsed_ms),
            result: AttemptResult::of_code(result)?,
            status: Some(u16::from_be_bytes(*status)).filter(|status| *status > 0),
            is_cut: is_cut != 0,
            sealed_body: sealed_body.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_comes_back_whatever_the_result() {
        for result in AttemptResult::ALL {
            let attempt = Attempt {
                id: Id::from_u128(1),
                event: Id::from_u128(2),
                event_name: "payment.completed".into(),
                number: 3,
                at: Timestamp::from_millis(4),
                elapsed_ms: 5,
                result: *result,
                status: (*result == AttemptResult::Delivered).then_some(204),
                is_cut: *result == AttemptResult::Refused,
                sealed_body: [6, 7][..].into(),
            };
            let bytes = attempt.encode();
            assert_eq!(Attempt::decode(&bytes), Some(attempt));
            assert!((0..51).all(|length| Attempt::decode(&bytes[..length]).is_none()));
        }
    }
}
