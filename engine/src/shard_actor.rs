//! One payment shard: owns its merchants' payments and applies commands one after another.
//!
//! Invariant: what has been applied has been handed to the log before, in the same order, and
//! nothing is told to anyone but through [`Lane`].

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use actix::{Actor, AsyncContext, Context, Handler, Message};
use rand::{RngExt, rngs::StdRng};
use tokio::sync::oneshot;
use tollgate_domain::{
    CreateOrder, CreatePayment, Event, Payment, PaymentId, Record, ShardState, Subject,
};

use crate::{
    abort_guard::AbortOnPanic,
    admission::Permit,
    archive_desk::ArchiveDesk,
    clock::Clock,
    completion::{Completion, HashSender, OrderSender, PaymentSender, Reply, ReportSender, Told},
    durable_record::DurableRecord,
    effects::Attachment,
    error::CommandError,
    gauges::Gauges,
    lane::Lane,
    payment_command::PaymentCommand,
    provider_report::ProviderReport,
    router::AreYouThere,
    shard::{
        Absent, Finding, Found, Moment, NewRecord, OrderStep, Request, Shard, Step, Submission,
        Unheard, Wanted,
    },
};

/// How often a shard looks whether something is due. Half a second is the shortest wait of the
/// default policy, and a fifth of it is late enough.
const TICK: Duration = Duration::from_millis(100);

/// Records that one tick may write. At [`PAYMENTS_PER_RECORD`] each this is some 10,000 payments a
/// second and shard, and under a millisecond at a time.
const ROUNDS_PER_TICK: usize = 8;

/// After which commands have had their turn, where more has to leave memory than goes at once: so long
/// that most of a shard's time stays theirs, so short that a shard lets go of several hundred thousand
/// payments a second, more than it can take.
const PAUSE: Duration = Duration::from_millis(5);

/// After how many ticks a shard writes down how its books stand: every ten seconds, for it walks
/// over all accounts.
const TICKS_PER_BOOKS: u64 = 100;

/// The actor.
pub(crate) struct ShardActor<A: Attachment> {
    pub(crate) shard: Shard<PaymentSender>,
    pub(crate) lane: Lane<Completion<A>>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) entropy: StdRng,
    pub(crate) gauges: Arc<Gauges>,
    /// Whether anybody observes.
    pub(crate) observed: bool,
    /// `None` where nothing ever leaves memory.
    pub(crate) archive: Option<ArchiveDesk<A>>,
    /// Whether more has to leave memory, after a pause.
    pub(crate) lets_leave: bool,
    /// The last record by which something left.
    pub(crate) left_by: u64,
}

/// What can be sent to a shard.
pub(crate) enum Mail<A> {
    Submission(SubmitPayment<A>),
    Operation(SubmitOperation),
    Order(SubmitOrder),
    Outcome(ReportOutcome),
    Read(ReadPayment),
    Query(Query),
    /// Asks for the hash of the state and the record that it is after.
    Hash(HashSender),
    /// What waited for the archive, with what was found.
    Found(Box<Waiting<A>>, Finding),
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
    pub(crate) reply: PaymentSender,
    pub(crate) permit: Permit,
}

/// Something asked for a payment that exists.
pub(crate) struct SubmitOperation {
    pub(crate) command: PaymentCommand,
    /// Where what was begun is left, for a caller who wants the reply only once that has settled.
    /// `None` where he wants it as soon as it is recorded.
    pub(crate) until_settled: Option<Arc<OnceLock<Subject>>>,
    pub(crate) reply: PaymentSender,
    pub(crate) permit: Permit,
}

/// A merchant's request for an order.
pub(crate) struct SubmitOrder {
    pub(crate) command: Box<CreateOrder>,
    pub(crate) reply: OrderSender,
    pub(crate) permit: Permit,
}

/// A provider's answer.
pub(crate) struct ReportOutcome {
    pub(crate) report: ProviderReport,
    /// Who wants to know that it is durable.
    pub(crate) reply: Option<ReportSender>,
    pub(crate) permit: Option<Permit>,
}

/// Something that waits until the archive has been looked into.
pub(crate) enum Waiting<A> {
    Submission(Absent<Submission<PaymentSender, A>>, Option<Arc<OnceLock<PaymentId>>>, Permit),
    Operation(Absent<Request<PaymentSender>>, Option<Arc<OnceLock<Subject>>>, Permit),
    Outcome(Absent<ProviderReport>, Option<ReportSender>, Option<Permit>),
    Order(Absent<CreateOrder>, OrderSender, Permit),
}

impl<A> Waiting<A> {
    /// What is looked for.
    pub(crate) fn wanted(&self) -> Wanted {
        match self {
            Self::Submission(absent, ..) => absent.wanted(),
            Self::Operation(absent, ..) => absent.wanted(),
            Self::Outcome(absent, ..) => absent.wanted(),
            Self::Order(absent, ..) => absent.wanted(),
        }
    }
}

/// A look at the whole shard. Must be short: everybody else waits.
pub(crate) struct Query {
    pub(crate) ask: Box<dyn FnOnce(&ShardState) -> Told + Send>,
    /// A look from outside takes room, one that ends a wait has it already.
    pub(crate) permit: Option<Permit>,
    /// Whether it is told only once everything before is released: what has left memory is in the
    /// archive then.
    pub(crate) after_released: bool,
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
        if self.shard.has_stopped() {
            return drop(reply.send(Err(CommandError::Stopping)));
        }
        let submission = Submission {
            command,
            attachment,
            caller: reply,
            until_settled: until_settled.is_some(),
        };
        let moment = self.moment();
        match self.shard.create_payment(submission, self.lane.has_room(), moment) {
            Ok(step) => {
                if let (Some(id_slot), Some(Subject::Payment(id))) = (until_settled, step.begun) {
                    // Set once, by this shard alone: the slot came fresh with the message.
                    let _ = id_slot.set(id);
                }
                self.carry_out_for(step, permit);
            }
            Err(absent) => self.look_up(Waiting::Submission(absent, until_settled, permit)),
        }
    }

    fn operate(&mut self, submission: SubmitOperation) {
        let SubmitOperation { command, until_settled, reply, permit } = submission;
        if self.shard.has_stopped() {
            return drop(reply.send(Err(CommandError::Stopping)));
        }
        let until = until_settled.is_some();
        let request = Request { command, caller: reply, until_settled: until };
        let moment = self.moment();
        match self.shard.operate(request, self.lane.has_room(), moment) {
            Ok(step) => {
                if let (Some(slot), Some(subject)) = (until_settled, step.begun) {
                    let _ = slot.set(subject);
                }
                self.carry_out_for(step, permit);
            }
            Err(absent) => self.look_up(Waiting::Operation(absent, until_settled, permit)),
        }
    }

    fn create_order(&mut self, submission: SubmitOrder) {
        let SubmitOrder { command, reply, permit } = submission;
        if self.shard.has_stopped() {
            return drop(reply.send(Err(CommandError::Stopping)));
        }
        let moment = self.moment();
        let step = self.shard.create_order(command, self.lane.has_room(), moment);
        self.answer_order(step, reply, permit);
    }

    fn answer_order(&mut self, step: OrderStep, reply: OrderSender, permit: Permit) {
        let (record, answer) = match step {
            OrderStep::Answered(record, answer) => (record, Ok(answer)),
            OrderStep::Refused(error) => (None, Err(error)),
            OrderStep::Absent(absent) => {
                return self.look_up(Waiting::Order(absent, reply, permit));
            }
        };
        self.append(record, Completion::reply(Reply::Order(reply, answer), Some(permit)));
    }

    fn record_outcome(&mut self, outcome: ReportOutcome) {
        let ReportOutcome { report, reply, permit } = outcome;
        let payment = report.payment();
        let moment = self.moment();
        let told = match self.shard.record_outcome(report, moment) {
            Ok(step) => {
                if let Some(step) = step {
                    step.record.iter().for_each(|new| raise_alarms(&new.record));
                    self.carry_out(step, permit);
                }
                Ok(())
            }
            Err(Unheard::Absent(absent)) => {
                return self.look_up(Waiting::Outcome(absent, reply, permit));
            }
            Err(Unheard::Rejected(rejection)) => Err(CommandError::Rejected(rejection)),
            Err(Unheard::Unreadable) => Err(CommandError::ArchiveUnreadable),
        };
        self.tell_reporter(payment, reply, told);
    }

    fn tell_reporter(
        &self,
        payment: PaymentId,
        reply: Option<ReportSender>,
        told: Result<(), CommandError>,
    ) {
        if let Err(error) = &told {
            let error: &dyn std::error::Error = error;
            tracing::error!(%payment, error, "a provider's answer is not taken in");
        }
        if let Some(reply) = reply {
            // Behind the record, or behind all that it rests on.
            self.let_go(Completion::reply(Reply::Report(reply, told), None));
        }
    }

    /// Looks for a payment or an order in the archive once everything before is released, and comes back.
    fn look_up(&self, waiting: Waiting<A>) {
        let desk = self.archive.as_ref().expect("nothing leaves where nothing is kept");
        let found = desk.look_up(Arc::clone(&self.gauges), waiting);
        self.lane.after_released(Completion::reply(Reply::Query(found), None));
    }

    /// Goes on with what waited for the archive.
    fn found(&mut self, waiting: Waiting<A>, found: &Finding) {
        if self.shard.has_stopped() {
            // Who waits is told by the sender's end.
            return;
        }
        let (room, moment) = (self.lane.has_room(), self.moment());
        match waiting {
            Waiting::Submission(absent, until_settled, permit) => {
                match self.shard.found_for_payment(absent, found, room, moment) {
                    Found::Back(recalled, submission) => {
                        self.bring_back(recalled);
                        let Submission { command, attachment, caller: reply, .. } = submission;
                        let asked =
                            SubmitPayment { command, attachment, until_settled, reply, permit };
                        self.submit(asked);
                    }
                    Found::Answered(step) => self.carry_out_for(step, permit),
                    Found::OrderBack(step, absent, found) => {
                        self.carry_out(step, None);
                        self.found(Waiting::Submission(absent, until_settled, permit), &found);
                    }
                    Found::Again(absent) => {
                        self.look_up(Waiting::Submission(absent, until_settled, permit));
                    }
                }
            }
            Waiting::Operation(absent, until_settled, permit) => {
                match self.shard.found_for_operation(absent, found, room, moment) {
                    Found::Back(recalled, request) => {
                        self.bring_back(recalled);
                        let Request { command, caller: reply, until_settled: _ } = request;
                        self.operate(SubmitOperation { command, until_settled, reply, permit });
                    }
                    Found::Answered(step) => self.carry_out_for(step, permit),
                    Found::OrderBack(step, absent, found) => {
                        self.carry_out(step, None);
                        self.found(Waiting::Operation(absent, until_settled, permit), &found);
                    }
                    Found::Again(absent) => {
                        self.look_up(Waiting::Operation(absent, until_settled, permit));
                    }
                }
            }
            Waiting::Outcome(absent, reply, permit) => {
                let payment = absent.asked.payment();
                let told = match self.shard.found_for_report(absent, found, moment) {
                    Ok(Found::Back(recalled, report)) => {
                        self.bring_back(recalled);
                        return self.record_outcome(ReportOutcome { report, reply, permit });
                    }
                    Ok(Found::OrderBack(step, absent, found)) => {
                        self.carry_out(step, None);
                        return self.found(Waiting::Outcome(absent, reply, permit), &found);
                    }
                    Ok(Found::Again(absent)) => {
                        return self.look_up(Waiting::Outcome(absent, reply, permit));
                    }
                    Ok(Found::Answered(_)) => unreachable!("nobody waits for a report's answer"),
                    Err(Unheard::Rejected(rejection)) => Err(CommandError::Rejected(rejection)),
                    Err(Unheard::Absent(_) | Unheard::Unreadable) => {
                        Err(CommandError::ArchiveUnreadable)
                    }
                };
                self.tell_reporter(payment, reply, told);
            }
            Waiting::Order(absent, reply, permit) => {
                let step = self.shard.found_for_order(absent, found, room, moment);
                self.answer_order(step, reply, permit);
            }
        }
    }

    /// Hands the record to the log by which something has come back.
    fn bring_back(&mut self, recalled: Option<Step<PaymentSender, A>>) {
        if let Some(step) = recalled {
            self.carry_out(step, None);
        }
    }

    fn query(&self, query: Query) {
        let Query { ask, permit, after_released } = query;
        let finding = ask(self.shard.state());
        let completion = Completion::reply(Reply::Query(finding), permit);
        if after_released {
            self.lane.after_released(completion);
        } else {
            self.let_go(completion);
        }
    }

    fn read(&self, read: ReadPayment) {
        let ReadPayment { id, reply, permit } = read;
        let found = self.shard.read(id);
        let is_away = found.is_none() && self.shard.may_be_away(id);
        let completion = Completion::reply(Reply::Read(reply, found), permit);
        if is_away {
            // It is looked for in the archive next, which has it once the record is released.
            self.lane.after_released(completion);
        } else {
            self.let_go(completion);
        }
    }

    fn tell_hash(&self, reply: HashSender) {
        let told = (self.lane.sequence(), self.shard.state().hash());
        self.let_go(Completion::reply(Reply::Hash(reply, told), None));
    }

    /// Does what is due. What is left after some rounds waits for the next tick, so that commands
    /// get their turn in between.
    fn tick(&mut self, context: &mut Context<Self>) {
        for _round in 0..ROUNDS_PER_TICK {
            let moment = self.moment();
            let Some(step) = self.shard.tick(moment) else { break };
            self.carry_out(step, None);
        }
        if !self.lets_leave {
            self.let_leave(context);
        }
    }

    /// Lets payments and orders leave memory, as long as the archive keeps up. Those that are left after
    /// some rounds go after a pause, not at the next tick: they may come faster than that. What has left
    /// is in memory until it is durable, so that nothing follows it before.
    fn let_leave(&mut self, context: &mut Context<Self>) {
        self.lets_leave = false;
        let Some(desk) = &self.archive else { return };
        if self.shard.has_stopped() {
            return;
        }
        let archive = Arc::clone(&desk.archive);
        let rounds = if self.lane.is_durable(self.left_by) { ROUNDS_PER_TICK } else { 0 };
        for _round in 0..rounds {
            // Without room on the disk the log takes what has to be recorded, and nothing else.
            if !archive.has_room() || !self.lane.has_room() {
                return;
            }
            let moment = self.moment();
            let Some(step) = self.shard.archive(moment) else { return };
            self.carry_out(step, None);
            self.left_by = self.lane.sequence();
        }
        self.lets_leave = true;
        context.run_later(PAUSE, |actor, context| {
            let _guard = AbortOnPanic;
            actor.let_leave(context);
        });
    }

    fn note_gauges(&self, tick: u64) {
        self.gauges.note(self.shard.state(), self.shard.recalls(), self.shard.order_recalls());
        // Not all shards at once.
        if tick % TICKS_PER_BOOKS == u64::from(self.shard.state().shard().0) % TICKS_PER_BOOKS {
            self.gauges.note_books(self.shard.state());
        }
    }

    fn resolve_unsettled(&mut self) {
        let mut unsettled = self.shard.unsettled();
        loop {
            let moment = self.moment();
            let Some(step) = self.shard.resolve_next(&mut unsettled, moment) else { return };
            self.carry_out(step, None);
        }
    }

    fn moment(&mut self) -> Moment {
        Moment { time: self.clock.time(), entropy: self.entropy.random() }
    }

    /// Carries out what a caller with a permit asked for: it goes on with the call, where there is
    /// one, and comes back with its outcome.
    fn carry_out_for(&mut self, mut step: Step<PaymentSender, A>, permit: Permit) {
        let permit = match step.calls.first_mut() {
            Some(call) => {
                call.permit = Some(permit);
                None
            }
            None => Some(permit),
        };
        self.carry_out(step, permit);
    }

    /// Hands a step's record to the log, with all that rests on it.
    fn carry_out(&mut self, step: Step<PaymentSender, A>, permit: Option<Permit>) {
        let Step { record, begun: _, replies, calls } = step;
        let mut replies = replies.into_iter().map(|(caller, reply)| Reply::Payment(caller, reply));
        let completion = Completion { reply: replies.next(), calls, ..Completion::quiet(permit) };
        self.append(record, completion);
        // Rare: one answer of a provider that several wait for.
        replies.for_each(|reply| self.let_go(Completion::reply(reply, None)));
    }

    fn append(&mut self, record: Option<NewRecord>, mut completion: Completion<A>) {
        let Some(NewRecord { record, bytes, departures }) = record else {
            return self.let_go(completion);
        };
        completion.departures = departures;
        if self.observed {
            let sequence = self.lane.sequence() + 1;
            completion.observation =
                Some(DurableRecord::of_payments(self.shard.state(), sequence, record));
        }
        self.lane.append(bytes, completion);
    }

    fn let_go(&self, completion: Completion<A>) {
        let at_once = self.lane.after_durable(completion);
        if let Some(reply) = at_once.and_then(|completion| completion.reply) {
            reply.deliver();
        }
    }
}

impl<A: Attachment> Actor for ShardActor<A> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        if let Some(desk) = &mut self.archive {
            desk.address = Some(context.address());
        }
        self.resolve_unsettled();
        self.gauges.note(self.shard.state(), self.shard.recalls(), self.shard.order_recalls());
        self.gauges.note_books(self.shard.state());
        let mut ticks = 0;
        context.run_interval(TICK, move |actor, context| {
            let _guard = AbortOnPanic;
            actor.tick(context);
            ticks += 1;
            actor.note_gauges(ticks);
        });
    }
}

impl<A: Attachment> Handler<Bundle<A>> for ShardActor<A> {
    type Result = ();

    fn handle(&mut self, Bundle(mail): Bundle<A>, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        self.gauges.mail_taken(mail.len());
        for mail in mail {
            match mail {
                Mail::Submission(submission) => self.submit(submission),
                Mail::Operation(submission) => self.operate(submission),
                Mail::Order(submission) => self.create_order(submission),
                Mail::Outcome(report) => self.record_outcome(report),
                Mail::Read(read) => self.read(read),
                Mail::Query(query) => self.query(query),
                Mail::Hash(reply) => self.tell_hash(reply),
                Mail::Found(waiting, found) => self.found(*waiting, &found),
            }
        }
    }
}

impl<A: Attachment> Handler<LogFailed> for ShardActor<A> {
    type Result = ();

    fn handle(&mut self, _message: LogFailed, _context: &mut Context<Self>) {
        let _guard = AbortOnPanic;
        for waiter in self.shard.stop() {
            drop(waiter.send(Err(CommandError::Unknown)));
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
        if let Event::CaseOpened { payment, case, matter, .. } = event {
            let matter = matter.as_str();
            tracing::error!(%payment, %case, matter, "a provider's report waits for an operator");
        }
        if let Event::AttemptContradicted { payment, attempt, .. } = event {
            tracing::warn!(%payment, %attempt, "a provider denies what it approved, and is asked");
        }
        if let Event::OperationContradicted { payment, operation, .. } = event {
            tracing::warn!(%payment, %operation, "a provider denies what it had done, and is asked");
        }
    }
}
