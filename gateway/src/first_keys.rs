//! The keys that a first start makes, so that a payment can be tried at once.
//!
//! Each key is written to its file before it is registered, and every start makes sure that the key
//! in the file is registered: a crash in between leaves a file whose key the next start registers.
//! A data directory that already has merchants gets no demo merchant: not even again, where the key
//! in the file is none any more, or what was revoked and forgotten would be good again.

use std::path::Path;

use tollgate_domain::{Asker, CreateMerchant, Mode};
use tollgate_engine::{CommandError, Engine};
use zeroize::Zeroizing;

use crate::{
    provider::Instrument,
    secrets::{self, draw_api_key, key_imprint, read_secret_file, write_secret_file},
};

/// The files, in the data directory.
const DEMO_KEY: &str = "demo.key";
const OPERATOR_KEY: &str = "operator.key";

/// What the demo merchant is called.
const DEMO_NAME: &str = "Demo merchant";

/// Why a key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key's file cannot be used.
    #[error("cannot keep a key")]
    Secrets(#[from] secrets::Error),
    /// The file holds something else.
    #[error("{0} does not hold a key")]
    NoKey(std::path::PathBuf),
    /// The demo merchant cannot be registered.
    #[error("cannot register the demo merchant")]
    Register(#[source] CommandError),
}

/// The operator's key and whether it was made just now, for the first time.
pub(crate) struct OperatorKey {
    pub(crate) text: Zeroizing<String>,
    pub(crate) is_new: bool,
}

/// The operator's key: the one given, else the one kept, else a new one.
pub(crate) fn operator_key(
    data_dir: &Path,
    given: Option<Zeroizing<String>>,
) -> Result<OperatorKey, Error> {
    if let Some(text) = given {
        return Ok(OperatorKey { text, is_new: false });
    }
    let path = data_dir.join(OPERATOR_KEY);
    if let Some(text) = read_key(&path)? {
        return Ok(OperatorKey { text, is_new: false });
    }
    let text = draw_api_key("ak_")?.text;
    write_secret_file(&path, text.as_bytes())?;
    Ok(OperatorKey { text, is_new: true })
}

/// The demo merchant's test key; `None` where there are merchants and none of them is the demo.
pub(crate) async fn demo_key(
    data_dir: &Path,
    engine: &Engine<Instrument>,
) -> Result<Option<Zeroizing<String>>, Error> {
    let path = data_dir.join(DEMO_KEY);
    let key = match read_key(&path)? {
        Some(key) => key,
        None if engine.control().merchant_count() > 0 => return Ok(None),
        None => {
            let key = draw_api_key("sk_test_")?.text;
            write_secret_file(&path, key.as_bytes())?;
            key
        }
    };
    let imprint = key_imprint(&key).ok_or(Error::NoKey(path))?;
    if engine.control().find_key(&imprint.hash).is_none() {
        if engine.control().merchant_count() > 0 {
            return Ok(None);
        }
        let keys = vec![(Mode::Test, imprint)];
        let asker = Asker::Process;
        let command = CreateMerchant { asker, name: DEMO_NAME.into(), email: None, keys };
        engine.control_command(command).await.map_err(Error::Register)?;
    }
    Ok(Some(key))
}

fn read_key(path: &Path) -> Result<Option<Zeroizing<String>>, Error> {
    let Some(bytes) = read_secret_file(path)? else { return Ok(None) };
    let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::NoKey(path.to_owned()));
    }
    Ok(Some(Zeroizing::new(text.to_owned())))
}
