//! Keeps the log from letting go of its beginning while somebody copies it.
//!
//! Invariant: between the moment at which a hold was given and the one at which it is dropped the log
//! is not cut.

use std::sync::Arc;

use parking_lot::Mutex;

/// Who holds the log. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub(crate) struct LogHolds(Arc<Mutex<usize>>);

/// Somebody does, for as long as this lives.
#[derive(Debug)]
#[must_use = "the log is held as long as it lives"]
pub struct LogHold(LogHolds);

impl LogHolds {
    /// Holds the log. Blocks while it is being cut.
    pub(crate) fn hold(&self) -> LogHold {
        *self.0.lock() += 1;
        LogHold(self.clone())
    }

    /// Does something to the log's beginning; `None`, and nothing, where somebody holds it.
    pub(crate) fn unless_held<T>(&self, cut: impl FnOnce() -> T) -> Option<T> {
        let holders = self.0.lock();
        (*holders == 0).then(cut)
    }
}

impl Drop for LogHold {
    fn drop(&mut self) {
        *self.0.0.lock() -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_while_anybody_holds_the_log() {
        let holds = LogHolds::default();
        assert_eq!(holds.unless_held(|| 1), Some(1));
        let (one, other) = (holds.hold(), holds.hold());
        drop(one);
        assert_eq!(holds.unless_held(|| 2), None);
        drop(other);
        assert_eq!(holds.unless_held(|| 3), Some(3));
    }
}
