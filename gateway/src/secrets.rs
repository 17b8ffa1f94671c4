//! The secret under which digests are made, and the keys that are drawn for others.
//!
//! A plain hash of a card number beside its first six and last four digits can be guessed in a
//! hundred thousand tries, so everything in the log that is derived from a request's secrets is an
//! HMAC-SHA-256 under a key that lies outside the log. Each kind of digest has a key of its own,
//! derived from that one by a label.
//!
//! Invariant: `digest.key` never changes, or no card and no idempotency key would be known again.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use tollgate_domain::{
    ApiKeyHash, CardFingerprint, Fingerprint, IdempotencyKey, KeyImprint, KeyTail, MerchantId,
    Mode, ProviderId, VpaFingerprint, WalletFingerprint,
};
use zeroize::Zeroizing;

use crate::{durable_file, vault::Realm, webhook::WebhookSecret};

/// As many bytes as the hash puts out: more would add nothing.
const KEY_BYTES: usize = 32;

/// What makes the kinds of digests differ for the same input.
const CARD_LABEL: &[u8] = b"tollgate/card-fingerprint/1";
const VPA_LABEL: &[u8] = b"tollgate/vpa-fingerprint/1";
const WALLET_LABEL: &[u8] = b"tollgate/wallet-fingerprint/1";
const IDEMPOTENCY_LABEL: &[u8] = b"tollgate/idempotency-key/1";
const REQUEST_LABEL: &[u8] = b"tollgate/request-fingerprint/1";
const KEY_OWNER_LABEL: &[u8] = b"tollgate/key-owner/1";
const SEAL_KEY_LABEL: &[u8] = b"tollgate/seal-key/1";
const CALLBACK_LABEL: &[u8] = b"tollgate/callback/1";
const KEY_STORE_LABEL: &[u8] = b"tollgate/key-store/1";
const WEBHOOK_SEAL_LABEL: &[u8] = b"tollgate/webhook-seal/1";
const WEBHOOK_SECRET_LABEL: &[u8] = b"tollgate/webhook-secret/1";
const VIEW_LABEL: &[u8] = b"tollgate/view/1";

/// Digits of the keys we draw: Crockford's base 32, in which no two look alike.
const KEY_DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 256 bits at five bits a digit.
const KEY_TEXT_DIGITS: usize = 52;

/// Makes keyed digests. Each holds the state after the key, so that none is hashed twice.
pub(crate) struct Secrets {
    card: Hmac<Sha256>,
    vpa: Hmac<Sha256>,
    wallet: Hmac<Sha256>,
    idempotency: Hmac<Sha256>,
    request: Hmac<Sha256>,
    callback: Hmac<Sha256>,
    key_store: KeyStoreSecrets,
    webhooks: WebhookSecrets,
    views: ViewSecrets,
}

/// What the views tell orders and customers by.
#[derive(Clone)]
pub(crate) struct ViewSecrets(Hmac<Sha256>);

/// What the key store's contents are worthless without.
#[derive(Clone)]
pub(crate) struct KeyStoreSecrets {
    owner: Hmac<Sha256>,
    key: Hmac<Sha256>,
    check: Hmac<Sha256>,
}

/// What webhooks are sealed and signed with.
#[derive(Clone)]
pub(crate) struct WebhookSecrets {
    seal: Hmac<Sha256>,
    secret: Hmac<Sha256>,
}

/// Gathers a request for its fingerprint.
pub(crate) struct RequestDigest(Hmac<Sha256>);

/// Why secrets cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of a secret cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file does not hold what it should.
    #[error("{path} is damaged: {fault}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// There is a log that rests on a key which is not there.
    #[error(
        "{path} is missing, although there is a log: put back what was kept beside the backup, or no \
         idempotency key is known again. If it is lost for good, 32 random bytes there begin anew"
    )]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// The system gives no random bytes.
    #[error("no random bytes")]
    Random(#[source] getrandom::Error),
}

impl Secrets {
    /// Reads the key in `<data_dir>/secrets`, or makes one where there is none and no log yet.
    pub(crate) fn open(data_dir: &Path) -> Result<Self, Error> {
        let path = data_dir.join("secrets").join("digest.key");
        let key = match read_secret_file(&path)? {
            Some(key) => key,
            None if has_log(data_dir) => return Err(Error::Lost { path }),
            None => {
                let mut key = Zeroizing::new(vec![0; KEY_BYTES]);
                getrandom::fill(&mut key).map_err(Error::Random)?;
                write_secret_file(&path, &key)?;
                key
            }
        };
        if key.len() != KEY_BYTES {
            return Err(Error::Damaged { path, fault: "it does not hold 32 bytes" });
        }
        Ok(Self::from_key(&key))
    }

    pub(crate) fn from_key(key: &[u8]) -> Self {
        let derived = |label: &[u8]| {
            let mut mac = keyed(key);
            mac.update(label);
            keyed(&mac.finalize().into_bytes())
        };
        Self {
            card: derived(CARD_LABEL),
            vpa: derived(VPA_LABEL),
            wallet: derived(WALLET_LABEL),
            idempotency: derived(IDEMPOTENCY_LABEL),
            request: derived(REQUEST_LABEL),
            callback: derived(CALLBACK_LABEL),
            key_store: KeyStoreSecrets {
                owner: derived(KEY_OWNER_LABEL),
                key: derived(SEAL_KEY_LABEL),
                check: derived(KEY_STORE_LABEL),
            },
            webhooks: WebhookSecrets {
                seal: derived(WEBHOOK_SEAL_LABEL),
                secret: derived(WEBHOOK_SECRET_LABEL),
            },
            views: ViewSecrets(derived(VIEW_LABEL)),
        }
    }

    /// Tells the same card again.
    pub(crate) fn card_fingerprint(&self, number: &str) -> CardFingerprint {
        let mut mac = self.card.clone();
        mac.update(number.as_bytes());
        CardFingerprint(leading(&mac.finalize().into_bytes()))
    }

    /// Tells the same VPA again, in capitals or not.
    pub(crate) fn vpa_fingerprint(&self, vpa: &str) -> VpaFingerprint {
        let mut mac = self.vpa.clone();
        for byte in vpa.bytes() {
            mac.update(&[byte.to_ascii_lowercase()]);
        }
        VpaFingerprint(leading(&mac.finalize().into_bytes()))
    }

    /// Tells the same wallet again.
    pub(crate) fn wallet_fingerprint(&self, provider: &str, id: &str) -> WalletFingerprint {
        let mut mac = self.wallet.clone();
        mac.update(provider.as_bytes());
        // No provider's name holds it, so that no two wallets run together.
        mac.update(b"/");
        mac.update(id.as_bytes());
        WalletFingerprint(leading(&mac.finalize().into_bytes()))
    }

    /// A client's idempotency key, in the scope in which it is one.
    pub(crate) fn idempotency_key(
        &self,
        merchant: MerchantId,
        mode: Mode,
        key: &str,
    ) -> IdempotencyKey {
        let mut mac = self.idempotency.clone();
        mac.update(&merchant.to_u128().to_be_bytes());
        mac.update(&[mode.code()]);
        mac.update(key.as_bytes());
        IdempotencyKey(leading(&mac.finalize().into_bytes()))
    }

    /// Begins the fingerprint of a request.
    pub(crate) fn request_digest(&self, method: &str, path: &str) -> RequestDigest {
        let mut digest = RequestDigest(self.request.clone());
        digest.text(Some(method));
        digest.text(Some(path));
        digest
    }

    /// The secret for callbacks of that provider, where no other is agreed with it.
    pub(crate) fn callback_secret(&self, provider: ProviderId) -> Zeroizing<[u8; 32]> {
        let mut mac = self.callback.clone();
        mac.update(&provider.to_bytes());
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// The part that the key store works with.
    pub(crate) fn key_store(&self) -> KeyStoreSecrets {
        self.key_store.clone()
    }

    /// The part that webhooks work with.
    pub(crate) fn webhooks(&self) -> WebhookSecrets {
        self.webhooks.clone()
    }

    /// The part that the views work with.
    pub(crate) fn views(&self) -> ViewSecrets {
        self.views.clone()
    }
}

impl ViewSecrets {
    /// Tells the same order of a merchant again, by the merchant's words for it.
    pub(crate) fn order(&self, realm: Realm, id: &str) -> [u8; 16] {
        self.digest(b'o', realm, id)
    }

    /// Tells the same customer of a merchant again, by the merchant's own id.
    pub(crate) fn customer(&self, realm: Realm, id: &str) -> [u8; 16] {
        self.digest(b'c', realm, id)
    }

    fn digest(&self, kind: u8, realm: Realm, text: &str) -> [u8; 16] {
        let mut mac = self.0.clone();
        mac.update(&[kind, realm.mode.code()]);
        mac.update(&realm.merchant.to_u128().to_be_bytes());
        mac.update(text.as_bytes());
        leading(&mac.finalize().into_bytes())
    }
}

impl WebhookSecrets {
    /// The key under which endpoints' secrets, headers and answers are kept.
    pub(crate) fn sealing_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.seal.clone().finalize().into_bytes().into())
    }

    /// The secrets that a merchant has in a mode without asking for one, by their number: for the
    /// callback addresses of its payments, and for its customers' returns.
    pub(crate) fn merchant_secret(&self, realm: Realm, number: u32) -> WebhookSecret {
        let mut mac = self.secret.clone();
        mac.update(&[realm.mode.code()]);
        mac.update(&realm.merchant.to_u128().to_be_bytes());
        // The first is what it was before there were others.
        if number > 0 {
            mac.update(&number.to_be_bytes());
        }
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        WebhookSecret::of_bytes(&*bytes)
    }
}

impl KeyStoreSecrets {
    /// Who owns a key: a customer, by the merchant's own id.
    pub(crate) fn customer(&self, merchant: MerchantId, mode: Mode, id: &str) -> [u8; 16] {
        self.owner_of(b'c', merchant, mode, id.as_bytes())
    }

    /// Who owns a key: all customers without an id on a day, counted from 1970.
    pub(crate) fn guests(&self, merchant: MerchantId, mode: Mode, day: u64) -> [u8; 16] {
        self.owner_of(b'g', merchant, mode, &day.to_be_bytes())
    }

    fn owner_of(&self, kind: u8, merchant: MerchantId, mode: Mode, name: &[u8]) -> [u8; 16] {
        let mut mac = self.owner.clone();
        mac.update(&[kind, mode.code()]);
        mac.update(&merchant.to_u128().to_be_bytes());
        mac.update(name);
        leading(&mac.finalize().into_bytes())
    }

    /// The key with this id, from the seed that the key store holds.
    pub(crate) fn seal_key(&self, id: &[u8; 16], seed: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.key.clone();
        mac.update(id);
        mac.update(seed);
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// What a key store with this id says, to show that it belongs to `digest.key`.
    pub(crate) fn key_store_check(&self, id: &[u8; 16]) -> [u8; 32] {
        let mut mac = self.check.clone();
        mac.update(id);
        mac.finalize().into_bytes().into()
    }
}

impl RequestDigest {
    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(&number.to_be_bytes());
    }

    /// Adds a text, or its absence. The length goes first, so that no two requests run together.
    pub(crate) fn text(&mut self, text: Option<&str>) {
        match text {
            None => self.number(u64::MAX),
            Some(text) => {
                self.number(u64::try_from(text.len()).unwrap_or(u64::MAX));
                self.0.update(text.as_bytes());
            }
        }
    }

    /// The fingerprint.
    pub(crate) fn finish(self) -> Fingerprint {
        Fingerprint(u64::from_be_bytes(leading(&self.0.finalize().into_bytes())))
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn leading<const N: usize>(digest: &[u8]) -> [u8; N] {
    digest.first_chunk().copied().expect("SHA-256 has 32 bytes")
}

/// A key that was drawn just now.
pub(crate) struct DrawnKey {
    /// Its text, which goes to its owner and is kept nowhere.
    pub(crate) text: Zeroizing<String>,
    /// What is kept of it.
    pub(crate) imprint: KeyImprint,
}

/// Draws an API key: the prefix, then 256 random bits.
pub(crate) fn draw_api_key(prefix: &str) -> Result<DrawnKey, Error> {
    let mut bits = Zeroizing::new([0_u8; KEY_BYTES]);
    getrandom::fill(&mut *bits).map_err(Error::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(prefix.len() + KEY_TEXT_DIGITS));
    text.push_str(prefix);
    for digit in 0..KEY_TEXT_DIGITS {
        let index = (0..5)
            .map(|bit| digit * 5 + bit)
            // The last digit has only one bit of its own.
            .filter(|bit| *bit < KEY_BYTES * 8)
            .fold(0, |index, bit| index << 1 | usize::from(bits[bit / 8] >> (7 - bit % 8) & 1));
        text.push(char::from(KEY_DIGITS[index]));
    }
    let imprint = key_imprint(&text).expect("its last four of 52 digits are visible");
    Ok(DrawnKey { text, imprint })
}

/// What may be kept of a key's text; `None` where it does not end with four visible characters.
pub(crate) fn key_imprint(key: &str) -> Option<KeyImprint> {
    let tail = KeyTail::new(*key.as_bytes().last_chunk()?)?;
    Some(KeyImprint { hash: api_key_hash(key), tail })
}

/// The digest by which an API key is known.
pub(crate) fn api_key_hash(key: &str) -> ApiKeyHash {
    ApiKeyHash(Sha256::digest(key.as_bytes()).into())
}

/// What a secret's file holds; `None` if there is none.
pub(crate) fn read_secret_file(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Zeroizing::new(Vec::with_capacity(128));
    file.read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(bytes))
}

/// Writes a secret's file whole or not at all, readable for its owner only.
pub(crate) fn write_secret_file(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable_file::write(path, bytes).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Whether there is a log, whose digests are under a key that nothing replaces.
fn has_log(data_dir: &Path) -> bool {
    data_dir.join("log").join("superblock").exists()
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn the_key_is_made_once_and_for_its_owner_only() {
        let directory = tempfile::tempdir().unwrap();
        let first = Secrets::open(directory.path()).unwrap();
        let path = directory.path().join("secrets/digest.key");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&path).unwrap().len(), 32);
        let again = Secrets::open(directory.path()).unwrap();
        let number = "4242424242424242";
        assert_eq!(first.card_fingerprint(number), again.card_fingerprint(number));
        fs::write(&path, b"short").unwrap();
        assert!(matches!(Secrets::open(directory.path()), Err(Error::Damaged { .. })));
    }

    #[test]
    fn digests_are_apart_by_label_and_scope() {
        let secrets = Secrets::from_key(&[7; 32]);
        let (one, other) = (MerchantId::from_u128(1), MerchantId::from_u128(2));
        let keys = [
            secrets.idempotency_key(one, Mode::Test, "k"),
            secrets.idempotency_key(one, Mode::Live, "k"),
            secrets.idempotency_key(other, Mode::Test, "k"),
            secrets.idempotency_key(one, Mode::Test, "l"),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert!(keys[index + 1..].iter().all(|later| later != key));
        }
        let fingerprint = |texts: &[Option<&str>]| {
            let mut digest = secrets.request_digest("POST", "/");
            texts.iter().for_each(|text| digest.text(*text));
            digest.finish()
        };
        assert_ne!(fingerprint(&[Some("ab"), Some("c")]), fingerprint(&[Some("a"), Some("bc")]));
        assert_ne!(fingerprint(&[None]), fingerprint(&[Some("")]));
    }

    #[test]
    fn accounts_are_known_again_and_apart() {
        let secrets = Secrets::from_key(&[7; 32]);
        let vpa = |text| secrets.vpa_fingerprint(text);
        assert_eq!(vpa("asha@okbank"), vpa("Asha@OKBANK"), "capitals make no difference to UPI");
        assert_ne!(vpa("asha@okbank"), vpa("asha@okbanks"));
        let wallet = |provider, id| secrets.wallet_fingerprint(provider, id);
        assert_eq!(wallet("paytm", "1"), wallet("paytm", "1"));
        assert_ne!(wallet("paytm", "1"), wallet("phonepe", "1"));
        assert_ne!(wallet("paytm", "1").0, vpa("paytm/1").0, "each kind has a key of its own");
        assert_ne!(secrets.card_fingerprint("paytm/1").0, wallet("paytm", "1").0);
    }

    #[test]
    fn owners_and_keys_are_apart() {
        let secrets = Secrets::from_key(&[7; 32]).key_store();
        let (one, other) = (MerchantId::from_u128(1), MerchantId::from_u128(2));
        let owners = [
            secrets.customer(one, Mode::Test, "k"),
            secrets.customer(one, Mode::Live, "k"),
            secrets.customer(other, Mode::Test, "k"),
            secrets.customer(one, Mode::Test, "l"),
            secrets.guests(one, Mode::Test, 1),
            secrets.guests(one, Mode::Test, 2),
            // A customer may call himself anything.
            secrets.customer(one, Mode::Test, "\0\0\0\0\0\0\0\u{1}"),
        ];
        for (index, owner) in owners.iter().enumerate() {
            assert!(owners[index + 1..].iter().all(|later| later != owner), "{index}");
        }
        assert_ne!(secrets.seal_key(&[1; 16], &[0; 32]), secrets.seal_key(&[2; 16], &[0; 32]));
        assert_ne!(secrets.seal_key(&[1; 16], &[0; 32]), secrets.seal_key(&[1; 16], &[1; 32]));
        let others = Secrets::from_key(&[8; 32]).key_store();
        assert_ne!(secrets.seal_key(&[1; 16], &[0; 32]), others.seal_key(&[1; 16], &[0; 32]));
        assert_ne!(secrets.key_store_check(&[1; 16]), others.key_store_check(&[1; 16]));
    }

    #[test]
    fn drawn_keys_have_their_form() {
        let key = draw_api_key("sk_test_").unwrap();
        let digits = key.text.strip_prefix("sk_test_").unwrap();
        assert_eq!(digits.len(), 52);
        assert!(digits.bytes().all(|digit| KEY_DIGITS.contains(&digit)));
        assert_ne!(*key.text, *draw_api_key("sk_test_").unwrap().text);
        assert_eq!(key.imprint.tail.as_str(), &digits[48..]);
        assert_eq!(key_imprint("sk\u{e9}"), None);
    }
}
