//! `tollgate wal replay`: what the log comes to at a place or a time.

use std::{collections::BTreeMap, fmt::Write, path::PathBuf};

use clap::Args;
use serde::Serialize;
use tollgate_domain::ShardId;
use tollgate_engine::{ReplayReport, Until, replay};

use super::{WalError, hex, shard_name, short_digest, state_hash};
use crate::{
    cli::output::print,
    data_directory::IdleDataDirectory,
    http::{AccountBody, AccountLine, AccountLines, Rfc3339, parse_rfc3339},
    startup::log_directory,
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ReplayArguments {
    /// The data directory.
    #[arg(long, default_value = "./data", value_name = "DIRECTORY")]
    data_dir: PathBuf,
    /// The last record to replay, by its sequence, or a time such as 2026-01-15T10:30:00Z; without
    /// it, all of the log.
    #[arg(long, value_name = "SEQUENCE|TIME", value_parser = until)]
    until: Option<Until>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn until(text: &str) -> Result<Until, String> {
    if let Some(time) = parse_rfc3339(text) {
        return Ok(Until::Time(time));
    }
    match text.parse() {
        Ok(0) => Err("records are counted from 1".to_owned()),
        Ok(record) => Ok(Until::Record(record)),
        Err(_no_number) => Err("neither a sequence nor a time in UTC as in RFC 3339".to_owned()),
    }
}

pub(super) fn run(arguments: ReplayArguments) -> Result<(), WalError> {
    let ReplayArguments { data_dir, until, json } = arguments;
    let _idle = IdleDataDirectory::look_into(&data_dir)?;
    let directory = log_directory(&data_dir);
    let report = replay(&directory, until.unwrap_or(Until::End))
        .map_err(|source| WalError::Replay { directory, source: Box::new(source) })?;
    let state = State::of(&report);
    let text = if json {
        serde_json::to_string(&state).expect("it is JSON") + "\n"
    } else {
        state.to_text()
    };
    Ok(print(&text)?)
}

/// What a log comes to, to be serialized.
#[derive(Serialize)]
struct State {
    records: u64,
    time: Option<Rfc3339>,
    merchants: usize,
    payments: BTreeMap<&'static str, u64>,
    /// Of these the log does not tell how they stood: they had left memory before it begins.
    archived_before: u64,
    /// By kind, mode, currency and, where it is a provider's, provider.
    accounts: Vec<AccountBody>,
    /// Over all shards: two logs that print the same hold the same state.
    state_hash: String,
    /// Those that have records.
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Shard {
    shard: u16,
    sequence: u64,
    state_hash: String,
}

impl State {
    fn of(report: &ReplayReport) -> Self {
        let ReplayReport { records, last_at, shards, merchants, payments, .. } = report;
        let ReplayReport { departed_before, accounts, .. } = report;
        let mut lines = AccountLines::new();
        for (key, balance) in accounts {
            let sum = lines.entry(AccountLine::of_kind(key)).or_default();
            *sum = sum.plus(*balance);
        }
        let hashes: Vec<_> = shards.iter().map(|(id, _last, hash)| (*id, *hash)).collect();
        let with_records = shards.iter().filter(|(_id, last, _hash)| *last > 0);
        Self {
            records: *records,
            time: last_at.map(Rfc3339),
            merchants: *merchants,
            payments: payments.iter().map(|(status, count)| (status.as_str(), *count)).collect(),
            archived_before: *departed_before,
            accounts: lines.iter().map(AccountBody::of).collect(),
            state_hash: hex(&state_hash(&hashes)),
            shards: with_records
                .map(|(id, last, hash)| Shard {
                    shard: id.0,
                    sequence: *last,
                    state_hash: hash.to_string(),
                })
                .collect(),
        }
    }

    fn to_text(&self) -> String {
        let Self { records, time, merchants, payments, archived_before, .. } = self;
        let Self { accounts, state_hash, shards, .. } = self;
        let mut text = format!("records     {records}\n");
        let told = time.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "time        {told}\nmerchants   {merchants}");
        for (status, count) in payments {
            let _ = writeln!(text, "payments    {status:<20}{count:>12}");
        }
        if *archived_before > 0 {
            let name = "archived before";
            let _ = writeln!(text, "payments    {name:<20}{archived_before:>12}");
        }
        for account in accounts {
            let _ = writeln!(text, "account     {account}");
        }
        for Shard { shard, sequence, state_hash } in shards {
            let (name, digest) = (shard_name(ShardId(*shard)), short_digest(state_hash));
            let _ = writeln!(text, "shard       {name:<8}{sequence:>12}  {digest}");
        }
        let _ = writeln!(text, "state hash  {state_hash}");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_sequence_or_a_time() {
        assert_eq!(until("12"), Ok(Until::Record(12)));
        let time = parse_rfc3339("2026-01-15T10:30:00Z").unwrap();
        assert_eq!(until("2026-01-15T10:30:00Z"), Ok(Until::Time(time)));
        for nonsense in ["", "0", "-1", "1.5", "2026-01-15", "2026-13-15T10:30:00Z", "now"] {
            assert!(until(nonsense).is_err(), "{nonsense}");
        }
    }
}
