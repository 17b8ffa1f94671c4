//! What is asked of a payment or an order that has left memory: how it is asked for, and what comes of
//! it once the archive has been looked into.
//!
//! Invariants: what comes back is as it left the last time. Between look-up and recall it may have been
//! back and have left again; so the look-up is repeated where it has. A payment comes back behind its
//! order, in the same turn. A command that would be refused anyhow brings nothing back.

mod sought;

use std::sync::Arc;

use tollgate_domain::{
    Command, CreateOrder, Decision, History, Order, OrderId, PaymentId, Rejection, Subject,
};

use super::{Caller, Moment, OrderStep, PaymentReply, Request, Shard, Step, Submission};
use crate::{
    archive::OrderPlace,
    engine::{Answer, OrderAnswer},
    error::CommandError,
    payment_command::PaymentCommand,
    provider_report::ProviderReport,
};
pub(super) use sought::SoughtByAll;
pub use sought::{Absent, Wanted};

/// What the archive has of what was looked for.
pub type Finding = Result<Option<Find>, Unreadable>;

/// Something that has left memory, as it was when it left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Find {
    /// A payment.
    Payment(Arc<History>),
    /// An order.
    Order(Arc<Order>),
}

/// The archive could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unreadable;

/// What comes of something that has waited for the archive.
pub enum Found<C, A, T> {
    /// What was looked for is in memory, by this record where it has come back just now. Once that is
    /// handed to the log, it can be asked for again.
    Back(Option<Step<C, A>>, T),
    /// The order of a payment that was found has come back by this record. Once that is handed to the
    /// log, the rest goes on with what was found, at once.
    OrderBack(Step<C, A>, Absent<T>, Finding),
    /// It is answered without.
    Answered(Step<C, A>),
    /// It, or what it hangs on, has to be looked for.
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

/// A payment that was found, and its order where that had to be found as well.
struct Left {
    history: Arc<History>,
    order: Option<Arc<Order>>,
}

/// A look-up for a payment has ended.
enum Ended<T> {
    /// Nothing is to be made of it: the payment is in memory by now.
    Present(T),
    /// What was found may be outdated: it is looked for again.
    Outdated(Absent<T>),
    /// What was asked, and what there is of the payment.
    Current(T, Result<Option<Left>, Unreadable>),
}

impl<C: Caller> Shard<C> {
    /// Whether a payment that is not in memory may have left it.
    #[must_use]
    pub fn may_be_away(&self, payment: PaymentId) -> bool {
        self.state.departed_count() > 0 && self.state.payment(payment).is_none()
    }

    /// Whether an order that is not in memory may have left it.
    #[must_use]
    pub fn may_order_be_away(&self, order: OrderId) -> bool {
        self.state.departed_orders() > 0 && self.state.order(order).is_none()
    }

    /// Goes on with a request for a payment whose key stands for one that was not in memory, or that
    /// is for an order that was not.
    pub fn found_for_payment<A>(
        &mut self,
        absent: Absent<Submission<C, A>>,
        found: &Finding,
        room: bool,
        moment: Moment,
    ) -> Found<C, A, Submission<C, A>> {
        match absent.wanted() {
            Wanted::Payment(payment) => self.found_for_repeat(payment, absent, found, moment),
            Wanted::Order(place) => self.found_for_new(place, absent, found, room, moment),
        }
    }

    fn found_for_repeat<A>(
        &mut self,
        payment: PaymentId,
        absent: Absent<Submission<C, A>>,
        found: &Finding,
        moment: Moment,
    ) -> Found<C, A, Submission<C, A>> {
        let (asked, found) = match self.end(payment, absent, found) {
            Ended::Present(asked) => return Found::Back(None, asked),
            Ended::Outdated(absent) => return Found::Again(absent),
            Ended::Current(asked, found) => (asked, found),
        };
        let decision = self.decide(Command::CreatePayment(asked.command.clone()), moment);
        let subject = Subject::Payment(payment);
        if decision != Ok(Decision::Replayed { subject }) {
            // The key was forgotten meanwhile, and stands for nothing or for another payment.
            return Found::Back(None, asked);
        }
        Found::Answered(Step::reply(asked.caller, answer_of(&found, subject)))
    }

    fn found_for_new<A>(
        &mut self,
        place: OrderPlace,
        absent: Absent<Submission<C, A>>,
        found: &Finding,
        room: bool,
        moment: Moment,
    ) -> Found<C, A, Submission<C, A>> {
        let (asked, is_outdated) = self.sought.end(absent);
        if !self.may_order_be_away(place.order) {
            return Found::Back(None, asked);
        }
        if is_outdated {
            return Found::Again(self.sought.begin(Wanted::Order(place), asked));
        }
        let decision = self.decide(Command::CreatePayment(asked.command.clone()), moment);
        if decision != Err(Rejection::OrderNotFound(place.order)) {
            // What has happened meanwhile decides it without the order.
            return Found::Back(None, asked);
        }
        let refused = match found {
            Ok(Some(Find::Order(order))) => {
                let env = self.env(moment);
                match self.state.refused_if_order_back(order, asked.command.clone(), &env) {
                    None if room => {
                        return Found::Back(Some(self.recall_order(order, moment)), asked);
                    }
                    None => CommandError::StorageFull,
                    Some(rejection) => CommandError::Rejected(rejection),
                }
            }
            Ok(None) => CommandError::Rejected(Rejection::OrderNotFound(place.order)),
            Ok(Some(Find::Payment(_))) | Err(Unreadable) => CommandError::ArchiveUnreadable,
        };
        Found::Answered(Step::reply(asked.caller, Err(refused)))
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
        let payment = absent.asked.command.payment();
        let (asked, found) = match self.end(payment, absent, found) {
            Ended::Present(asked) => return Found::Back(None, asked),
            Ended::Outdated(absent) => return Found::Again(absent),
            Ended::Current(asked, found) => (asked, found),
        };
        let reply = match (self.decide(asked.command.clone().into(), moment), found) {
            (Ok(Decision::Replayed { subject }), found) => answer_of(&found, subject),
            (Err(Rejection::PaymentNotFound(_)), Ok(Some(left)))
                if is_for(&asked.command, &left.history) =>
            {
                match self.refused_if_back(&left.history, &asked.command, moment) {
                    Some(rejection) => Err(CommandError::Rejected(rejection)),
                    None if room => return self.bring_back(left, asked, moment),
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
        let payment = absent.asked.payment();
        match self.end(payment, absent, found) {
            Ended::Present(asked) => Ok(Found::Back(None, asked)),
            Ended::Outdated(absent) => Ok(Found::Again(absent)),
            Ended::Current(asked, Ok(Some(left))) => Ok(self.bring_back(left, asked, moment)),
            Ended::Current(_asked, Ok(None)) => {
                Err(Unheard::Rejected(Rejection::PaymentNotFound(payment)))
            }
            Ended::Current(_asked, Err(Unreadable)) => Err(Unheard::Unreadable),
        }
    }

    /// Goes on with a request for an order whose key stands for one that was not in memory.
    pub fn found_for_order(
        &mut self,
        absent: Absent<CreateOrder>,
        found: &Finding,
        room: bool,
        moment: Moment,
    ) -> OrderStep {
        let wanted = absent.wanted();
        let (asked, is_outdated) = self.sought.end(absent);
        let Wanted::Order(place) = wanted else {
            unreachable!("it waits for an order: {wanted:?}")
        };
        if self.may_order_be_away(place.order) && is_outdated {
            return OrderStep::Absent(self.sought.begin(wanted, asked));
        }
        let step = self.create_order(Box::new(asked), room, moment);
        let OrderStep::Absent(absent) = step else { return step };
        if absent.wanted() != wanted {
            // The key was forgotten meanwhile, and stands for another order.
            return OrderStep::Absent(absent);
        }
        let (_asked, _is_outdated) = self.sought.end(absent);
        // A key stands for what there is, so that the archive has it.
        match found {
            Ok(Some(Find::Order(order))) => {
                let order = Order::clone(order);
                OrderStep::Answered(None, OrderAnswer { order, replayed: true })
            }
            Ok(None | Some(Find::Payment(_))) | Err(Unreadable) => {
                OrderStep::Refused(CommandError::ArchiveUnreadable)
            }
        }
    }

    /// A look-up for a payment, or for its order behind that, has ended.
    fn end<T>(&mut self, payment: PaymentId, absent: Absent<T>, found: &Finding) -> Ended<T> {
        let before = absent.found_before();
        let (asked, is_outdated) = self.sought.end(absent);
        if !self.may_be_away(payment) {
            return Ended::Present(asked);
        }
        if is_outdated {
            return Ended::Outdated(self.sought.begin(Wanted::Payment(payment), asked));
        }
        let left = match (before, found) {
            (None, Ok(Some(Find::Payment(history)))) => {
                Ok(Some(Left { history: Arc::clone(history), order: None }))
            }
            (None, Ok(None)) => Ok(None),
            (Some(history), Ok(Some(Find::Order(order)))) => {
                Ok(Some(Left { history, order: Some(Arc::clone(order)) }))
            }
            // The order of a payment that there is has to be somewhere.
            (Some(_), Ok(None | Some(Find::Payment(_)))) | (None, Ok(Some(Find::Order(_)))) => {
                Err(Unreadable)
            }
            (_, Err(Unreadable)) => Err(Unreadable),
        };
        Ended::Current(asked, left)
    }

    /// A payment comes back, behind its order where that is away as well.
    fn bring_back<A, T>(&mut self, left: Left, asked: T, moment: Moment) -> Found<C, A, T> {
        let Left { history, order } = left;
        let intent = history.intent();
        let of_order = intent.order.filter(|order| self.state.order(*order).is_none());
        match (of_order, order) {
            (None, _) => Found::Back(Some(self.recall(&history, moment)), asked),
            (Some(_), Some(order)) => {
                let step = self.recall_order(&order, moment);
                let absent = self.sought.begin(Wanted::Payment(history.id()), asked);
                Found::OrderBack(step, absent, Ok(Some(Find::Payment(history))))
            }
            (Some(order), None) => {
                let (merchant, mode) = (intent.merchant, intent.mode);
                let place = OrderPlace { merchant, mode, order };
                Found::Again(self.sought.begin_behind(history, place, asked))
            }
        }
    }

    fn recall<A>(&mut self, history: &Arc<History>, moment: Moment) -> Step<C, A> {
        let decision = self.decide(Command::RecallPayment(Arc::clone(history)), moment);
        let Ok(Decision::Accepted { record, .. }) = decision else {
            unreachable!("a payment that is away comes back: {decision:?}")
        };
        self.recalls += 1;
        self.sought.came_back(Wanted::Payment(history.id()));
        self.accept(record)
    }

    fn recall_order<A>(&mut self, order: &Arc<Order>, moment: Moment) -> Step<C, A> {
        let decision = self.decide(Command::RecallOrder(Arc::clone(order)), moment);
        let Ok(Decision::Accepted { record, .. }) = decision else {
            unreachable!("an order that is away comes back: {decision:?}")
        };
        self.order_recalls += 1;
        self.sought.came_back(Wanted::Order(OrderPlace::of(order)));
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
fn answer_of(found: &Result<Option<Left>, Unreadable>, subject: Subject) -> PaymentReply {
    // A key stands for what there is, so that the archive has it.
    let Ok(Some(Left { history, .. })) = found else { return Err(CommandError::ArchiveUnreadable) };
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
