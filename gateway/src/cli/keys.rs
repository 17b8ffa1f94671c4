//! `tollgate keys`: API keys of a running gateway.

use clap::{Args, Subcommand, ValueEnum, builder::PossibleValuesParser};
use hyper::Method;
use serde::{Deserialize, Serialize};
use tollgate_domain::{ApiKeyId, MerchantId, Scope};

use super::{
    api::{ApiArguments, ApiError, Column, fields, rows},
    merchants,
};

#[derive(Debug, Args)]
pub(super) struct KeysArguments {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// List keys, newest first; their texts are known to nobody but their owners.
    List {
        #[command(flatten)]
        owner: OwnerArguments,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Issue a key, and show its text, this once.
    #[command(visible_alias = "create")]
    Issue {
        #[command(flatten)]
        owner: OwnerArguments,
        #[command(flatten)]
        key: NewKeyArguments,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Put a new key in a key's place, and show its text, this once.
    ///
    /// For a while both are good, so that servers can be told one after the other.
    Rotate {
        /// Which key, such as key_...
        key: ApiKeyId,
        /// How long the old key stays good: up to 30 days, and a day if not said.
        #[arg(long, value_name = "SECONDS")]
        overlap: Option<u32>,
        #[command(flatten)]
        life: LifeArguments,
        #[command(flatten)]
        owner: OwnerArguments,
        #[command(flatten)]
        api: ApiArguments,
    },
    /// Take a key out of use, at once and for good.
    Revoke {
        /// Which key, such as key_...
        key: ApiKeyId,
        #[command(flatten)]
        owner: OwnerArguments,
        #[command(flatten)]
        api: ApiArguments,
    },
}

// Whose keys.
#[derive(Debug, Args)]
#[group(multiple = false)]
struct OwnerArguments {
    /// The keys of this merchant. Without this or --operators: of the merchant whose secret key asks,
    /// those of its mode.
    #[arg(long, value_name = "MERCHANT")]
    merchant: Option<MerchantId>,
    /// The keys of operators.
    #[arg(long)]
    operators: bool,
}

// What a new key is like.
#[derive(Debug, Args)]
struct NewKeyArguments {
    /// What its owner calls it.
    #[arg(long)]
    name: Option<String>,
    /// Money, or play; `test` if not said.
    #[arg(long, conflicts_with = "operators")]
    mode: Option<Mode>,
    /// For pages that customers can read, instead of servers.
    #[arg(long, conflicts_with = "operators")]
    publishable: bool,
    /// What it may do; once for each. Everything of its kind if not said.
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        value_parser = PossibleValuesParser::new(Scope::ALL.map(Scope::as_str))
    )]
    scopes: Vec<String>,
    #[command(flatten)]
    life: LifeArguments,
}

// How long a new key is good.
#[derive(Debug, Args)]
struct LifeArguments {
    /// Until when it is good, such as 2030-01-31T12:00:00Z. For ever if not said; a rotated key's
    /// life is as long as that of the old one.
    #[arg(long, value_name = "TIME", conflicts_with = "expires_in")]
    expires_at: Option<String>,
    /// For how long it is good.
    #[arg(long, value_name = "SECONDS")]
    expires_in: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, ValueEnum, Debug)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Test,
    Live,
}

/// How it is used.
pub(super) const EXAMPLES: &str = "\
Examples:
  export TOLLGATE_ADMIN_KEY=ak_...
  tollgate keys list --merchant mer_...
  tollgate keys issue --merchant mer_... --mode live --name 'till 3'
  tollgate keys issue --merchant mer_... --scope payments:read --expires-in 86400
  tollgate keys rotate key_... --merchant mer_... --overlap 3600
  tollgate keys revoke key_... --merchant mer_...
  tollgate keys issue --operators --scope merchants:read --name support
  tollgate keys list --key-file till.key       The keys of the merchant whose key asks";

/// A key, as the API shows it.
#[derive(Deserialize)]
struct Key {
    id: String,
    kind: String,
    merchant_id: Option<String>,
    mode: Option<String>,
    name: Option<String>,
    scopes: Vec<String>,
    last4: Option<String>,
    status: String,
    replaced_by: Option<String>,
    created_at: String,
    expires_at: Option<String>,
    revoked_at: Option<String>,
    /// Its text, in the answer to its issue.
    key: Option<String>,
}

#[derive(Serialize)]
struct NewKey<'k> {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Mode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<&'k [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<u32>,
}

#[derive(Serialize)]
struct Rotation<'k> {
    #[serde(skip_serializing_if = "Option::is_none")]
    overlap_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<&'k str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_seconds: Option<u32>,
}

const LISTED: [Column<Key>; 8] = [
    ("id", |key| Some(&key.id)),
    ("kind", |key| Some(&key.kind)),
    ("mode", |key| key.mode.as_deref()),
    ("status", |key| Some(&key.status)),
    ("ends with", |key| key.last4.as_deref()),
    ("created", |key| Some(&key.created_at)),
    ("expires", |key| key.expires_at.as_deref()),
    ("name", |key| key.name.as_deref()),
];

const SHOWN: [Column<Key>; 12] = [
    ("id", |key| Some(&key.id)),
    ("kind", |key| Some(&key.kind)),
    ("merchant", |key| key.merchant_id.as_deref()),
    ("mode", |key| key.mode.as_deref()),
    ("name", |key| key.name.as_deref()),
    ("status", |key| Some(&key.status)),
    ("ends with", |key| key.last4.as_deref()),
    ("created", |key| Some(&key.created_at)),
    ("expires", |key| key.expires_at.as_deref()),
    ("revoked", |key| key.revoked_at.as_deref()),
    ("replaced by", |key| key.replaced_by.as_deref()),
    ("key, shown once", |key| key.key.as_deref()),
];

pub(super) fn run(arguments: KeysArguments) -> Result<(), ApiError> {
    match arguments.command {
        KeysCommand::List { owner, api } => {
            api.into_api()?.tell_list(&owner.path(), |keys| rows(&LISTED, keys))
        }
        KeysCommand::Issue { owner, key, api } => {
            let new = NewKey {
                kind: key.publishable.then_some("publishable"),
                mode: key.mode,
                name: key.name.as_deref(),
                scopes: (!key.scopes.is_empty()).then_some(&key.scopes),
                expires_at: key.life.expires_at.as_deref(),
                expires_in_seconds: key.life.expires_in,
            };
            api.into_api()?.tell(Method::POST, &owner.path(), Some(&new), show)
        }
        KeysCommand::Rotate { key, overlap, life, owner, api } => {
            let rotation = Rotation {
                overlap_seconds: overlap,
                expires_at: life.expires_at.as_deref(),
                expires_in_seconds: life.expires_in,
            };
            let path = format!("{}/{key}/rotate", owner.path());
            api.into_api()?.tell(Method::POST, &path, Some(&rotation), show)
        }
        KeysCommand::Revoke { key, owner, api } => {
            let path = format!("{}/{key}", owner.path());
            api.into_api()?.tell(Method::DELETE, &path, None::<&()>, show)
        }
    }
}

impl OwnerArguments {
    /// The path of their keys.
    fn path(&self) -> String {
        match (self.merchant, self.operators) {
            (Some(merchant), _) => format!("{}/{merchant}/keys", merchants::PATH),
            (None, true) => "/api/v1/operator-keys".to_owned(),
            (None, false) => "/api/v1/keys".to_owned(),
        }
    }
}

fn show(key: &Key) -> String {
    fields(&SHOWN, key, "may", &key.scopes)
}
