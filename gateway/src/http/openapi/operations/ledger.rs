//! `v1/ledger.rs`.

use hyper::StatusCode;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        examples,
        operation::{Access, Answer, Description, Group, query_id},
        schemas::{AccountList, Balances, EntryList, MerchantId, PaymentId, TransactionId},
    },
    ANY, COMMAND, KEYED, MERCHANT, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 3] {
    [accounts(), entries(), balance()]
}

fn accounts() -> Description {
    Description {
        route: Route::LedgerAccounts,
        method: HttpMethod::Get,
        id: "listAccounts",
        group: Group::Ledger,
        summary: "List accounts",
        description: "Shows a merchant its own accounts, in the key's mode; operators the gateway's \
                      accounts and, taken together, those of all merchants, or by `merchant_id` \
                      those of one. Over everything that an operator sees, debits equal credits in \
                      each mode and currency.",
        access: Access::Any,
        parameters: vec![query_id::<MerchantId>("merchant_id", "Shows that merchant's own.")],
        body: None,
        answers: vec![Answer::json::<AccountList>(StatusCode::OK, "The accounts.").example(
            "accounts",
            "A merchant that was paid 100 rupees",
            examples::account_list(),
        )],
        refusals: refusals(&[
            ANY,
            KEYED,
            COMMAND,
            &[
                ErrorCode::ParameterUnknown,
                ErrorCode::ParameterInvalid,
                ErrorCode::MerchantMismatch,
                ErrorCode::MerchantNotFound,
            ],
        ]),
    }
}

fn entries() -> Description {
    Description {
        route: Route::LedgerEntries,
        method: HttpMethod::Get,
        id: "listLedgerEntries",
        group: Group::Ledger,
        summary: "List what was booked",
        description: "Shows what was booked for one payment or for one transaction, in order. One of \
                      `payment_id` and `transaction_id` is given. A merchant sees the postings that \
                      touch its accounts.",
        access: Access::Any,
        parameters: vec![
            query_id::<PaymentId>("payment_id", "For this payment and all that is done to it."),
            query_id::<TransactionId>("transaction_id", "For this transaction alone."),
        ],
        body: None,
        answers: vec![Answer::json::<EntryList>(StatusCode::OK, "The postings.").example(
            "entries",
            "A payment of 100 rupees",
            examples::entry_list(),
        )],
        refusals: refusals(&[
            ANY,
            KEYED,
            COMMAND,
            &[
                ErrorCode::ParameterUnknown,
                ErrorCode::ParameterMissing,
                ErrorCode::ParameterInvalid,
                ErrorCode::ParameterConflict,
                ErrorCode::PaymentNotFound,
                ErrorCode::TransactionNotFound,
            ],
        ]),
    }
}

fn balance() -> Description {
    Description {
        route: Route::Balance,
        method: HttpMethod::Get,
        id: "readBalance",
        group: Group::Ledger,
        summary: "Read the balance",
        description: "Shows what the gateway owes the key's merchant, in the key's mode, by currency.",
        access: Access::Merchant,
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json::<Balances>(StatusCode::OK, "The balance.").example(
            "balance",
            "100 rupees, of which 25 are being refunded",
            examples::balance(),
        )],
        refusals: refusals(&[ANY, KEYED, MERCHANT, COMMAND]),
    }
}
