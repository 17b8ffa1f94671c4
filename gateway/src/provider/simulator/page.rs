//! The page on which a customer approves or declines: for 3-D Secure, net banking, wallets and UPI.
//!
//! Whoever knows the address may act: it holds the attempt's id, 64 bits of which are random, and is
//! told to the merchant alone, for his customer. The page loads nothing, is framed nowhere, and sends
//! its own address to no other site.
//!
//! Not here: what a decision does, see `simulator.rs`.

use std::fmt::Write;

use axum::{body::Body, response::Response};
use hyper::{
    StatusCode,
    header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION},
};
use tollgate_domain::{AttemptId, PaymentIntent, PaymentMethod};

use super::{ChallengeState, SignReturn, Simulator};

/// What an operation on the page is answered with.
enum Shown {
    Page(StatusCode, String),
    Redirect(String),
}

/// The field of the form, and its values.
const DECISION: &str = "decision";
const APPROVE: &str = "approve";
const DECLINE: &str = "decline";

/// Its own style, its own form, and nothing else.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
);
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

const STYLE: &str = "\
body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:10vh auto;padding:0 1rem;color:#222}\
h1{font-size:1.25rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem}\
dt{color:#666}dd{margin:0;overflow-wrap:anywhere}\
button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem;border:1px solid #888;\
border-radius:.4rem;background:#fff;cursor:pointer}\
button.main{background:#1a5fb4;border-color:#1a5fb4;color:#fff}footer{margin-top:2rem;color:#666}";

/// The page of the attempt whose id is `attempt`.
pub(crate) fn show(simulator: &Simulator, attempt: &str, signer: &dyn SignReturn) -> Response {
    let found = attempt.parse().ok().and_then(|id| Some((id, simulator.challenge(id)?)));
    respond(match found {
        Some((attempt, (intent, ChallengeState::Open))) => {
            Shown::Page(StatusCode::OK, question(attempt, &intent))
        }
        Some((_attempt, (intent, ChallengeState::Decided { approved }))) => {
            Shown::Page(StatusCode::OK, decided(simulator, &intent, approved, signer))
        }
        None => nothing(),
    })
}

/// Takes the customer's decision from the form, and sends him on to where the merchant wants him.
pub(crate) fn decide(
    simulator: &Simulator,
    attempt: &str,
    form: &[u8],
    signer: &dyn SignReturn,
) -> Response {
    let Some(approved) = decision(form) else {
        let text = document("Not understood", "<p>The form is not one of this page.</p>");
        return respond(Shown::Page(StatusCode::UNPROCESSABLE_ENTITY, text));
    };
    let found = attempt.parse().ok().and_then(|id| simulator.decide_challenge(id, approved));
    respond(match found {
        Some((intent, ChallengeState::Decided { approved })) => {
            match simulator.return_address(&intent, approved, signer) {
                Some(url) => Shown::Redirect(url),
                None => {
                    let text = decided(simulator, &intent, approved, signer);
                    Shown::Page(StatusCode::OK, text)
                }
            }
        }
        Some((_intent, ChallengeState::Open)) => {
            let text = document("Not kept", "<p>Your decision could not be kept. Try again.</p>");
            Shown::Page(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        None => nothing(),
    })
}

/// Whether the form approves; `None` if it is not the page's.
fn decision(form: &[u8]) -> Option<bool> {
    let (name, value) = std::str::from_utf8(form).ok()?.split_once('=')?;
    match (name, value) {
        (DECISION, APPROVE) => Some(true),
        (DECISION, DECLINE) => Some(false),
        _ => None,
    }
}

fn question(attempt: AttemptId, intent: &PaymentIntent) -> String {
    let (title, words) = match intent.method {
        PaymentMethod::Card(_) => ("Confirm your payment", "Your bank asks whether it is you."),
        PaymentMethod::Upi(_) => ("Payment request", "Approve it as you would in your UPI app."),
        PaymentMethod::NetBanking(_) => ("Net banking", "Your bank asks you to approve."),
        PaymentMethod::Wallet(_) => ("Wallet", "Your wallet asks you to approve."),
    };
    let mut body = format!("<p>{words}</p>");
    facts(&mut body, intent);
    write!(
        body,
        "<dl><dt>Reference</dt><dd>{attempt}</dd></dl><form method=\"post\">\
         <button class=\"main\" name=\"{DECISION}\" value=\"{APPROVE}\">Approve</button>\
         <button name=\"{DECISION}\" value=\"{DECLINE}\">Decline</button></form>"
    )
    .expect("writing to a string cannot fail");
    document(title, &body)
}

fn decided(
    simulator: &Simulator,
    intent: &PaymentIntent,
    approved: bool,
    signer: &dyn SignReturn,
) -> String {
    let title = if approved { "Approved" } else { "Declined" };
    let mut body = String::new();
    facts(&mut body, intent);
    match simulator.return_address(intent, approved, signer) {
        Some(url) => {
            let url = escaped(&url);
            write!(body, "<p><a href=\"{url}\">Back to the shop</a></p>")
                .expect("writing to a string cannot fail");
        }
        None => body.push_str("<p>You may close this page.</p>"),
    }
    document(title, &body)
}

fn nothing() -> Shown {
    let words = "<p>There is no payment that waits for you here, or its time is over.</p>";
    Shown::Page(StatusCode::NOT_FOUND, document("Nothing to approve", words))
}

fn facts(body: &mut String, intent: &PaymentIntent) {
    write!(
        body,
        "<dl><dt>Amount</dt><dd>{} {}</dd><dt>Payment</dt><dd>{}</dd></dl>",
        intent.money.currency.code(),
        intent.money.to_major_units(),
        intent.id
    )
    .expect("writing to a string cannot fail");
}

/// The page around a body; neither title nor body holds anything that is not ours or escaped.
fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><h1>{title}</h1>{body}\
         <footer>This is a simulation. No money moves.</footer></body></html>"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn respond(shown: Shown) -> Response {
    let (status, body, location) = match shown {
        Shown::Page(status, text) => (status, Body::from(text), None),
        Shown::Redirect(url) => match HeaderValue::from_str(&url) {
            Ok(location) => (StatusCode::SEE_OTHER, Body::empty(), Some(location)),
            // Addresses are checked long before, so this is a second look.
            Err(_not_a_header) => (StatusCode::BAD_GATEWAY, Body::empty(), None),
        },
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HTML);
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    if let Some(location) = location {
        headers.insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_says_one_of_two_things() {
        for (form, expected) in [
            ("decision=approve", Some(true)),
            ("decision=decline", Some(false)),
            ("decision=maybe", None),
            ("decision=approve&decision=decline", None),
            ("", None),
        ] {
            assert_eq!(decision(form.as_bytes()), expected, "{form}");
        }
        assert_eq!(decision(&[0xff]), None);
    }

    #[test]
    fn an_address_cannot_break_out_of_its_attribute() {
        assert_eq!(escaped("https://a/?b=\"><c>&d"), "https://a/?b=&quot;&gt;&lt;c&gt;&amp;d");
    }
}
