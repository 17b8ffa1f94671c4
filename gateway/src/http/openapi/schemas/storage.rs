//! Snapshots and backups.

use std::borrow::Cow;

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, RefOr, Schema, SchemaFormat,
        schema::{ObjectBuilder, Type},
    },
};

/// What the log comes to at a place, from which a start can begin.
#[derive(ToSchema)]
pub(in crate::http::openapi) struct Snapshot {
    object: SnapshotObject,
    /// The frame of the log that follows it, which names its file.
    frame: u64,
    /// Its file, below the data directory.
    file: String,
    /// Records that it stands for.
    records: u64,
    /// Its size.
    bytes: u64,
    /// How long it took.
    elapsed_ms: u64,
}

#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
enum SnapshotObject {
    Snapshot,
}

/// What an archive is in a description: bytes.
pub(in crate::http::openapi) struct BackupArchive;

impl PartialSchema for BackupArchive {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .description(Some("A tar archive (POSIX ustar), whose last file is `manifest.json`."))
            .into()
    }
}

impl ToSchema for BackupArchive {
    fn name() -> Cow<'static, str> {
        "BackupArchive".into()
    }
}
