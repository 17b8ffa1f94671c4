//! What a payment must become by what a provider says of its attempt and of its operations.

use tollgate_domain::{
    CaptureMode, Cause, LateApprovals, Matter, Millis, NextAction, OperationFailure, OperationId,
    OperationOutcome, PaymentId, PaymentStatus, Policy, ProviderOutcome, Resolution, Timestamp,
};

use super::{
    Owed,
    asking::{Asking, after},
    deed::{Act, Doing},
    expected::{Doubt, Expected, Heard},
    matters::ExpectedCase,
};

/// What surrounds an answer.
pub(super) struct Circumstances<'a> {
    pub(super) id: PaymentId,
    pub(super) now: Timestamp,
    pub(super) policy: &'a Policy,
    /// Whether somebody asked for it.
    pub(super) asked_for: bool,
    /// What is open of the payment's order, if it has one.
    pub(super) order_open: Option<i64>,
}

impl Circumstances<'_> {
    fn first(&self) -> Asking {
        Asking::first(self.now, self.policy)
    }
}

/// What an answer comes to: nothing, or a record and the calls that follow.
type Hearing = Option<Vec<Owed>>;

impl Expected {
    pub(super) fn hear_attempt(
        &mut self,
        outcome: &ProviderOutcome,
        at: &Circumstances,
    ) -> Hearing {
        match outcome {
            ProviderOutcome::Approved(_) => self.hear_yes(at),
            ProviderOutcome::Declined(_)
            | ProviderOutcome::NotSent
            | ProviderOutcome::NotFound { past_horizon: true } => self.hear_no(at),
            ProviderOutcome::ActionRequired { action } => match self.validity_of(action, at.policy)
            {
                Some(validity) => self.hear_act(validity, at),
                None => self.hear_nothing_certain(at),
            },
            ProviderOutcome::Pending => self.hear_later(at),
            ProviderOutcome::Unknown | ProviderOutcome::NotFound { past_horizon: false } => {
                self.hear_nothing_certain(at)
            }
        }
    }

    fn hear_yes(&mut self, at: &Circumstances) -> Hearing {
        match self.heard {
            Heard::Yes(Doubt::None) | Heard::TooLateYes => None,
            Heard::Yes(Doubt::Asked(_) | Doubt::Insisted) => {
                self.heard = Heard::Yes(Doubt::None);
                self.close(Matter::ApprovalDenied(self.attempt), Resolution::Withdrawn);
                Some(Vec::new())
            }
            Heard::Nothing | Heard::Later(_) | Heard::NothingCertain(_) | Heard::Act(_)
                if self.awaits() =>
            {
                let (called_off, voiding) = (self.is_called_off(), self.is_being_voided());
                self.approve(at);
                self.end_confirmation();
                let undone = called_off && !voiding;
                Some(undone.then(|| self.undo(at)).into_iter().collect())
            }
            Heard::Nothing
            | Heard::Later(_)
            | Heard::NothingCertain(_)
            | Heard::Act(_)
            | Heard::No
            | Heard::CalledOff => Some(self.hear_late_yes(at)),
        }
    }

    fn hear_late_yes(&mut self, at: &Circumstances) -> Vec<Owed> {
        let given_up = !matches!(self.status, PaymentStatus::Failed | PaymentStatus::Expired)
            || self.is_called_off();
        let nothing_open = self.exclusive().is_none();
        let order_open = at.order_open.is_none_or(|open| open >= self.asked());
        let accepted = at.policy.late_approvals == LateApprovals::Accept;
        if accepted && !given_up && nothing_open && order_open {
            self.approve(at);
            return Vec::new();
        }
        self.heard = Heard::TooLateYes;
        let taken = if self.is_taken_at_once() { self.asked() } else { 0 };
        self.open(Matter::LateApproval(self.attempt), taken);
        nothing_open.then(|| self.undo(at)).into_iter().collect()
    }

    fn approve(&mut self, at: &Circumstances) {
        self.heard = Heard::Yes(Doubt::None);
        if self.is_taken_at_once() {
            self.take(self.asked(), at.policy);
            self.end(PaymentStatus::Completed);
        } else {
            self.held = self.asked();
            self.until = Some(at.now.after(at.policy.authorization_validity));
            self.status =
                if self.review { PaymentStatus::Review } else { PaymentStatus::Authorized };
        }
    }

    /// Whether an approval takes the money, or only reserves it.
    fn is_taken_at_once(&self) -> bool {
        self.capture == CaptureMode::Automatic && !self.review
    }

    fn undo(&self, at: &Circumstances) -> Owed {
        let act = if self.is_taken_at_once() { Act::Reverse } else { Act::Void };
        Owed::Begun(at.id, act, Cause::LateApproval)
    }

    fn hear_no(&mut self, at: &Circumstances) -> Hearing {
        match self.heard {
            Heard::Nothing | Heard::Later(_) | Heard::NothingCertain(_) | Heard::Act(_) => {
                self.heard = Heard::No;
                if self.awaits() {
                    self.end(PaymentStatus::Failed);
                }
                self.end_confirmation();
                Some(Vec::new())
            }
            Heard::Yes(Doubt::None) => {
                self.heard = Heard::Yes(Doubt::Asked(at.first()));
                Some(vec![Owed::Attempt(self.attempt)])
            }
            Heard::Yes(Doubt::Asked(_)) if at.asked_for => {
                self.heard = Heard::Yes(Doubt::Insisted);
                self.open(Matter::ApprovalDenied(self.attempt), 0);
                Some(Vec::new())
            }
            Heard::Yes(Doubt::Asked(_) | Doubt::Insisted)
            | Heard::No
            | Heard::CalledOff
            | Heard::TooLateYes => None,
        }
    }

    fn hear_act(&mut self, validity: Millis, at: &Circumstances) -> Hearing {
        match self.heard {
            Heard::Nothing | Heard::Later(_) | Heard::NothingCertain(_) => {
                let until = at.now.after(validity);
                self.heard = Heard::Act(Asking { asked: 0, due: until });
                (self.status, self.until) = (PaymentStatus::RequiresAction, Some(until));
                Some(Vec::new())
            }
            Heard::Act(asking) => self.hear_still_act(asking, at),
            Heard::Yes(_) | Heard::No | Heard::CalledOff | Heard::TooLateYes => None,
        }
    }

    /// The provider still waits for the customer. Once his time is over it is called off there.
    fn hear_still_act(&mut self, asking: Asking, at: &Circumstances) -> Hearing {
        if self.status != PaymentStatus::RequiresAction {
            return None;
        }
        let voiding = self.is_being_voided();
        let confirmed = self.end_confirmation().then(Vec::new);
        let until = self.until.expect("an action has its time");
        if voiding {
            return confirmed;
        }
        if at.now < until {
            if asking.asked == 0 {
                return confirmed;
            }
            self.heard = Heard::Act(Asking { asked: 0, due: until });
            return Some(Vec::new());
        }
        if !at.asked_for {
            return confirmed;
        }
        let voids = self.deeds.iter().filter(|deed| deed.act == Act::Void);
        if voids.filter(|deed| deed.cause == Cause::Expiry).count() > 1 {
            self.end(PaymentStatus::Expired);
            return Some(Vec::new());
        }
        Some(vec![Owed::Begun(at.id, Act::Void, Cause::Expiry)])
    }

    fn hear_later(&mut self, at: &Circumstances) -> Hearing {
        match self.heard {
            Heard::Nothing | Heard::NothingCertain(_) => {
                self.heard = Heard::Later(at.first());
                self.status = PaymentStatus::Processing;
                Some(Vec::new())
            }
            Heard::Act(asking) => self.hear_still_act(asking, at),
            Heard::Later(_) | Heard::Yes(_) | Heard::No | Heard::CalledOff | Heard::TooLateYes => {
                None
            }
        }
    }

    fn hear_nothing_certain(&mut self, at: &Circumstances) -> Hearing {
        if self.heard != Heard::Nothing {
            return None;
        }
        self.heard = Heard::NothingCertain(at.first());
        self.status = PaymentStatus::Unknown;
        Some(Vec::new())
    }

    /// How long the customer has for what he is asked to do, if he can do it at all.
    fn validity_of(&self, action: &NextAction, policy: &Policy) -> Option<Millis> {
        match action {
            NextAction::Redirect { url } => (url.len() < 2_049).then_some(policy.action_validity),
            NextAction::ApproveUpi { .. } => self.by_upi.then_some(policy.upi_validity),
        }
    }

    /// Whatever is said of the attempt answers a confirmation that is under way.
    fn end_confirmation(&mut self) -> bool {
        let open = self.deeds.iter_mut().find(|deed| deed.excludes() && deed.act == Act::Confirm);
        let Some(open) = open else { return false };
        open.doing = Doing::Done(Doubt::None);
        true
    }

    pub(super) fn hear_operation(
        &mut self,
        id: OperationId,
        outcome: &OperationOutcome,
        at: &Circumstances,
    ) -> Hearing {
        match outcome {
            OperationOutcome::Succeeded(_) => self.hear_done(id, at),
            OperationOutcome::Failed(reason) => self.hear_failed(id, *reason, at),
            OperationOutcome::NotSent | OperationOutcome::NotFound { past_horizon: true } => {
                self.hear_not_sent(id, at)
            }
            OperationOutcome::Pending => match self.doing(id) {
                Doing::Open { .. } | Doing::Waiting { .. } | Doing::Unsure(_) => {
                    self.move_on(id, Doing::Later(at.first()))
                }
                Doing::Later(_)
                | Doing::Done(_)
                | Doing::Failed(_)
                | Doing::Returned
                | Doing::TooLate => None,
            },
            OperationOutcome::Unknown | OperationOutcome::NotFound { past_horizon: false } => {
                match self.doing(id) {
                    Doing::Open { .. } => self.move_on(id, Doing::Unsure(at.first())),
                    Doing::Waiting { .. }
                    | Doing::Later(_)
                    | Doing::Unsure(_)
                    | Doing::Done(_)
                    | Doing::Failed(_)
                    | Doing::Returned
                    | Doing::TooLate => None,
                }
            }
        }
    }

    fn hear_done(&mut self, id: OperationId, at: &Circumstances) -> Hearing {
        match self.doing(id) {
            Doing::Open { .. } | Doing::Waiting { .. } | Doing::Later(_) | Doing::Unsure(_) => {
                self.carry_out(id, at);
                self.move_on(id, Doing::Done(Doubt::None))
            }
            Doing::Failed(_) | Doing::Returned => self.hear_done_late(id, at),
            Doing::Done(Doubt::Asked(_) | Doubt::Insisted) => {
                self.close(Matter::OperationDenied(id), Resolution::Withdrawn);
                self.move_on(id, Doing::Done(Doubt::None))
            }
            Doing::Done(Doubt::None) | Doing::TooLate => None,
        }
    }

    /// What an operation does to the payment.
    fn carry_out(&mut self, id: OperationId, at: &Circumstances) {
        let deed = self.deed(id).expect("an operation of this payment");
        let ended = if deed.cause == Cause::Expiry {
            PaymentStatus::Expired
        } else {
            PaymentStatus::Voided
        };
        match deed.act {
            Act::Confirm => {}
            Act::Refund { minor_units } => {
                let fee = self.fee_back(minor_units, at.policy);
                let deed = self.deeds.iter_mut().find(|deed| deed.id == id);
                deed.expect("an operation of this payment").fee = fee;
            }
            Act::Capture { minor_units, release_rest } => {
                self.take(minor_units, at.policy);
                self.held -= minor_units;
                if release_rest || self.held == 0 {
                    self.end(PaymentStatus::Completed);
                } else {
                    self.status = PaymentStatus::PartiallyCaptured;
                }
            }
            Act::Void => match self.status {
                PaymentStatus::Review | PaymentStatus::Authorized => self.end(ended),
                PaymentStatus::PartiallyCaptured => self.end(PaymentStatus::Completed),
                PaymentStatus::Processing
                | PaymentStatus::RequiresAction
                | PaymentStatus::Unknown => {
                    self.heard = Heard::CalledOff;
                    self.end(ended);
                }
                PaymentStatus::Completed if self.is_approved() => {
                    self.end(PaymentStatus::Reversed);
                }
                PaymentStatus::Completed
                | PaymentStatus::Failed
                | PaymentStatus::Voided
                | PaymentStatus::Reversed
                | PaymentStatus::Expired => {
                    self.close(Matter::LateApproval(self.attempt), Resolution::Returned);
                }
            },
            Act::Reverse => {
                if self.is_approved() {
                    self.end(PaymentStatus::Reversed);
                }
                self.close(Matter::LateApproval(self.attempt), Resolution::Returned);
            }
        }
    }

    fn hear_done_late(&mut self, id: OperationId, at: &Circumstances) -> Hearing {
        let nothing_open = self.exclusive().is_none();
        let deed = self.deed(id).expect("an operation of this payment");
        let late = self.heard == Heard::TooLateYes;
        let (room, booked) = match deed.act {
            Act::Confirm => return None,
            Act::Capture { minor_units, .. } => {
                (nothing_open && minor_units <= self.held, minor_units)
            }
            Act::Refund { minor_units } => {
                (self.undoing().is_none() && minor_units <= self.refundable(), -minor_units)
            }
            Act::Void => (nothing_open && (self.holds() || self.awaits() || late), 0),
            Act::Reverse => {
                let whole = self.status == PaymentStatus::Completed
                    && self.returning() == 0
                    && self.is_approved();
                (nothing_open && (whole || late), -self.captured)
            }
        };
        if room {
            self.carry_out(id, at);
            return self.move_on(id, Doing::Done(Doubt::None));
        }
        self.open(Matter::OperationLate(id), booked);
        self.move_on(id, Doing::TooLate)
    }

    fn hear_failed(
        &mut self,
        id: OperationId,
        reason: OperationFailure,
        at: &Circumstances,
    ) -> Hearing {
        match self.doing(id) {
            Doing::Open { .. } | Doing::Waiting { .. } | Doing::Later(_) | Doing::Unsure(_) => {
                Some(self.fail(id, reason, at))
            }
            Doing::Done(doubt) => self.deny(id, doubt, true, at),
            Doing::TooLate => self.come_back(id, reason),
            Doing::Failed(_) | Doing::Returned => None,
        }
    }

    /// A refund that was done too late could not be delivered: nobody is left with anything.
    fn come_back(&mut self, id: OperationId, reason: OperationFailure) -> Hearing {
        let deed = self.deed(id).expect("an operation of this payment");
        if !deed.act.is_refund() || reason != OperationFailure::AccountClosed {
            return None;
        }
        let matter = Matter::OperationLate(id);
        for case in self.cases.iter_mut().filter(|case| case.matter == matter) {
            case.resolution = Some(Resolution::Returned);
        }
        self.move_on(id, Doing::Returned)
    }

    fn hear_not_sent(&mut self, id: OperationId, at: &Circumstances) -> Hearing {
        let deed = self.deed(id).expect("an operation of this payment");
        let somebody_asks = match deed.cause {
            Cause::Merchant | Cause::Cancellation | Cause::Review => true,
            Cause::Expiry | Cause::LateApproval => false,
        };
        let tries = match deed.doing {
            Doing::Open { tries } => tries,
            Doing::Later(_) | Doing::Unsure(_) => 0,
            Doing::Done(doubt) => return self.deny(id, doubt, false, at),
            Doing::Waiting { .. } | Doing::Failed(_) | Doing::Returned | Doing::TooLate => {
                return None;
            }
        };
        if somebody_asks {
            return Some(self.fail(id, OperationFailure::NotSent, at));
        }
        let due = after(tries, at.now, at.policy);
        self.move_on(id, Doing::Waiting { tries: tries + 1, due })
    }

    /// It will not be done.
    fn fail(&mut self, id: OperationId, reason: OperationFailure, at: &Circumstances) -> Vec<Owed> {
        let deed = self.deed(id).expect("an operation of this payment");
        let (act, cause) = (deed.act, deed.cause);
        let asked_before = self
            .deeds
            .iter()
            .any(|other| other.act == Act::Void && other.cause == cause && other.id != id);
        let gone = reason == OperationFailure::AuthorizationExpired;
        let unresolved_late = cause == Cause::LateApproval;
        let called_off = cause == Cause::Cancellation && reason != OperationFailure::NotSent;
        self.move_on(id, Doing::Failed(reason));
        match act {
            Act::Confirm | Act::Refund { .. } => {}
            Act::Capture { .. } if gone => self.lapse(),
            Act::Capture { .. } => {}
            Act::Reverse if unresolved_late => self.leave_to_operators(),
            Act::Reverse => {}
            Act::Void if self.holds() => {
                if gone || cause == Cause::Expiry {
                    self.lapse();
                } else if unresolved_late {
                    self.leave_to_operators();
                } else if called_off {
                    return vec![Owed::Begun(at.id, Act::Void, Cause::LateApproval)];
                }
            }
            Act::Void if self.status == PaymentStatus::RequiresAction => {
                let asks = reason == OperationFailure::AlreadyCaptured || cause == Cause::Expiry;
                if asks && (cause == Cause::Expiry || !asked_before) {
                    self.ask_at_once(at.now, at.policy);
                    return vec![Owed::Attempt(self.attempt)];
                }
            }
            Act::Void => {
                let won = self.status == PaymentStatus::Completed && self.is_approved();
                if won && called_off {
                    return vec![Owed::Begun(at.id, Act::Reverse, Cause::LateApproval)];
                }
                if unresolved_late {
                    self.leave_to_operators();
                }
            }
        }
        Vec::new()
    }

    /// The provider takes back that it was done: it has failed, or was never there.
    fn deny(&mut self, id: OperationId, doubt: Doubt, failed: bool, at: &Circumstances) -> Hearing {
        let act = self.deed(id).expect("an operation of this payment").act;
        match (act, doubt) {
            (Act::Refund { .. }, _) if failed => self.move_on(id, Doing::Returned),
            (Act::Confirm, _) => None,
            (_, Doubt::None) => {
                self.move_on(id, Doing::Done(Doubt::Asked(at.first())));
                Some(vec![Owed::Operation(id)])
            }
            (_, Doubt::Asked(_)) if at.asked_for => {
                self.open(Matter::OperationDenied(id), 0);
                self.move_on(id, Doing::Done(Doubt::Insisted))
            }
            (_, Doubt::Asked(_) | Doubt::Insisted) => None,
        }
    }

    /// What is held is not there any more.
    fn lapse(&mut self) {
        self.end(if self.captured == 0 {
            PaymentStatus::Expired
        } else {
            PaymentStatus::Completed
        });
    }

    /// Nothing is held any more, and nobody has to act.
    fn end(&mut self, status: PaymentStatus) {
        (self.status, self.held, self.until) = (status, 0, None);
        if status == PaymentStatus::Reversed {
            self.untake();
        }
    }

    fn leave_to_operators(&mut self) {
        let matter = Matter::LateApproval(self.attempt);
        if !self.cases.iter().any(|case| case.matter == matter) {
            self.open(matter, 0);
        }
    }

    fn open(&mut self, matter: Matter, booked: i64) {
        self.cases.push(ExpectedCase { matter, booked, resolution: None });
    }

    fn close(&mut self, matter: Matter, resolution: Resolution) {
        let open = self.cases.iter_mut().find(|case| case.matter == matter && case.is_open());
        if let Some(case) = open {
            case.resolution = Some(resolution);
        }
    }

    fn doing(&self, id: OperationId) -> Doing {
        self.deed(id).expect("an operation of this payment").doing
    }

    fn move_on(&mut self, id: OperationId, doing: Doing) -> Hearing {
        let deed = self.deeds.iter_mut().find(|deed| deed.id == id);
        deed.expect("an operation of this payment").doing = doing;
        Some(Vec::new())
    }
}
