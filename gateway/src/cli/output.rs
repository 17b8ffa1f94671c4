//! Standard output as a command's result goes there: whoever reads it may stop early.

use std::io::{self, ErrorKind, Write};

/// Standard output cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write to standard output")]
pub struct OutputError(#[source] io::Error);

/// Whether anybody still reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reader {
    /// Somebody does.
    There,
    /// The other end of the pipe is closed, as by `head`. That is no fault.
    Gone,
}

/// Writes all of `text`.
pub(super) fn print(text: &str) -> Result<(), OutputError> {
    let mut out = io::stdout().lock();
    reader(out.write_all(text.as_bytes()).and_then(|()| out.flush())).map(|_reader| ())
}

/// What became of a write.
pub(super) fn reader(written: io::Result<()>) -> Result<Reader, OutputError> {
    match written {
        Ok(()) => Ok(Reader::There),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(OutputError(error)),
    }
}
