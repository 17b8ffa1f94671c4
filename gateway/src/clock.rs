//! The wall clock: the one place of this crate that asks for the time.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tollgate_domain::Timestamp;

use crate::provider::Clock;

/// The system's clock. A time before 1970 is taken for 1970.
pub(crate) fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    })
}
