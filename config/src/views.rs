//! `[views]`: what lists are read from.

use serde::Deserialize;

use crate::error::Error;

/// The views.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Views {
    /// Memory for rows that are read again, in bytes.
    pub cache_bytes: u64,
    /// Rows that one list looks at, at the most.
    pub most_rows: usize,
}

impl Views {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cache_bytes < 1 << 20 {
            let key = "views.cache_bytes";
            return Err(Error::Value { key, fault: "must be at least 1048576" });
        }
        if self.most_rows < 1_000 {
            // The largest page, and the rows of other kinds that lie among as many of one.
            return Err(Error::Value { key: "views.most_rows", fault: "must be at least 1000" });
        }
        Ok(())
    }
}
