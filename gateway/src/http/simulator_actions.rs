//! `/simulator/actions/{attempt}`: the simulated provider's page for a customer who has to act.
//!
//! What a customer brings back to the shop is signed with the secret of the merchant's callbacks, as
//! Standard Webhooks sign: `payment_id` is the id, `status` the body.
//!
//! Not here: authentication. The address is the customer's ticket, see `provider/simulator/page.rs`.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use hyper::Request;
use tollgate_domain::{PaymentIntent, Timestamp};

use super::{
    body,
    error::{ErrorCode, Problem},
    state::{Gateway, Serving},
};
use crate::{
    provider::{
        TestProvider,
        simulator::{SignReturn, Simulator, decide_action, show_action},
    },
    vault::Realm,
    webhook::standard_signature,
};

pub(super) async fn show(
    State(gateway): State<Arc<Gateway>>,
    Path(attempt): Path<String>,
) -> Result<Response, Problem> {
    Ok(show_action(embedded(&gateway)?, &attempt, &MerchantReturn(gateway.serving()?)))
}

pub(super) async fn decide(
    State(gateway): State<Arc<Gateway>>,
    Path(attempt): Path<String>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let simulator = embedded(&gateway)?;
    let form = body::read_form(request, gateway.body_limits).await?;
    Ok(decide_action(simulator, &attempt, &form, &MerchantReturn(gateway.serving()?)))
}

/// The simulator, where it is ours to show its pages: another process shows its own.
fn embedded(gateway: &Gateway) -> Result<&Simulator, Problem> {
    match &gateway.serving()?.simulator {
        TestProvider::Embedded(simulator) => Ok(simulator),
        TestProvider::Remote(_) => Err(Problem::of(ErrorCode::RouteNotFound)),
    }
}

/// Signs for the payment's merchant.
struct MerchantReturn<'s>(&'s Serving);

impl SignReturn for MerchantReturn<'_> {
    fn sign(&self, intent: &PaymentIntent, status: &str, at: Timestamp) -> Option<String> {
        let realm = Realm { merchant: intent.merchant, mode: intent.mode };
        let secrets = self.0.webhooks.merchant_secrets(realm, at);
        let id = intent.id.to_string();
        Some(escaped(&standard_signature(&secrets, &id, at, status.as_bytes())))
    }
}

/// A signature as it stands in a query.
fn escaped(signature: &str) -> String {
    let mut escaped = String::with_capacity(signature.len() + 16);
    for character in signature.chars() {
        match character {
            '+' => escaped.push_str("%2B"),
            '/' => escaped.push_str("%2F"),
            '=' => escaped.push_str("%3D"),
            ',' => escaped.push_str("%2C"),
            ' ' => escaped.push_str("%20"),
            other => escaped.push(other),
        }
    }
    escaped
}
