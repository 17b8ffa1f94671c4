//! One payment shard without its surroundings: commands go in, [`Step`]s come out.
//!
//! It holds the state, and who waits for which payment. Time, chance and whether the disk has room
//! come with each command; whoever drives it appends the step's record to the log and lets the rest
//! go. Live that is an actor; the simulation does it by a seed.
//!
//! Invariant: a step's reply and calls rest on its record or, where it has none, on every record
//! before it. They may leave only once that is durable.
//!
//! Not here: actors, channels, clocks, the log.

mod recall;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use tokio::sync::oneshot;
use tollgate_domain::{
    Command, CreateOrder, CreatePayment, Decision, Env, Event, PAYMENTS_PER_RECORD, Payment,
    PaymentId, Policy, Record, Rejection, ShardState, Subject, Timestamp,
    codec::{self, CodecError},
};

use recall::SoughtByAll;
pub use recall::{Absent, Find, Finding, Found, Unheard, Unreadable, Wanted};

use crate::{
    archive::{Departures, OrderPlace},
    effects::PreparedCall,
    engine::{Answer, OrderAnswer},
    error::CommandError,
    payment_command::PaymentCommand,
    provider_report::ProviderReport,
};

/// The shard. `C` is who waits for a payment, or for an operation on one.
pub struct Shard<C> {
    state: ShardState,
    policy: Arc<Policy>,
    /// Requests that wait until what they asked for has settled. Not part of the state: nobody waits
    /// any more after a restart.
    waiters: HashMap<Subject, C>,
    /// What is looked for in the archive.
    sought: SoughtByAll,
    /// How often a payment has come back in this life.
    recalls: u64,
    /// How often an order has.
    order_recalls: u64,
    log_failed: bool,
}

/// Who waits for a payment, or for an operation on one.
pub trait Caller {
    /// Whether he still does.
    fn is_waiting(&self) -> bool;
}

/// When a command is decided, and by what chance.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time that is trusted. The shard's own never goes back, whatever this is.
    pub time: Timestamp,
    /// Random bits, fresh for each command.
    pub entropy: [u64; 3],
}

/// A merchant's request for a payment.
pub struct Submission<C, A> {
    /// What is asked for.
    pub command: Box<CreatePayment>,
    /// What the provider call needs and the log must never see.
    pub attachment: A,
    /// Who asks.
    pub caller: C,
    /// Whether he is answered once the payment has settled, or as soon as it is recorded.
    pub until_settled: bool,
}

/// Something asked for a payment that exists.
pub struct Request<C> {
    /// What is asked for.
    pub command: PaymentCommand,
    /// Who asks.
    pub caller: C,
    /// Whether he is answered once it has settled, or as soon as it is recorded.
    pub until_settled: bool,
}

/// What a caller is told of his payment.
pub type PaymentReply = Result<Box<Answer>, CommandError>;

/// What a command comes to.
pub struct Step<C, A> {
    /// The record to append; applied already.
    pub record: Option<NewRecord>,
    /// What was begun for the caller.
    pub begun: Option<Subject>,
    /// Who is told what.
    pub replies: Vec<(C, PaymentReply)>,
    /// The provider calls that are owed.
    pub calls: Vec<PreparedCall<A>>,
}

/// What a request for an order comes to.
pub enum OrderStep {
    /// It is answered. That rests on the record, or on every record before it.
    Answered(Option<NewRecord>, OrderAnswer),
    /// It is refused.
    Refused(CommandError),
    /// Its key stands for an order that is not in memory.
    Absent(Absent<CreateOrder>),
}

/// A record, and the bytes of it that the log takes.
pub struct NewRecord {
    /// What it says.
    pub record: Record<Event>,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What the archive has to be given once it is durable.
    pub departures: Option<Departures>,
}

/// What a restart owes and has not dealt with yet.
pub struct Unsettled {
    pieces: VecDeque<Vec<PaymentId>>,
    /// Whether a record had no room for all of the first piece.
    goes_on: bool,
}

impl<C: Caller> Shard<C> {
    /// A shard as replay left it.
    #[must_use]
    pub fn new(state: ShardState, policy: Arc<Policy>) -> Self {
        let (waiters, sought) = (HashMap::new(), SoughtByAll::default());
        let (recalls, order_recalls) = (0, 0);
        Self { state, policy, waiters, sought, recalls, order_recalls, log_failed: false }
    }

    /// What it knows.
    #[must_use]
    pub fn state(&self) -> &ShardState {
        &self.state
    }

    /// Whether the log has failed: nobody is answered any more, and nobody waits.
    #[must_use]
    pub fn has_stopped(&self) -> bool {
        self.log_failed
    }

    /// How often a payment has come back in this life.
    #[must_use]
    pub fn recalls(&self) -> u64 {
        self.recalls
    }

    /// How often an order has come back in this life.
    #[must_use]
    pub fn order_recalls(&self) -> u64 {
        self.order_recalls
    }

    /// Creates a payment, or answers as before where its idempotency key was used. Without `room` on
    /// the disk no new one is begun.
    ///
    /// # Errors
    /// Where the key stands for a payment that is not in memory, or it is for an order that is not, and
    /// not because there never was one.
    pub fn create_payment<A>(
        &mut self,
        submission: Submission<C, A>,
        room: bool,
        moment: Moment,
    ) -> Result<Step<C, A>, Absent<Submission<C, A>>> {
        if let Some(wanted) = self.wanted_for(&submission.command) {
            let decision = self.decide(Command::CreatePayment(submission.command.clone()), moment);
            let waits = match (wanted, &decision) {
                (Wanted::Payment(_), Ok(Decision::Replayed { .. })) => true,
                (Wanted::Order(place), Err(Rejection::OrderNotFound(order))) => {
                    place.order == *order
                }
                (Wanted::Payment(_) | Wanted::Order(_), _) => false,
            };
            if waits {
                return Err(self.sought.begin(wanted, submission));
            }
        }
        let Submission { command, attachment, caller, until_settled } = submission;
        let decision = self.decide(Command::CreatePayment(command), moment);
        Ok(self.begin(decision, caller, until_settled, room, Some(attachment)))
    }

    /// What has to be looked for before a payment can be created, or answered again: the payment that
    /// the command's key stands for or, where that stands for nothing, the order that is to be paid;
    /// where it may have left memory.
    fn wanted_for(&self, command: &CreatePayment) -> Option<Wanted> {
        let known = command.idempotency.and_then(|(key, _)| self.state.idempotency().get(key));
        match known {
            Some((_fingerprint, Subject::Payment(id))) => {
                self.may_be_away(id).then_some(Wanted::Payment(id))
            }
            Some((_, Subject::Operation(_) | Subject::Order(_) | Subject::Review(_))) => None,
            None => {
                let order = command.order.filter(|order| self.may_order_be_away(*order))?;
                let (merchant, mode) = (command.merchant, command.mode);
                Some(Wanted::Order(OrderPlace { merchant, mode, order }))
            }
        }
    }

    /// Begins what is asked for a payment, or answers as before where its idempotency key was used.
    /// Without `room` on the disk nothing new is begun.
    ///
    /// # Errors
    /// Where the payment is not in memory, and not because there never was one.
    pub fn operate<A>(
        &mut self,
        request: Request<C>,
        room: bool,
        moment: Moment,
    ) -> Result<Step<C, A>, Absent<Request<C>>> {
        let payment = request.command.payment();
        if self.may_be_away(payment) {
            return match self.decide(request.command.clone().into(), moment) {
                Ok(_) | Err(Rejection::PaymentNotFound(_)) => {
                    Err(self.sought.begin(Wanted::Payment(payment), request))
                }
                Err(rejection) => {
                    Ok(Step::reply(request.caller, Err(CommandError::Rejected(rejection))))
                }
            };
        }
        let Request { command, caller, until_settled } = request;
        let decision = self.decide(command.into(), moment);
        Ok(self.begin(decision, caller, until_settled, room, None))
    }

    /// Creates an order, or answers as before where its idempotency key was used.
    pub fn create_order(
        &mut self,
        command: Box<CreateOrder>,
        room: bool,
        moment: Moment,
    ) -> OrderStep {
        match self.decide(Command::CreateOrder(command.clone()), moment) {
            Ok(Decision::Accepted { .. }) if !room => OrderStep::Refused(CommandError::StorageFull),
            Ok(Decision::Accepted { record, subject: Some(Subject::Order(id)) }) => {
                let Ok(bytes) = codec::encode(&record) else {
                    return OrderStep::Refused(CommandError::TooLarge);
                };
                self.state.apply(&record);
                let record = NewRecord { record, bytes, departures: None };
                let order = self.state.order(id).expect("it is created").clone();
                OrderStep::Answered(Some(record), OrderAnswer { order, replayed: false })
            }
            Ok(Decision::Replayed { subject: Subject::Order(id) }) => match self.state.order(id) {
                Some(order) => {
                    let order = order.clone();
                    OrderStep::Answered(None, OrderAnswer { order, replayed: true })
                }
                None => {
                    let (merchant, mode) = (command.merchant, command.mode);
                    let place = OrderPlace { merchant, mode, order: id };
                    OrderStep::Absent(self.sought.begin(Wanted::Order(place), *command))
                }
            },
            Ok(Decision::Replayed {
                subject: Subject::Payment(_) | Subject::Operation(_) | Subject::Review(_),
            }) => OrderStep::Refused(CommandError::Rejected(Rejection::IdempotencyKeyReused)),
            Ok(Decision::Accepted { .. } | Decision::Unchanged) => {
                unreachable!("an order is created, replayed or rejected")
            }
            Err(rejection) => OrderStep::Refused(CommandError::Rejected(rejection)),
        }
    }

    /// Takes in a provider's answer; nothing follows from one that says nothing new.
    ///
    /// # Errors
    /// Where the answer is to nobody, and where its payment is not in memory.
    pub fn record_outcome<A>(
        &mut self,
        report: ProviderReport,
        moment: Moment,
    ) -> Result<Option<Step<C, A>>, Unheard> {
        let payment = report.payment();
        if self.may_be_away(payment) {
            return Err(Unheard::Absent(self.sought.begin(Wanted::Payment(payment), report)));
        }
        match self.decide(report.into(), moment).map_err(Unheard::Rejected)? {
            Decision::Accepted { record, .. } => Ok(Some(self.accept(record))),
            Decision::Unchanged | Decision::Replayed { .. } => Ok(None),
        }
    }

    /// Lets payments leave memory of which nothing is left to do, and orders behind them, as many as
    /// one record takes; `None` where none has to.
    pub fn archive<A>(&mut self, moment: Moment) -> Option<Step<C, A>> {
        let now = self.now(moment);
        if self.state.next_departure(&self.policy.archive).is_none_or(|due_at| due_at > now) {
            return None;
        }
        match self.decide(Command::ArchiveFinished, moment) {
            Ok(Decision::Accepted { record, .. }) => Some(self.accept(record)),
            Ok(Decision::Unchanged | Decision::Replayed { .. }) => None,
            Err(rejection) => unreachable!("nobody is kept from leaving: {rejection}"),
        }
    }

    /// Does what is due, as much as one record takes; `None` where nothing is.
    pub fn tick<A>(&mut self, moment: Moment) -> Option<Step<C, A>> {
        let now = self.now(moment);
        if self.state.next_due(&self.policy).is_none_or(|due_at| due_at > now) {
            return None;
        }
        match self.decide(Command::Tick, moment) {
            Ok(Decision::Accepted { record, .. }) => Some(self.accept(record)),
            Ok(Decision::Unchanged | Decision::Replayed { .. }) => None,
            Err(rejection) => unreachable!("a tick is never rejected: {rejection}"),
        }
    }

    /// What a restart owes: to ask what became of every attempt and operation without an outcome. It
    /// is done piece by piece, by [`Shard::resolve_next`].
    #[must_use]
    pub fn unsettled(&self) -> Unsettled {
        let pieces = self.state.unresolved();
        let pieces = pieces.chunks(PAYMENTS_PER_RECORD).map(<[PaymentId]>::to_vec).collect();
        Unsettled { pieces, goes_on: false }
    }

    /// The next record of what a restart owes, to be handed to the log before the one after it is
    /// decided; `None` once nothing is owed any more.
    pub fn resolve_next<A>(
        &mut self,
        unsettled: &mut Unsettled,
        moment: Moment,
    ) -> Option<Step<C, A>> {
        while let Some(payments) = unsettled.pieces.front() {
            let command = match unsettled.goes_on {
                false => Command::ResolveUnsettled(payments.clone()),
                true => Command::ResolveOpenCalls(payments.clone()),
            };
            let step = match self.decide(command, moment) {
                Ok(Decision::Accepted { record, .. }) => Some(self.accept(record)),
                Ok(Decision::Unchanged | Decision::Replayed { .. }) => None,
                Err(rejection) => unreachable!("resolving is never rejected: {rejection}"),
            };
            // One record has no room for every operation that payments may have.
            let mut payments = payments.iter().filter_map(|id| self.state.payment(*id));
            unsettled.goes_on = step.is_some() && payments.any(Payment::has_open_call);
            if !unsettled.goes_on {
                unsettled.pieces.pop_front();
            }
            if step.is_some() {
                return step;
            }
        }
        None
    }

    /// A payment as it stands now.
    #[must_use]
    pub fn read(&self, id: PaymentId) -> Option<Box<Payment>> {
        self.state.payment(id).map(|payment| Box::new(payment.clone()))
    }

    /// The log has failed: gives back who waits, for he will never be answered.
    pub fn stop(&mut self) -> impl Iterator<Item = C> {
        self.log_failed = true;
        self.waiters.drain().map(|(_subject, caller)| caller)
    }

    fn decide(&self, command: Command, moment: Moment) -> Result<Decision, Rejection> {
        self.state.decide(command, &self.env(moment))
    }

    fn env(&self, moment: Moment) -> Env<'_> {
        Env {
            now: self.now(moment),
            shard: self.state.shard(),
            entropy: moment.entropy,
            policy: &self.policy,
        }
    }

    fn now(&self, moment: Moment) -> Timestamp {
        moment.time.max(self.state.last_time())
    }

    /// Does what was decided for a caller, or tells him why not.
    fn begin<A>(
        &mut self,
        decision: Result<Decision, Rejection>,
        caller: C,
        until_settled: bool,
        room: bool,
        attachment: Option<A>,
    ) -> Step<C, A> {
        let (record, subject) = match decision {
            Ok(Decision::Accepted { .. }) if !room => {
                return Step::reply(caller, Err(CommandError::StorageFull));
            }
            Ok(Decision::Accepted { record, subject: Some(subject) }) => (record, subject),
            Ok(Decision::Replayed { subject }) => {
                return Step::reply(caller, self.replay_answer(subject));
            }
            Ok(Decision::Accepted { subject: None, .. } | Decision::Unchanged) => {
                unreachable!("what is asked for is begun, replayed or rejected")
            }
            Err(rejection) => return Step::reply(caller, Err(CommandError::Rejected(rejection))),
        };
        let mut step = match self.apply(record, attachment) {
            Ok(step) => step,
            Err(_too_large) => return Step::reply(caller, Err(CommandError::TooLarge)),
        };
        step.begun = Some(subject);
        if until_settled && !self.is_settled(subject) {
            self.waiters.insert(subject, caller);
        } else {
            step.replies.push((caller, self.answer(subject, false)));
        }
        step
    }

    /// Encodes and applies a record, and prepares the calls it owes.
    fn apply<A>(
        &mut self,
        record: Record<Event>,
        mut attachment: Option<A>,
    ) -> Result<Step<C, A>, CodecError> {
        let bytes = codec::encode(&record)?;
        let departures = Departures::of(&self.state, &record);
        self.state.apply(&record);
        let calls = record
            .effects
            .iter()
            .filter_map(|effect| self.state.provider_call(*effect))
            .map(|call| PreparedCall { call, attachment: attachment.take(), permit: None })
            .collect();
        let record = Some(NewRecord { record, bytes, departures });
        Ok(Step { record, begun: None, replies: Vec::new(), calls })
    }

    /// Takes in a record of the gateway's own making: nobody waits for it but those who waited for
    /// its payments and operations before.
    fn accept<A>(&mut self, record: Record<Event>) -> Step<C, A> {
        let mut step = self
            .apply(record, None)
            .expect("records of outcomes, ticks and the archive are bounded");
        if !self.waiters.is_empty()
            && let Some(NewRecord { record, .. }) = &step.record
        {
            for event in &record.events {
                let payment = event.payment().map(Subject::Payment);
                let operation = event.operation().map(Subject::Operation);
                let told = payment.into_iter().chain(operation);
                step.replies.extend(told.filter_map(|subject| self.settled_reply(subject)));
            }
        }
        step
    }

    /// The reply for whoever waits for this, if it has settled now.
    fn settled_reply(&mut self, subject: Subject) -> Option<(C, PaymentReply)> {
        if !self.waiters.contains_key(&subject) || !self.is_settled(subject) {
            return None;
        }
        let caller = self.waiters.remove(&subject)?;
        Some((caller, self.answer(subject, false)))
    }

    /// Whether a request that waits for this can be answered for good.
    fn is_settled(&self, subject: Subject) -> bool {
        match subject {
            Subject::Payment(id) => {
                self.state.payment(id).is_some_and(|payment| payment.state().is_final_answer())
            }
            Subject::Operation(id) => self
                .state
                .payment_of(id)
                .and_then(|payment| payment.operation(id))
                .is_some_and(tollgate_domain::Operation::is_final_answer),
            Subject::Order(_) | Subject::Review(_) => true,
        }
    }

    fn replay_answer(&self, subject: Subject) -> PaymentReply {
        if self.waiters.get(&subject).is_some_and(Caller::is_waiting) {
            return Err(CommandError::InProgress);
        }
        self.answer(subject, true)
    }

    /// What is told of this: as it stands, or on a repeat as it was first told.
    fn answer(&self, subject: Subject, replayed: bool) -> PaymentReply {
        match subject {
            Subject::Payment(id) => {
                let payment = self.state.payment(id).expect("a key stands for what there is");
                let shown = if replayed { payment.as_first_answered() } else { payment };
                Ok(Box::new(Answer { payment: shown.clone(), operation: None, replayed }))
            }
            Subject::Operation(id) => {
                let payment = self.state.payment_of(id).expect("a key stands for what there is");
                let payment = if replayed { payment.as_answered_to(id) } else { payment.clone() };
                Ok(Box::new(Answer { payment, operation: Some(id), replayed }))
            }
            Subject::Review(id) => {
                let payment = self.state.payment(id).expect("a key stands for what there is");
                let shown = if replayed { payment.as_answered_to_approval() } else { payment };
                Ok(Box::new(Answer { payment: shown.clone(), operation: None, replayed }))
            }
            // Only a digest that two requests share could lead here.
            Subject::Order(_) => Err(CommandError::Rejected(Rejection::IdempotencyKeyReused)),
        }
    }
}

impl<C, A> Step<C, A> {
    fn reply(caller: C, reply: PaymentReply) -> Self {
        Self { record: None, begun: None, replies: vec![(caller, reply)], calls: Vec::new() }
    }
}

impl<T> Caller for oneshot::Sender<T> {
    fn is_waiting(&self) -> bool {
        !self.is_closed()
    }
}
