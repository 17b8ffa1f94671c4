//! Signatures of deliveries: [Standard Webhooks](https://www.standardwebhooks.com) 1.0, and beside it
//! the older header of clients that were written before.
//!
//! ```text
//!   webhook-id          the event's id, the same at each try
//!   webhook-timestamp   seconds since 1970, of this try
//!   webhook-signature   v1,<base64 of HMAC-SHA-256(secret, id.timestamp.body)>, one for each secret
//!   x-webhook-signature <hex of HMAC-SHA-256(secret's bytes, body)>
//! ```

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tollgate_domain::Timestamp;

use super::secret::WebhookSecret;

/// The value of `webhook-signature`; the newest secret comes first.
pub(crate) fn standard(secrets: &[WebhookSecret], id: &str, at: Timestamp, body: &[u8]) -> String {
    let seconds = at.as_seconds().to_string();
    let signature = |secret: &WebhookSecret| {
        let mut mac = keyed(secret);
        for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(signature).collect::<Vec<_>>().join(" ")
}

/// The value of `x-webhook-signature`.
pub(crate) fn older(secret: &WebhookSecret, body: &[u8]) -> String {
    let mut mac = keyed(secret);
    mac.update(body);
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn keyed(secret: &WebhookSecret) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.bytes()).expect("HMAC takes a key of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification.
    #[test]
    fn the_specification_s_example_is_signed_as_there() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let at = Timestamp::from_millis(1_614_265_330_000);
        let body = br#"{"test": 2432232314}"#;
        let signature = standard(&[secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// RFC 4231, test case 2, with its key of four letters.
    #[test]
    fn the_older_signature_is_of_the_body_alone() {
        let secret = WebhookSecret::of_bytes(b"Jefe");
        assert_eq!(
            older(&secret, b"what do ya want for nothing?"),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn the_published_library_takes_it_under_either_secret() {
        let [new, old] = [WebhookSecret::draw().unwrap(), WebhookSecret::draw().unwrap()];
        let texts = [new.to_text(), old.to_text()];
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let at = Timestamp::from_millis(u64::try_from(now.as_millis()).unwrap());
        let body = br#"{"id":"evt_1"}"#;
        let signature = standard(&[new, old], "evt_1", at, body);
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "evt_1".parse().unwrap());
        headers.insert("webhook-timestamp", at.as_seconds().to_string().parse().unwrap());
        headers.insert("webhook-signature", signature.parse().unwrap());
        for text in &texts {
            let library = standardwebhooks::Webhook::new(text).unwrap();
            library.verify(body, &headers).unwrap();
            assert!(library.verify(b"{}", &headers).is_err());
        }
        let stranger = WebhookSecret::draw().unwrap().to_text();
        assert!(standardwebhooks::Webhook::new(&stranger).unwrap().verify(body, &headers).is_err());
    }
}
