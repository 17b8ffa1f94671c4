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

use std::{collections::HashMap, sync::Arc};

use tokio::sync::oneshot;
use tollgate_domain::{
    Command, CreatePayment, Decision, Env, Event, PAYMENTS_PER_RECORD, Payment, PaymentId, Policy,
    Record, RecordProviderOutcome, Rejection, ShardState, Timestamp,
    codec::{self, CodecError},
};

use crate::{effects::PreparedCall, engine::Answer, error::CommandError};

/// The shard. `C` is who waits for a payment.
pub struct Shard<C> {
    state: ShardState,
    policy: Arc<Policy>,
    /// Requests that wait until their payment has settled. Not part of the state: nobody waits
    /// any more after a restart.
    waiters: HashMap<PaymentId, C>,
    log_failed: bool,
}

/// Who waits for a payment.
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

/// What a caller is told of his payment.
pub type PaymentReply = Result<Box<Answer>, CommandError>;

/// What a command comes to.
pub struct Step<C, A> {
    /// The record to append; applied already.
    pub record: Option<NewRecord>,
    /// The payment that was created.
    pub created: Option<PaymentId>,
    /// Who is told what.
    pub reply: Option<(C, PaymentReply)>,
    /// The provider calls that are owed.
    pub calls: Vec<PreparedCall<A>>,
}

/// A record, and the bytes of it that the log takes.
pub struct NewRecord {
    /// What it says.
    pub record: Record<Event>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl<C: Caller> Shard<C> {
    /// A shard as replay left it.
    #[must_use]
    pub fn new(state: ShardState, policy: Arc<Policy>) -> Self {
        Self { state, policy, waiters: HashMap::new(), log_failed: false }
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

    /// Creates a payment, or answers as before where its idempotency key was used. Without `room` on
    /// the disk no new one is begun.
    pub fn create_payment<A>(
        &mut self,
        submission: Submission<C, A>,
        room: bool,
        moment: Moment,
    ) -> Step<C, A> {
        let Submission { command, attachment, caller, until_settled } = submission;
        let (record, id) = match self.decide(Command::CreatePayment(command), moment) {
            Ok(Decision::Accepted { .. }) if !room => {
                return Step::reply(caller, Err(CommandError::StorageFull));
            }
            Ok(Decision::Accepted { record, payment: Some(payment) }) => (record, payment),
            Ok(Decision::Replayed { payment }) => {
                return Step::reply(caller, self.replay_answer(payment));
            }
            Ok(Decision::Accepted { payment: None, .. } | Decision::Unchanged) => {
                unreachable!("a payment is created, replayed or rejected")
            }
            Err(rejection) => return Step::reply(caller, Err(CommandError::Rejected(rejection))),
        };
        let mut step = match self.apply(record, Some(attachment)) {
            Ok(step) => step,
            Err(_too_large) => return Step::reply(caller, Err(CommandError::TooLarge)),
        };
        step.created = Some(id);
        if until_settled {
            self.waiters.insert(id, caller);
        } else {
            let payment = self.state.payment(id).expect("applied just now").clone();
            step.reply = Some((caller, Ok(Box::new(Answer { payment, replayed: false }))));
        }
        step
    }

    /// Takes in a provider's answer; nothing follows from one that says nothing new.
    ///
    /// # Errors
    /// Where the answer is to nobody.
    pub fn record_outcome<A>(
        &mut self,
        command: RecordProviderOutcome,
        moment: Moment,
    ) -> Result<Option<Step<C, A>>, Rejection> {
        match self.decide(Command::RecordProviderOutcome(command), moment)? {
            Decision::Accepted { record, payment } => Ok(Some(self.accept(record, payment))),
            Decision::Unchanged | Decision::Replayed { .. } => Ok(None),
        }
    }

    /// Does what is due, as much as one record takes; `None` where nothing is.
    pub fn tick<A>(&mut self, moment: Moment) -> Option<Step<C, A>> {
        let now = self.now(moment);
        if self.state.next_due(&self.policy).is_none_or(|due_at| due_at > now) {
            return None;
        }
        match self.decide(Command::Tick, moment) {
            Ok(Decision::Accepted { record, payment }) => Some(self.accept(record, payment)),
            Ok(Decision::Unchanged | Decision::Replayed { .. }) => None,
            Err(rejection) => unreachable!("a tick is never rejected: {rejection}"),
        }
    }

    /// What a restart owes: to ask what became of every attempt without an outcome.
    pub fn resolve_attempts<A>(&mut self, mut moment: impl FnMut() -> Moment) -> Vec<Step<C, A>> {
        let unresolved = self.state.unresolved();
        let mut steps = Vec::new();
        for payments in unresolved.chunks(PAYMENTS_PER_RECORD) {
            match self.decide(Command::ResolveAttempts(payments.to_vec()), moment()) {
                Ok(Decision::Accepted { record, payment }) => {
                    steps.push(self.accept(record, payment));
                }
                Ok(Decision::Unchanged | Decision::Replayed { .. }) => {}
                Err(rejection) => unreachable!("resolving is never rejected: {rejection}"),
            }
        }
        steps
    }

    /// A payment as it stands now.
    #[must_use]
    pub fn read(&self, id: PaymentId) -> Option<Box<Payment>> {
        self.state.payment(id).map(|payment| Box::new(payment.clone()))
    }

    /// The log has failed: gives back who waits, for he will never be answered.
    pub fn stop(&mut self) -> impl Iterator<Item = C> {
        self.log_failed = true;
        self.waiters.drain().map(|(_payment, caller)| caller)
    }

    fn decide(&self, command: Command, moment: Moment) -> Result<Decision, Rejection> {
        let env = Env {
            now: self.now(moment),
            shard: self.state.shard(),
            entropy: moment.entropy,
            policy: &self.policy,
        };
        self.state.decide(command, &env)
    }

    fn now(&self, moment: Moment) -> Timestamp {
        moment.time.max(self.state.last_time())
    }

    /// Encodes and applies a record, and prepares the calls it owes.
    fn apply<A>(
        &mut self,
        record: Record<Event>,
        mut attachment: Option<A>,
    ) -> Result<Step<C, A>, CodecError> {
        let bytes = codec::encode(&record)?;
        self.state.apply(&record);
        let calls = record
            .effects
            .iter()
            .filter_map(|effect| self.state.provider_call(*effect))
            .map(|call| PreparedCall { call, attachment: attachment.take(), permit: None })
            .collect();
        Ok(Step { record: Some(NewRecord { record, bytes }), created: None, reply: None, calls })
    }

    /// Takes in a record of the gateway's own making: nobody waits for it but those who waited for
    /// its payments before.
    fn accept<A>(&mut self, record: Record<Event>, payment: Option<PaymentId>) -> Step<C, A> {
        let mut step = self.apply(record, None).expect("records of outcomes and ticks are bounded");
        step.reply = payment.and_then(|payment| self.settled_reply(payment));
        step
    }

    /// The reply for whoever waits for this payment, if it has settled now.
    fn settled_reply(&mut self, id: PaymentId) -> Option<(C, PaymentReply)> {
        let payment = self.state.payment(id)?;
        if !payment.state().is_final_answer() {
            return None;
        }
        let caller = self.waiters.remove(&id)?;
        let answer = Answer { payment: payment.clone(), replayed: false };
        Some((caller, Ok(Box::new(answer))))
    }

    fn replay_answer(&self, id: PaymentId) -> PaymentReply {
        if self.waiters.get(&id).is_some_and(Caller::is_waiting) {
            return Err(CommandError::InProgress);
        }
        let payment = self.state.payment(id).expect("an idempotency key stands for a payment");
        Ok(Box::new(Answer { payment: payment.as_first_answered().clone(), replayed: true }))
    }
}

impl<C, A> Step<C, A> {
    fn reply(caller: C, reply: PaymentReply) -> Self {
        Self { record: None, created: None, reply: Some((caller, reply)), calls: Vec::new() }
    }
}

impl<T> Caller for oneshot::Sender<T> {
    fn is_waiting(&self) -> bool {
        !self.is_closed()
    }
}
