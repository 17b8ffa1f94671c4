//! What a backup is made of, read once, in order, and told to whoever keeps it.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tollgate_domain::Timestamp;
use tollgate_engine::{LogBackup, LogError, LogFile, LogHold, OpenLogFile, TreeCopy};

use super::{
    manifest::{FilePart, Manifest, hex},
    path::BackupPath,
    store::{DerivedStore, DerivedStores, StoreError},
};
use crate::http::Rfc3339;

/// A backup that is about to be made.
pub(crate) struct BackupSource {
    files: Vec<SourceFile>,
    stores: Vec<(DerivedStore, TreeCopy)>,
    /// The log is not cut until everything is copied.
    hold: Option<LogHold>,
    manifest: Manifest,
}

/// Who keeps what a backup is made of.
pub(crate) trait Sink {
    /// Why it cannot.
    type Error;

    /// A file of so many bytes begins.
    fn begin(&mut self, path: &str, bytes: u64) -> Result<(), Self::Error>;

    /// The next of its bytes.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Self::Error>;

    /// It has all of them.
    fn end(&mut self) -> Result<(), Self::Error>;
}

/// Why a backup cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the log cannot be opened.
    #[error("cannot open a file of the log")]
    Log(#[source] Box<LogError>),
    /// A store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file became shorter while it was copied.
    #[error("{path} has become shorter while it was copied")]
    Short {
        /// Which.
        path: String,
    },
}

/// A backup was not made: for want of its source, or of its sink.
#[derive(Debug)]
pub(crate) enum CopyError<E> {
    Source(SourceError),
    Sink(E),
}

enum SourceFile {
    OfLog(LogFile),
    /// Read already.
    Read {
        path: String,
        bytes: Vec<u8>,
    },
}

/// Callbacks that wait for their payments: nobody else has them any more.
///
/// Read before the log's end is chosen: one that finds its payment meanwhile is here and perhaps in the
/// log, which does no harm, for callbacks are told more than once. The other way round it could be in
/// neither. They are few, and small: `parked_callbacks.rs` bounds both.
pub(crate) struct ParkedFiles(Vec<(String, Vec<u8>)>);

/// Bytes that are read at once.
const PART: usize = 256 << 10;

impl BackupSource {
    /// Of a log, of the stores that it made, which are needed where it was cut, and of the callbacks that
    /// were read; both before its end was chosen.
    pub(crate) fn new(
        log: LogBackup,
        stores: Option<DerivedStores>,
        parked: ParkedFiles,
        now: Timestamp,
    ) -> Self {
        let LogBackup { files, end, claims, archive, hold } = log;
        let mut files: Vec<SourceFile> = files.into_iter().map(SourceFile::OfLog).collect();
        // The superblock stays the last: without it the rest is no log.
        let superblock = files.pop();
        files.extend(parked.0.into_iter().map(|(path, bytes)| SourceFile::Read { path, bytes }));
        files.extend(superblock);
        let manifest = Manifest::of(Rfc3339(now).to_string(), &end, &claims);
        // A log that was not cut makes all of them again.
        let stores = archive.zip(stores).map_or_else(Vec::new, |(archive, stores)| {
            let DerivedStores { feed, views } = stores;
            let views = views.map(|views| (DerivedStore::Views, views));
            let stores = [(DerivedStore::Archive, archive), (DerivedStore::Feed, feed)];
            stores.into_iter().chain(views).collect()
        });
        Self { files, stores, hold, manifest }
    }

    /// Copies everything, and tells what that is. What the sink has then becomes a backup with the
    /// manifest.
    ///
    /// # Errors
    /// Where it cannot be read or kept.
    pub(crate) fn copy<S: Sink>(self, sink: &mut S) -> Result<Manifest, CopyError<S::Error>> {
        let Self { files, stores, hold, mut manifest } = self;
        for (store, copy) in stores {
            copy_store(store, copy, &mut manifest.files, sink)?;
        }
        let mut buffer = vec![0; PART];
        for file in files {
            let copied = match file {
                SourceFile::OfLog(log) => {
                    let unread = |error| CopyError::Source(SourceError::Log(Box::new(error)));
                    let OpenLogFile { path, bytes, file } = log.open().map_err(unread)?;
                    copy_file(format!("log/{path}"), bytes, file, &mut buffer, sink)?
                }
                SourceFile::Read { path, bytes } => {
                    copy_file(path, bytes.len() as u64, &bytes[..], &mut buffer, sink)?
                }
            };
            manifest.files.push(copied);
        }
        drop(hold);
        Ok(manifest)
    }
}

/// Copies a store part by part, each as a file.
fn copy_store<S: Sink>(
    store: DerivedStore,
    mut copy: TreeCopy,
    files: &mut Vec<FilePart>,
    sink: &mut S,
) -> Result<(), CopyError<S::Error>> {
    let unread = |source| CopyError::Source(StoreError::Tree { store, source }.into());
    for number in 1.. {
        let Some(part) = copy.next_part().map_err(unread)? else { break };
        let (path, bytes) = (BackupPath::of_part(store, number).to_string(), part.len() as u64);
        sink.begin(&path, bytes).map_err(CopyError::Sink)?;
        sink.data(&part).map_err(CopyError::Sink)?;
        sink.end().map_err(CopyError::Sink)?;
        files.push(FilePart { path, bytes, sha256: hex(&Sha256::digest(&part)) });
    }
    Ok(())
}

fn copy_file<S: Sink>(
    path: String,
    bytes: u64,
    from: impl Read,
    buffer: &mut [u8],
    sink: &mut S,
) -> Result<FilePart, CopyError<S::Error>> {
    sink.begin(&path, bytes).map_err(CopyError::Sink)?;
    let mut from = from.take(bytes);
    let (mut digest, mut copied) = (Sha256::new(), 0);
    loop {
        let read = from.read(buffer).map_err(unread(&path)).map_err(CopyError::Source)?;
        if read == 0 {
            break;
        }
        digest.update(&buffer[..read]);
        copied += read as u64;
        sink.data(&buffer[..read]).map_err(CopyError::Sink)?;
    }
    if copied < bytes {
        return Err(CopyError::Source(SourceError::Short { path }));
    }
    sink.end().map_err(CopyError::Sink)?;
    Ok(FilePart { path, bytes, sha256: hex(&digest.finalize()) })
}

impl ParkedFiles {
    /// Those of a data directory, as they are now.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(crate) fn read(data_dir: &Path) -> Result<Self, SourceError> {
        const PLACE: &str = "callbacks";
        let list = || -> io::Result<Vec<PathBuf>> {
            fs::read_dir(data_dir.join(PLACE))?.map(|entry| Ok(entry?.path())).collect()
        };
        let mut files = match list() {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(unread(PLACE)(error)),
        };
        files.sort_unstable();
        let mut parked = Vec::new();
        for file in files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let path = format!("{PLACE}/{name}");
            if BackupPath::new(&path).is_none() {
                continue;
            }
            match fs::read(&file) {
                Ok(bytes) => parked.push((path, bytes)),
                // It has found its payment, and the log has it.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unread(&path)(error)),
            }
        }
        Ok(Self(parked))
    }
}

fn unread(path: &str) -> impl FnOnce(io::Error) -> SourceError {
    let path = path.to_owned();
    move |source| SourceError::Read { path, source }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tollgate_domain::ParkedCallbackId;
    use tollgate_engine::LogEnd;

    use super::*;

    #[derive(Default)]
    struct Kept(Vec<(String, Vec<u8>)>);

    impl Sink for Kept {
        type Error = Infallible;

        fn begin(&mut self, path: &str, _bytes: u64) -> Result<(), Infallible> {
            self.0.push((path.to_owned(), Vec::new()));
            Ok(())
        }

        fn data(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
            self.0.last_mut().unwrap().1.extend(bytes);
            Ok(())
        }

        fn end(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    /// A callback finds its payment while the log is read: its record is behind the backup's end, and
    /// its file is gone.
    #[test]
    fn callbacks_are_those_of_before_the_log_s_end() {
        let directory = tempfile::tempdir().unwrap();
        let place = format!("callbacks/{}.json", ParkedCallbackId::from_u128(7));
        fs::create_dir(directory.path().join("callbacks")).unwrap();
        fs::write(directory.path().join(&place), "a callback").unwrap();
        fs::write(directory.path().join("callbacks/half.tmp"), "none yet").unwrap();
        let parked = ParkedFiles::read(directory.path()).unwrap();
        fs::remove_dir_all(directory.path().join("callbacks")).unwrap();

        let end = LogEnd { frames: 0, groups: 0, last_hash: [0; 32], positions: Vec::new() };
        let claims = Vec::new();
        let log = LogBackup { files: Vec::new(), end, claims, archive: None, hold: None };
        let source = BackupSource::new(log, None, parked, Timestamp::from_millis(0));
        let mut kept = Kept::default();
        let Ok(manifest) = source.copy(&mut kept) else { panic!("nothing has to be read") };
        assert_eq!(kept.0, [(place.clone(), b"a callback".to_vec())]);
        assert_eq!(manifest.files[0].path, place);
        assert!(ParkedFiles::read(directory.path()).unwrap().0.is_empty());
    }
}
