//! The secret that is agreed with a provider for its callbacks: a file of the operator's.
//!
//! Not here: the secret that is derived where none is agreed, see `secrets.rs`.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::secrets::{self, read_secret_file};

/// As many bytes as the hash puts out: a shorter secret would be the weaker of the two.
const LEAST_BYTES: usize = 32;

/// Why the secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] secrets::Error),
    /// There is none.
    #[error("{} is not there", path.display())]
    Absent {
        /// Where it should be.
        path: PathBuf,
    },
    /// What it holds is no secret.
    #[error("{} holds less than {LEAST_BYTES} bytes", path.display())]
    TooShort {
        /// Which file.
        path: PathBuf,
    },
}

/// What the file holds, but for line ends behind it; `None` where no file is named.
///
/// # Errors
/// If there is no such file, or too little in it.
pub(crate) fn read(path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let found = read_secret_file(path)?;
    let mut secret = found.ok_or_else(|| Error::Absent { path: path.to_owned() })?;
    while let Some(b'\n' | b'\r') = secret.last() {
        secret.pop();
    }
    if secret.len() < LEAST_BYTES {
        return Err(Error::TooShort { path: path.to_owned() });
    }
    Ok(Some(secret))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_secret_is_long_enough() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("callback.key");
        assert!(matches!(read(Path::new("")), Ok(None)));
        assert!(matches!(read(&path), Err(Error::Absent { .. })));
        for (text, is_secret) in [
            ("0123456789abcdef0123456789abcdef", true),
            ("0123456789abcdef0123456789abcdef\r\n", true),
            ("0123456789abcdef0123456789abcde\n", false),
            ("", false),
        ] {
            fs::write(&path, text).unwrap();
            let found = read(&path).ok().flatten();
            assert_eq!(found.is_some(), is_secret, "{text:?}");
            assert!(found.is_none_or(|secret| *secret == text.trim_end().as_bytes()));
        }
    }
}
