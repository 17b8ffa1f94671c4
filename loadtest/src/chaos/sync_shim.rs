//! A library that is loaded before the server's own and lets every sync of the disk fail once it is
//! told to. The data stays in the page cache, as on a disk that reports a lost write once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// The library's source; it finds its trigger by the environment.
const SOURCE: &str = include_str!("fsync_fails.c");

/// Names the file whose existence lets syncs fail.
const TRIGGER: &str = "TOLLGATE_TEST_FSYNC_FAILS";

/// The compiled library and its trigger.
#[derive(Debug)]
pub struct SyncShim {
    library: PathBuf,
    trigger: PathBuf,
}

impl SyncShim {
    /// Compiles the library into `directory`, with the C compiler that Rust links with.
    ///
    /// # Errors
    /// Where there is no such compiler, or the directory cannot be written.
    pub fn compile(directory: &Path) -> Result<Self> {
        let source = directory.join("fsync_fails.c");
        std::fs::write(&source, SOURCE)
            .with_context(|| format!("cannot write {}", source.display()))?;
        let library = directory.join("fsync_fails.so");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .context("cannot run cc")?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(compiled.status.success(), "cc failed: {}", said.trim());
        Ok(Self { library, trigger: directory.join("sync-fails-now") })
    }

    /// What the server's environment needs.
    #[must_use]
    pub fn environment(&self) -> [(&'static str, OsString); 2] {
        [("LD_PRELOAD", self.library.clone().into()), (TRIGGER, self.trigger.clone().into())]
    }

    /// From now on every sync fails.
    ///
    /// # Errors
    /// Where the trigger cannot be written.
    pub fn arm(&self) -> Result<()> {
        std::fs::write(&self.trigger, "").context("cannot let syncs fail")
    }

    /// And from now on they succeed again.
    ///
    /// # Errors
    /// Where the trigger cannot be removed.
    pub fn disarm(&self) -> Result<()> {
        std::fs::remove_file(&self.trigger).context("cannot let syncs succeed again")
    }
}
