//! The books: `GET /api/v1/ledger/accounts`, `GET /api/v1/ledger/entries` and `GET /api/v1/balance`.
//!
//! Invariant: a merchant sees its own accounts in the key's mode, and of postings those that touch
//! them. Operators see all.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use hyper::{HeaderMap, StatusCode, Uri};
use tollgate_domain::{
    MerchantId, Mode, Payment, PaymentId, Scope, ShardState, TransactionId,
    ledger::{Account, Transfer},
};

use crate::http::{
    authentication::{self, Caller, MerchantCaller},
    error::{ErrorCode, Fault, Problem},
    respond,
    router::Route,
    state::{Gateway, Serving},
    wire::{AccountBody, AccountLine, AccountLines, BalancesBody, EntryBody, WholeListBody},
};

/// Shows a merchant its own accounts; operators the gateway's, and those of one merchant or of all
/// merchants together.
pub(in crate::http) async fn accounts(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let caller = authentication::caller(&gateway, &headers, Scope::LedgerRead)?;
    let [named] = parameters(uri.query(), ["merchant_id"])?;
    let named = named.map(|id| parse::<MerchantId>("merchant_id", id)).transpose()?;
    let lines = match (caller, named) {
        (Caller::Merchant(own) | Caller::Checkout(own), named) => {
            if named.is_some_and(|named| named != own.merchant) {
                return Err(Problem::of(ErrorCode::MerchantMismatch));
            }
            of_merchant(serving, own.merchant, &[own.mode]).await?
        }
        (Caller::Operator(_), Some(merchant)) => {
            if serving.engine.control().merchant(merchant).is_none() {
                return Err(Problem::of(ErrorCode::MerchantNotFound));
            }
            of_merchant(serving, merchant, &Mode::ALL).await?
        }
        (Caller::Operator(_), None) => of_all(serving).await?,
    };
    let data = lines.iter().map(AccountBody::of).collect();
    let list = WholeListBody::of(data, Route::LedgerAccounts.template());
    Ok(respond::json(StatusCode::OK, &list))
}

/// Shows what the gateway owes a merchant.
pub(in crate::http) async fn balance(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let key = authentication::merchant(&gateway, &headers, Scope::LedgerRead)?;
    let MerchantCaller { merchant, mode, .. } = key;
    let shard = serving.engine.shard_of(merchant);
    let found =
        serving.engine.query(shard, move |state| state.ledger().of_merchant(merchant, mode));
    let accounts = found.await?.unwrap_or_default();
    Ok(respond::json(StatusCode::OK, &BalancesBody::of(mode, &accounts)))
}

/// Shows what was booked for one payment, or for one transaction, in order.
pub(in crate::http) async fn entries(
    State(gateway): State<Arc<Gateway>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let serving = gateway.serving()?;
    let caller = authentication::caller(&gateway, &headers, Scope::LedgerRead)?;
    let subject = Subject::parse(uri.query())?;
    let payment = subject.find(serving).await?.filter(|payment| may_see(caller, payment));
    let payment = payment.ok_or_else(|| Problem::of(subject.not_found()))?;
    let entries = payment.entries().iter().filter(|entry| match subject {
        Subject::Payment(_) => true,
        Subject::Transaction(transaction) => entry.transaction == transaction,
    });
    let data = entries
        .flat_map(|entry| entry.transfers().map(move |transfer| (entry, transfer)))
        .filter(|(_entry, transfer)| concerns(caller, transfer))
        .map(|(entry, transfer)| EntryBody::of(&payment, entry, &transfer))
        .collect();
    let list = WholeListBody::of(data, Route::LedgerEntries.template());
    Ok(respond::json(StatusCode::OK, &list))
}

/// Whose entries are asked for.
#[derive(Clone, Copy)]
enum Subject {
    Payment(PaymentId),
    Transaction(TransactionId),
}

impl Subject {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let [payment, transaction] = parameters(query, ["payment_id", "transaction_id"])?;
        match (payment, transaction) {
            (Some(id), None) => parse("payment_id", id).map(Self::Payment),
            (None, Some(id)) => parse("transaction_id", id).map(Self::Transaction),
            (Some(_), Some(_)) => Err(fault(
                "transaction_id",
                ErrorCode::ParameterConflict,
                "Only one of payment_id and transaction_id can be given.",
            )),
            (None, None) => Err(fault(
                "payment_id",
                ErrorCode::ParameterMissing,
                "One of payment_id and transaction_id is needed.",
            )),
        }
    }

    async fn find(self, serving: &Serving) -> Result<Option<Box<Payment>>, Problem> {
        Ok(match self {
            Self::Payment(id) => serving.engine.payment(id).await?,
            Self::Transaction(id) => {
                serving.engine.transaction(id).await?.map(|(payment, _operation)| payment)
            }
        })
    }

    const fn not_found(self) -> ErrorCode {
        match self {
            Self::Payment(_) => ErrorCode::PaymentNotFound,
            Self::Transaction(_) => ErrorCode::TransactionNotFound,
        }
    }
}

async fn of_merchant(
    serving: &Serving,
    merchant: MerchantId,
    modes: &[Mode],
) -> Result<AccountLines, Problem> {
    let (shard, modes) = (serving.engine.shard_of(merchant), modes.to_vec());
    let found = serving.engine.query(shard, move |state| {
        let accounts = |mode| state.ledger().of_merchant(merchant, mode);
        modes.into_iter().flat_map(accounts).collect::<Vec<_>>()
    });
    let accounts = found.await?.unwrap_or_default();
    Ok(accounts.iter().map(|(key, balance)| (AccountLine::of(key), *balance)).collect())
}

async fn of_all(serving: &Serving) -> Result<AccountLines, Problem> {
    let by_shard = serving.engine.query_all(lines_by_kind).await?;
    let mut all = AccountLines::new();
    for (line, balance) in by_shard.into_iter().flatten() {
        let sum = all.entry(line).or_default();
        *sum = sum.plus(balance);
    }
    Ok(all)
}

fn lines_by_kind(state: &ShardState) -> AccountLines {
    let mut lines = AccountLines::new();
    for (key, balance) in state.ledger().sorted() {
        let sum = lines.entry(AccountLine::of_kind(&key)).or_default();
        *sum = sum.plus(balance);
    }
    lines
}

fn may_see(caller: Caller, payment: &Payment) -> bool {
    match caller {
        Caller::Merchant(own) | Caller::Checkout(own) => {
            payment.intent().merchant == own.merchant && payment.intent().mode == own.mode
        }
        Caller::Operator(_) => true,
    }
}

fn concerns(caller: Caller, transfer: &Transfer) -> bool {
    let is_own = |account: Account, own: MerchantId| account.merchant() == Some(own);
    match caller {
        Caller::Merchant(own) | Caller::Checkout(own) => {
            is_own(transfer.debit, own.merchant) || is_own(transfer.credit, own.merchant)
        }
        Caller::Operator(_) => true,
    }
}

/// The values of those parameters, none of which ever holds anything that is escaped.
fn parameters<'q, const COUNT: usize>(
    query: Option<&'q str>,
    names: [&'static str; COUNT],
) -> Result<[Option<&'q str>; COUNT], Problem> {
    let mut values = [None; COUNT];
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match names.iter().position(|known| *known == name) {
            Some(place) => values[place] = Some(value),
            None => {
                let detail = "There is no such parameter.";
                let unknown = Fault::new(name.to_owned(), ErrorCode::ParameterUnknown, detail);
                return Err(Problem::of_faults(vec![unknown]));
            }
        }
    }
    Ok(values)
}

fn parse<I: std::str::FromStr>(name: &'static str, text: &str) -> Result<I, Problem> {
    text.parse()
        .map_err(|_no_id| fault(name, ErrorCode::ParameterInvalid, "This is no id of its kind."))
}

fn fault(name: &'static str, code: ErrorCode, detail: &'static str) -> Problem {
    Problem::of_faults(vec![Fault::new(name, code, detail)])
}
