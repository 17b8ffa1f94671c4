//! Exports from the command line: whole files, or none.

use std::fs;

use serde_json::Value;

use super::{backup::pay, output, run};
use crate::server::Server;

#[test]
fn rows_of_a_span_are_exported_into_a_file_or_a_pipe() {
    let parent = tempfile::tempdir().unwrap();
    let data = parent.path().join("data");
    let server = Server::start(&data, |_command| {});
    let paid: Vec<Value> = ["one", "two"].map(|key| pay(&server.caller(), key)).to_vec();
    let address = format!("http://{}", server.address());
    let (key, table) = (data.join("demo.key"), parent.path().join("payments.csv"));
    let (key, table) = (key.to_str().unwrap(), table.to_str().unwrap());
    let asked = ["--from", "2026-01-01T00:00:00+05:30", "--key-file", key, "--server", &address];
    let told = output(&[&["export", "payments", "-o", table], &asked[..]].concat(), &[]);
    assert_eq!(told, "");
    let rows = fs::read_to_string(table).unwrap();
    assert_eq!(rows.lines().count(), 3, "{rows}");
    assert!(!fs::exists(format!("{table}.partial")).unwrap());

    let lines = output(&[&["export", "transactions", "--json"], &asked[..]].concat(), &[]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3);
    for (line, payment) in lines.iter().zip(&paid) {
        assert_eq!(line["payment_id"], payment["id"]);
    }
    assert_eq!((&lines[2]["complete"], &lines[2]["rows"]), (&true.into(), &2.into()));

    let day = ["--date", "2026-02-30", "--key-file", key, "--server", &address];
    let (code, line) = run(&[&["export", "payments", "-o", table], &day[..]].concat(), &[]);
    assert!(code == Some(2) && line.contains("2026-11-25"), "{line}");
    assert_eq!(fs::read_to_string(table).unwrap(), rows, "what is there stays");
    let (code, line) = run(&["export", "payments", "--key-file", key], &[]);
    assert!(code == Some(2) && line.contains("--date"), "{line}");
}
