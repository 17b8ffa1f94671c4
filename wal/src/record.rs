//! The unit callers log: opaque bytes, addressed by a stream and a sequence in it.
//!
//! Not here: what the bytes mean.

use crate::error::{RecordFault, VisitError};

/// Largest record in bytes.
///
/// What one record adds to the latency of the group it shares with others is bounded by this: about
/// seventeen frames.
pub const MAX_RECORD: usize = 64 * 1024;

/// An independent line of records inside the one log; its records are numbered from 1 on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Stream(pub u16);

impl Stream {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// A record to be made durable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The stream it belongs to, below the number of streams of the log's geometry.
    pub stream: Stream,
    /// Its number in the stream: 1 for the first, then without a gap.
    pub sequence: u64,
    /// The content, up to [`MAX_RECORD`] bytes; may be empty.
    pub bytes: Vec<u8>,
}

impl Record {
    pub(crate) fn check_size(&self) -> Result<(), RecordFault> {
        if self.bytes.len() > MAX_RECORD {
            return Err(RecordFault::TooLarge { length: self.bytes.len() });
        }
        Ok(())
    }
}

/// A record as it is read back, valid during one visit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RecordRef<'a> {
    /// The stream it belongs to.
    pub stream: Stream,
    /// Its number in the stream.
    pub sequence: u64,
    /// The content.
    pub bytes: &'a [u8],
}

/// Receives every record in log order; an error stops the reading and comes back as
/// [`Error::Visit`](crate::Error::Visit).
pub type Visit<'v> = dyn FnMut(RecordRef<'_>) -> Result<(), VisitError> + 'v;
