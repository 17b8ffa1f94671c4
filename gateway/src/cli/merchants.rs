//! `tollgate merchants`: merchants of a running gateway, as its operators manage them.

use clap::{Args, Subcommand};
use hyper::Method;
use serde::{Deserialize, Serialize};
use tollgate_domain::MerchantId;

use super::api::{ApiArguments, ApiError, Column, fields, rows};

#[derive(Debug, Args)]
pub(super) struct MerchantsArguments {
    #[command(subcommand)]
    command: MerchantsCommand,
}

#[derive(Debug, Subcommand)]
enum MerchantsCommand {
    /// List all merchants, newest first.
    List {
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Show a merchant.
    Show {
        /// Which, such as mer_...
        merchant: MerchantId,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Register a merchant, and show its first keys, this once.
    Create {
        /// What it is called.
        name: String,
        /// Where the business is written to.
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Call a merchant otherwise.
    Rename {
        /// Which, such as mer_...
        merchant: MerchantId,
        /// What it is called from now on.
        name: String,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Let a merchant take no new payments.
    ///
    /// Payments that have begun go on, and its keys still show what there is.
    Suspend {
        /// Which, such as mer_...
        merchant: MerchantId,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Let a suspended merchant take payments again.
    Resume {
        /// Which, such as mer_...
        merchant: MerchantId,
        #[command(flatten)]
        api: ApiArguments,
    },
}

/// How it is used.
pub(super) const EXAMPLES: &str = "\
Examples:
  export TOLLGATE_ADMIN_KEY=ak_...
  tollgate merchants create 'Asha Books' --email owner@asha.example
  tollgate merchants list
  tollgate merchants rename mer_... 'Asha Books & Co'
  tollgate merchants suspend mer_... --server http://127.0.0.1:8081
  tollgate merchants list --json | jq -r '.data[].id'
  tollgate merchants list --key-file data/operator.key";

/// The path of all merchants.
pub(super) const PATH: &str = "/api/v1/merchants";

/// A merchant, as the API shows it.
#[derive(Deserialize)]
struct Merchant {
    id: String,
    name: String,
    email: Option<String>,
    status: String,
    created_at: String,
    suspended_at: Option<String>,
    /// Only once it is registered.
    api_keys: Option<FirstKeys>,
}

#[derive(Deserialize)]
struct FirstKeys {
    secret_test: String,
    secret_live: String,
}

#[derive(Serialize)]
struct NewMerchant<'m> {
    name: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'m str>,
}

/// What is to change.
#[derive(Serialize)]
enum Change<'m> {
    #[serde(rename = "name")]
    Name(&'m str),
    #[serde(rename = "status")]
    Status(&'static str),
}

const LISTED: [Column<Merchant>; 5] = [
    ("id", |merchant| Some(&merchant.id)),
    ("status", |merchant| Some(&merchant.status)),
    ("created", |merchant| Some(&merchant.created_at)),
    ("name", |merchant| Some(&merchant.name)),
    ("email", |merchant| merchant.email.as_deref()),
];

const SHOWN: [Column<Merchant>; 8] = [
    ("id", |merchant| Some(&merchant.id)),
    ("name", |merchant| Some(&merchant.name)),
    ("email", |merchant| merchant.email.as_deref()),
    ("status", |merchant| Some(&merchant.status)),
    ("created", |merchant| Some(&merchant.created_at)),
    ("suspended", |merchant| merchant.suspended_at.as_deref()),
    ("test key, shown once", |merchant| Some(&merchant.api_keys.as_ref()?.secret_test)),
    ("live key, shown once", |merchant| Some(&merchant.api_keys.as_ref()?.secret_live)),
];

pub(super) fn run(arguments: MerchantsArguments) -> Result<(), ApiError> {
    match arguments.command {
        MerchantsCommand::List { api } => {
            api.into_api()?.tell_list(PATH, |merchants| rows(&LISTED, merchants))
        }
        MerchantsCommand::Show { merchant, api } => {
            api.into_api()?.tell(Method::GET, &path(merchant), None::<&()>, show)
        }
        MerchantsCommand::Create { name, email, api } => {
            let new = NewMerchant { name: &name, email: email.as_deref() };
            api.into_api()?.tell(Method::POST, PATH, Some(&new), show)
        }
        MerchantsCommand::Rename { merchant, name, api } => {
            change(api, merchant, &Change::Name(&name))
        }
        MerchantsCommand::Suspend { merchant, api } => {
            change(api, merchant, &Change::Status("suspended"))
        }
        MerchantsCommand::Resume { merchant, api } => {
            change(api, merchant, &Change::Status("active"))
        }
    }
}

fn change(api: ApiArguments, merchant: MerchantId, change: &Change<'_>) -> Result<(), ApiError> {
    api.into_api()?.tell(Method::PATCH, &path(merchant), Some(change), show)
}

fn path(merchant: MerchantId) -> String {
    format!("{PATH}/{merchant}")
}

fn show(merchant: &Merchant) -> String {
    fields(&SHOWN, merchant, "", &[])
}
