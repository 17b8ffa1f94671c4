//! What a request must come to: something new, what its key stands for, or a refusal.

use tollgate_domain::{
    Amount, CaptureMode, Cause, CreatePayment, Matter, PaymentId, PaymentStatus, Rejection,
    Resolution, ReviewVerdict, Subject, Timestamp,
};
use tollgate_engine::PaymentCommand;

use super::{Model, deed::Act, expected::Expected};

/// What a request must come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Request<T> {
    /// Something new.
    New(T),
    /// What the key stands for.
    Known(Subject),
    /// A refusal.
    Refused(Rejection),
    /// A refusal for the payment's state, which is this.
    Unexpected(PaymentStatus),
}

/// What is new.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// An operation begins, perhaps after a reviewer's approval.
    Operation(Act, Cause),
    /// A reviewer lets the payment go on.
    Approval,
    /// An operator closes a case.
    Resolution(Matter, Resolution),
}

impl Model {
    pub(crate) fn request(&self, command: &CreatePayment, now: Timestamp) -> Request<()> {
        if let Some(known) = self.known(command.idempotency) {
            return known;
        }
        if command.repeats_only {
            return Request::Refused(Rejection::NothingToRepeat);
        }
        if command.card_expires_at.is_some_and(|end| end <= now) {
            return Request::Refused(Rejection::CardExpired);
        }
        let Some(id) = command.order else { return Request::New(()) };
        let own = self
            .orders
            .get(&id)
            .filter(|order| (order.merchant, order.mode) == (command.merchant, command.mode));
        let Some(order) = own else { return Request::Refused(Rejection::OrderNotFound(id)) };
        if order.money.currency != command.money.currency {
            return Request::Refused(Rejection::OrderCurrencyDiffers(order.money.currency));
        }
        let open = self.open_of(id);
        if command.money.amount.minor_units() > open {
            let open = order.money.with_amount(amount(open));
            return Request::Refused(Rejection::OrderAmountExceeded { open });
        }
        Request::New(())
    }

    /// What the key of a request stands for already.
    pub(crate) fn known<T>(
        &self,
        idempotency: Option<tollgate_domain::KeyedRequest>,
    ) -> Option<Request<T>> {
        let (key, fingerprint) = idempotency?;
        let known = self.keys.get(&key)?;
        Some(if known.fingerprint == fingerprint {
            Request::Known(known.subject)
        } else {
            Request::Refused(Rejection::IdempotencyKeyReused)
        })
    }

    /// What is asked for a payment.
    pub(crate) fn ask(&self, command: &PaymentCommand) -> Request<Asked> {
        let target = match command {
            PaymentCommand::Confirm(command) => command.target,
            PaymentCommand::Capture(command) => command.target,
            PaymentCommand::Void(command) => command.target,
            PaymentCommand::Reverse(command) => command.target,
            PaymentCommand::Refund(command) => command.target,
            PaymentCommand::DecideReview(command) => command.target,
            PaymentCommand::ResolveCase(command) => {
                let case = self.payments.get(&command.payment);
                return case.map_or(
                    Request::Refused(Rejection::PaymentNotFound(command.payment)),
                    |_expected| unreachable!("cases are asked for by `decide_case`"),
                );
            }
        };
        if let Some(known) = self.known(target.idempotency) {
            return known;
        }
        let owned = |expected: &&Expected| {
            (expected.merchant, expected.mode) == (target.merchant, target.mode)
        };
        match self.payments.get(&target.payment).filter(owned) {
            None => Request::Refused(Rejection::PaymentNotFound(target.payment)),
            Some(expected) => expected.ask_for(command),
        }
    }

    /// How a case may be closed.
    pub(crate) fn decide_case(
        &self,
        payment: PaymentId,
        matter: Matter,
        resolution: Resolution,
    ) -> Request<Asked> {
        let mut cases = self.payments[&payment].cases.iter();
        assert!(cases.any(|case| case.matter == matter && case.is_open()), "an open case");
        let about_money = match matter {
            Matter::LateApproval(_) | Matter::OperationLate(_) => true,
            Matter::ApprovalDenied(_) | Matter::OperationDenied(_) => false,
        };
        let possible = match resolution {
            Resolution::Dismissed => true,
            Resolution::Returned | Resolution::Assigned => about_money,
            Resolution::Withdrawn => !about_money,
        };
        if possible {
            Request::New(Asked::Resolution(matter, resolution))
        } else {
            Request::Refused(Rejection::CaseNotResolvable { matter, resolution })
        }
    }

    /// What a request that is new changes at once.
    pub(crate) fn take_on(&mut self, id: PaymentId, command: &PaymentCommand, asked: Asked) {
        let expected = self.payment_mut(id);
        match asked {
            Asked::Operation(..) => {
                if let PaymentCommand::DecideReview(command) = command
                    && command.verdict == ReviewVerdict::Approve
                {
                    expected.status = PaymentStatus::Authorized;
                }
            }
            Asked::Approval => expected.release_from_review(),
            Asked::Resolution(matter, resolution) => {
                let case = expected
                    .cases
                    .iter_mut()
                    .find(|case| case.matter == matter && case.is_open())
                    .expect("an open case");
                case.resolution = Some(resolution);
            }
        }
    }
}

impl Expected {
    fn ask_for(&self, command: &PaymentCommand) -> Request<Asked> {
        use PaymentStatus as Status;
        let allowed: &[Status] = match command {
            PaymentCommand::Confirm(_) => &[Status::RequiresAction],
            PaymentCommand::Capture(_) => &[Status::Authorized, Status::PartiallyCaptured],
            PaymentCommand::Void(_) => &[
                Status::Authorized,
                Status::PartiallyCaptured,
                Status::RequiresAction,
                Status::Review,
            ],
            PaymentCommand::Reverse(_) => &[Status::Completed],
            PaymentCommand::Refund(_) => &[Status::Completed, Status::PartiallyCaptured],
            PaymentCommand::DecideReview(_) => &[Status::Review],
            PaymentCommand::ResolveCase(_) => unreachable!("cases are asked for elsewhere"),
        };
        if !allowed.contains(&self.status) {
            return Request::Unexpected(self.status);
        }
        let is_refund = matches!(command, PaymentCommand::Refund(_));
        let in_the_way = if is_refund { self.undoing() } else { self.exclusive() };
        if let Some(open) = in_the_way {
            let word = match open.act {
                Act::Confirm => "confirmation",
                Act::Capture { .. } => "capture",
                Act::Void => "void",
                Act::Reverse => "reversal",
                Act::Refund { .. } => unreachable!("refunds exclude nothing"),
            };
            return Request::Refused(Rejection::OperationInProgress(word));
        }
        let money = |minor_units| self.money.with_amount(amount(minor_units));
        let (act, cause) = match command {
            PaymentCommand::Confirm(_) => (Act::Confirm, Cause::Merchant),
            PaymentCommand::Capture(command) => {
                let minor_units = command.amount.map_or(self.held, Amount::minor_units);
                if minor_units > self.held {
                    let held = money(self.held);
                    return Request::Refused(Rejection::CaptureExceedsAuthorized { held });
                }
                let release_rest = command.release_rest && minor_units < self.held;
                (Act::Capture { minor_units, release_rest }, Cause::Merchant)
            }
            PaymentCommand::Void(_) if self.status == Status::RequiresAction => {
                (Act::Void, Cause::Cancellation)
            }
            PaymentCommand::Void(_) => (Act::Void, Cause::Merchant),
            PaymentCommand::Reverse(_) => {
                if self.returning() > 0 {
                    return Request::Refused(Rejection::ReversalAfterRefund);
                }
                (Act::Reverse, Cause::Merchant)
            }
            PaymentCommand::Refund(command) => {
                let left = self.refundable();
                let minor_units = command.amount.map_or(left, Amount::minor_units);
                if minor_units > left || minor_units == 0 {
                    let left = money(left);
                    return Request::Refused(Rejection::RefundExceedsCaptured { left });
                }
                (Act::Refund { minor_units }, Cause::Merchant)
            }
            PaymentCommand::DecideReview(command) => match (command.verdict, self.capture) {
                (ReviewVerdict::Reject, _) => (Act::Void, Cause::Review),
                (ReviewVerdict::Approve, CaptureMode::Automatic) => {
                    let act = Act::Capture { minor_units: self.held, release_rest: false };
                    (act, Cause::Review)
                }
                (ReviewVerdict::Approve, CaptureMode::Manual) => {
                    return Request::New(Asked::Approval);
                }
            },
            PaymentCommand::ResolveCase(_) => unreachable!("cases are asked for elsewhere"),
        };
        Request::New(Asked::Operation(act, cause))
    }
}

fn amount(minor_units: i64) -> Amount {
    match minor_units {
        0 => Amount::ZERO,
        _ => Amount::from_minor_units(minor_units).expect("an amount of this play"),
    }
}
