//! An entry of the feed's store: events that lie next to each other in a merchant's feed, and their
//! bytes.
//!
//! ```text
//!   one event, rendered                        events of payments, by what happened
//!    0   1  format, 1                           0   1  format, 2
//!    1  16  id                                  1   1  renderer, 1
//!   17   8  time, in ms since 1970                     then of each event
//!   25   4  sequence                            0   1  name, by its number
//!   29  16  subject                             1   1  what is so: 1 callback address, 2 of a refund
//!   45   1  length of the name                  2   8  time, in ms since 1970
//!           name                               10   4  sequence
//!        2  length of the callback address,    14  16  payment
//!           0 where there is none              30  16  refund, if it is of one
//!           callback address
//!        2  length of sealed part and key,
//!           0 where there is none
//!           16  key
//!               sealed part
//!           data, JSON
//! ```
//!
//! Numbers are big-endian. The entry's key has the place of its first event. Orders and endpoints have
//! no chapters of which they could be made again, so that their events are rendered; releases before
//! format 2 rendered those of payments as well.
//!
//! Invariant: personal data is here sealed alone. How events lie together in entries depends on when
//! records came and can be seen by nobody.

use tollgate_domain::{Id, OperationId, PaymentId, SealKeyId, Sealed, Timestamp};

use super::{
    event::{Content, Cursor, FeedEvent, Rendered},
    naming::Name,
};
use crate::{http::EVENT_RENDERER, vault::Realm};

const RENDERED: u8 = 1;
const FACTS: u8 = 2;

const HAS_CALLBACK: u8 = 1;
const IS_OF_REFUND: u8 = 2;

/// Events of one entry at the most: whoever reads one of them decodes all.
const MOST_FACTS: u64 = 128;

/// Before the name of a rendered event.
const HEAD_LENGTH: usize = 45;

const KEY_LENGTH: usize = 16;

/// An event of a payment, or of its refund, as it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fact {
    pub(super) name: Name,
    pub(super) at: Timestamp,
    pub(super) sequence: u32,
    pub(super) payment: PaymentId,
    pub(super) refund: Option<OperationId>,
    pub(super) has_callback: bool,
}

/// An entry that is being put together.
pub(super) struct Facts {
    first: Cursor,
    count: u64,
    bytes: Vec<u8>,
}

impl Facts {
    /// With no events, at this place.
    pub(super) fn at(first: Cursor) -> Self {
        Self { first, count: 0, bytes: vec![FACTS, EVENT_RENDERER] }
    }

    pub(super) fn push(&mut self, fact: &Fact) {
        let Fact { name, at, sequence, payment, refund, has_callback } = *fact;
        let flag = |is_set: bool, flag: u8| if is_set { flag } else { 0 };
        let flags = flag(has_callback, HAS_CALLBACK) | flag(refund.is_some(), IS_OF_REFUND);
        self.bytes.extend([name.number(), flags]);
        self.bytes.extend(at.as_millis().to_be_bytes());
        self.bytes.extend(sequence.to_be_bytes());
        self.bytes.extend(payment.to_u128().to_be_bytes());
        self.bytes.extend(refund.iter().flat_map(|refund| refund.to_u128().to_be_bytes()));
        self.count += 1;
    }

    /// Whether nothing more is to be added.
    pub(super) fn is_full(&self) -> bool {
        self.count >= MOST_FACTS
    }

    /// The place of the first event, and the bytes that are stored.
    pub(super) fn finish(self) -> (Cursor, Vec<u8>) {
        (self.first, self.bytes)
    }
}

/// The bytes of an entry of one rendered event.
pub(super) fn encode_rendered(event: &FeedEvent, rendered: &Rendered) -> Vec<u8> {
    let Rendered { callback_url, personal, data } = rendered;
    let sealed = personal.as_ref().map_or(0, |sealed| sealed.bytes().len() + KEY_LENGTH);
    let callback = callback_url.as_deref().unwrap_or_default();
    let length = HEAD_LENGTH + 1 + event.name.len() + 4 + callback.len() + sealed;
    let mut bytes = Vec::with_capacity(length + data.len());
    bytes.push(RENDERED);
    bytes.extend(event.id.to_u128().to_be_bytes());
    bytes.extend(event.at.as_millis().to_be_bytes());
    bytes.extend(event.sequence.to_be_bytes());
    bytes.extend(event.subject.to_be_bytes());
    bytes.push(u8::try_from(event.name.len()).expect("names of events are short"));
    bytes.extend(event.name.as_bytes());
    put_length(&mut bytes, callback.len());
    bytes.extend(callback.as_bytes());
    put_length(&mut bytes, sealed);
    if let Some(sealed) = personal {
        bytes.extend(sealed.key().0);
        bytes.extend(sealed.bytes());
    }
    bytes.extend(&**data);
    bytes
}

/// The events of an entry, whose first lies at this place; `None` where the bytes are none.
pub(super) fn decode(
    realm: Realm,
    first: Cursor,
    bytes: &[u8],
) -> Option<Vec<(Cursor, FeedEvent)>> {
    let mut reader = Reader(bytes);
    match *reader.array::<1>()? {
        [RENDERED] => Some(vec![(first, rendered(&mut reader)?)]),
        [FACTS] => {
            let &[EVENT_RENDERER] = reader.array::<1>()? else { return None };
            let mut events = Vec::new();
            let mut cursor = first;
            while !reader.0.is_empty() {
                events.push((cursor, fact(&mut reader, realm, cursor)?));
                cursor = cursor.next();
            }
            (!events.is_empty()).then_some(events)
        }
        [_unknown] => None,
    }
}

fn fact(reader: &mut Reader<'_>, realm: Realm, cursor: Cursor) -> Option<FeedEvent> {
    let &[name, flags] = reader.array()?;
    let at = Timestamp::from_millis(u64::from_be_bytes(*reader.array()?));
    let sequence = u32::from_be_bytes(*reader.array()?);
    let payment = PaymentId::from_u128(u128::from_be_bytes(*reader.array()?));
    let content = match flags & IS_OF_REFUND {
        0 => Content::Payment,
        _refund => Content::Refund(OperationId::from_u128(u128::from_be_bytes(*reader.array()?))),
    };
    Some(FeedEvent {
        id: FeedEvent::id_at(realm, cursor, payment.shard(), at),
        at,
        sequence,
        // Of refunds too: what happens to a payment is delivered in order.
        subject: payment.to_u128(),
        name: Name::of_number(name)?.as_str().into(),
        has_callback: flags & HAS_CALLBACK != 0,
        content,
    })
}

fn rendered(reader: &mut Reader<'_>) -> Option<FeedEvent> {
    let id = Id::from_u128(u128::from_be_bytes(*reader.array()?));
    let at = Timestamp::from_millis(u64::from_be_bytes(*reader.array()?));
    let sequence = u32::from_be_bytes(*reader.array()?);
    let subject = u128::from_be_bytes(*reader.array()?);
    let [length] = *reader.array::<1>()?;
    let name = reader.text(length.into())?.to_owned().into();
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
    let has_callback = callback_url.is_some();
    let content = Content::Rendered(Box::new(Rendered { callback_url, personal, data }));
    Some(FeedEvent { id, at, sequence, subject, name, has_callback, content })
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

#[cfg(test)]
mod tests {
    use tollgate_domain::{MerchantId, Mode, ShardId};

    use super::*;

    fn realm() -> Realm {
        Realm { merchant: MerchantId::from_u128(7), mode: Mode::Test }
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn full() -> (FeedEvent, Rendered) {
        let rendered = Rendered {
            callback_url: Some("https://shop.example/paid".into()),
            personal: Sealed::new(SealKeyId([8; 16]), [1, 2, 3]),
            data: br#"{"id":"pay_1"}"#[..].into(),
        };
        let event = FeedEvent {
            id: FeedEvent::id_at(realm(), Cursor(5), ShardId(3), Timestamp::from_millis(9)),
            at: Timestamp::from_millis(1_768_473_000_000),
            sequence: 4,
            subject: 17,
            name: "payment.completed".into(),
            has_callback: true,
            content: Content::Rendered(Box::new(rendered.clone())),
        };
        (event, rendered)
    }

    /// Stored for as long as events are kept, and over an upgrade.
    #[test]
    fn golden_bytes_of_what_is_rendered() {
        let (event, rendered) = full();
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
        assert_eq!(hex(&encode_rendered(&event, &rendered)), golden.concat());
    }

    fn facts() -> [Fact; 2] {
        let payment = PaymentId::new(Timestamp::from_millis(9), ShardId(3), 1);
        let fact = Fact {
            name: Name::PaymentCompleted,
            at: Timestamp::from_millis(1_768_473_000_000),
            sequence: 4,
            payment,
            refund: None,
            has_callback: false,
        };
        let refund = Some(OperationId::from_u128(18));
        [fact, Fact { name: Name::RefundFailed, sequence: 7, refund, has_callback: true, ..fact }]
    }

    fn bytes_of(facts: &[Fact]) -> Vec<u8> {
        let mut entry = Facts::at(Cursor(5));
        facts.iter().for_each(|fact| entry.push(fact));
        entry.finish().1
    }

    #[test]
    fn golden_bytes_of_facts() {
        let golden = [
            "0201",
            "0700",
            "0000019bc1347840",
            "00000004",
            "00000000000900030000000000000001",
            "0f03",
            "0000019bc1347840",
            "00000007",
            "00000000000900030000000000000001",
            "00000000000000000000000000000012",
        ];
        assert_eq!(hex(&bytes_of(&facts())), golden.concat());
    }

    #[test]
    fn what_was_encoded_comes_back_and_no_beginning_of_it_does_harm() {
        let (event, rendered) = full();
        let bare_rendered = Rendered { callback_url: None, personal: None, ..rendered.clone() };
        let content = Content::Rendered(Box::new(bare_rendered.clone()));
        let bare = FeedEvent { has_callback: false, content, ..event.clone() };
        for (event, rendered) in [(event, rendered), (bare, bare_rendered)] {
            let bytes = encode_rendered(&event, &rendered);
            let expected = Some(vec![(Cursor(5), event)]);
            assert_eq!(decode(realm(), Cursor(5), &bytes), expected);
            for length in 0..bytes.len() {
                assert_ne!(decode(realm(), Cursor(5), &bytes[..length]), expected);
            }
        }
        let bytes = bytes_of(&facts());
        let events = decode(realm(), Cursor(5), &bytes).unwrap();
        let told: Vec<_> = events.iter().map(|(cursor, event)| (cursor.0, &*event.name)).collect();
        assert_eq!(told, [(5, "payment.completed"), (6, "refund.failed")]);
        let [_payment, (_cursor, refund)] = &events[..] else { panic!("two were put in") };
        assert_eq!(refund.content, Content::Refund(OperationId::from_u128(18)));
        assert_eq!((refund.sequence, refund.has_callback), (7, true));
        assert_eq!(Cursor::of(refund.id), Cursor(6));
        assert_eq!(refund.id.shard(), ShardId(3));
        for length in 0..bytes.len() {
            let cut = decode(realm(), Cursor(5), &bytes[..length]);
            assert!(cut.is_none_or(|events| events.len() == 1), "of {length} bytes");
        }
    }

    /// What another renderer is to tell is not told by this one.
    #[test]
    fn entries_of_another_renderer_are_refused() {
        let mut bytes = bytes_of(&facts());
        bytes[1] = EVENT_RENDERER + 1;
        assert_eq!(decode(realm(), Cursor(5), &bytes), None);
    }
}
