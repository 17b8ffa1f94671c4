//! What is looked for in the archive at the moment, and whether what a look-up finds may be outdated by
//! the time it is told.
//!
//! Invariant: a payment or an order is counted as long as somebody looks for it, and no longer.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use tollgate_domain::{History, PaymentId};

use crate::{
    archive::OrderPlace,
    planted_fault::{PlantedFault, is_planted},
};

/// What is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Wanted {
    /// A payment.
    Payment(PaymentId),
    /// An order.
    Order(OrderPlace),
}

/// Something that waits until what it is about, which is not in memory, has been looked for in the
/// archive. The look-up may begin once everything that the shard has handed to the log is released.
pub struct Absent<T> {
    /// The look-up that it waits for.
    lookup: LookUp,
    /// The payment that was found already, where its order is looked for behind it.
    before: Option<Box<(Arc<History>, LookUp)>>,
    /// What waits.
    pub asked: Box<T>,
}

/// Everything that somebody looks for.
#[derive(Default)]
pub(in crate::shard) struct SoughtByAll(HashMap<Wanted, Sought>);

/// One thing that somebody looks for.
#[derive(Default)]
struct Sought {
    /// Look-ups that are under way.
    lookups: usize,
    /// How often it has come back since the first of them began.
    recalls: u64,
}

/// One look-up.
#[derive(Clone, Copy, Debug)]
struct LookUp {
    wanted: Wanted,
    /// How often it had come back when it was asked for, of the times that are counted.
    since: u64,
}

impl<T> Absent<T> {
    /// What is to be looked for.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        self.lookup.wanted
    }

    /// The payment that was found already, where its order is looked for.
    pub(super) fn found_before(&self) -> Option<Arc<History>> {
        self.before.as_ref().map(|before| Arc::clone(&before.0))
    }
}

impl SoughtByAll {
    /// Something is looked for, and this waits for it.
    pub(in crate::shard) fn begin<T>(&mut self, wanted: Wanted, asked: T) -> Absent<T> {
        Absent { lookup: self.look_up(wanted), before: None, asked: Box::new(asked) }
    }

    /// The order of a payment that was found is looked for. The payment goes on being counted: it may
    /// be outdated by then.
    pub(super) fn begin_behind<T>(
        &mut self,
        history: Arc<History>,
        place: OrderPlace,
        asked: T,
    ) -> Absent<T> {
        let payment = self.look_up(Wanted::Payment(history.id()));
        let lookup = self.look_up(Wanted::Order(place));
        Absent { lookup, before: Some(Box::new((history, payment))), asked: Box::new(asked) }
    }

    /// A look-up has ended: what waited for it, and whether what it found, or was found before, may not
    /// be how it left the last time.
    pub(super) fn end<T>(&mut self, absent: Absent<T>) -> (T, bool) {
        let Absent { lookup, before, asked } = absent;
        let came_back = self.end_lookup(lookup);
        let before = before.is_some_and(|before| self.end_lookup(before.1));
        (*asked, came_back || before)
    }

    /// Something has come back.
    pub(super) fn came_back(&mut self, wanted: Wanted) {
        if let Some(sought) = self.0.get_mut(&wanted) {
            sought.recalls += 1;
        }
    }

    fn look_up(&mut self, wanted: Wanted) -> LookUp {
        let sought = self.0.entry(wanted).or_default();
        sought.lookups += 1;
        LookUp { wanted, since: sought.recalls }
    }

    fn end_lookup(&mut self, LookUp { wanted, since }: LookUp) -> bool {
        let Entry::Occupied(mut sought) = self.0.entry(wanted) else {
            unreachable!("what ends was begun: {wanted:?}")
        };
        let came_back = sought.get().recalls != since;
        sought.get_mut().lookups -= 1;
        if sought.get().lookups == 0 {
            sought.remove();
        }
        let unnoticed = match wanted {
            Wanted::Payment(_) => PlantedFault::RecalledAsItOnceLeft,
            Wanted::Order(_) => PlantedFault::OrderRecalledAsItOnceLeft,
        };
        came_back && !is_planted(unnoticed)
    }
}
