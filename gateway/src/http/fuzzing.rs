//! A client's bytes through every parser that sees them; for fuzzers and for the tests below.
//!
//! Each function says whether the bytes are accepted, and panics where a parser breaks a promise: it
//! never panics itself, a refusal is a problem that can be rendered, and what is accepted is
//! understood: printed anew, with other spaces and in another order, it has the same fingerprint.
//!
//! Not here: what becomes of a request that is accepted. That needs a gateway, and is asked of one
//! in `tests/api/hostile`.

use std::{collections::BTreeMap, fmt::Write, net::IpAddr, sync::LazyLock};

use hyper::{
    HeaderMap,
    header::{FORWARDED, HeaderName, HeaderValue},
};
use serde_json::value::RawValue;
use tollgate_config::{Config, ForwardedHeader};
use tollgate_domain::{Fingerprint, Mode, Timestamp};

use super::{
    client::TrustedProxies,
    error::Problem,
    idempotency::{agreed_key, key_in_header},
    prefer::prefers_async,
    request_id::{RequestIds, X_REQUEST_ID},
    surface::Surface,
    wire::{self, BatchRequest, Circumstances, FormBody, PaymentRequest},
};
use crate::{offer::Offer, secrets::Secrets};

/// 2026-06-15T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_781_481_600_000);

static OFFER: LazyLock<Offer> =
    LazyLock::new(|| Offer::new(&Config::defaults()).expect("the defaults offer what there is"));

static SECRETS: LazyLock<Secrets> = LazyLock::new(|| Secrets::from_key(&[7; 32]));

/// The body of a payment.
#[must_use]
pub fn payment(body: &[u8]) -> bool {
    let first = match fingerprint(body) {
        Ok(first) => first,
        Err(problem) => {
            check_refusal(&problem);
            return false;
        }
    };
    let raw: &RawValue = serde_json::from_slice(body).expect("what is accepted is JSON");
    let mut again = String::new();
    reprint(raw, &mut again);
    let second = fingerprint(again.as_bytes());
    assert_eq!(second.map_err(|problem| problem.code()), Ok(first), "{again}");
    true
}

/// The body of a payment as a form.
#[must_use]
pub fn form(body: &[u8]) -> bool {
    match FormBody::parse(body) {
        Ok(form) => payment(form.json()),
        Err(problem) => {
            check_refusal(&problem);
            false
        }
    }
}

/// The body of a batch; accepted where each of its payments is.
#[must_use]
pub fn batch(body: &[u8]) -> bool {
    let checked = wire::parse::<BatchRequest<'_>>(body).and_then(|batch| {
        let payments = batch.validate()?;
        // Each is looked at, whatever became of the ones before.
        Ok(payments.iter().filter(|raw| !payment(raw.get().as_bytes())).count() == 0)
    });
    checked.unwrap_or_else(|problem| {
        check_refusal(&problem);
        false
    })
}

/// The value of a header, for each header that is read.
#[must_use]
pub fn header(value: &[u8]) -> bool {
    let Ok(value) = HeaderValue::from_bytes(value) else { return false };
    let names = ["idempotency-key", "prefer", "x-forwarded-for", "x-forwarded-proto"];
    let mut headers: HeaderMap =
        names.map(|name| (HeaderName::from_static(name), value.clone())).into_iter().collect();
    headers.insert(FORWARDED, value.clone());
    headers.insert(X_REQUEST_ID, value);
    let _either = prefers_async(&headers);
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let everybody = vec!["0.0.0.0/0".parse().expect("a network")];
        let proxies = TrustedProxies::new(everybody, header);
        let _whoever = proxies.client(IpAddr::from([127, 0, 0, 1]), &headers);
    }
    let id = RequestIds::new().of(&headers);
    assert!((1..=128).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic));
    match key_in_header(&headers) {
        Ok(key) => {
            let key = key.expect("the header is there");
            assert!(
                (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic())
            );
            true
        }
        Err(problem) => {
            check_refusal(&problem);
            false
        }
    }
}

fn fingerprint(body: &[u8]) -> Result<Fingerprint, Problem> {
    let request: PaymentRequest<'_> = wire::parse(body)?;
    let key = agreed_key(None, request.idempotency_key.as_ref().map(|key| key.as_str()))?;
    let circumstances = Circumstances { now: NOW, mode: Mode::Test, offer: &OFFER };
    let valid = request.validate(key, circumstances)?;
    let mut digest = SECRETS.request_digest("POST", "/");
    valid.digest_into(&mut digest);
    Ok(digest.finish())
}

/// A refusal blames the client, and can be told on both surfaces.
fn check_refusal(problem: &Problem) {
    assert!(problem.code().status().is_client_error(), "{problem:?}");
    for surface in [Surface::V1, Surface::Classic] {
        let body = problem.render(surface, "req_1");
        serde_json::from_slice::<serde_json::Value>(&body).expect("a problem is JSON");
    }
}

/// Prints JSON anew: members sorted, spaces left out, strings escaped in one way. Numbers stay as
/// they are written, because they are exact.
fn reprint(raw: &RawValue, into: &mut String) {
    let text = raw.get();
    let well_formed = "what is accepted is JSON all the way down";
    match text.as_bytes().first() {
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).expect(well_formed);
            into.push('{');
            for (index, (name, value)) in members.into_iter().enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                write!(into, "{}:", serde_json::json!(name)).expect("a string takes all");
                reprint(value, into);
            }
            into.push('}');
        }
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).expect(well_formed);
            into.push('[');
            for (index, element) in elements.into_iter().enumerate() {
                into.push_str(if index == 0 { "" } else { "," });
                reprint(element, into);
            }
            into.push(']');
        }
        Some(b'"') => {
            let string: String = serde_json::from_str(text).expect(well_formed);
            write!(into, "{}", serde_json::json!(string)).expect("a string takes all");
        }
        Some(_) | None => into.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::select, test_runner::Config};

    use super::*;

    const WHOLE: &str = r#"{"amount":"100.00","currency":"INR","payment_method":"card","card":{"number":"4242424242424242","expiry_month":"09","expiry_year":2030,"cvv":"123","holder_name":"A \"Holder\""},"customer":{"id":"c-7","email":"c@example.com","phone":"+919876543210"},"billing_address":{"street":"","city":"Pune","state":"MH","zip_code":"411001","country":"IN"},"order_id":"order_456","description":"\u00e9\ud83d\ude00","callback_url":"https://example.com/hook","metadata":{"b":"2","a":"\u0031"},"device":{"fingerprint":"f","ip":"2001:db8::1","user_agent":"x"},"capture":"manual","idempotencyKey":"k"}"#;
    const MINOR: &str = r#"{"currency":"JPY","amount_minor":500,"payment_method":"CARD","payment_details":{"card_number":"4111111111111111","expiry_month":1,"expiry_year":30}}"#;
    const FORM: &str = "amount=100.00&currency=INR&payment_method=card&card[number]=4242424242424242&card[expiry_month]=12&card[expiry_year]=2030&metadata[a]=b";

    /// What makes bytes look like a payment.
    const TOKENS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\ud800",
        "null",
        "true",
        "-",
        "0",
        "9",
        ".",
        "1e400",
        "1e-400",
        "10.005",
        "100.00",
        "9223372036854775808",
        "\"amount\":",
        "\"card\":{",
        "\"number\":\"4242424242424242\"",
        "\"currency\":\"INR\"",
        "\"metadata\":{",
        "\"\u{1f600}\"",
        "\u{0}",
        "=",
        "&",
        "%",
        "%2",
        "+",
        "for=",
        ";proto=https",
        "\t",
        "\r\n",
    ];

    /// A good body after some accidents.
    fn mutated(good: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let accident = (any::<prop::sample::Index>(), 0..6_u8, any::<u8>(), select(TOKENS));
        (select(good), vec(accident, 0..5)).prop_map(|(good, accidents)| {
            let mut bytes = good.as_bytes().to_vec();
            for (place, kind, byte, token) in accidents {
                let at = place.index(bytes.len() + 1);
                let to = (at + usize::from(byte) / 8).min(bytes.len());
                match kind {
                    0 => bytes.truncate(at),
                    1 => drop(bytes.drain(at..to)),
                    2 => bytes.extend_from_within(at..to),
                    3 => bytes.insert(at, byte),
                    4 if at < bytes.len() => bytes[at] = byte,
                    _ => drop(bytes.splice(at..at, token.bytes())),
                }
            }
            bytes
        })
    }

    fn soup() -> impl Strategy<Value = Vec<u8>> {
        let words = vec(select(TOKENS), 0..60).prop_map(|words| words.concat().into_bytes());
        prop_oneof![vec(any::<u8>(), 0..600), words]
    }

    #[test]
    fn good_bodies_are_accepted() {
        assert!(payment(WHOLE.as_bytes()) && payment(MINOR.as_bytes()));
        assert!(form(FORM.as_bytes()));
        assert!(batch(format!("{{\"payments\":[{WHOLE},{MINOR}]}}").as_bytes()));
        assert!(header(b"\"abc-1\"") && !header(b"a b"));
    }

    proptest! {
        #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

        #[test]
        fn no_bytes_are_too_strange(bytes in soup()) {
            let _any = (payment(&bytes), form(&bytes), batch(&bytes), header(&bytes));
        }

        #[test]
        fn accidents_are_refused_or_understood(bytes in mutated(&[WHOLE, MINOR])) {
            let _any = payment(&bytes);
            let _any = batch(&[b"{\"payments\":[", &bytes[..], b"]}"].concat());
        }

        #[test]
        fn forms_have_accidents_too(bytes in mutated(&[FORM])) {
            let _any = form(&bytes);
        }

        #[test]
        fn amounts_are_understood(whole in "-?[0-9]{1,20}", fraction in "(\\.[0-9]{1,4})?", exponent in "([eE][+-]?[0-9]{1,3})?", quoted in any::<bool>()) {
            let quote = if quoted { "\"" } else { "" };
            let amount = format!("{quote}{whole}{fraction}{exponent}{quote}");
            let _any = payment(WHOLE.replace("\"100.00\"", &amount).as_bytes());
        }

        #[test]
        fn texts_are_understood(text in any::<String>(), key in any::<String>()) {
            let (text, key) = (serde_json::json!(text), serde_json::json!(key));
            let body = WHOLE
                .replace("\"order_456\"", &text.to_string())
                .replace("\"b\":\"2\"", &format!("{key}:{text}"));
            let _any = payment(body.as_bytes());
        }
    }
}
