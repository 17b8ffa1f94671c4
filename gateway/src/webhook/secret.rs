//! Secrets that deliveries are signed with, and how they are kept: sealed under a key outside the
//! log, as are the headers that an endpoint's owner gives and the answers of receivers.
//!
//! Invariant: a secret's text is in the answer to its making, and nowhere else.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use tollgate_domain::{SealedSecret, Timestamp};
use zeroize::Zeroizing;

use crate::{secrets, vault::Realm};

/// What a secret's text begins with.
const PREFIX: &str = "whsec_";

/// Bytes of a secret, as the specification bounds them.
const SHORTEST: usize = 24;
const LONGEST: usize = 64;

/// Bytes of the secrets that are made here: as many as the hash puts out.
const DRAWN: usize = 32;

const NONCE_LENGTH: usize = 24;
const TAG_LENGTH: usize = 16;

/// A secret; wiped when dropped.
#[derive(Clone)]
pub(crate) struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Draws one.
    pub(crate) fn draw() -> Result<Self, secrets::Error> {
        let mut bytes = Zeroizing::new(vec![0; DRAWN]);
        getrandom::fill(&mut bytes).map_err(secrets::Error::Random)?;
        Ok(Self(bytes))
    }

    /// The secret of that text: `whsec_` and the base64 of 24 to 64 bytes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?);
        (SHORTEST..=LONGEST).contains(&bytes.len()).then_some(Self(bytes))
    }

    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Its text.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + LONGEST * 2));
        text.push_str(PREFIX);
        BASE64_STANDARD.encode_string(&*self.0, &mut text);
        text
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What is signed with: the secret that is good, and the one before while it is good as well.
#[derive(Clone)]
pub(crate) struct SigningSecrets(Vec<(WebhookSecret, Timestamp)>);

impl SigningSecrets {
    /// Of these, each until a time; the newest first.
    pub(crate) fn new(secrets: Vec<(WebhookSecret, Timestamp)>) -> Self {
        Self(secrets)
    }

    /// Those that are good at a time, the newest first.
    pub(crate) fn good_at(&self, at: Timestamp) -> Vec<WebhookSecret> {
        let good = self.0.iter().filter(|(_secret, until)| *until > at);
        good.map(|(secret, _until)| secret.clone()).collect()
    }
}

/// What is sealed: each kind opens as itself alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SealedKind {
    Secret,
    Headers,
    AnswerBody,
}

/// Seals what deliveries need and receivers answer. The key lies outside the log and outside the key
/// store: what it seals is a merchant's and no person's.
pub(crate) struct WebhookSealer {
    cipher: XChaCha20Poly1305,
}

impl WebhookSealer {
    pub(crate) fn new(key: &Zeroizing<[u8; 32]>) -> Self {
        Self { cipher: XChaCha20Poly1305::new((&**key).into()) }
    }

    /// Seals bytes: a nonce of 24 random bytes, the ciphertext, a tag of 16.
    pub(crate) fn seal(
        &self,
        realm: Realm,
        kind: SealedKind,
        text: &[u8],
    ) -> Result<SealedSecret, secrets::Error> {
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(secrets::Error::Random)?;
        let mut bytes = Vec::with_capacity(NONCE_LENGTH + text.len() + TAG_LENGTH);
        bytes.extend(nonce);
        bytes.extend(text);
        let tag = self
            .cipher
            .encrypt_inout_detached(
                &XNonce::from(nonce),
                &associated_data(realm, kind),
                (&mut bytes[NONCE_LENGTH..]).into(),
            )
            .expect("what is sealed here is far shorter than a cipher's limit");
        bytes.extend(tag);
        Ok(SealedSecret(bytes.into()))
    }

    /// What was sealed as that kind in that realm; `None` for anything else.
    pub(crate) fn open(
        &self,
        realm: Realm,
        kind: SealedKind,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_LENGTH>()?;
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self.cipher.decrypt_inout_detached(
            &XNonce::from(*nonce),
            &associated_data(realm, kind),
            text.as_mut_slice().into(),
            &Tag::from(*tag),
        );
        opened.is_ok().then_some(text)
    }
}

fn associated_data(realm: Realm, kind: SealedKind) -> [u8; 18] {
    let kind = match kind {
        SealedKind::Secret => 1,
        SealedKind::Headers => 2,
        SealedKind::AnswerBody => 3,
    };
    let mut data = [kind; 18];
    data[1] = realm.mode.code();
    data[2..].copy_from_slice(&realm.merchant.to_u128().to_be_bytes());
    data
}

#[cfg(test)]
mod tests {
    use tollgate_domain::{MerchantId, Mode};

    use super::*;

    #[test]
    fn texts_come_back_and_others_are_none() {
        let drawn = WebhookSecret::draw().unwrap();
        let text = drawn.to_text();
        assert_eq!(WebhookSecret::parse(&text).unwrap().bytes(), drawn.bytes());
        let of_length = |bytes: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
        assert!(WebhookSecret::parse(&of_length(24)).is_some());
        assert!(WebhookSecret::parse(&of_length(64)).is_some());
        let wrong = [of_length(23), of_length(65), "whsec_".into(), "whsec_%".into(), "x".into()];
        for text in wrong {
            assert!(WebhookSecret::parse(&text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_sealed_opens_as_its_kind_in_its_realm_alone() {
        let sealer = WebhookSealer::new(&Zeroizing::new([7; 32]));
        let realm = |merchant, mode| Realm { merchant: MerchantId::from_u128(merchant), mode };
        let own = realm(1, Mode::Test);
        let sealed = sealer.seal(own, SealedKind::Secret, b"text").unwrap();
        let open = |realm, kind| sealer.open(realm, kind, &sealed.0).map(|text| text.to_vec());
        assert_eq!(open(own, SealedKind::Secret).as_deref(), Some(&b"text"[..]));
        assert_eq!(open(own, SealedKind::Headers), None);
        assert_eq!(open(realm(1, Mode::Live), SealedKind::Secret), None);
        assert_eq!(open(realm(2, Mode::Test), SealedKind::Secret), None);
        let mut changed = sealed.0.to_vec();
        changed[30] ^= 1;
        assert_eq!(sealer.open(own, SealedKind::Secret, &changed), None);
    }
}
