//! What the provider has taken and returned, attempt by attempt, in minor units.

use tollgate_domain::{AttemptId, CaptureMode};

use super::{JobStands, Provider, Stands, Task};

/// The money of one attempt.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Taken {
    pub(crate) captured: i64,
    /// What captures under way may yet take.
    pub(crate) capturing: i64,
    pub(crate) refunded: i64,
    /// What refunds under way may yet return.
    pub(crate) refunding: i64,
    pub(crate) reversed: bool,
}

impl Provider {
    /// The money of one attempt. What it denies to have done it has done: only a refund can truly
    /// come back.
    pub(crate) fn taken(&self, attempt: AttemptId) -> Taken {
        let mut taken = Taken::default();
        let Some(booking) = self.ledger.get(&attempt) else { return taken };
        if booking.charge.capture == CaptureMode::Automatic
            && matches!(booking.stands, Stands::Approved | Stands::TakenBack)
        {
            taken.captured = booking.charge.minor_units;
        }
        for (job, stands) in self.jobs_of(attempt) {
            match (job.task, stands) {
                (Task::Capture { minor_units, .. }, JobStands::Done | JobStands::TakenBack) => {
                    taken.captured += minor_units;
                }
                (Task::Capture { minor_units, .. }, JobStands::Pending) => {
                    taken.capturing += minor_units;
                }
                (Task::Refund { minor_units }, JobStands::Done) => taken.refunded += minor_units,
                (Task::Refund { minor_units }, JobStands::Pending) => {
                    taken.refunding += minor_units;
                }
                (Task::Reverse, JobStands::Done | JobStands::TakenBack) => taken.reversed = true,
                (Task::Capture { .. } | Task::Refund { .. } | Task::Reverse, _)
                | (Task::Confirm | Task::Void, _) => {}
            }
        }
        taken
    }
}

impl Taken {
    /// What the provider holds of it.
    pub(crate) fn net(&self) -> i64 {
        if self.reversed { 0 } else { self.captured - self.refunded }
    }
}
