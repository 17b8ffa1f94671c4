//! One payment shard: owns its merchants' payments and applies commands one after another.
//!
//! Invariant: what has been applied has been handed to the log before, in the same order, and
//! nothing is told to anyone but through [`Lane`].

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use rand::{RngExt, rngs::StdRng};
use tokio::sync::oneshot;
use tollgate_domain::{
    Command, CreatePayment, Decision, Env, Event, PAYMENTS_PER_RECORD, Payment, PaymentId, Policy,
    Record, RecordProviderOutcome, ShardState,
    codec::{self, CodecError},
};

use crate::{
    abort_guard::AbortOnPanic,
    admission::Permit,
    clock::Clock,
    completion::{Completion, PaymentReply, Reply},
    effects::{Attachment, PreparedCall},
    engine::Answer,
    error::CommandError,
    lane::Lane,
    router::AreYouThere,
};

/// How often a shard looks whether something is due. Half a second is the shortest wait of the
/// default policy, and a fifth of it is late enough.
const TICK: Duration = Duration::from_millis(100);

/// Records that one tick may write. At [`PAYMENTS_PER_RECORD`] each this is some 10,000 payments a
/// second and shard, and under a millisecond at a time.
const ROUNDS_PER_TICK: usize = 8;

/// The actor.
pub(crate) struct ShardActor<A: Attachment> {
    pub(crate) state: ShardState,
    pub(crate) lane: Lane<A>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) entropy: StdRng,
    /// Requests that wait until their payment has settled. Not part of the state: nobody waits
    /// any more after a restart.
    pub(crate) waiters: HashMap<PaymentId, Waiter>,
    /// Whether the log has failed: from then on nobody is answered, and nobody waits.
    pub(crate) log_failed: bool,
}

pub(crate) struct Waiter {
    reply: PaymentReply,
}

/// What can be sent to a shard.
pub(crate) enum Mail<A> {
    Submission(SubmitPayment<A>),
    Outcome(ReportOutcome),
    Read(ReadPayment),
}

/// Mail that arrives together, in order.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Bundle<A>(pub(crate) Vec<Mail<A>>);

/// A merchant's request for a payment.
pub(crate) struct SubmitPayment<A> {
    pub(crate) command: Box<CreatePayment>,
    pub(crate) attachment: A,
    /// Where the payment's id is left as soon as it exists, for a caller who wants the reply only
    /// once the payment has settled. `None` where he wants it as soon as it is recorded.
    pub(crate) until_settled: Option<Arc<OnceLock<PaymentId>>>,
    pub(crate) reply: PaymentReply,
    pub(crate) permit: Permit,
}

/// A provider's answer.
pub(crate) struct ReportOutcome {
    pub(crate) command: RecordProviderOutcome,
    pub(crate) permit: Option<Permit>,
}

/// A read.
pub(crate) struct ReadPayment {
    pub(crate) id: PaymentId,
    pub(crate) reply: oneshot::Sender<Result<Option<Box<Payment>>, CommandError>>,
    /// A read from outside takes room, one that ends a wait has it already.
    pub(crate) permit: Option<Permit>,
}

/// Nobody will be answered any more.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct LogFailed;

impl<A: Attachment> ShardActor<A> {
    fn submit(&mut self, submission: SubmitPayment<A>) {
        let SubmitPayment { command, attachment, until_settled, reply, permit } = submission;
        if self.log_failed {
            return drop(reply.send(Err(CommandError::Stopping)));
        }
        let (record, id) = match self.decide(Command::CreatePayment(command)) {
            Ok(Decision::Accepted { .. }) if !self.lane.has_room() => {
                let reply = Reply::Payment(reply, Err(CommandError::StorageFull));
                return self.lane.after_durable(Completion::reply(reply, Some(permit)));
            }
            Ok(Decision::Accepted { record, payment: Some(payment) }) => (record, payment),
            Ok(Decision::Replayed { payment }) => {
                let answer = self.replay_answer(payment);
                let reply = Reply::Payment(reply, answer);
                return self.lane.after_durable(Completion::reply(reply, Some(permit)));
            }
            Ok(Decision::Accepted { payment: None, .. } | Decision::Unchanged) => {
                unreachable!("a payment is created, replayed or rejected")
            }
            Err(rejection) => {
                let reply = Reply::Payment(reply, Err(CommandError::Rejected(rejection)));
                return self.lane.after_durable(Completion::reply(reply, Some(permit)));
            }
        };
        let (bytes, mut calls) = match self.apply(&record, Some(attachment)) {
            Ok(applied) => applied,
            Err(_too_large) => {
                let reply = Reply::Payment(reply, Err(CommandError::TooLarge));
                return self.lane.after_durable(Completion::reply(reply, Some(permit)));
            }
        };
        // The permit goes on with the call, and comes back with its outcome.
        if let Some(call) = calls.first_mut() {
            call.permit = Some(permit);
        }
        let reply = match until_settled {
            Some(id_slot) => {
                // Set once, by this shard alone: the slot came fresh with the message.
                let _ = id_slot.set(id);
                self.waiters.insert(id, Waiter { reply });
                None
            }
            None => {
                let payment = self.state.payment(id).expect("applied just now").clone();
                Some(Reply::Payment(reply, Ok(Box::new(Answer { payment, replayed: false }))))
            }
        };
        let completion = Completion { reply, calls, publication: None, permit: None };
        self.lane.append(bytes, completion);
    }

    fn record_outcome(&mut self, report: ReportOutcome) {
        let ReportOutcome { command, permit } = report;
        let (payment, attempt) = (command.payment, command.attempt);
        match self.decide(Command::RecordProviderOutcome(command)) {
            Ok(Decision::Accepted { record, payment }) => {
                raise_alarms(&record);
                self.accept(&record, payment, permit);
            }
            Ok(Decision::Unchanged | Decision::Replayed { .. }) => {}
            Err(rejection) => {
                tracing::error!(%payment, %attempt, %rejection, "a provider's answer found no payment");
            }
        }
    }

    fn read(&self, read: ReadPayment) {
        let ReadPayment { id, reply, permit } = read;
        let payment = self.state.payment(id).map(|payment| Box::new(payment.clone()));
        self.lane.after_durable(Completion::reply(Reply::Read(reply, payment), permit));
    }

    fn decide(&mut self, command: Command) -> Result<Decision, tollgate_domain::Rejection> {
        let env = Env {
            now: self.clock.now(self.state.last_time()),
            shard: self.state.shard(),
            entropy: self.entropy.random(),
            policy: &self.policy,
        };
        self.state.decide(command, &env)
    }

    /// Encodes and applies a record, and prepares the calls it owes; appending is the caller's.
    fn apply(
        &mut self,
        record: &Record<Event>,
        attachment: Option<A>,
    ) -> Result<(Vec<u8>, Vec<PreparedCall<A>>), CodecError> {
        let bytes = codec::encode(record)?;
        self.state.apply(record);
        let mut attachment = attachment;
        let calls = record
            .effects
            .iter()
            .filter_map(|effect| self.state.provider_call(*effect))
            .map(|call| PreparedCall { call, attachment: attachment.take(), permit: None })
            .collect();
        Ok((bytes, calls))
    }

    /// Takes in a record of the gateway's own making: nobody waits for it but those who waited for
    /// its payments before.
    fn accept(
        &mut self,
        record: &Record<Event>,
        payment: Option<PaymentId>,
        permit: Option<Permit>,
    ) {
        let (bytes, calls) =
            self.apply(record, None).expect("records of outcomes and ticks are bounded");
        let reply = payment.and_then(|payment| self.settled_reply(payment));
        let completion = Completion { reply, calls, publication: None, permit };
        self.lane.append(bytes, completion);
    }

    /// The reply for whoever waits for this payment, if it has settled now.
    fn settled_reply(&mut self, id: PaymentId) -> Option<Reply> {
        let payment = self.state.payment(id)?;
        if !payment.state().is_final_answer() {
            return None;
        }
        let Waiter { reply } = self.waiters.remove(&id)?;
        let answer = Answer { payment: payment.clone(), replayed: false };
        Some(Reply::Payment(reply, Ok(Box::new(answer))))
    }

    fn replay_answer(&self, id: PaymentId) -> Result<Box<Answer>, CommandError> {
        let under_way = self.waiters.get(&id).is_some_and(|waiter| !waiter.reply.is_closed());
        if under_way {
            return Err(CommandError::InProgress);
        }
        let payment = self.state.payment(id).expect("an idempotency key stands for a payment");
        Ok(Box::new(Answer { payment: payment.as_first_answered().clone(), replayed: true }))
    }

    /// Does what is due. What is left after some rounds waits for the next tick, so that commands
    /// get their turn in between.
    fn tick(&mut self) {
        for _round in 0..ROUNDS_PER_TICK {
            let now = self.clock.now(self.state.last_time());
            if self.state.next_due(&self.policy).is_none_or(|due_at| due_at > now) {
                return;
            }
            match self.decide(Command::Tick) {
                Ok(Decision::Accepted { record, payment }) => self.accept(&record, payment, None),
                Ok(Decision::Unchanged | Decision::Replayed { .. }) => return,
                Err(rejection) => unreachable!("a tick is never rejected: {rejection}"),
            }
        }
    }

    fn resolve_attempts(&mut self) {
        let unresolved = self.state.unresolved();
        for payments in unresolved.chunks(PAYMENTS_PER_RECORD) {
            match self.decide(Command::ResolveAttempts(payments.to_vec())) {
                Ok(Decision::Accepted { record, payment }) => self.accept(&record, payment, None),
                Ok(Decision::Unchanged | Decision::Replayed { .. }) => {}
                Err(rejection) => unreachable!("resolving is never rejected: {rejection}"),
            }
        }
    }
}

impl<A: Attachment> Actor for ShardActor<A> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.resolve_attempts();
        context.run_interval(TICK, |actor, _context| {
            let _guard = AbortOnPanic;
            actor.tick();
        });
    }
}

impl<A: Attachment> Handler<Bundle<A>> for ShardActor<A> {
    type Result = ();

    fn handle(&mut self, Bundle(mail): Bundle<A>, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        for mail in mail {
            match mail {
                Mail::Submission(submission) => self.submit(submission),
                Mail::Outcome(report) => self.record_outcome(report),
                Mail::Read(read) => self.read(read),
            }
        }
    }
}

impl<A: Attachment> Handler<LogFailed> for ShardActor<A> {
    type Result = ();

    fn handle(&mut self, _message: LogFailed, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.log_failed = true;
        for (_payment, waiter) in self.waiters.drain() {
            drop(waiter.reply.send(Err(CommandError::Unknown)));
        }
    }
}

impl<A: Attachment> Handler<AreYouThere> for ShardActor<A> {
    type Result = ();

    fn handle(&mut self, _message: AreYouThere, _context: &mut Context<Self>) {}
}

/// Facts from outside that break our bounds are booked, and somebody has to look at them.
fn raise_alarms(record: &Record<Event>) {
    for event in &record.events {
        if let Event::AttemptApprovedLate { payment, attempt, taken, .. } = event {
            let minor_units = taken.minor_units();
            tracing::error!(%payment, %attempt, minor_units, "approved after the payment had ended; booked to exceptions");
        }
        if let Event::AttemptContradicted { payment, attempt, .. } = event {
            tracing::error!(%payment, %attempt, "a provider denies what it approved; the approval stands, and is asked about");
        }
    }
}
