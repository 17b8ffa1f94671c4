//! Records as bytes.
//!
//! ```text
//!   0        1        2
//!   ├ kind ──┼ version┼ body: bincode, fixed-width integers, little-endian ...
//! ```
//!
//! Kind 1 is a payment shard's record, kind 2 the control shard's, kind 3 a piece of a snapshot that
//! is no record, kinds 4 and 5 the history of a payment and an order, as the archive keeps them; each
//! kind counts its versions for itself. A version has frozen structs of its own, and decoding lifts an old one to today's
//! events. Invariant: bytes that were ever written decode for ever; the golden bytes in
//! `tests/golden` say so.

mod control_v2;
mod image_v1;
mod image_v2;
mod image_v3;
mod v1;
mod v2;
mod v3;
mod v4;
mod value;

use bincode::Options;
use serde::{Deserialize, Serialize};

use crate::{
    event::{ControlEvent, Event, Record},
    history::History,
    image::Piece,
    order::Order,
};

/// The largest record, in bytes; the log takes no larger one.
pub const MAX_RECORD: usize = 64 * 1024;

/// What bincode may read or allocate for one record.
#[expect(clippy::as_conversions, reason = "widening; From is not const")]
const READ_LIMIT: u64 = MAX_RECORD as u64;

const KIND_PAYMENTS: u8 = 1;
const KIND_CONTROL: u8 = 2;
const KIND_IMAGE: u8 = 3;
const KIND_HISTORY: u8 = 4;
const KIND_ORDER: u8 = 5;

/// The versions that are written. Where there are several, each says what the others do not know.
const PAYMENTS_VERSION: u8 = 2;
const ARCHIVE_VERSION: u8 = 3;
const ORDERS_VERSION: u8 = 4;
const CONTROL_VERSION: u8 = 2;
const IMAGE_VERSION: u8 = 1;
const IMAGE_OF_ARCHIVE_VERSION: u8 = 2;
const IMAGE_OF_ORDERS_VERSION: u8 = 3;
const HISTORY_VERSION: u8 = 1;
const ORDER_VERSION: u8 = 1;

/// Why bytes are no record, or a record cannot be bytes.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Kind or version is not known to this build.
    #[error("record of kind {kind}, version {version} is not known to this build")]
    Unknown {
        /// The first byte.
        kind: u8,
        /// The second byte.
        version: u8,
    },
    /// Fewer bytes than a header.
    #[error("record is shorter than its header")]
    TooShort,
    /// The body does not decode.
    #[error("record body does not decode")]
    Body(#[source] bincode::Error),
    /// The body decodes to something that no build ever wrote.
    #[error("record holds no valid {0}")]
    Value(&'static str),
    /// Above [`MAX_RECORD`].
    #[error("record is larger than {MAX_RECORD} bytes")]
    TooLarge,
}

/// Encodes a payment shard's record.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MAX_RECORD`]; where payments or orders leave memory or come back
/// together with anything else, which no decision comes to.
pub fn encode(record: &Record<Event>) -> Result<Vec<u8>, CodecError> {
    if record.events.iter().any(Event::is_of_archive) {
        if let Some(record) = v4::OrdersRecord::of(record) {
            return write(KIND_PAYMENTS, ORDERS_VERSION, &record);
        }
        let record = v3::ArchiveRecord::of(record).ok_or(CodecError::Value("archive record"))?;
        return write(KIND_PAYMENTS, ARCHIVE_VERSION, &record);
    }
    write(KIND_PAYMENTS, PAYMENTS_VERSION, &v2::PaymentRecord::from(record))
}

/// Decodes a payment shard's record.
///
/// # Errors
/// Where the bytes are no such record of a known version.
pub fn decode(bytes: &[u8]) -> Result<Record<Event>, CodecError> {
    match header(bytes)? {
        (KIND_PAYMENTS, 1, body) => read::<v1::PaymentRecord<'_>>(body)?.try_into(),
        (KIND_PAYMENTS, 2, body) => read::<v2::PaymentRecord<'_>>(body)?.try_into(),
        (KIND_PAYMENTS, 3, body) => read::<v3::ArchiveRecord<'_>>(body)?.try_into(),
        (KIND_PAYMENTS, 4, body) => read::<v4::OrdersRecord<'_>>(body)?.try_into(),
        (kind, version, _body) => Err(CodecError::Unknown { kind, version }),
    }
}

/// Encodes the control shard's record.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MAX_RECORD`].
pub fn encode_control(record: &Record<ControlEvent>) -> Result<Vec<u8>, CodecError> {
    write(KIND_CONTROL, CONTROL_VERSION, &control_v2::ControlRecord::from(record))
}

/// Decodes the control shard's record.
///
/// # Errors
/// Where the bytes are no such record of a known version.
pub fn decode_control(bytes: &[u8]) -> Result<Record<ControlEvent>, CodecError> {
    match header(bytes)? {
        (KIND_CONTROL, 1, body) => read::<v1::ControlRecord<'_>>(body)?.try_into(),
        (KIND_CONTROL, 2, body) => read::<control_v2::ControlRecord<'_>>(body)?.try_into(),
        (kind, version, _body) => Err(CodecError::Unknown { kind, version }),
    }
}

/// Encodes a payment's history.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MAX_RECORD`], which one that leaves memory never is.
pub fn encode_history(history: &History) -> Result<Vec<u8>, CodecError> {
    write(KIND_HISTORY, HISTORY_VERSION, &v3::History::from(history))
}

/// Decodes a payment's history.
///
/// # Errors
/// Where the bytes are no such history of a known version.
pub fn decode_history(bytes: &[u8]) -> Result<History, CodecError> {
    match header(bytes)? {
        (KIND_HISTORY, 1, body) => read::<v3::History<'_>>(body)?.try_into(),
        (kind, version, _body) => Err(CodecError::Unknown { kind, version }),
    }
}

/// Encodes an order as it stands.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MAX_RECORD`], which one that leaves memory never is.
pub fn encode_order(order: &Order) -> Result<Vec<u8>, CodecError> {
    write(KIND_ORDER, ORDER_VERSION, &v4::Order::from(order))
}

/// Decodes an order.
///
/// # Errors
/// Where the bytes are no such order of a known version.
pub fn decode_order(bytes: &[u8]) -> Result<Order, CodecError> {
    match header(bytes)? {
        (KIND_ORDER, 1, body) => read::<v4::Order<'_>>(body)?.try_into(),
        (kind, version, _body) => Err(CodecError::Unknown { kind, version }),
    }
}

/// How many bytes a payment's history takes.
pub(crate) fn history_size(history: &History) -> usize {
    let size = options().serialized_size(&v3::History::from(history));
    size.ok().and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX)
}

/// Encodes a piece of a payment shard's image: history as the record that it is.
///
/// # Errors
/// [`CodecError::TooLarge`] above [`MAX_RECORD`].
pub fn encode_piece(piece: &Piece) -> Result<Vec<u8>, CodecError> {
    match piece {
        Piece::History(record) => encode(record),
        Piece::Account(key, balance) => {
            write(KIND_IMAGE, IMAGE_VERSION, &image_v1::Piece::account(key, balance))
        }
        Piece::Key(entry, created_at) => {
            write(KIND_IMAGE, IMAGE_VERSION, &image_v1::Piece::key(entry, *created_at))
        }
        Piece::End(end) => write(KIND_IMAGE, IMAGE_VERSION, &image_v1::Piece::end(end)),
        Piece::Order(order) => write_of_archive(&image_v2::Piece::order(order)),
        Piece::Chapter(chapter) => write_of_archive(&image_v2::Piece::chapter(chapter)),
        Piece::DepartedAccount(key, balance) => {
            write_of_archive(&image_v2::Piece::departed_account(key, balance))
        }
        Piece::PaidOrder(paid) => write_of_archive(&image_v2::Piece::paid_order(paid)),
        Piece::Departed { count, departures } => {
            let (count, departures) = (*count, *departures);
            write_of_archive(&image_v2::Piece::Departed { count, departures })
        }
        Piece::DepartedOrders(count) => {
            write(KIND_IMAGE, IMAGE_OF_ORDERS_VERSION, &image_v3::Piece::DepartedOrders(*count))
        }
    }
}

/// Decodes a piece of a payment shard's image.
///
/// # Errors
/// Where the bytes are no such piece of a known version.
pub fn decode_piece(bytes: &[u8]) -> Result<Piece, CodecError> {
    match header(bytes)? {
        (KIND_PAYMENTS, _version, _body) => decode(bytes).map(Piece::History),
        (KIND_IMAGE, 1, body) => read::<image_v1::Piece>(body)?.try_into(),
        (KIND_IMAGE, 2, body) => read::<image_v2::Piece<'_>>(body)?.try_into(),
        (KIND_IMAGE, 3, body) => Ok(read::<image_v3::Piece>(body)?.into()),
        (kind, version, _body) => Err(CodecError::Unknown { kind, version }),
    }
}

fn write_of_archive(piece: &image_v2::Piece<'_>) -> Result<Vec<u8>, CodecError> {
    write(KIND_IMAGE, IMAGE_OF_ARCHIVE_VERSION, piece)
}

fn write(kind: u8, version: u8, body: &impl Serialize) -> Result<Vec<u8>, CodecError> {
    // Most records are of this size; a larger one grows the buffer.
    let mut bytes = Vec::with_capacity(512);
    bytes.extend([kind, version]);
    options().serialize_into(&mut bytes, body).map_err(CodecError::Body)?;
    if bytes.len() > MAX_RECORD { Err(CodecError::TooLarge) } else { Ok(bytes) }
}

/// Kind, version and body.
fn header(bytes: &[u8]) -> Result<(u8, u8, &[u8]), CodecError> {
    let [kind, version, body @ ..] = bytes else { return Err(CodecError::TooShort) };
    if bytes.len() > MAX_RECORD { Err(CodecError::TooLarge) } else { Ok((*kind, *version, body)) }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, CodecError> {
    options().with_limit(READ_LIMIT).deserialize(body).map_err(CodecError::Body)
}

fn options() -> impl Options {
    bincode::DefaultOptions::new().with_fixint_encoding().reject_trailing_bytes()
}

#[cfg(test)]
mod tests;
