//! The keys that a run speaks with.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::request::Key;

/// The operator's key, and one key for each merchant.
///
/// Not here: `Debug` that shows them.
#[derive(Clone, Default)]
pub(crate) struct Credentials {
    merchants: Vec<String>,
    operator: Option<String>,
}

impl Credentials {
    pub(crate) fn of(merchants: Vec<String>, operator: Option<String>) -> Self {
        Self { merchants, operator }
    }

    /// The demo merchant's key and the operator's, as the server wrote them at its first start.
    pub(crate) fn from_data_dir(data_dir: &Path) -> Result<Self> {
        let merchant = key_in(&data_dir.join("demo.key"), "sk_test_")?;
        Ok(Self::of(vec![merchant], Some(operator_key(data_dir)?)))
    }

    /// The same operator, other merchants.
    pub(crate) fn with_merchants(&self, merchants: Vec<String>) -> Self {
        Self { merchants, operator: self.operator.clone() }
    }

    /// How many merchants there are.
    pub(crate) fn merchants(&self) -> u32 {
        u32::try_from(self.merchants.len()).unwrap_or(u32::MAX)
    }

    /// The key's text, where there is one.
    pub(crate) fn bearer(&self, key: Key) -> Option<&str> {
        match key {
            Key::None => None,
            Key::Operator => self.operator.as_deref(),
            Key::Merchant(number) => {
                let place = usize::try_from(number).ok()?;
                self.merchants.get(place).map(String::as_str)
            }
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({} merchants)", self.merchants.len())
    }
}

/// The operator's key, as the server wrote it at its first start.
pub(crate) fn operator_key(data_dir: &Path) -> Result<String> {
    key_in(&data_dir.join("operator.key"), "ak_")
}

/// The first line of a key file.
fn key_in(file: &Path, prefix: &str) -> Result<String> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let key = text.lines().next().unwrap_or_default().trim();
    ensure!(key.starts_with(prefix), "{} does not begin with {prefix}", file.display());
    ensure!(key.bytes().all(|byte| byte.is_ascii_graphic()), "{} is no key", file.display());
    Ok(key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_from_the_data_directory_and_never_shown() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("demo.key"), "sk_test_1\n").unwrap();
        assert!(Credentials::from_data_dir(directory.path()).is_err(), "no operator's key yet");
        std::fs::write(directory.path().join("operator.key"), "ak_1\n").unwrap();
        let credentials = Credentials::from_data_dir(directory.path()).unwrap();
        assert_eq!(credentials.bearer(Key::Merchant(0)), Some("sk_test_1"));
        assert_eq!(credentials.bearer(Key::Merchant(1)), None);
        assert_eq!(credentials.bearer(Key::Operator), Some("ak_1"));
        assert_eq!(credentials.bearer(Key::None), None);
        assert!(!format!("{credentials:?}").contains("_1"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("operator.key");
        for text in ["", "sk_test_1", "ak_1 2", "ak_\u{7}"] {
            std::fs::write(&file, text).unwrap();
            assert!(operator_key(directory.path()).is_err(), "{text}");
        }
    }
}
