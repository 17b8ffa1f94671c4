//! Payments as their merchant may see them.
//!
//! Invariant: a payment of another merchant or mode does not exist for whoever asks.

use tollgate_domain::Payment;

use super::{authentication::MerchantCaller, error::Problem, state::Serving};

/// The payment of that id; `None` where the key's merchant has none in the key's mode, and where
/// the text is no payment's id.
///
/// # Errors
/// What the engine cannot tell.
pub(super) async fn owned_payment(
    serving: &Serving,
    key: &MerchantCaller,
    id: &str,
) -> Result<Option<Box<Payment>>, Problem> {
    let Ok(id) = id.parse() else { return Ok(None) };
    let payment = serving.engine.payment(id).await?;
    Ok(payment.filter(|payment| {
        payment.intent().merchant == key.merchant && payment.intent().mode == key.mode
    }))
}
