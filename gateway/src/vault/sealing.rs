//! Sealing and opening: XChaCha20-Poly1305 under a person's key.
//!
//! ```text
//!    0   1  format, 1
//!    1  24  nonce
//!   25      ciphertext
//!       16  tag
//! ```
//!
//! The nonce is random. A guests' key seals a merchant's whole day, and at 192 bits two of any
//! number of payments that a day can hold will not share one; nothing has to be counted, so nothing
//! can be counted twice after a crash or in a machine that was copied.
//!
//! Associated data are the kind of text, the mode and the merchant: what is sealed for one of them
//! opens nowhere else.

use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use tollgate_domain::{MerchantId, Mode};
use zeroize::Zeroizing;

use super::error::Error;

const FORMAT: u8 = 1;
const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// Where the ciphertext begins.
const HEAD_LENGTH: usize = 1 + NONCE_LENGTH;

/// How many bytes sealing adds.
pub(super) const OVERHEAD: usize = HEAD_LENGTH + TAG_LENGTH;

/// What is sealed: personal data of a payment. Another kind of text gets another label.
const LABEL: &[u8; 27] = b"tollgate/payment-personal/1";

/// A person's key; wiped when dropped.
pub(super) type Key = Zeroizing<[u8; 32]>;

/// In which world something is sealed: a merchant's, in a mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Realm {
    pub(crate) merchant: MerchantId,
    pub(crate) mode: Mode,
}

/// Seals `length` bytes, which `write` adds to the buffer that it is given.
pub(super) fn seal(
    key: &Key,
    realm: Realm,
    length: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Result<Vec<u8>, Error> {
    let mut nonce = [0; NONCE_LENGTH];
    getrandom::fill(&mut nonce).map_err(|_none| Error::Random)?;
    seal_with(nonce, key, realm, length, write)
}

fn seal_with(
    nonce: [u8; NONCE_LENGTH],
    key: &Key,
    realm: Realm,
    length: usize,
    write: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Result<Vec<u8>, Error> {
    // Its final size at once: a buffer that grew would leave plain text behind.
    let mut bytes = Vec::with_capacity(length + OVERHEAD);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&nonce);
    write(&mut bytes).ok_or(Error::TooLarge)?;
    let tag = cipher(key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &associated_data(realm),
            (&mut bytes[HEAD_LENGTH..]).into(),
        )
        .map_err(|_too_long| Error::TooLarge)?;
    bytes.extend_from_slice(&tag);
    Ok(bytes)
}

/// What was sealed in this realm under this key; `None` for anything else.
pub(super) fn open(key: &Key, realm: Realm, bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (&[FORMAT], rest) = bytes.split_first_chunk()? else { return None };
    let (nonce, rest) = rest.split_first_chunk::<NONCE_LENGTH>()?;
    let (text, tag) = rest.split_last_chunk::<TAG_LENGTH>()?;
    let mut text = Zeroizing::new(text.to_vec());
    let opened = cipher(key).decrypt_inout_detached(
        &XNonce::from(*nonce),
        &associated_data(realm),
        text.as_mut_slice().into(),
        &Tag::from(*tag),
    );
    opened.is_ok().then_some(text)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**key).into())
}

fn associated_data(realm: Realm) -> [u8; LABEL.len() + 17] {
    let mut data = [0; LABEL.len() + 17];
    let (label, rest) = data.split_at_mut(LABEL.len());
    label.copy_from_slice(LABEL);
    rest[0] = realm.mode.code();
    rest[1..].copy_from_slice(&realm.merchant.to_u128().to_be_bytes());
    data
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"a@b.co";

    fn realm(merchant: u128, mode: Mode) -> Realm {
        Realm { merchant: MerchantId::from_u128(merchant), mode }
    }

    fn sealed(nonce: u8, key: u8) -> Vec<u8> {
        seal_with(
            [nonce; 24],
            &Zeroizing::new([key; 32]),
            realm(5, Mode::Test),
            TEXT.len(),
            |out| {
                out.extend_from_slice(TEXT);
                Some(())
            },
        )
        .unwrap()
    }

    fn opened(key: u8, realm: Realm, bytes: &[u8]) -> Option<Vec<u8>> {
        open(&Zeroizing::new([key; 32]), realm, bytes).map(|text| text.to_vec())
    }

    /// Stored for as long as the log is.
    #[test]
    fn golden_bytes() {
        let text: String = sealed(9, 7).iter().map(|byte| format!("{byte:02x}")).collect();
        let golden =
            ["01", &"09".repeat(24), "df3280a41fc5", "8e1dbed5c63553e13a6b17d1b7e01c1a"].concat();
        assert_eq!(text, golden);
        assert_eq!(sealed(9, 7).len(), TEXT.len() + OVERHEAD);
    }

    #[test]
    fn it_opens_under_its_key_in_its_scope_alone() {
        let bytes = sealed(9, 7);
        assert_eq!(opened(7, realm(5, Mode::Test), &bytes).as_deref(), Some(TEXT));
        assert_eq!(opened(8, realm(5, Mode::Test), &bytes), None);
        assert_eq!(opened(7, realm(6, Mode::Test), &bytes), None);
        assert_eq!(opened(7, realm(5, Mode::Live), &bytes), None);
    }

    #[test]
    fn no_bit_may_differ_and_none_be_missing() {
        let bytes = sealed(9, 7);
        for bit in 0..bytes.len() * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(opened(7, realm(5, Mode::Test), &other), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(opened(7, realm(5, Mode::Test), &bytes[..length]), None);
        }
    }

    #[test]
    fn nonces_are_drawn_anew() {
        let key = Zeroizing::new([7; 32]);
        let mut nonces: Vec<Vec<u8>> = (0..64)
            .map(|_time| seal(&key, realm(5, Mode::Test), 0, |_nothing| Some(())).unwrap())
            .map(|bytes| bytes[1..HEAD_LENGTH].to_vec())
            .collect();
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 64);
    }
}
