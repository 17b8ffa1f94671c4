//! Whose turn it is to be sent an export: each is read as fast as its client takes it, and holds what it
//! reads from until then.
//!
//! Invariant: there are no more than [`MOST`] at once, and no more than one of a merchant in a mode, so
//! that slow readers of one keep nobody else from theirs.

use std::{collections::HashSet, sync::Arc};

use parking_lot::Mutex;

use crate::{
    http::error::{ErrorCode, Problem},
    vault::Realm,
};

/// How many are made at once.
const MOST: usize = 4;

/// Whose exports are being made.
#[derive(Debug, Default)]
pub(in crate::http) struct ExportTurns(Mutex<HashSet<Realm>>);

/// Room for one, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Arc<ExportTurns>,
    realm: Realm,
}

impl ExportTurns {
    /// Takes a turn.
    ///
    /// # Errors
    /// Where there is none to be had.
    pub(super) fn take(self: &Arc<Self>, realm: Realm) -> Result<Turn, Problem> {
        let mut busy = self.0.lock();
        let refusal = if busy.contains(&realm) {
            "An export of this merchant is under way, and there is one at a time.".to_owned()
        } else if busy.len() >= MOST {
            format!("{MOST} exports are under way.")
        } else {
            busy.insert(realm);
            return Ok(Turn { turns: Arc::clone(self), realm });
        };
        Err(Problem::new(ErrorCode::Overloaded, refusal))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.0.lock().remove(&self.realm);
    }
}

#[cfg(test)]
mod tests {
    use tollgate_domain::{MerchantId, Mode};

    use super::*;

    #[test]
    fn each_merchant_has_one_and_all_together_four() {
        let turns = Arc::new(ExportTurns::default());
        let realm = |number| Realm { merchant: MerchantId::from_u128(number), mode: Mode::Test };
        let mut taken: Vec<_> = (1..4).map(|number| turns.take(realm(number)).unwrap()).collect();
        assert_eq!(turns.take(realm(2)).unwrap_err().code(), ErrorCode::Overloaded);
        taken.push(turns.take(Realm { mode: Mode::Live, ..realm(2) }).unwrap());
        assert_eq!(turns.take(realm(9)).unwrap_err().code(), ErrorCode::Overloaded);
        drop(taken.remove(1));
        assert!(turns.take(realm(2)).is_ok());
    }
}
