//! Stored numbers as values: what no build ever wrote is refused.

use super::CodecError;
use crate::{merchant::Mode, money::Amount, provider::DeclineCode, timestamp::Timestamp};

pub(super) fn amount(minor_units: i64) -> Result<Amount, CodecError> {
    Amount::from_minor_units(minor_units).map_err(|_invalid| CodecError::Value("amount"))
}

pub(super) fn amount_or_zero(minor_units: i64) -> Result<Amount, CodecError> {
    if minor_units == 0 { Ok(Amount::ZERO) } else { amount(minor_units) }
}

/// Not clamped: what would change on the way through memory was never written.
pub(super) fn time(millis: u64) -> Result<Timestamp, CodecError> {
    let time = Timestamp::from_millis(millis);
    if time.as_millis() == millis { Ok(time) } else { Err(CodecError::Value("time")) }
}

/// A record of nothing was never written.
pub(super) fn events<T>(events: Vec<T>) -> Result<Vec<T>, CodecError> {
    if events.is_empty() { Err(CodecError::Value("event")) } else { Ok(events) }
}

pub(super) fn decline(code: u8) -> Result<DeclineCode, CodecError> {
    DeclineCode::from_code(code).ok_or(CodecError::Value("decline code"))
}

pub(super) fn mode(code: u8) -> Result<Mode, CodecError> {
    Mode::from_code(code).ok_or(CodecError::Value("mode"))
}
