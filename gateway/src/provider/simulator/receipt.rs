//! What the simulator gives with an approval, or with an operation that is done: invented, and the
//! same for the same id.

use std::fmt::{self, Write};

use sha2::{Digest, Sha256};
use tollgate_domain::{AttemptId, OperationId, ProviderReceipt};

/// 64 bits that stand for an attempt or an operation at the simulator; all parts of its receipt come of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reference(pub(super) u64);

impl Reference {
    /// The attempt's reference under a seed.
    pub(super) fn new(seed: u64, attempt: AttemptId) -> Self {
        Self::of(seed, attempt.to_u128(), b"")
    }

    /// The operation's. An attempt whose id has the same bits has another.
    pub(super) fn of_operation(seed: u64, operation: OperationId) -> Self {
        Self::of(seed, operation.to_u128(), b"operation")
    }

    fn of(seed: u64, id: u128, label: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update(id.to_le_bytes())
            .chain_update(label)
            .finalize();
        let mut bits = [0; 8];
        bits.copy_from_slice(&digest[..8]);
        Self(u64::from_le_bytes(bits))
    }

    /// The receipt of an approval.
    pub(super) fn receipt(self) -> ProviderReceipt {
        // Field 37 of ISO 8583 has twelve characters, field 38 six. The two take different digits
        // of the reference, so that neither can be read off the other.
        let code = self.0 % 1_000_000;
        let rrn = self.0 / 1_000_000 % 1_000_000_000_000;
        ProviderReceipt {
            external_id: text::<20>(format_args!("sim_{:016x}", self.0)),
            rrn: text::<12>(format_args!("{rrn:012}")),
            approval_code: text::<6>(format_args!("{code:06}")),
        }
    }
}

/// A text of a known length, in one allocation of just that.
fn text<const LENGTH: usize>(arguments: fmt::Arguments<'_>) -> Box<str> {
    let mut text = String::with_capacity(LENGTH);
    text.write_fmt(arguments).expect("writing to a string cannot fail");
    text.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receipts_follow_from_seed_and_attempt() {
        let attempt = AttemptId::from_u128(0x1234_5678_9abc_def0);
        let reference = Reference::new(7, attempt);
        assert_eq!(reference, Reference::new(7, attempt));
        assert_ne!(reference, Reference::new(8, attempt));
        assert_ne!(reference, Reference::new(7, AttemptId::from_u128(1)));
        let operation = OperationId::from_u128(attempt.to_u128());
        assert_ne!(reference, Reference::of_operation(7, operation));
    }

    #[test]
    fn parts_have_their_lengths() {
        for reference in [0, 1, u64::MAX] {
            let receipt = Reference(reference).receipt();
            let ProviderReceipt { external_id, rrn, approval_code } = receipt;
            assert_eq!((external_id.len(), rrn.len(), approval_code.len()), (20, 12, 6));
        }
        let receipt = Reference(0x0123_4567_89ab_cdef).receipt();
        assert_eq!(&*receipt.external_id, "sim_0123456789abcdef");
        assert_eq!(&*receipt.rrn, "081985529216");
        assert_eq!(&*receipt.approval_code, "486895");
    }
}
