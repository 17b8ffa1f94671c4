//! The journal of the segment being written: an append-only file of frames, back to back.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    directory::{Directory, sync_directory},
    error::Error,
};

/// The open end of the journal.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Journal {
    /// Begins the segment, in place of an empty one of the same name.
    pub(crate) fn create(directory: &Directory, segment: u64) -> Result<Self, Error> {
        let path = directory.journal(segment);
        let file = File::create(&path)
            .and_then(|file| file.sync_all().map(|()| file))
            .map_err(Error::io("create", &path))?;
        sync_directory(&directory.journals())?;
        Ok(Self { file, path, length: 0 })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends durably, and tells how long the sync took. After an error the file must not be used any more: a second sync would
    /// say yes to pages that the first one lost.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<Duration, Error> {
        self.file.write_all(bytes).map_err(Error::io("append to", &self.path))?;
        let began = Instant::now();
        // The file's new length is part of what is needed to read it, so `sync_data` covers it.
        self.file.sync_data().map_err(Error::io("sync", &self.path))?;
        self.length += bytes.len() as u64;
        Ok(began.elapsed())
    }
}
