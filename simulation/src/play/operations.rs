//! What merchants, reviewers and operators ask for a payment.

use tollgate_domain::{
    Amount, CapturePayment, ConfirmPayment, DecideReview, Fingerprint, MerchantId, PaymentId,
    PaymentStatus, RefundPayment, Rejection, Resolution, ResolveCase, ReversePayment,
    ReviewVerdict, ShardId, Subject, Target, Timestamp, VoidPayment,
};
use tollgate_engine::{Caller, CommandError, PaymentCommand, Request as Asking, Step as Decided};

use super::{
    Card, Client, Life, Play, START,
    archive::Waits,
    clients::{key_of, refused},
    expectation::{expect_error, expect_unexpected},
    index_of, pick,
};
use crate::{
    model::{Asked, Expected, Model, Owed, Request},
    step::{Ask, Deed, Verdict},
};

/// Requests that come again together where their payments are away: few of them are ever answered, for
/// most processes die before.
const AWAY_AT_ONCE: usize = 4;

/// A request that differs from the one its key came with first.
const OTHERWISE: u64 = 1 << 63;

impl Play<'_> {
    pub(super) fn ask(&mut self, life: &mut Life, ask: Ask) {
        let payments = self.models.iter().flat_map(|model| &model.payments);
        let mut known: Vec<(PaymentId, PaymentStatus)> =
            payments.map(|(id, expected)| (*id, expected.status)).collect();
        // Mostly what makes sense.
        let suits = |(_id, status): &(PaymentId, PaymentStatus)| suits(ask.deed, *status);
        if !ask.payment.is_multiple_of(4) && known.iter().any(suits) {
            known.retain(suits);
        }
        // And often what somebody looks for already, so that two find the same.
        let is_sought = |(id, _status): &(PaymentId, PaymentStatus)| {
            life.absent.values().any(|waits| waits.is_about(*id))
        };
        if !ask.payment.is_multiple_of(3) && known.iter().any(is_sought) {
            known.retain(is_sought);
        }
        // And now and then one whose order has left memory behind it.
        let is_behind = |(id, _status): &(PaymentId, PaymentStatus)| {
            let index = index_of(id.shard());
            let order = self.models[index].payments[id].order;
            order.is_some_and(|order| life.shards[index].state().order(order).is_none())
        };
        if ask.payment.is_multiple_of(2) && known.iter().any(is_behind) {
            known.retain(is_behind);
        }
        let Some(which) = pick(ask.payment, known.len()) else { return };
        let payment = known[which].0;
        let expected = &self.models[index_of(payment.shard())].payments[&payment];
        let foreign = MerchantId::new(START, ShardId::CONTROL, 99);
        let merchant = if ask.payment % 50 == 49 { foreign } else { expected.merchant };
        let low_bits = payment.to_u128() & u128::from(u64::MAX >> 1);
        let low_bits = u64::try_from(low_bits).expect("63 bits");
        let fingerprint = Fingerprint(low_bits ^ ((ask.deed as u64 + 2) << 17));
        let idempotency = ask.key.map(|key| (key_of(expected.merchant, key), fingerprint));
        let target = Target { payment, merchant, mode: expected.mode, idempotency };
        let command = command(ask.deed, target, expected);
        if idempotency.is_some() {
            self.asked.push(command.clone());
        }
        self.request_for_payment(life, command, ask.waiting);
    }

    /// A request comes again under its key, or another does.
    pub(super) fn repeat(&mut self, life: &mut Life, which: u16, otherwise: bool) {
        let mut known: Vec<&PaymentCommand> = self.asked.iter().collect();
        // Mostly one that was carried out, on a payment that has left memory.
        let is_away = |command: &&PaymentCommand| {
            let payment = command.payment();
            matches!(self.model_of(payment).ask(command), Request::Known(_))
                && life.shards[index_of(payment.shard())].may_be_away(payment)
        };
        let mut count = 1;
        if !which.is_multiple_of(4) && known.iter().any(is_away) {
            known.retain(is_away);
            count = AWAY_AT_ONCE;
        }
        let Some(first) = pick(which / 4, known.len()) else { return };
        let mut commands: Vec<PaymentCommand> =
            known.into_iter().cycle().skip(first).take(count).cloned().collect();
        for command in &mut commands {
            let target = target_mut(command);
            if otherwise && let Some((_key, fingerprint)) = &mut target.idempotency {
                fingerprint.0 |= OTHERWISE;
            }
        }
        for command in commands {
            self.request_for_payment(life, command, false);
        }
    }

    fn request_for_payment(&mut self, life: &mut Life, command: PaymentCommand, waiting: bool) {
        let key = idempotency(&command).map(|(key, _fingerprint)| key);
        self.carry_request_out(life, command, Client::new(key), waiting);
    }

    pub(super) fn decide_case(&mut self, life: &mut Life, which: u16, verdict: Verdict) {
        let open: Vec<_> = life
            .shards
            .iter()
            .flat_map(|shard| shard.state().payments_sorted())
            .flat_map(|payment| payment.cases().iter().map(|case| (payment.id(), case.clone())))
            .filter(|(_payment, case)| case.is_open())
            .collect();
        let Some(which) = pick(which, open.len()) else { return };
        let (payment, case) = &open[which];
        let resolution = match verdict {
            Verdict::Returned => Resolution::Returned,
            Verdict::Assigned => Resolution::Assigned,
            Verdict::Withdrawn => Resolution::Withdrawn,
            Verdict::Dismissed => Resolution::Dismissed,
        };
        let request = self.model_of(*payment).decide_case(*payment, case.matter, resolution);
        if request
            != Request::Refused(Rejection::CaseNotResolvable { matter: case.matter, resolution })
        {
            self.beyond_compare.insert(*payment);
        }
        let command = ResolveCase { payment: *payment, case: case.id, resolution };
        let command = PaymentCommand::ResolveCase(command);
        self.carry_request_out(life, command, Client::new(None), false);
    }

    fn model_of(&self, payment: PaymentId) -> &Model {
        &self.models[index_of(payment.shard())]
    }

    /// What a request must come to as its payment stands now.
    fn request_of(&self, life: &Life, command: &PaymentCommand) -> Request<Asked> {
        let payment = command.payment();
        let PaymentCommand::ResolveCase(resolve) = command else {
            return self.model_of(payment).ask(command);
        };
        let found = self.payment_of_ours(life, payment).expect("cases are of payments");
        let case = found.cases().iter().find(|case| case.id == resolve.case).expect("picked");
        self.model_of(payment).decide_case(payment, case.matter, resolve.resolution)
    }

    /// What was asked of a payment that is away is answered without bringing it back.
    pub(super) fn answer_away(
        &mut self,
        life: &mut Life,
        command: &PaymentCommand,
        step: Decided<Client, Card>,
        room: bool,
        now: Timestamp,
    ) {
        let shard = command.payment().shard();
        match self.request_of(life, command) {
            Request::Known(subject) => {
                self.expect_repeat(life, &step, subject);
                self.coverage.saw("archive: answers a repeated operation");
            }
            Request::Refused(rejection) => {
                expect_error(&step, CommandError::Rejected(rejection));
                self.coverage.saw(refused(rejection));
            }
            Request::Unexpected(status) => {
                expect_unexpected(&step, status);
                self.coverage.saw("refused: for its state");
                self.coverage.saw("archive: refuses without bringing back");
            }
            Request::New(_) => {
                assert!(!room, "it would have to come back");
                expect_error(&step, CommandError::StorageFull);
            }
        }
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index_of(shard));
    }

    pub(super) fn carry_request_out(
        &mut self,
        life: &mut Life,
        command: PaymentCommand,
        client: Client,
        waiting: bool,
    ) {
        let payment = command.payment();
        let (shard, index) = (payment.shard(), index_of(payment.shard()));
        if life.shards[index].has_stopped() {
            return self.coverage.saw("reply: stopping");
        }
        let room = life.lanes[index].has_room();
        let moment = self.moment(life);
        let now = moment.time.max(life.shards[index].state().last_time());
        let request = self.request_of(life, &command);
        let idempotency = match &command {
            PaymentCommand::ResolveCase(_) => None,
            PaymentCommand::Confirm(_)
            | PaymentCommand::Capture(_)
            | PaymentCommand::Void(_)
            | PaymentCommand::Reverse(_)
            | PaymentCommand::Refund(_)
            | PaymentCommand::DecideReview(_) => idempotency(&command),
        };
        let asking =
            Asking { command: command.clone(), caller: client.clone(), until_settled: waiting };
        let step = match life.shards[index].operate(asking, room, moment) {
            Ok(step) => step,
            Err(absent) => {
                return self.look_up(life, Waits::Ask(absent, command, client, waiting));
            }
        };
        match request {
            Request::New(_) if !room => {
                expect_error(&step, CommandError::StorageFull);
                self.coverage.saw("reply: storage full");
            }
            Request::New(asked) => {
                let subject = step.begun.expect("something is begun");
                self.models[index].take_on(payment, &command, asked);
                self.models[index].remember(idempotency, subject, now);
                let owed = match asked {
                    Asked::Operation(act, cause) => {
                        self.coverage.saw("reply: new operation");
                        vec![Owed::Begun(payment, act, cause)]
                    }
                    Asked::Approval => {
                        self.coverage.saw("reply: review approved");
                        Vec::new()
                    }
                    Asked::Resolution(..) => {
                        self.coverage.saw("reply: case closed");
                        Vec::new()
                    }
                };
                self.expect_calls(&step, index, owed);
                self.begun(life, &step, client, waiting);
                self.expect_nobody_else(life, payment, subject);
            }
            Request::Known(subject) => self.expect_repeat(life, &step, subject),
            Request::Refused(rejection) => {
                expect_error(&step, CommandError::Rejected(rejection));
                self.coverage.saw(refused(rejection));
            }
            Request::Unexpected(status) => {
                expect_unexpected(&step, status);
                self.coverage.saw("refused: for its state");
            }
        }
        self.carry_out(life, shard, step, now);
        self.compare_shard(life, index);
    }

    /// A request settles nothing that others wait for.
    fn expect_nobody_else(&self, life: &Life, payment: PaymentId, begun: Subject) {
        let waits = life.waiting.iter().find(|(subject, client)| {
            **subject != begun
                && self.payment_of(**subject) == Some(payment)
                && client.is_waiting()
                && self.is_final(**subject)
        });
        assert!(waits.is_none(), "{waits:?} should have been answered before");
    }
}

/// Whether a payment stands where this is asked for.
fn suits(deed: Deed, status: PaymentStatus) -> bool {
    match status {
        PaymentStatus::RequiresAction => matches!(deed, Deed::Confirm | Deed::Void),
        PaymentStatus::Review => matches!(deed, Deed::Approve | Deed::Reject | Deed::Void),
        PaymentStatus::Authorized => matches!(
            deed,
            Deed::Capture
                | Deed::CapturePart
                | Deed::CaptureFinal
                | Deed::CaptureTooMuch
                | Deed::Void
        ),
        PaymentStatus::PartiallyCaptured => {
            !matches!(deed, Deed::Confirm | Deed::Reverse | Deed::Approve | Deed::Reject)
        }
        PaymentStatus::Completed => {
            matches!(deed, Deed::Reverse | Deed::Refund | Deed::RefundPart | Deed::RefundTooMuch)
        }
        PaymentStatus::Processing
        | PaymentStatus::Failed
        | PaymentStatus::Voided
        | PaymentStatus::Reversed
        | PaymentStatus::Expired
        | PaymentStatus::Unknown => false,
    }
}

fn command(deed: Deed, target: Target, expected: &Expected) -> PaymentCommand {
    let part = |whole: i64| Amount::from_minor_units((whole + 1) / 2).ok();
    let too_much = Amount::from_minor_units(expected.asked() + 1).ok();
    let capture = |amount, release_rest| {
        PaymentCommand::Capture(CapturePayment { target, amount, release_rest })
    };
    let refund = |amount| {
        let (reason, metadata) = (Some("returned goods".into()), Vec::new());
        PaymentCommand::Refund(RefundPayment { target, amount, reason, metadata })
    };
    let review = |verdict| PaymentCommand::DecideReview(DecideReview { target, verdict });
    let held = match expected.status {
        PaymentStatus::Authorized | PaymentStatus::PartiallyCaptured => expected.held,
        PaymentStatus::Processing
        | PaymentStatus::RequiresAction
        | PaymentStatus::Review
        | PaymentStatus::Completed
        | PaymentStatus::Failed
        | PaymentStatus::Voided
        | PaymentStatus::Reversed
        | PaymentStatus::Expired
        | PaymentStatus::Unknown => expected.asked(),
    };
    match deed {
        Deed::Confirm => PaymentCommand::Confirm(ConfirmPayment { target }),
        Deed::Capture => capture(None, true),
        Deed::CapturePart => capture(part(held), false),
        Deed::CaptureFinal => capture(part(held), true),
        Deed::CaptureTooMuch => capture(too_much, true),
        Deed::Void => PaymentCommand::Void(VoidPayment { target }),
        Deed::Reverse => PaymentCommand::Reverse(ReversePayment { target }),
        Deed::Refund => refund(None),
        Deed::RefundPart => refund(part(expected.asked())),
        Deed::RefundTooMuch => refund(too_much),
        Deed::Approve => review(ReviewVerdict::Approve),
        Deed::Reject => review(ReviewVerdict::Reject),
    }
}

fn target_mut(command: &mut PaymentCommand) -> &mut Target {
    match command {
        PaymentCommand::Confirm(command) => &mut command.target,
        PaymentCommand::Capture(command) => &mut command.target,
        PaymentCommand::Void(command) => &mut command.target,
        PaymentCommand::Reverse(command) => &mut command.target,
        PaymentCommand::Refund(command) => &mut command.target,
        PaymentCommand::DecideReview(command) => &mut command.target,
        PaymentCommand::ResolveCase(_) => unreachable!("cases are closed without a key"),
    }
}

fn idempotency(command: &PaymentCommand) -> Option<tollgate_domain::KeyedRequest> {
    match command {
        PaymentCommand::ResolveCase(_) => None,
        PaymentCommand::Confirm(_)
        | PaymentCommand::Capture(_)
        | PaymentCommand::Void(_)
        | PaymentCommand::Reverse(_)
        | PaymentCommand::Refund(_)
        | PaymentCommand::DecideReview(_) => target_mut(&mut command.clone()).idempotency,
    }
}
