//! An event as the feed keeps it, and its bytes.
//!
//! ```text
//!    0   1  format, 1
//!    1  16  id
//!   17   8  time, in milliseconds since 1970
//!   25   4  sequence
//!   29  16  subject: the payment or endpoint that it happened to
//!   45   1  length of the name
//!           name
//!        2  length of the callback address, 0 where there is none
//!           callback address
//!        2  length of the sealed part and its key, 0 where there is none
//!           16  key
//!               sealed part
//!           data, JSON
//! ```
//!
//! Numbers are big-endian. Invariant: personal data is here sealed alone.

use tollgate_domain::{FeedEventId, Id, MerchantId, Mode, SealKeyId, Sealed, ShardId, Timestamp};

use crate::vault::Realm;

const FORMAT: u8 = 1;

/// Before the name.
const HEAD_LENGTH: usize = 45;

const KEY_LENGTH: usize = 16;

/// One event of a merchant, in a mode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct FeedEvent {
    pub(crate) id: FeedEventId,
    pub(crate) at: Timestamp,
    /// Counts the events of its payment, those without a name of their own included.
    pub(crate) sequence: u32,
    /// The bits of the id of the payment or endpoint that it happened to: events of one subject are
    /// delivered in order.
    pub(crate) subject: u128,
    pub(crate) name: Box<str>,
    /// Where its payment's request wanted it told.
    pub(crate) callback_url: Option<Box<str>>,
    /// What the data lacks of a person.
    pub(crate) personal: Option<Sealed>,
    /// The subject as it stood then, as JSON.
    pub(crate) data: Box<[u8]>,
}

/// An event's place in its merchant's feed: counted from 1, without a gap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub(crate) struct Cursor(pub(crate) u64);

/// Bits of an id that hold the cursor; the rest of its random part tells merchants apart. At a
/// thousand events a second a merchant needs 35 years for them.
const CURSOR_BITS: u32 = 40;

impl Cursor {
    /// Before the first event.
    pub(crate) const START: Self = Self(0);

    /// The next place.
    pub(crate) const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place that an event's id tells.
    pub(crate) fn of(id: FeedEventId) -> Self {
        Self(random_part(id) >> (u64::BITS - CURSOR_BITS))
    }
}

impl FeedEvent {
    /// The id of the event at a place: the same however often the feed is derived from the log.
    pub(crate) fn id_at(
        realm: Realm,
        cursor: Cursor,
        shard: ShardId,
        at: Timestamp,
    ) -> FeedEventId {
        let cursor = cursor.0 << (u64::BITS - CURSOR_BITS);
        Id::new(at, shard, cursor | realm_tag(realm) >> CURSOR_BITS)
    }

    /// The bytes that are stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let sealed = self.personal.as_ref().map_or(0, |sealed| sealed.bytes().len() + KEY_LENGTH);
        let callback = self.callback_url.as_deref().unwrap_or_default();
        let length = HEAD_LENGTH + 1 + self.name.len() + 4 + callback.len() + sealed;
        let mut bytes = Vec::with_capacity(length + self.data.len());
        bytes.push(FORMAT);
        bytes.extend(self.id.to_u128().to_be_bytes());
        bytes.extend(self.at.as_millis().to_be_bytes());
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.subject.to_be_bytes());
        bytes.push(u8::try_from(self.name.len()).expect("names of events are short"));
        bytes.extend(self.name.as_bytes());
        put_length(&mut bytes, callback.len());
        bytes.extend(callback.as_bytes());
        put_length(&mut bytes, sealed);
        if let Some(sealed) = &self.personal {
            bytes.extend(sealed.key().0);
            bytes.extend(sealed.bytes());
        }
        bytes.extend(&*self.data);
        bytes
    }

    /// The event of stored bytes; `None` where they are none.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let &[FORMAT] = reader.array::<1>()? else { return None };
        let id = Id::from_u128(u128::from_be_bytes(*reader.array()?));
        let at = Timestamp::from_millis(u64::from_be_bytes(*reader.array()?));
        let sequence = u32::from_be_bytes(*reader.array()?);
        let subject = u128::from_be_bytes(*reader.array()?);
        let [length] = *reader.array::<1>()?;
        let name = reader.text(length.into())?.into();
        let length = reader.length()?;
        let callback_url = (length > 0).then_some(reader.text(length)?).map(Into::into);
        let personal = match reader.length()? {
            0 => None,
            length => {
                let sealed = reader.slice(length)?;
                let (key, sealed) = sealed.split_first_chunk::<KEY_LENGTH>()?;
                Some(Sealed::new(SealKeyId(*key), sealed)?)
            }
        };
        let data = reader.0.into();
        Some(Self { id, at, sequence, subject, name, callback_url, personal, data })
    }
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn array<const N: usize>(&mut self) -> Option<&'b [u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(array)
    }

    fn slice(&mut self, length: usize) -> Option<&'b [u8]> {
        let (slice, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(slice)
    }

    fn text(&mut self, length: usize) -> Option<&'b str> {
        std::str::from_utf8(self.slice(length)?).ok()
    }

    fn length(&mut self) -> Option<usize> {
        Some(u16::from_be_bytes(*self.array()?).into())
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend(u16::try_from(length).expect("bounded where it is taken in").to_be_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
fn random_part(id: FeedEventId) -> u64 {
    id.to_u128() as u64
}

/// Bits by which events of merchants whose ids would else be alike are told apart: FNV-1a.
fn realm_tag(realm: Realm) -> u64 {
    let Realm { merchant, mode } = realm;
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let bytes = MerchantId::to_u128(merchant).to_be_bytes();
    fold(bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, fold), Mode::code(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> FeedEvent {
        FeedEvent {
            id: FeedEvent::id_at(realm(7), Cursor(5), ShardId(3), Timestamp::from_millis(9)),
            at: Timestamp::from_millis(1_768_473_000_000),
            sequence: 4,
            subject: 17,
            name: "payment.completed".into(),
            callback_url: Some("https://shop.example/paid".into()),
            personal: Sealed::new(SealKeyId([8; 16]), [1, 2, 3]),
            data: br#"{"id":"pay_1"}"#[..].into(),
        }
    }

    fn realm(merchant: u128) -> Realm {
        Realm { merchant: MerchantId::from_u128(merchant), mode: Mode::Test }
    }

    /// Stored for as long as events are kept, and over an upgrade.
    #[test]
    fn golden_bytes() {
        let text: String = full().encode().iter().map(|byte| format!("{byte:02x}")).collect();
        let golden = [
            "01",
            "00000000000900030000000005",
            "4de282",
            "0000019bc1347840",
            "00000004",
            "00000000000000000000000000000011",
            "11",
            "7061796d656e742e636f6d706c65746564",
            "0019",
            "68747470733a2f2f73686f702e6578616d706c652f70616964",
            "0013",
            "08080808080808080808080808080808",
            "010203",
            "7b226964223a227061795f31227d",
        ];
        assert_eq!(text, golden.concat());
    }

    #[test]
    fn what_was_encoded_comes_back_and_no_beginning_of_it_does_harm() {
        let bare = FeedEvent { callback_url: None, personal: None, ..full() };
        for event in [full(), bare] {
            let bytes = event.encode();
            assert_eq!(FeedEvent::decode(&bytes).as_ref(), Some(&event));
            for length in 0..bytes.len() {
                assert_ne!(FeedEvent::decode(&bytes[..length]).as_ref(), Some(&event));
            }
        }
    }

    #[test]
    fn an_id_tells_its_place_and_differs_between_merchants() {
        let at = Timestamp::from_millis(9);
        for place in [1, 2, 70_000, (1 << CURSOR_BITS) - 1] {
            let id = FeedEvent::id_at(realm(1), Cursor(place), ShardId(1), at);
            assert_eq!(Cursor::of(id), Cursor(place));
            assert_ne!(id, FeedEvent::id_at(realm(2), Cursor(place), ShardId(1), at));
        }
    }
}
