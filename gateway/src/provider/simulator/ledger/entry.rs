//! One decision of the simulator, and its bytes.
//!
//! ```text
//!    0   4  CRC-32C of the bytes after it
//!    4   1  what: of an attempt 1 approved, 2 declined, 3 action required, 4 pending, 5 reserved;
//!           or an operation: 16 capture, 17 final capture, 18 void, 19 reversal, 20 refund
//!    5   1  decline code, else 0; of an operation 0 succeeded, 1 pending, 2 returned,
//!           16 + reason failed
//!    6   2  currency, ISO 4217 numeric
//!    8   8  amount in minor units
//!   16   8  decided at, milliseconds since 1970
//!   24   8  reference, from which receipts follow
//!   32  16  attempt
//!   48  16  payment
//!   64  16  merchant; of an operation, the operation    80 bytes, little-endian
//! ```
//!
//! Format 1 had neither operations nor "reserved": an approval of its time counts as taken.

use tollgate_domain::{
    Amount, AttemptId, Currency, DeclineCode, MerchantId, Money, OperationFailure, OperationId,
    PaymentId, Timestamp,
};

use super::{Decided, Fate, Instruction};
use crate::provider::simulator::receipt::Reference;

/// Length of an entry.
pub(super) const ENTRY_LENGTH: usize = 80;

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) attempt: AttemptId,
    pub(super) payment: PaymentId,
    pub(super) money: Money,
    pub(super) fact: Fact,
    pub(super) reference: Reference,
    pub(super) at: Timestamp,
}

/// What an entry tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    /// What was decided on the attempt.
    Attempt {
        /// Whose it is.
        merchant: MerchantId,
        /// What was decided.
        decided: Decided,
    },
    /// What became of an operation on its funds.
    Operation {
        /// Which.
        operation: OperationId,
        /// What was to be done.
        instruction: Instruction,
        /// What became of it.
        fate: Fate,
    },
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_LENGTH] {
        let Self { attempt, payment, money, fact, reference, at } = *self;
        let (what, owner) = match fact {
            Fact::Attempt { merchant, decided } => (decided.to_bytes(), merchant.to_u128()),
            Fact::Operation { operation, instruction, fate } => {
                ([instruction.code(), fate.code()], operation.to_u128())
            }
        };
        let mut bytes = [0; ENTRY_LENGTH];
        let mut writer = Writer { bytes: &mut bytes, position: 4 };
        writer.put(what);
        writer.put(money.currency.numeric().to_le_bytes());
        writer.put(money.amount.minor_units().to_le_bytes());
        writer.put(at.as_millis().to_le_bytes());
        writer.put(reference.0.to_le_bytes());
        writer.put(attempt.to_u128().to_le_bytes());
        writer.put(payment.to_u128().to_le_bytes());
        writer.put(owner.to_le_bytes());
        let checksum = crc32c::crc32c(&bytes[4..]);
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are no entry, whole and unchanged.
    pub(super) fn decode(bytes: &[u8; ENTRY_LENGTH]) -> Option<Self> {
        let mut reader = Reader { bytes, position: 0 };
        if u32::from_le_bytes(reader.take()) != crc32c::crc32c(&bytes[4..]) {
            return None;
        }
        let what: [u8; 2] = reader.take();
        let currency = Currency::from_numeric(u16::from_le_bytes(reader.take())).ok()?;
        let amount = match i64::from_le_bytes(reader.take()) {
            // Of a void that had nothing to let go.
            0 => Amount::ZERO,
            minor => Amount::from_minor_units(minor).ok()?,
        };
        let at = Timestamp::from_millis(u64::from_le_bytes(reader.take()));
        let reference = Reference(u64::from_le_bytes(reader.take()));
        let attempt = AttemptId::from_u128(u128::from_le_bytes(reader.take()));
        let payment = PaymentId::from_u128(u128::from_le_bytes(reader.take()));
        let owner = u128::from_le_bytes(reader.take());
        let fact = match (Instruction::from_code(what[0]), Decided::from_bytes(what)) {
            (Some(instruction), _) => {
                let fate = Fate::from_code(what[1])?;
                Fact::Operation { operation: OperationId::from_u128(owner), instruction, fate }
            }
            (None, Some(decided)) => {
                Fact::Attempt { merchant: MerchantId::from_u128(owner), decided }
            }
            (None, None) => return None,
        };
        let money = Money { amount, currency };
        Some(Self { attempt, payment, money, fact, reference, at })
    }
}

impl Decided {
    fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Approved => [1, 0],
            Self::Declined(code) => [2, code.code()],
            Self::ActionRequired => [3, 0],
            Self::Pending => [4, 0],
            Self::Reserved => [5, 0],
        }
    }

    fn from_bytes(bytes: [u8; 2]) -> Option<Self> {
        match bytes {
            [1, 0] => Some(Self::Approved),
            [2, code] => DeclineCode::from_code(code).map(Self::Declined),
            [3, 0] => Some(Self::ActionRequired),
            [4, 0] => Some(Self::Pending),
            [5, 0] => Some(Self::Reserved),
            _ => None,
        }
    }
}

impl Instruction {
    const ALL: [Self; 5] =
        [Self::Capture, Self::FinalCapture, Self::Void, Self::Reverse, Self::Refund];

    fn code(self) -> u8 {
        match self {
            Self::Capture => 16,
            Self::FinalCapture => 17,
            Self::Void => 18,
            Self::Reverse => 19,
            Self::Refund => 20,
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|instruction| instruction.code() == code)
    }
}

impl Fate {
    /// Where the reasons of failures begin.
    const FAILED: u8 = 16;

    fn code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Pending => 1,
            Self::Returned => 2,
            Self::Failed(reason) => Self::FAILED + reason.code(),
        }
    }

    fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Succeeded),
            1 => Some(Self::Pending),
            2 => Some(Self::Returned),
            code => {
                let reason = code.checked_sub(Self::FAILED)?;
                OperationFailure::from_code(reason).map(Self::Failed)
            }
        }
    }
}

struct Writer<'a> {
    bytes: &'a mut [u8; ENTRY_LENGTH],
    position: usize,
}

impl Writer<'_> {
    fn put<const N: usize>(&mut self, field: [u8; N]) {
        self.bytes[self.position..self.position + N].copy_from_slice(&field);
        self.position += N;
    }
}

struct Reader<'a> {
    bytes: &'a [u8; ENTRY_LENGTH],
    position: usize,
}

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        field.copy_from_slice(&self.bytes[self.position..self.position + N]);
        self.position += N;
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(fact: Fact) -> Entry {
        let amount = Amount::from_minor_units(0x0102).unwrap();
        Entry {
            attempt: AttemptId::from_u128(3),
            payment: PaymentId::from_u128(4),
            money: Money { amount, currency: Currency::INR },
            fact,
            reference: Reference(6),
            at: Timestamp::from_millis(7),
        }
    }

    fn decision(decided: Decided) -> Fact {
        Fact::Attempt { merchant: MerchantId::from_u128(5), decided }
    }

    fn operation(instruction: Instruction, fate: Fate) -> Fact {
        Fact::Operation { operation: OperationId::from_u128(8), instruction, fate }
    }

    #[test]
    fn entries_come_back() {
        let declines = DeclineCode::ALL.map(Decided::Declined);
        let others =
            [Decided::Approved, Decided::Reserved, Decided::ActionRequired, Decided::Pending];
        let decisions = declines.into_iter().chain(others).map(decision);
        let failures = OperationFailure::ALL.map(Fate::Failed);
        let fates = failures.into_iter().chain([Fate::Succeeded, Fate::Pending, Fate::Returned]);
        let operations =
            fates.flat_map(|fate| Instruction::ALL.map(|instruction| operation(instruction, fate)));
        for fact in decisions.chain(operations) {
            assert_eq!(Entry::decode(&entry(fact).encode()), Some(entry(fact)));
        }
        let void = entry(operation(Instruction::Void, Fate::Succeeded));
        let nothing = Entry { money: void.money.with_amount(Amount::ZERO), ..void };
        assert_eq!(Entry::decode(&nothing.encode()), Some(nothing));
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let bytes = entry(decision(Decided::Approved)).encode();
        for position in 0..ENTRY_LENGTH {
            let mut flipped = bytes;
            flipped[position] ^= 0x10;
            assert_eq!(Entry::decode(&flipped), None, "{position}");
        }
        assert_eq!(Entry::decode(&[0; ENTRY_LENGTH]), None);
    }

    /// A stored format: a change would make older ledgers unreadable.
    #[test]
    fn bytes_never_change() {
        let mut expected = [0; ENTRY_LENGTH];
        expected[..8].copy_from_slice(&[0x23, 0x28, 0x8e, 0xef, 2, 2, 0x64, 0x01]);
        for (position, byte) in [(8, 2), (9, 1), (16, 7), (24, 6), (32, 3), (48, 4), (64, 5)] {
            expected[position] = byte;
        }
        let declined = entry(decision(Decided::Declined(DeclineCode::DoNotHonor)));
        assert_eq!(declined.encode(), expected);

        let refund = operation(Instruction::Refund, Fate::Failed(OperationFailure::AccountClosed));
        let bytes = entry(refund).encode();
        expected[4..6].copy_from_slice(&[20, 20]);
        expected[64] = 8;
        assert_eq!(bytes[4..], expected[4..]);
    }
}
