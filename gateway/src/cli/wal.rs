//! `tollgate wal`: looks into the log of a gateway that does not run.

use std::path::{Path, PathBuf};

use tollgate_engine::VerifyError;

use crate::startup::log_directory;

/// Why a log does not verify.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// It is damaged, in use, or breaks an invariant.
    #[error("{directory} does not verify")]
    Verify {
        /// Which log.
        directory: PathBuf,
        /// Why.
        source: VerifyError,
    },
}

#[expect(clippy::print_stdout, reason = "the report is what the command is for")]
pub(super) fn verify(data_dir: &Path) -> Result<(), WalError> {
    let directory = log_directory(data_dir);
    let report = tollgate_engine::verify(&directory)
        .map_err(|source| WalError::Verify { directory, source })?;
    println!("segments    {}", report.log.segments);
    println!("groups      {}", report.log.groups);
    println!("frames      {}", report.log.frames);
    println!("records     {}", report.log.records);
    println!("last hash   {}", hex(&report.log.last_hash));
    println!("merchants   {}", report.merchants);
    println!("payments    {}", report.payments);
    for finding in &report.log.findings {
        println!("to mend     {finding:?}");
    }
    println!("invariants  hold");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
