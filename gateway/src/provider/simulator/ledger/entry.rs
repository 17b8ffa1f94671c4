//! One decision of the simulator, and its bytes.
//!
//! ```text
//!    0   4  CRC-32C of the bytes after it
//!    4   1  state: 1 approved, 2 declined, 3 action required, 4 pending
//!    5   1  decline code, else 0
//!    6   2  currency, ISO 4217 numeric
//!    8   8  amount in minor units
//!   16   8  decided at, milliseconds since 1970
//!   24   8  reference, from which receipts follow
//!   32  16  attempt
//!   48  16  payment
//!   64  16  merchant                                    80 bytes, little-endian
//! ```

use tollgate_domain::{
    Amount, AttemptId, Currency, DeclineCode, MerchantId, Money, PaymentId, Timestamp,
};

use super::{Charge, Decided};
use crate::provider::simulator::receipt::Reference;

/// Length of an entry.
pub(super) const ENTRY_LENGTH: usize = 80;

/// One entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) charge: Charge,
    pub(super) decided: Decided,
    pub(super) reference: Reference,
    pub(super) at: Timestamp,
}

impl Entry {
    pub(super) fn encode(&self) -> [u8; ENTRY_LENGTH] {
        let Self { charge, decided, reference, at } = *self;
        let [state, code] = match decided {
            Decided::Approved => [1, 0],
            Decided::Declined(code) => [2, code.code()],
            Decided::ActionRequired => [3, 0],
            Decided::Pending => [4, 0],
        };
        let mut bytes = [0; ENTRY_LENGTH];
        let mut writer = Writer { bytes: &mut bytes, position: 4 };
        writer.put([state, code]);
        writer.put(charge.money.currency.numeric().to_le_bytes());
        writer.put(charge.money.amount.minor_units().to_le_bytes());
        writer.put(at.as_millis().to_le_bytes());
        writer.put(reference.0.to_le_bytes());
        writer.put(charge.attempt.to_u128().to_le_bytes());
        writer.put(charge.payment.to_u128().to_le_bytes());
        writer.put(charge.merchant.to_u128().to_le_bytes());
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
        let decided = match reader.take() {
            [1, 0] => Decided::Approved,
            [2, code] => Decided::Declined(DeclineCode::from_code(code)?),
            [3, 0] => Decided::ActionRequired,
            [4, 0] => Decided::Pending,
            _ => return None,
        };
        let currency = Currency::from_numeric(u16::from_le_bytes(reader.take())).ok()?;
        let amount = Amount::from_minor_units(i64::from_le_bytes(reader.take())).ok()?;
        let at = Timestamp::from_millis(u64::from_le_bytes(reader.take()));
        let reference = Reference(u64::from_le_bytes(reader.take()));
        let charge = Charge {
            attempt: AttemptId::from_u128(u128::from_le_bytes(reader.take())),
            payment: PaymentId::from_u128(u128::from_le_bytes(reader.take())),
            merchant: MerchantId::from_u128(u128::from_le_bytes(reader.take())),
            money: Money { amount, currency },
        };
        Some(Self { charge, decided, reference, at })
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

    fn entry(decided: Decided) -> Entry {
        let money =
            Money { amount: Amount::from_minor_units(0x0102).unwrap(), currency: Currency::INR };
        let charge = Charge {
            attempt: AttemptId::from_u128(3),
            payment: PaymentId::from_u128(4),
            merchant: MerchantId::from_u128(5),
            money,
        };
        Entry { charge, decided, reference: Reference(6), at: Timestamp::from_millis(7) }
    }

    #[test]
    fn entries_come_back() {
        let declines = DeclineCode::ALL.map(Decided::Declined);
        let others = [Decided::Approved, Decided::ActionRequired, Decided::Pending];
        for decided in declines.into_iter().chain(others) {
            assert_eq!(Entry::decode(&entry(decided).encode()), Some(entry(decided)));
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let bytes = entry(Decided::Approved).encode();
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
        let declined = entry(Decided::Declined(DeclineCode::DoNotHonor));
        assert_eq!(declined.encode(), expected);
    }
}
