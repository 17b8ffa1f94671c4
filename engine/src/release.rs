//! What leaves, and when: the rule by which the releaser lets go of a group.
//!
//! Invariant: after the log has failed no call is made, for its intent may not be durable, and
//! nobody is told anything but that the outcome is not known.
//!
//! Not here: where things go. [`Outlet`] stands for that.

use tollgate_domain::{ControlEvent, Record};
use tollgate_wal::Released;

use crate::{
    archive::Departures, completion::Completion, durable_record::DurableRecord,
    effects::PreparedCall,
};

/// Where what is let go leaves to.
pub trait Outlet<A, R> {
    /// Shows observers the records of a group, in its order, before anybody is answered.
    fn observe(&mut self, records: Vec<DurableRecord>);

    /// Gives the archive what has left memory, before anybody is answered.
    fn archive(&mut self, departures: Departures);

    /// Shows everybody a record of the control shard.
    fn publish(&mut self, record: Record<ControlEvent>);

    /// Tells somebody who waits.
    fn deliver(&mut self, reply: R);

    /// Makes a call that is owed.
    fn run(&mut self, call: PreparedCall<A>);

    /// The log has failed; may be called again.
    fn log_failed(&mut self, cause: &tollgate_wal::Error);

    /// Tells somebody who waits that the outcome is not known.
    fn fail(&mut self, reply: R);
}

/// Lets go of a group that came back from the log.
pub fn release<A, R>(group: Released<Completion<A, R>>, outlet: &mut impl Outlet<A, R>) {
    match group {
        Released::Durable(mut completions) => {
            let observed: Vec<_> =
                completions.iter_mut().filter_map(|left| left.observation.take()).collect();
            if !observed.is_empty() {
                outlet.observe(observed);
            }
            for departures in completions.iter_mut().filter_map(|left| left.departures.take()) {
                outlet.archive(departures);
            }
            completions.into_iter().for_each(|completion| release_one(completion, outlet));
        }
        Released::Unknown { completions, cause } => {
            outlet.log_failed(&cause);
            for reply in completions.into_iter().filter_map(|left| left.reply) {
                outlet.fail(reply);
            }
        }
    }
}

fn release_one<A, R>(completion: Completion<A, R>, outlet: &mut impl Outlet<A, R>) {
    let Completion { reply, calls, publication, observation: _, departures: _, permit } =
        completion;
    // Published before it is answered: who was given a key can use it.
    if let Some(record) = publication {
        outlet.publish(record);
    }
    if let Some(reply) = reply {
        outlet.deliver(reply);
    }
    for call in calls {
        outlet.run(call);
    }
    drop(permit);
}
