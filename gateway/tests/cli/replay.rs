//! `tollgate wal replay`: what the log came to at a place or a time.

use std::process::Command;

use serde_json::Value;

use super::{output, pay, run, state_hash, verified};
use crate::server::Server;

#[test]
fn a_log_is_replayed_up_to_a_record_or_a_time() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let data_dir = data.to_str().unwrap();
    let server = Server::start(&data, |_command| {});
    (0..3).for_each(|_payment| pay(&server));
    server.signal("TERM");
    server.ended();
    let replay = |more: &[&str]| {
        let arguments = ["wal", "replay", "--data-dir", data_dir, "--json"];
        let arguments: Vec<&str> = arguments.iter().chain(more).copied().collect();
        serde_json::from_str::<Value>(&output(&arguments, &[])).unwrap()
    };
    // A merchant with its keys, and two records for each payment.
    let all = replay(&[]);
    assert_eq!((&all["records"], &all["merchants"]), (&7.into(), &1.into()));
    assert_eq!(all["payments"], serde_json::json!({ "completed": 3 }));
    assert_eq!(all["state_hash"], state_hash(&verified(&data, &[])));
    let receivable = |state: &Value| {
        let accounts = state["accounts"].as_array().unwrap().iter();
        let mut of_kind = accounts.filter(|line| line["account"] == "provider_receivable");
        of_kind.next().map_or(Value::Null, |line| line["balance"].clone())
    };
    assert_eq!(receivable(&all), "3.00");

    // The second payment is recorded, and has no outcome yet.
    let within = replay(&["--until", "4"]);
    assert_eq!((&within["records"], &within["time"]), (&4.into(), &within["time"]));
    assert_eq!(within["payments"], serde_json::json!({ "completed": 1, "processing": 1 }));
    assert_eq!(receivable(&within), "1.00");
    assert_ne!(within["state_hash"], all["state_hash"]);
    let shards = within["shards"].as_array().unwrap();
    let sequences: u64 = shards.iter().map(|shard| shard["sequence"].as_u64().unwrap()).sum();
    assert_eq!(sequences, 4, "{shards:?}");

    let arguments = ["replay", "--data-dir", data_dir, "--until", "4", "--json"];
    assert_eq!(serde_json::from_str::<Value>(&output(&arguments, &[])).unwrap(), within);

    // By the time of a record it is the same, where no other is of that millisecond.
    let dumped = output(&["wal", "dump", "--data-dir", data_dir], &[]);
    let times: Vec<Value> = dumped
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["time"].clone())
        .collect();
    let time = times[3].as_str().unwrap();
    let up_to = times.iter().filter(|other| other.as_str().unwrap() <= time).count();
    assert_eq!(replay(&["--until", time])["records"], up_to);
    assert_eq!(replay(&["--until", "2020-01-01T00:00:00Z"])["records"], 0);

    let text = output(&["wal", "replay", "--until", "4", "--data-dir", data_dir], &[]);
    for told in ["records     4\n", "payments    processing ", "test INR provider_receivable"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    let (code, line) = run(&["wal", "replay", "--until", "8", "--data-dir", data_dir], &[]);
    assert_eq!(code, Some(1));
    assert!(line.contains("the log ends with record 7"), "{line}");
    let (code, line) = run(&["wal", "replay", "--until", "yesterday"], &[]);
    assert_eq!(code, Some(2), "{line}");

    let server = Server::start(&data, |_command| {});
    let (code, line) = run(&["wal", "replay", "--data-dir", data_dir], &[]);
    assert_eq!((code, line.lines().count()), (Some(1), 1), "{line}");
    server.signal("TERM");
    server.ended();
    let help = Command::new(env!("CARGO_BIN_EXE_tollgate")).args(["wal", "--help"]).output();
    assert!(String::from_utf8(help.unwrap().stdout).unwrap().contains("replay"));
}
