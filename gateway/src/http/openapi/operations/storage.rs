//! `v1/storage.rs`.

use hyper::StatusCode;
use serde_json::json;
use utoipa::openapi::path::HttpMethod;

use super::{
    super::{
        operation::{Access, Answer, Description, Group, reference},
        schemas::{BackupArchive, Snapshot},
    },
    ANY, KEYED, OPERATOR, refusals,
};
use crate::http::{error::ErrorCode, router::Route};

pub(super) fn descriptions() -> [Description; 2] {
    [take_snapshot(), backup()]
}

fn take_snapshot() -> Description {
    Description {
        route: Route::Snapshots,
        method: HttpMethod::Post,
        id: "takeSnapshot",
        group: Group::Storage,
        summary: "Take a snapshot",
        description: "Makes a snapshot of everything that is durable by now, proves it, and answers \
                      which it is: the last one again where nothing has happened since. Payments go on \
                      meanwhile. It takes as long as reading the log since the last one.",
        access: Access::Operator,
        parameters: Vec::new(),
        body: None,
        answers: vec![Answer::json::<Snapshot>(StatusCode::OK, "The snapshot.").example(
            "snapshot",
            "A snapshot of some payments",
            json!({
                "object": "snapshot", "frame": 4_711,
                "file": "log/snapshots/00000000000000004711.snap", "records": 20_000,
                "bytes": 1_048_576, "elapsed_ms": 250,
            }),
        )],
        refusals: refusals(&[ANY, KEYED, OPERATOR]),
    }
}

fn backup() -> Description {
    Description {
        route: Route::Backup,
        method: HttpMethod::Get,
        id: "streamBackup",
        summary: "Take a backup",
        description: "Sends a backup of the log as it is now, while payments go on: a tar archive whose \
                      last file, `manifest.json`, holds length and SHA-256 of every other, where the \
                      log ends, and what each shard had come to. An archive without it is no backup. No \
                      secret is in it. `tollgate backup` keeps it, and `tollgate restore` makes a data \
                      directory of it. There is one at a time.",
        answers: vec![Answer::of(
            StatusCode::OK,
            "The backup, or a body that breaks off.",
            "application/x-tar",
            reference::<BackupArchive>(),
        )],
        refusals: refusals(&[ANY, KEYED, OPERATOR, &[ErrorCode::Overloaded]]),
        ..take_snapshot()
    }
}
