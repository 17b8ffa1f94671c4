//! Snapshots and backups, as operators ask for them: `POST /api/v1/admin/snapshots` and
//! `GET /api/v1/admin/backup`.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use bytes::Bytes;
use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue},
};
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit, task::spawn_blocking};
use tollgate_domain::{Scope, Timestamp};
use tollgate_engine::Error as EngineError;

use crate::{
    backup::{
        BackupSource, CopyError, DerivedStores, MANIFEST, Manifest, ParkedFiles, Sink, TarWriter,
    },
    http::{
        authentication,
        error::{ErrorCode, Problem},
        respond,
        state::Gateway,
        stream_body::{BodyWriter, Gone, stream},
        wire::{Rfc3339, SnapshotBody},
    },
};

const TAR: HeaderValue = HeaderValue::from_static("application/x-tar");

const UNBEGUN: &str = "no backup could be begun";

/// Bytes that are sent at once.
const PART: usize = 256 << 10;

/// Makes a snapshot of everything that is durable by now, and answers which that is.
pub(in crate::http) async fn take_snapshot(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, &headers, Scope::BackupsWrite)?;
    let made = gateway.serving()?.engine.take_snapshot().await;
    let made = made.map_err(|error| unmade("no snapshot could be made", &error))?;
    Ok(respond::json(StatusCode::OK, &SnapshotBody::of(&made)))
}

/// Sends a backup.
pub(in crate::http) async fn backup(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authentication::operator(&gateway, &headers, Scope::BackupsWrite)?;
    let turn = Arc::clone(&gateway.backups).try_acquire_owned().map_err(|_full| {
        Problem::new(ErrorCode::Overloaded, "A backup is under way, and there is one at a time.")
    })?;
    let now = (gateway.clock)();
    // A task of its own: where the client goes away meanwhile, the turn is over when the reading is.
    let planned = tokio::spawn(plan(gateway, now, turn)).await;
    let (source, turn) = planned.map_err(|error| unmade(UNBEGUN, &error))??;
    let (writer, body) = stream();
    let tar = TarWriter::new(now.as_seconds());
    let sink = TarSink { writer, runtime: Handle::current(), tar, part: Vec::new(), _turn: turn };
    spawn_blocking(move || sink.send(source));
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, TAR);
    let time = Rfc3339(now).to_string().replace(':', "-");
    let name = format!("attachment; filename=\"tollgate-{time}.tar\"");
    let name = HeaderValue::from_str(&name).expect("a time is plain text");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

/// What a backup is to hold, and the turn that it takes.
async fn plan(
    gateway: Arc<Gateway>,
    now: Timestamp,
    turn: OwnedSemaphorePermit,
) -> Result<(BackupSource, OwnedSemaphorePermit), Problem> {
    let serving = gateway.serving()?;
    let data_dir = serving.data_dir.clone();
    let parked = spawn_blocking(move || ParkedFiles::read(&data_dir)).await;
    let parked = parked.map_err(|error| unmade(UNBEGUN, &error))?;
    let parked = parked.map_err(|error| unmade(UNBEGUN, &error))?;
    let hold = serving.engine.hold_log().await.map_err(|error| unmade(UNBEGUN, &error))?;
    let stores = DerivedStores::of(&serving.feed, &serving.views);
    let log = serving.engine.plan_backup(hold).await;
    let log = log.map_err(|error| unmade(UNBEGUN, &error))?;
    Ok((BackupSource::new(log, Some(stores), parked, now), turn))
}

fn unmade(what: &'static str, error: &(dyn std::error::Error + 'static)) -> Problem {
    if let Some(EngineError::Stopping) = error.downcast_ref() {
        return Problem::of(ErrorCode::NotReady);
    }
    tracing::error!(error, "{what}");
    let causes = std::iter::successors(Some(error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    Problem::new(ErrorCode::InternalError, format!("{what}: {}", causes.join(": ")))
}

/// The archive on its way to the client, as fast as he takes it.
struct TarSink {
    writer: BodyWriter,
    runtime: Handle,
    tar: TarWriter,
    /// What is not sent yet.
    part: Vec<u8>,
    _turn: OwnedSemaphorePermit,
}

impl TarSink {
    /// Sends all of a backup. Blocks, as reading does.
    fn send(mut self, source: BackupSource) {
        let copied = source.copy(&mut self);
        let sent = copied.and_then(|manifest| {
            self.finish(&manifest).map_err(CopyError::Sink)?;
            let Self { writer, runtime, .. } = self;
            runtime.block_on(writer.finish()).map_err(CopyError::Sink)?;
            Ok(manifest)
        });
        match sent {
            Ok(manifest) => tracing::info!(bytes = manifest.bytes(), "a backup was sent"),
            Err(CopyError::Sink(Gone)) => tracing::warn!("a backup was left by its client"),
            Err(CopyError::Source(error)) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "a backup broke off");
            }
        }
    }

    /// The manifest is the last of all.
    fn finish(&mut self, manifest: &Manifest) -> Result<(), Gone> {
        let bytes = manifest.to_bytes();
        self.begin(MANIFEST, bytes.len() as u64)?;
        self.data(&bytes)?;
        self.end()?;
        self.tar.finish(&mut self.part);
        self.flush()
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let part = Bytes::from(std::mem::take(&mut self.part));
        self.runtime.block_on(self.writer.write(part))
    }
}

impl Sink for TarSink {
    type Error = Gone;

    fn begin(&mut self, path: &str, bytes: u64) -> Result<(), Gone> {
        self.tar.begin(path, bytes, &mut self.part);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        self.tar.data(bytes, &mut self.part);
        if self.part.len() >= PART { self.flush() } else { Ok(()) }
    }

    fn end(&mut self) -> Result<(), Gone> {
        self.tar.end(&mut self.part);
        Ok(())
    }
}
