//! What a provider knows of a customer's account before he pays with it:
//! `POST /api/v1/payment-methods/upi/validate`, `…/wallet/balance` and `…/wallet/link`.
//!
//! Bodies, and not queries, because addresses and wallet ids are personal and queries are logged on
//! many ways. Nothing of them is kept.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use hyper::{Request, StatusCode};
use tollgate_domain::Scope;

use crate::{
    http::{
        authentication::{self, MerchantCaller},
        body::read_json,
        error::{ErrorCode, Problem},
        respond,
        state::Gateway,
        wire::{
            self, VpaBody, VpaRequest, WalletBalanceBody, WalletBalanceRequest, WalletLinkBody,
            WalletLinkRequest,
        },
    },
    provider::{
        Provider, SecretText,
        customer_account::{AskBalance, Known, LinkWallet, LookUpVpa},
    },
    routing,
};

/// Tells whether a UPI address is somebody's.
pub(in crate::http) async fn validate_vpa(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let key = authentication::merchant(&gateway, request.headers(), Scope::PaymentsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let asked: VpaRequest<'_> = wire::parse(&body)?;
    let vpa = asked.validate()?;
    let request = LookUpVpa { vpa: SecretText::new(vpa) };
    let holder = match provider(&gateway, &key)?.look_up_vpa(request).wait().await {
        Known::Found(name) => Some(name),
        Known::NotFound => None,
        Known::Unknown => return Err(Problem::of(ErrorCode::ProviderUnreachable)),
    };
    Ok(respond::json(StatusCode::OK, &VpaBody::of(vpa, holder.as_deref(), key.mode)))
}

/// Tells what a wallet holds.
pub(in crate::http) async fn wallet_balance(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let key = authentication::merchant(&gateway, request.headers(), Scope::PaymentsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let (wallet, currency) = wire::parse::<WalletBalanceRequest<'_>>(&body)?.validate()?;
    let name = wallet.provider;
    let request = AskBalance { wallet, currency };
    let balance = found(provider(&gateway, &key)?.balance(request).wait().await)?;
    let body = WalletBalanceBody::of(name, currency, balance, key.mode);
    Ok(respond::json(StatusCode::OK, &body))
}

/// Links a wallet, so that its customer is not sent to a page for each payment.
pub(in crate::http) async fn link_wallet(
    State(gateway): State<Arc<Gateway>>,
    request: Request<Body>,
) -> Result<Response, Problem> {
    let key = authentication::merchant(&gateway, request.headers(), Scope::PaymentsWrite)?;
    let body = read_json(request, gateway.body_limits).await?;
    let wallet = wire::parse::<WalletLinkRequest<'_>>(&body)?.validate()?;
    let name = wallet.provider;
    let token = found(provider(&gateway, &key)?.link_wallet(LinkWallet { wallet }).wait().await)?;
    let body = WalletLinkBody::of(name, token.as_str(), key.mode);
    Ok(respond::json(StatusCode::OK, &body))
}

/// The provider of the key's mode.
fn provider<'g>(gateway: &'g Gateway, key: &MerchantCaller) -> Result<&'g dyn Provider, Problem> {
    let none = || Problem::of(ErrorCode::ProviderNotConfigured);
    let id = routing::provider_for(key.mode).ok_or_else(none)?;
    gateway.serving()?.providers.get(id).map(|provider| &**provider).ok_or_else(none)
}

fn found<T>(known: Known<T>) -> Result<T, Problem> {
    match known {
        Known::Found(found) => Ok(found),
        Known::NotFound => Err(Problem::of(ErrorCode::WalletNotFound)),
        Known::Unknown => Err(Problem::of(ErrorCode::ProviderUnreachable)),
    }
}
