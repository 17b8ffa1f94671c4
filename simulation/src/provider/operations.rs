//! What the provider is asked to do to an attempt after it was authorized.
//!
//! The id of an operation is its idempotency key: what has arrived once is not done again.

use tollgate_domain::{
    AttemptId, CaptureMode, Cause, OperationFailure, OperationId, OperationIntent, OperationKind,
    OperationOutcome, PaymentId, Timestamp,
};
use tollgate_engine::CallOutcome;

use super::{Delayed, Provider, Stands, Word, is_past_horizon, receipt, told};
use crate::step::Fate;

/// What is to be done, and to what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Job {
    pub(crate) payment: PaymentId,
    pub(crate) attempt: AttemptId,
    pub(crate) operation: OperationId,
    pub(crate) task: Task,
    began: Timestamp,
    /// Whether it is sent again until it arrives, however late.
    insists: bool,
}

/// What is to be done. A confirmation leaves no trace but in the attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Task {
    Confirm,
    Capture { minor_units: i64, release_rest: bool },
    Void,
    Reverse,
    Refund { minor_units: i64 },
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JobStands {
    Done,
    /// Done, and taken back: a refund that came back, or a denial of what was done.
    TakenBack,
    Refused(OperationFailure),
    Pending,
}

impl Job {
    pub(crate) fn of(payment: PaymentId, intent: &OperationIntent) -> Self {
        let task = match &intent.kind {
            OperationKind::Confirmation => Task::Confirm,
            OperationKind::Capture { amount, release_rest } => {
                Task::Capture { minor_units: amount.minor_units(), release_rest: *release_rest }
            }
            OperationKind::Void => Task::Void,
            OperationKind::Reversal => Task::Reverse,
            OperationKind::Refund { amount, .. } => {
                Task::Refund { minor_units: amount.minor_units() }
            }
        };
        let insists = match intent.cause {
            Cause::Merchant | Cause::Cancellation | Cause::Review => false,
            Cause::Expiry | Cause::LateApproval => true,
        };
        Self {
            payment,
            attempt: intent.attempt,
            operation: intent.id,
            task,
            began: intent.started_at,
            insists,
        }
    }

    fn is_too_late(&self, now: Timestamp) -> bool {
        !self.insists && is_past_horizon(self.began, now)
    }
}

impl Provider {
    /// A call to carry out an operation: what we are told, where we are told anything certain.
    pub(crate) fn operate(&mut self, job: Job, fate: Fate, now: Timestamp) -> CallOutcome {
        let unsure = CallOutcome::Operation(OperationOutcome::Unknown);
        if job.is_too_late(now) || fate == Fate::NotSent {
            return CallOutcome::Operation(OperationOutcome::NotSent);
        }
        let first = self.ordered.insert(job.operation);
        assert!(first || job.insists, "operation {} was sent twice", job.operation);
        match fate {
            Fate::Lost => unsure,
            Fate::Delayed => {
                self.delayed.push(Delayed::Job(job));
                unsure
            }
            Fate::ApproveUnheard | Fate::DeclineUnheard => {
                self.take_job(job, fate);
                unsure
            }
            Fate::Approve | Fate::Decline | Fate::Act | Fate::Pend | Fate::NotSent => {
                self.take_job(job, fate);
                match job.task {
                    Task::Confirm => self.confirmed(job.attempt),
                    Task::Capture { .. } | Task::Void | Task::Reverse | Task::Refund { .. } => {
                        CallOutcome::Operation(self.truth_of_job(job.operation))
                    }
                }
            }
        }
    }

    fn confirmed(&self, attempt: AttemptId) -> CallOutcome {
        match self.ledger.get(&attempt) {
            Some(booking) => CallOutcome::Attempt(told(&booking.charge, booking.stands)),
            None => CallOutcome::Operation(OperationOutcome::Unknown),
        }
    }

    /// An inquiry into an operation.
    pub(crate) fn inquire_job(&self, job: Job, fate: Fate, now: Timestamp) -> OperationOutcome {
        match fate {
            Fate::Lost | Fate::Delayed | Fate::NotSent => return OperationOutcome::Unknown,
            Fate::Approve
            | Fate::Decline
            | Fate::Act
            | Fate::Pend
            | Fate::ApproveUnheard
            | Fate::DeclineUnheard => {}
        }
        if self.jobs.contains_key(&job.operation) {
            return self.truth_of_job(job.operation);
        }
        OperationOutcome::NotFound { past_horizon: is_past_horizon(job.began, now) }
    }

    pub(super) fn job_arrives(&mut self, job: Job, fate: Fate, now: Timestamp) -> bool {
        if job.is_too_late(now) {
            return false;
        }
        self.take_job(job, fate);
        true
    }

    fn take_job(&mut self, job: Job, fate: Fate) {
        if job.task == Task::Confirm {
            let undecided =
                self.ledger.get(&job.attempt).is_some_and(|found| !found.stands.is_decided());
            if undecided {
                self.settle(job.attempt, fate);
            }
            return;
        }
        if !self.jobs.contains_key(&job.operation) {
            self.decide_job(job, fate);
        }
    }

    /// The provider makes up its mind about an operation. What was done can be taken back, and what
    /// was refused can be done all the same.
    pub(crate) fn settle_job(&mut self, operation: OperationId, fate: Fate) -> JobStands {
        let (job, before) = self.jobs[&operation];
        match (before, fate) {
            (JobStands::Pending, _) => self.decide_job(job, fate),
            (JobStands::Refused(_), Fate::Approve | Fate::ApproveUnheard) => {
                self.decide_job(job, Fate::Approve);
            }
            (JobStands::Done, Fate::Decline | Fate::DeclineUnheard) => {
                self.jobs.insert(operation, (job, JobStands::TakenBack));
            }
            (JobStands::Done | JobStands::TakenBack | JobStands::Refused(_), _) => {}
        }
        let after = self.jobs[&operation].1;
        if before != after && before != JobStands::Pending {
            self.owes_word.insert(Word::Operation(job.payment, operation));
        }
        after
    }

    fn decide_job(&mut self, job: Job, fate: Fate) {
        // What it would do must not be reckoned with what it does itself.
        self.jobs.remove(&job.operation);
        let stands = match fate {
            Fate::Approve | Fate::ApproveUnheard => match self.obstacle(&job) {
                Some(reason) => JobStands::Refused(reason),
                None => JobStands::Done,
            },
            Fate::Decline | Fate::DeclineUnheard | Fate::NotSent => {
                JobStands::Refused(OperationFailure::Refused)
            }
            Fate::Act | Fate::Pend | Fate::Lost | Fate::Delayed => JobStands::Pending,
        };
        if let Some(booking) = self.ledger.get_mut(&job.attempt) {
            let undecided = !booking.stands.is_decided();
            match (stands, job.task) {
                (JobStands::Done, Task::Void) if undecided => booking.stands = Stands::CalledOff,
                (JobStands::Done, Task::Void)
                | (JobStands::Done, Task::Capture { release_rest: true, .. }) => {
                    booking.gone = true;
                }
                // We give up now, and will not ask what the customer does after all.
                (JobStands::Refused(_), Task::Void) if undecided => {
                    self.owes_word.insert(Word::Attempt(job.payment, job.attempt));
                }
                (JobStands::Done | JobStands::Refused(_) | JobStands::Pending, _)
                | (JobStands::TakenBack, _) => {}
            }
        }
        self.jobs.insert(job.operation, (job, stands));
    }

    /// Why an operation cannot be done.
    fn obstacle(&self, job: &Job) -> Option<OperationFailure> {
        let refused = Some(OperationFailure::Refused);
        let Some(booking) = self.ledger.get(&job.attempt) else { return refused };
        let taken = self.taken(job.attempt);
        let reserved = booking.charge.capture == CaptureMode::Manual;
        match (job.task, booking.stands) {
            (Task::Confirm, _) => None,
            (Task::Void, Stands::ActionRequired | Stands::Pending) => None,
            (_, Stands::ActionRequired | Stands::Pending)
            | (_, Stands::Declined | Stands::CalledOff | Stands::TakenBack) => refused,
            (Task::Capture { .. }, Stands::Approved) if !reserved => {
                Some(OperationFailure::AlreadyCaptured)
            }
            (Task::Capture { .. } | Task::Void, Stands::Approved) if reserved && booking.gone => {
                Some(OperationFailure::AuthorizationExpired)
            }
            (Task::Capture { minor_units, .. }, Stands::Approved) => {
                let left = booking.charge.minor_units - taken.captured - taken.capturing;
                if minor_units <= left { None } else { refused }
            }
            (Task::Void, Stands::Approved) => {
                let all = !reserved || taken.captured == booking.charge.minor_units;
                all.then_some(OperationFailure::AlreadyCaptured)
            }
            (Task::Reverse, Stands::Approved) => {
                let whole = taken.captured > 0
                    && taken.capturing == 0
                    && taken.refunded + taken.refunding == 0
                    && !taken.reversed;
                if whole { None } else { refused }
            }
            (Task::Refund { minor_units }, Stands::Approved) => {
                let left = taken.captured - taken.refunded - taken.refunding;
                if !taken.reversed && minor_units <= left { None } else { refused }
            }
        }
    }

    /// What a truthful callback says of an operation.
    pub(crate) fn truth_of_job(&self, operation: OperationId) -> OperationOutcome {
        let (job, stands) = &self.jobs[&operation];
        match stands {
            JobStands::Done => OperationOutcome::Succeeded(receipt(job.attempt)),
            JobStands::TakenBack => OperationOutcome::Failed(OperationFailure::AccountClosed),
            JobStands::Refused(reason) => OperationOutcome::Failed(*reason),
            JobStands::Pending => OperationOutcome::Pending,
        }
    }

    /// Every operation that has arrived.
    pub(crate) fn jobs(&self) -> Vec<(PaymentId, OperationId)> {
        self.jobs.values().map(|(job, _stands)| (job.payment, job.operation)).collect()
    }

    pub(crate) fn job(&self, operation: OperationId) -> Option<&(Job, JobStands)> {
        self.jobs.get(&operation)
    }

    /// Everything that has arrived for an attempt.
    pub(super) fn jobs_of(&self, attempt: AttemptId) -> impl Iterator<Item = &(Job, JobStands)> {
        self.jobs.values().filter(move |(job, _stands)| job.attempt == attempt)
    }
}
