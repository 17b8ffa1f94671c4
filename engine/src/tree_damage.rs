//! Whether a store of trees is damaged, or its disk just does not let it be used.
//!
//! What is damaged may be made anew of the log. What cannot be opened because a disk, a limit or a lock says
//! no may be whole, and is to be left alone.

use std::io;

/// Whether the store itself is to blame. Of what a disk says only that something is not there, ends early
/// or is not what was written; and not that somebody else has the store, nor what an earlier error left.
#[must_use]
pub fn is_tree_damaged(error: &fjall::Error) -> bool {
    if matches!(error, fjall::Error::Locked | fjall::Error::Poisoned) {
        return false;
    }
    disk_error(error).is_none_or(|error| {
        use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
        [InvalidData, NotFound, UnexpectedEof].contains(&error.kind())
    })
}

/// What the disk said, where that is why.
fn disk_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e io::Error> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_damage(error: impl Into<fjall::Error>) -> bool {
        is_tree_damaged(&error.into())
    }

    #[test]
    fn what_the_disk_refuses_is_no_damage() {
        use io::ErrorKind::{InvalidData, NotFound, PermissionDenied, StorageFull, UnexpectedEof};
        for kind in [PermissionDenied, StorageFull] {
            assert!(!is_damage(io::Error::from(kind)), "{kind}");
            assert!(!is_damage(fjall::LsmError::Io(kind.into())), "{kind}");
        }
        // Too many files are open, and the disk cannot read what it has.
        for number in [24, 5] {
            assert!(!is_damage(io::Error::from_raw_os_error(number)), "{number}");
        }
        for kind in [InvalidData, NotFound, UnexpectedEof] {
            assert!(is_damage(io::Error::from(kind)), "{kind}");
            assert!(is_damage(fjall::LsmError::Io(kind.into())), "{kind}");
        }
        assert!(is_damage(fjall::Error::InvalidTrailer));
        assert!(is_damage(fjall::LsmError::Unrecoverable));
        assert!(!is_damage(fjall::Error::Locked));
    }
}
