//! What a backup says of itself: `manifest.json`. Whoever reads it holds everything else against it.

use serde::{Deserialize, Serialize};
use tollgate_domain::{ShardId, StateHash};
use tollgate_engine::{LogEnd, StateClaim};

/// The manifest's name: the last file of a backup.
pub(crate) const MANIFEST: &str = "manifest.json";

/// Tells a manifest from other JSON.
const FORMAT: &str = "tollgate-backup";

/// Of the form of a backup: another number is another form.
const VERSION: u32 = 1;

/// What every backup lacks, by its place in the data directory.
const NOT_INCLUDED: [&str; 5] = ["keys/", "secrets/", "operator.key", "demo.key", "simulator/"];

/// A backup, as it describes itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    version: u32,
    /// RFC 3339.
    pub(crate) created_at: String,
    /// The release that made it.
    pub(crate) release: String,
    pub(crate) log: LogPart,
    /// What each shard came to at one of its records.
    pub(crate) states: Vec<StatePart>,
    pub(crate) files: Vec<FilePart>,
    not_included: Vec<String>,
}

/// Where the log ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct LogPart {
    /// The control shard and all payment shards.
    pub(crate) streams: usize,
    pub(crate) frames: u64,
    pub(crate) groups: u64,
    pub(crate) records: u64,
    /// The whole log in 32 bytes.
    pub(crate) last_hash: String,
    /// The last record of each shard, the control shard first.
    pub(crate) last_records: Vec<u64>,
}

/// What a shard came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct StatePart {
    shard: u16,
    /// After this record of it.
    record: u64,
    state_hash: String,
}

/// A file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct FilePart {
    /// Below the backup, with `/` between the parts.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: String,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestFault {
    /// It is no JSON of the form.
    #[error("it is none of a backup")]
    Json(#[from] serde_json::Error),
    /// It is of something else.
    #[error("it is none of a backup, but of {0:?}")]
    Format(String),
    /// A later release has made it.
    #[error("the backup is of form {0}, which this release does not know")]
    Version(u32),
    /// A hash is none.
    #[error("{0:?} is no hash")]
    Hash(String),
}

impl Manifest {
    /// Of a backup that ends there, without its files.
    pub(crate) fn of(created_at: String, end: &LogEnd, claims: &[StateClaim]) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created_at,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            log: LogPart {
                streams: end.positions.len(),
                frames: end.frames,
                groups: end.groups,
                records: end.positions.iter().sum(),
                last_hash: hex(&end.last_hash),
                last_records: end.positions.clone(),
            },
            states: claims.iter().map(StatePart::of).collect(),
            files: Vec::new(),
            not_included: NOT_INCLUDED.map(str::to_owned).to_vec(),
        }
    }

    /// Reads one.
    ///
    /// # Errors
    /// Where it is none that this release knows.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestFault> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_slice(bytes)?;
        if head.format != FORMAT {
            return Err(ManifestFault::Format(head.format));
        }
        if head.version != VERSION {
            return Err(ManifestFault::Version(head.version));
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("it has string keys");
        bytes.push(b'\n');
        bytes
    }

    /// Whether a log that ends there is the one that it describes.
    pub(crate) fn ends_at(&self, end: &LogEnd) -> bool {
        let LogEnd { frames, groups, last_hash, positions } = end;
        (self.log.frames, self.log.groups) == (*frames, *groups)
            && self.log.last_hash == hex(last_hash)
            && self.log.last_records == *positions
    }

    /// What the engine has to come to.
    ///
    /// # Errors
    /// Where a hash is none.
    pub(crate) fn claims(&self) -> Result<Vec<StateClaim>, ManifestFault> {
        let claim = |state: &StatePart| {
            let hash = from_hex(&state.state_hash);
            let hash = hash.ok_or_else(|| ManifestFault::Hash(state.state_hash.clone()))?;
            Ok(StateClaim {
                shard: ShardId(state.shard),
                sequence: state.record,
                hash: StateHash::from_bytes(hash),
            })
        };
        self.states.iter().map(claim).collect()
    }

    /// How many bytes its files have.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

impl StatePart {
    fn of(claim: &StateClaim) -> Self {
        let StateClaim { shard, sequence, hash } = *claim;
        Self { shard: shard.0, record: sequence, state_hash: hash.to_string() }
    }
}

/// Bytes in lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 2 * bytes.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (place, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let end = LogEnd { frames: 7, groups: 3, last_hash: [0xab; 32], positions: vec![2, 0, 5] };
        let hash = StateHash::from_bytes([0x0f; 32]);
        let claims = [StateClaim { shard: ShardId(2), sequence: 5, hash }];
        let mut manifest = Manifest::of("2026-01-15T10:30:00.000Z".to_owned(), &end, &claims);
        let (path, sha256) = ("log/superblock".to_owned(), hex(&[1; 32]));
        manifest.files.push(FilePart { path, bytes: 48, sha256 });
        let read = Manifest::parse(&manifest.to_bytes()).unwrap();
        assert_eq!(read, manifest);
        assert_eq!(read.claims().unwrap(), claims);
        assert_eq!((read.log.records, read.bytes()), (7, 48));
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        let told = |text: &str| Manifest::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(told("{"), "it is none of a backup");
        assert_eq!(
            told("{\"format\":\"x\",\"version\":1}"),
            "it is none of a backup, but of \"x\""
        );
        let later = "{\"format\":\"tollgate-backup\",\"version\":2,\"more\":7}";
        assert!(told(later).contains("form 2"), "{}", told(later));
        for text in ["", "0f", &"0g".repeat(32), &"+f".repeat(32), &"0f".repeat(33)] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
