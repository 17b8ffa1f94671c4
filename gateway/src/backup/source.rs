//! What a backup is made of, read once, in order, and told to whoever keeps it.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};
use tollgate_domain::Timestamp;
use tollgate_engine::{LogBackup, LogError, LogFile};

use super::manifest::{FilePart, Manifest, hex};
use crate::http::Rfc3339;

/// A backup that is about to be made.
pub(crate) struct BackupSource {
    files: Vec<SourceFile>,
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
    Plain { path: String, file: PathBuf },
}

/// Bytes that are read at once.
const PART: usize = 256 << 10;

impl BackupSource {
    /// Of a log, and of what lies beside it in the data directory.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub(crate) fn new(
        log: LogBackup,
        data_dir: &Path,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        let LogBackup { files, end, claims } = log;
        let mut files: Vec<SourceFile> = files
            .into_iter()
            .map(|mut file| {
                file.path.insert_str(0, "log/");
                SourceFile::OfLog(file)
            })
            .collect();
        // The superblock stays the last: without it the rest is no log.
        let superblock = files.pop();
        files.extend(callbacks(data_dir)?);
        files.extend(superblock);
        let manifest = Manifest::of(Rfc3339(now).to_string(), &end, &claims);
        Ok(Self { files, manifest })
    }

    /// Copies everything, and tells what that is. What the sink has then becomes a backup with the
    /// manifest.
    ///
    /// # Errors
    /// Where it cannot be read or kept.
    pub(crate) fn copy<S: Sink>(self, sink: &mut S) -> Result<Manifest, CopyError<S::Error>> {
        let Self { files, mut manifest } = self;
        let mut buffer = vec![0; PART];
        for file in files {
            let copied = match file {
                SourceFile::OfLog(log) => {
                    let (path, bytes) = (log.path.clone(), log.bytes);
                    let file = log
                        .into_file()
                        .map_err(|error| CopyError::Source(SourceError::Log(Box::new(error))))?;
                    copy_file(path, bytes, file, &mut buffer, sink)?
                }
                SourceFile::Plain { path, file } => match File::open(&file) {
                    Ok(file) => {
                        let metadata = file.metadata();
                        let bytes =
                            metadata.map_err(unread(&path)).map_err(CopyError::Source)?.len();
                        copy_file(path, bytes, file, &mut buffer, sink)?
                    }
                    // It has found its payment in the meantime.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(CopyError::Source(unread(&path)(error))),
                },
            };
            manifest.files.push(copied);
        }
        Ok(manifest)
    }
}

fn copy_file<S: Sink>(
    path: String,
    bytes: u64,
    file: File,
    buffer: &mut [u8],
    sink: &mut S,
) -> Result<FilePart, CopyError<S::Error>> {
    sink.begin(&path, bytes).map_err(CopyError::Sink)?;
    let mut file = file.take(bytes);
    let (mut digest, mut copied) = (Sha256::new(), 0);
    loop {
        let read = file.read(buffer).map_err(unread(&path)).map_err(CopyError::Source)?;
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

/// Callbacks that wait for their payments: nobody else has them any more.
fn callbacks(data_dir: &Path) -> Result<Vec<SourceFile>, SourceError> {
    const PLACE: &str = "callbacks";
    let list = || -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(data_dir.join(PLACE))?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths = match list() {
        Ok(paths) => paths,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(unread(PLACE)(error)),
    };
    paths.sort_unstable();
    let file = |file: PathBuf| {
        let path = format!("{PLACE}/{}", file.file_name()?.to_str()?);
        super::path::BackupPath::new(&path)?;
        Some(SourceFile::Plain { path, file })
    };
    Ok(paths.into_iter().filter_map(file).collect())
}

fn unread(path: &str) -> impl FnOnce(io::Error) -> SourceError {
    let path = path.to_owned();
    move |source| SourceError::Read { path, source }
}
