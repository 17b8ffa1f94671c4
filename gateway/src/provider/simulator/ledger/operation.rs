//! What was done to the funds of an attempt, and what may still be done.
//!
//! Invariant: what was captured and what is still held never exceed what was approved, and what was
//! returned never exceeds what was captured, whatever is asked for.

use tollgate_domain::{Amount, OperationFailure, OperationId, Timestamp};

use super::{Booking, Decided};
use crate::provider::simulator::receipt::Reference;

/// What the simulator is told to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Instruction {
    /// Take a part of what is reserved.
    Capture,
    /// The same, and let go of the rest.
    FinalCapture,
    /// Let go of what is reserved, or of a request that waits for its customer.
    Void,
    /// Undo all that was taken.
    Reverse,
    /// Return a part of what was taken.
    Refund,
}

/// What became of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// Done.
    Succeeded,
    /// Accepted; done later. Nothing else may use what it needs.
    Pending,
    /// Not done.
    Failed(OperationFailure),
    /// A refund that had succeeded and came back.
    Returned,
}

/// An operation as it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::provider::simulator) struct Operated {
    pub(in crate::provider::simulator) operation: OperationId,
    pub(in crate::provider::simulator) instruction: Instruction,
    /// How much was asked for; of a void or reversal, how much was there to let go or to undo.
    pub(in crate::provider::simulator) amount: Amount,
    pub(in crate::provider::simulator) fate: Fate,
    pub(in crate::provider::simulator) reference: Reference,
    pub(in crate::provider::simulator) at: Timestamp,
    /// How often it was sent.
    pub(in crate::provider::simulator) calls: u32,
}

/// An operation that is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::provider::simulator) struct Order {
    pub(in crate::provider::simulator) operation: OperationId,
    pub(in crate::provider::simulator) instruction: Instruction,
    /// How much; zero for what concerns all that there is.
    pub(in crate::provider::simulator) amount: Amount,
    /// What becomes of it where the books allow it.
    pub(in crate::provider::simulator) wish: Fate,
}

/// The funds of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Funds {
    /// Reserved and not taken.
    held: Amount,
    /// Taken.
    taken: Amount,
    /// Of that returned, or on its way.
    returned: Amount,
    /// Whether the customer still has to act, or the issuer to answer.
    waits: bool,
}

impl Funds {
    /// The funds after those operations. One that is pending has what it needs.
    pub(super) fn of<'a>(
        booking: &Booking,
        operations: impl IntoIterator<Item = &'a Operated>,
    ) -> Self {
        let all = booking.money.amount;
        let (held, taken, waits) = match booking.decided {
            Decided::Approved => (Amount::ZERO, all, false),
            Decided::Reserved => (all, Amount::ZERO, false),
            Decided::Declined(_) => (Amount::ZERO, Amount::ZERO, false),
            Decided::ActionRequired | Decided::Pending => (Amount::ZERO, Amount::ZERO, true),
        };
        let mut funds = Self { held, taken, returned: Amount::ZERO, waits };
        for operated in operations {
            match operated.fate {
                Fate::Succeeded | Fate::Pending => funds.apply(operated),
                Fate::Failed(_) | Fate::Returned => {}
            }
        }
        funds
    }

    fn apply(&mut self, operated: &Operated) {
        let amount = operated.amount;
        match operated.instruction {
            Instruction::Capture => {
                self.held = less(self.held, amount);
                self.taken = more(self.taken, amount);
            }
            Instruction::FinalCapture => {
                self.held = Amount::ZERO;
                self.taken = more(self.taken, amount);
            }
            Instruction::Void => self.held = Amount::ZERO,
            Instruction::Reverse => {
                (self.held, self.taken) = (Amount::ZERO, Amount::ZERO);
            }
            Instruction::Refund => self.returned = more(self.returned, amount),
        }
    }

    /// How much the operation is for, or why it cannot be done.
    pub(super) fn judge(
        &self,
        instruction: Instruction,
        amount: Amount,
    ) -> Result<Amount, OperationFailure> {
        let left = less(self.taken, self.returned);
        match instruction {
            Instruction::Capture | Instruction::FinalCapture => {
                if self.waits || amount.is_zero() {
                    Err(OperationFailure::Refused)
                } else if self.held.is_zero() {
                    Err(if self.taken.is_zero() {
                        OperationFailure::AuthorizationExpired
                    } else {
                        OperationFailure::AlreadyCaptured
                    })
                } else if amount > self.held {
                    Err(OperationFailure::Refused)
                } else {
                    Ok(amount)
                }
            }
            // Letting go of nothing is no failure: that there be nothing is what was asked for.
            Instruction::Void if self.held.is_zero() && !self.taken.is_zero() => {
                Err(OperationFailure::AlreadyCaptured)
            }
            Instruction::Void => Ok(self.held),
            Instruction::Reverse if self.taken.is_zero() || !self.returned.is_zero() => {
                Err(OperationFailure::Refused)
            }
            Instruction::Reverse => Ok(self.taken),
            Instruction::Refund if amount.is_zero() || amount > left => {
                Err(OperationFailure::Refused)
            }
            Instruction::Refund => Ok(amount),
        }
    }
}

fn less(amount: Amount, by: Amount) -> Amount {
    amount.checked_sub(by).unwrap_or(Amount::ZERO)
}

fn more(amount: Amount, by: Amount) -> Amount {
    amount.checked_add(by).expect("no more than was approved, which is an amount")
}

#[cfg(test)]
mod tests {
    use tollgate_domain::{Currency, Money};

    use super::*;

    fn amount(minor: i64) -> Amount {
        if minor == 0 { Amount::ZERO } else { Amount::from_minor_units(minor).unwrap() }
    }

    fn booking(decided: Decided) -> Booking {
        let money = Money { amount: amount(100), currency: Currency::INR };
        Booking { decided, money, reference: Reference(1), at: Timestamp::default(), calls: 1 }
    }

    fn done(instruction: Instruction, minor: i64, fate: Fate) -> Operated {
        Operated {
            operation: OperationId::from_u128(1),
            instruction,
            amount: amount(minor),
            fate,
            reference: Reference(2),
            at: Timestamp::default(),
            calls: 1,
        }
    }

    /// Every instruction on funds in every state.
    #[test]
    fn what_may_be_done_to_funds() {
        use Instruction::{Capture, FinalCapture, Refund, Reverse, Void};
        use OperationFailure::{AlreadyCaptured, AuthorizationExpired, Refused};
        let succeeded = |instruction, minor| done(instruction, minor, Fate::Succeeded);
        let reserved = Decided::Reserved;
        // What has happened; then capture of 60, of 101, void, reversal, refund of 60.
        let table = [
            (reserved, vec![], [Ok(60), Err(Refused), Ok(100), Err(Refused), Err(Refused)]),
            (
                reserved,
                vec![succeeded(Capture, 30)],
                [Ok(60), Err(Refused), Ok(70), Ok(30), Err(Refused)],
            ),
            (
                reserved,
                vec![succeeded(Capture, 70)],
                [Err(Refused), Err(Refused), Ok(30), Ok(70), Ok(60)],
            ),
            (
                reserved,
                vec![done(Capture, 70, Fate::Pending)],
                [Err(Refused), Err(Refused), Ok(30), Ok(70), Ok(60)],
            ),
            (
                reserved,
                vec![done(Capture, 70, Fate::Failed(Refused))],
                [Ok(60), Err(Refused), Ok(100), Err(Refused), Err(Refused)],
            ),
            (
                reserved,
                vec![succeeded(FinalCapture, 70)],
                [Err(AlreadyCaptured), Err(AlreadyCaptured), Err(AlreadyCaptured), Ok(70), Ok(60)],
            ),
            (
                reserved,
                vec![succeeded(Void, 100)],
                [
                    Err(AuthorizationExpired),
                    Err(AuthorizationExpired),
                    Ok(0),
                    Err(Refused),
                    Err(Refused),
                ],
            ),
            (
                Decided::Approved,
                vec![],
                [Err(AlreadyCaptured), Err(AlreadyCaptured), Err(AlreadyCaptured), Ok(100), Ok(60)],
            ),
            (
                Decided::Approved,
                vec![succeeded(Refund, 60)],
                [
                    Err(AlreadyCaptured),
                    Err(AlreadyCaptured),
                    Err(AlreadyCaptured),
                    Err(Refused),
                    Err(Refused),
                ],
            ),
            (
                Decided::Approved,
                vec![done(Refund, 60, Fate::Returned)],
                [Err(AlreadyCaptured), Err(AlreadyCaptured), Err(AlreadyCaptured), Ok(100), Ok(60)],
            ),
            (
                Decided::Approved,
                vec![succeeded(Reverse, 100)],
                [
                    Err(AuthorizationExpired),
                    Err(AuthorizationExpired),
                    Ok(0),
                    Err(Refused),
                    Err(Refused),
                ],
            ),
            (
                Decided::ActionRequired,
                vec![],
                [Err(Refused), Err(Refused), Ok(0), Err(Refused), Err(Refused)],
            ),
        ];
        for (decided, operations, expected) in table {
            let funds = Funds::of(&booking(decided), &operations);
            let asked = [(Capture, 60), (FinalCapture, 101), (Void, 0), (Reverse, 0), (Refund, 60)];
            let found = asked.map(|(instruction, minor)| {
                funds.judge(instruction, amount(minor)).map(Amount::minor_units)
            });
            assert_eq!(found, expected, "{decided:?} and {operations:?}");
        }
    }

    #[test]
    fn nothing_is_no_amount_to_move() {
        let funds = Funds::of(&booking(Decided::Reserved), &[]);
        let refused = Err(OperationFailure::Refused);
        assert_eq!(funds.judge(Instruction::Capture, Amount::ZERO), refused);
        let funds = Funds::of(&booking(Decided::Approved), &[]);
        assert_eq!(funds.judge(Instruction::Refund, Amount::ZERO), refused);
    }
}
