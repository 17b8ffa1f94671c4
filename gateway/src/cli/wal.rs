//! `tollgate wal`: looks into the log of a gateway that does not run.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tollgate_domain::{ShardId, StateHash};
use tollgate_engine::Error as EngineError;

use crate::{
    data_directory::{self, IdleDataDirectory},
    startup::log_directory,
};

/// Why a log does not verify.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// A server runs, or the lock cannot be asked.
    #[error("the log can be looked into only while no server runs")]
    DataDirectory(#[from] data_directory::Error),
    /// It is damaged, in use, or breaks an invariant.
    #[error("{} does not verify", directory.display())]
    Verify {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: Box<EngineError>,
    },
}

/// Digits that tell the states of shards apart at a glance; the hash over all of them is whole.
const SHORT_DIGEST: usize = 16;

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
pub(super) fn verify(data_dir: &Path, verbose: bool) -> Result<(), WalError> {
    let _idle = IdleDataDirectory::look_into(data_dir)?;
    let directory = log_directory(data_dir);
    let report = tollgate_engine::verify(&directory)
        .map_err(|source| WalError::Verify { directory, source: Box::new(source) })?;
    println!("segments    {}", report.log.segments);
    println!("groups      {}", report.log.groups);
    println!("frames      {}", report.log.frames);
    println!("records     {}", report.log.records);
    println!("last hash   {}", hex(&report.log.last_hash));
    println!("merchants   {}", report.merchants);
    println!("payments    {}", report.payments);
    println!("state hash  {}", hex(&state_hash(&report.hashes)));
    if verbose {
        for (shard, hash) in &report.hashes {
            let name = match *shard {
                ShardId::CONTROL => "control".to_owned(),
                ShardId(number) => number.to_string(),
            };
            let hash = hash.to_string();
            println!("shard       {name:<8}{}", hash.get(..SHORT_DIGEST).unwrap_or(&hash));
        }
    }
    for finding in &report.log.findings {
        println!("to mend     {finding:?}");
    }
    println!("invariants  hold");
    Ok(())
}

/// SHA-256 over the number (big-endian) and the hash, in hexadecimal, of each shard: two copies of
/// a log that print the same hold the same state.
fn state_hash(shards: &[(ShardId, StateHash)]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for (shard, hash) in shards {
        digest.update(shard.0.to_be_bytes());
        digest.update(hash.to_string());
    }
    digest.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
