//! What is asked of a payment that has left memory: how it is asked for, and what comes of it once
//! the archive has been looked into.
//!
//! Invariant: a payment comes back as it left the last time. Between look-up and recall it may have
//! been back and have left again; so the look-up is repeated where it has. A command that would be
//! refused anyhow brings nothing back.

use std::{collections::hash_map::Entry, sync::Arc};

use tollgate_domain::{Command, Decision, History, PaymentId, Rejection, Subject};

use super::{Caller, Moment, PaymentReply, Request, Shard, Step, Submission};
use crate::{
    engine::Answer,
    error::CommandError,
    payment_command::PaymentCommand,
    planted_fault::{PlantedFault, is_planted},
    provider_report::ProviderReport,
};

/// Something that waits until its payment, which is not in memory, has been looked for in the
/// archive. The look-up may begin once everything that the shard has handed to the log is released.
pub struct Absent<T> {
    /// Which payment.
    pub payment: PaymentId,
    /// How often it had come back when it was asked, of the times that are counted.
    since: u64,
    /// What waits.
    pub asked: Box<T>,
}

/// A payment that somebody looks for. It is counted only as long as that goes on.
#[derive(Default)]
pub(super) struct Sought {
    /// Look-ups that are under way.
    lookups: usize,
    /// How often it has come back since the first of them began.
    recalls: u64,
}

/// What the archive has of a payment.
pub type Finding = Result<Option<Arc<History>>, Unreadable>;

/// The archive could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

/// What comes of something that has waited for the archive.
pub enum Found<C, A, T> {
    /// The payment is in memory, by this record where it has come back just now. Once that is handed
    /// to the log, it can be asked for again.
    Back(Option<Step<C, A>>, T),
    /// It is answered without.
    Answered(Step<C, A>),
    /// It has to be looked for again.
    Again(Absent<T>),
}

/// Why a report is not taken in.
pub enum Unheard {
    /// It is to nobody.
    Rejected(Rejection),
    /// Its payment is not in memory.
    Absent(Absent<ProviderReport>),
    /// Whether it is to anybody cannot be told.
    Unreadable,
}

impl<C: Caller> Shard<C> {
    /// Whether a payment that is not in memory may have left it.
    #[must_use]
    pub fn may_be_away(&self, payment: PaymentId) -> bool {
        self.state.departed_count() > 0 && self.state.payment(payment).is_none()
    }

    pub(super) fn absent<T>(&mut self, payment: PaymentId, asked: T) -> Absent<T> {
        let sought = self.sought.entry(payment).or_default();
        sought.lookups += 1;
        Absent { payment, since: sought.recalls, asked: Box::new(asked) }
    }

    /// A look-up has ended; whether what it found may not be how the payment left the last time.
    fn end_lookup(&mut self, payment: PaymentId, since: u64) -> bool {
        let Entry::Occupied(mut sought) = self.sought.entry(payment) else {
            unreachable!("what ends was begun: {payment}")
        };
        let came_back = sought.get().recalls != since;
        sought.get_mut().lookups -= 1;
        if sought.get().lookups == 0 {
            sought.remove();
        }
        came_back && !is_planted(PlantedFault::RecalledAsItOnceLeft)
    }

    /// Goes on with a request for a payment whose key stands for one that was not in memory.
    pub fn found_for_payment<A>(
        &mut self,
        absent: Absent<Submission<C, A>>,
        found: &Finding,
        moment: Moment,
    ) -> Found<C, A, Submission<C, A>> {
        let Absent { payment, since, asked } = absent;
        let asked = *asked;
        let is_outdated = self.end_lookup(payment, since);
        if !self.may_be_away(payment) {
            return Found::Back(None, asked);
        }
        if is_outdated {
            return Found::Again(self.absent(payment, asked));
        }
        let decision = self.decide(Command::CreatePayment(asked.command.clone()), moment);
        let subject = Subject::Payment(payment);
        if decision != Ok(Decision::Replayed { subject }) {
            // The key was forgotten meanwhile, and stands for nothing or for another payment.
            return Found::Back(None, asked);
        }
        Found::Answered(Step::reply(asked.caller, answer_of(found, subject)))
    }

    /// Goes on with what was asked of a payment that was not in memory. Where something is to be done
    /// to it the payment comes back; a repeated request is answered without.
    pub fn found_for_operation<A>(
        &mut self,
        absent: Absent<Request<C>>,
        found: &Finding,
        room: bool,
        moment: Moment,
    ) -> Found<C, A, Request<C>> {
        let Absent { payment, since, asked } = absent;
        let asked = *asked;
        let is_outdated = self.end_lookup(payment, since);
        if !self.may_be_away(payment) {
            return Found::Back(None, asked);
        }
        if is_outdated {
            return Found::Again(self.absent(payment, asked));
        }
        let reply = match (self.decide(asked.command.clone().into(), moment), found) {
            (Ok(Decision::Replayed { subject }), found) => answer_of(found, subject),
            (Err(Rejection::PaymentNotFound(_)), Ok(Some(history)))
                if is_for(&asked.command, history) =>
            {
                match self.refused_if_back(history, &asked.command, moment) {
                    Some(rejection) => Err(CommandError::Rejected(rejection)),
                    None if room => {
                        return Found::Back(Some(self.recall(history, moment)), asked);
                    }
                    None => Err(CommandError::StorageFull),
                }
            }
            (Err(Rejection::PaymentNotFound(_)), Err(Unreadable)) => {
                Err(CommandError::ArchiveUnreadable)
            }
            (Err(rejection), _) => Err(CommandError::Rejected(rejection)),
            (Ok(Decision::Accepted { .. } | Decision::Unchanged), _) => {
                unreachable!("nothing is done to a payment that is not in memory")
            }
        };
        Found::Answered(Step::reply(asked.caller, reply))
    }

    /// Goes on with a provider's report of a payment that was not in memory.
    ///
    /// # Errors
    /// Where it is to nobody, and where that cannot be told.
    pub fn found_for_report<A>(
        &mut self,
        absent: Absent<ProviderReport>,
        found: &Finding,
        moment: Moment,
    ) -> Result<Found<C, A, ProviderReport>, Unheard> {
        let Absent { payment, since, asked } = absent;
        let asked = *asked;
        let is_outdated = self.end_lookup(payment, since);
        if !self.may_be_away(payment) {
            return Ok(Found::Back(None, asked));
        }
        if is_outdated {
            return Ok(Found::Again(self.absent(payment, asked)));
        }
        match found {
            Ok(Some(history)) => Ok(Found::Back(Some(self.recall(history, moment)), asked)),
            Ok(None) => Err(Unheard::Rejected(Rejection::PaymentNotFound(payment))),
            Err(Unreadable) => Err(Unheard::Unreadable),
        }
    }

    fn recall<A>(&mut self, history: &Arc<History>, moment: Moment) -> Step<C, A> {
        let decision = self.decide(Command::RecallPayment(Arc::clone(history)), moment);
        let Ok(Decision::Accepted { record, .. }) = decision else {
            unreachable!("a payment that is away comes back: {decision:?}")
        };
        self.recalls += 1;
        if let Some(sought) = self.sought.get_mut(&history.id()) {
            sought.recalls += 1;
        }
        self.accept(record)
    }

    fn refused_if_back(
        &self,
        history: &History,
        command: &PaymentCommand,
        moment: Moment,
    ) -> Option<Rejection> {
        self.state.refused_if_back(history, command.clone().into(), &self.env(moment))
    }
}

/// Whether the command is by whoever the payment belongs to. Others cannot tell it from one that does
/// not exist, and must not move it either.
fn is_for(command: &PaymentCommand, history: &History) -> bool {
    let intent = history.intent();
    command
        .target()
        .is_none_or(|target| target.merchant == intent.merchant && target.mode == intent.mode)
}

/// What a repeated request is answered with.
fn answer_of(found: &Finding, subject: Subject) -> PaymentReply {
    // A key stands for what there is, so that the archive has it.
    let Ok(Some(history)) = found else { return Err(CommandError::ArchiveUnreadable) };
    let payment = history.payment();
    match subject {
        Subject::Payment(_) => {
            let payment = payment.as_first_answered().clone();
            Ok(Box::new(Answer { payment, operation: None, replayed: true }))
        }
        Subject::Operation(id) => {
            let payment = payment.as_answered_to(id);
            Ok(Box::new(Answer { payment, operation: Some(id), replayed: true }))
        }
        Subject::Review(_) => {
            let payment = payment.as_answered_to_approval().clone();
            Ok(Box::new(Answer { payment, operation: None, replayed: true }))
        }
        // Only a digest that two requests share could lead here.
        Subject::Order(_) => Err(CommandError::Rejected(Rejection::IdempotencyKeyReused)),
    }
}
