//! `v1/customer_accounts.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Body, Description, Group, reference},
        schemas::{
            VpaRequest, VpaValidation, WalletBalance, WalletBalanceRequest, WalletLink,
            WalletLinkRequest,
        },
    },
    ANY, BODY, KEYED, MERCHANT, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [validate_vpa(), balance(), link()]
}

/// What the provider's answer may come to.
const PROVIDER: &[ErrorCode] =
    &[ErrorCode::NotReady, ErrorCode::ProviderNotConfigured, ErrorCode::ProviderUnreachable];

/// What may be wrong with a wallet.
const WALLET: &[ErrorCode] = &[ErrorCode::WalletProviderInvalid, ErrorCode::WalletNotFound];

fn validate_vpa() -> Description {
    let summary = "An address that somebody has";
    Description {
        route: Route::VpaValidation,
        method: HttpMethod::Post,
        id: "validateVpa",
        group: Group::Payments,
        summary: "Validate a UPI address",
        description: "Asks the provider whether a virtual payment address is somebody's, and under \
                      which name. Nothing is kept of it, and a payment may be declined all the same.",
        access: Access::Merchant,
        parameters: Vec::new(),
        body: Some(Body::json(reference::<VpaRequest>()).example(
            "vpa",
            summary,
            examples::vpa_request(),
        )),
        answers: vec![
            Answer::json::<VpaValidation>(StatusCode::OK, "Whose the address is, if anybody's.")
                .example("vpa", summary, examples::vpa_validation()),
        ],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, PROVIDER, &[ErrorCode::VpaInvalid]]),
    }
}

fn balance() -> Description {
    let summary = "A wallet with money in it";
    Description {
        route: Route::WalletBalance,
        id: "readWalletBalance",
        summary: "Read a wallet's balance",
        description: "Asks the provider what a wallet holds. Nothing is reserved by it.",
        body: Some(Body::json(reference::<WalletBalanceRequest>()).example(
            "wallet",
            summary,
            examples::wallet_balance_request(),
        )),
        answers: vec![
            Answer::json::<WalletBalance>(StatusCode::OK, "What the wallet holds.").example(
                "wallet",
                summary,
                examples::wallet_balance(),
            ),
        ],
        refusals: refusals(&[
            ANY,
            KEYED,
            MERCHANT,
            BODY,
            PROVIDER,
            WALLET,
            &[ErrorCode::CurrencyInvalid],
        ]),
        ..validate_vpa()
    }
}

fn link() -> Description {
    let summary = "A wallet, and the token that stands for it";
    Description {
        route: Route::WalletLink,
        id: "linkWallet",
        summary: "Link a wallet",
        description: "Asks the provider for a token that stands for the wallet's id in payments, so \
                      that the customer, who has agreed to it, is not sent to a page each time. The \
                      same wallet has the same token.",
        body: Some(Body::json(reference::<WalletLinkRequest>()).example(
            "wallet",
            summary,
            examples::wallet_link_request(),
        )),
        answers: vec![Answer::json::<WalletLink>(StatusCode::OK, "The link.").example(
            "wallet",
            summary,
            examples::wallet_link(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, BODY, PROVIDER, WALLET]),
        ..validate_vpa()
    }
}
