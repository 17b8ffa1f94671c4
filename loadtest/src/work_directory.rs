//! Where a run keeps the server's data and its error output.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// A directory of our own: given, and always kept, or temporary, and removed unless kept.
#[derive(Debug)]
pub(crate) struct WorkDirectory {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl WorkDirectory {
    /// The directory given must be new or empty: the ledger of other payments would not fit.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self> {
        let directory = match given {
            Some(path) => {
                std::fs::create_dir_all(path)
                    .with_context(|| format!("cannot create {}", path.display()))?;
                let path = path
                    .canonicalize()
                    .with_context(|| format!("cannot resolve {}", path.display()))?;
                let mut entries =
                    path.read_dir().with_context(|| format!("cannot read {}", path.display()))?;
                ensure!(entries.next().is_none(), "{} is not empty", path.display());
                Self { path, temporary: None }
            }
            None => {
                let temporary = TempDir::with_prefix("tollgate-loadtest-")
                    .context("cannot create a temporary directory")?;
                Self { path: temporary.path().to_owned(), temporary: Some(temporary) }
            }
        };
        std::fs::create_dir(directory.data())
            .with_context(|| format!("cannot create {}", directory.data().display()))?;
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub(crate) fn server_log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// The directory where it stays behind, `None` where it is about to be removed.
    pub(crate) fn kept(&self) -> Option<PathBuf> {
        self.temporary.is_none().then(|| self.path.clone())
    }

    /// Leaves the directory behind, for whoever looks for the cause.
    pub(crate) fn keep(&mut self) -> PathBuf {
        if let Some(temporary) = self.temporary.take() {
            // The path is the one already held.
            let _ = temporary.keep();
        }
        self.path.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temporary_directory_goes_unless_kept() {
        let directory = WorkDirectory::open(None).unwrap();
        let data = directory.data();
        assert!(data.is_dir() && directory.kept().is_none());
        drop(directory);
        assert!(!data.exists());

        let mut directory = WorkDirectory::open(None).unwrap();
        let kept = directory.keep();
        assert_eq!(directory.kept(), Some(kept.clone()));
        drop(directory);
        assert!(kept.join("data").is_dir());
        std::fs::remove_dir_all(kept).unwrap();
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("new");
        assert!(WorkDirectory::open(Some(&path)).unwrap().kept().is_some());
        assert!(WorkDirectory::open(Some(&path)).is_err());
    }
}
