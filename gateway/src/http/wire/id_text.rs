//! Ids on the wire.

use serde::{Serialize, Serializer};
use tollgate_domain::{Id, IdKind};

/// An id as a JSON string, `pay_…`.
#[derive(Clone, Copy)]
pub(crate) struct IdText<T>(pub(crate) T);

impl<K: IdKind> Serialize for IdText<Id<K>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
