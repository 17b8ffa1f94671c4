//! A store of trees on its way into a backup and out of one, in parts that each fit in memory.
//!
//! ```text
//!   part    length 1 │ name of a tree │ entry │ entry │ …
//!   entry   length 4 │ key │ length 4 │ value
//! ```
//!
//! Lengths are big-endian, and a part ends behind an entry. A tree without entries has no part.
//!
//! Files of a tree cannot be copied while it is in use, and are of one release of the store alone; what
//! lies in it can.
//!
//! Invariant: a copy is all of a store as of one moment.
//!
//! Not here: what the trees hold.

use std::{collections::VecDeque, ops::Bound};

use fjall::{Database, Keyspace, PersistMode, Readable, Snapshot};

/// A store that is being copied.
pub struct TreeCopy {
    /// Keeps the store open.
    _database: Database,
    snapshot: Snapshot,
    trees: VecDeque<(&'static str, Keyspace)>,
    /// The key behind which the first tree's next part begins.
    last: Option<Vec<u8>>,
}

/// A store that is being made of a copy.
pub struct TreeBuilder {
    database: Database,
    trees: Vec<(&'static str, Keyspace)>,
}

/// Why a store cannot be copied, or be made of a copy.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Its files.
    #[error("the store's files")]
    Store(#[from] fjall::Error),
    /// An entry is longer than any that was written.
    #[error("the store holds an entry that is too large")]
    Large,
    /// What comes is no part, or of a tree that the store does not have.
    #[error("a part of the store is none")]
    Part,
}

/// Bytes behind which a part ends.
const PART_BYTES: usize = 8 << 20;

impl TreeCopy {
    /// All of these trees, as they are now.
    #[must_use]
    pub fn of(database: &Database, trees: &[(&'static str, &Keyspace)]) -> Self {
        let trees = trees.iter().map(|(name, tree)| (*name, (*tree).clone())).collect();
        let snapshot = database.snapshot();
        Self { _database: database.clone(), snapshot, trees, last: None }
    }

    /// The next part; `None` behind the last. Reads from the disk.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn next_part(&mut self) -> Result<Option<Vec<u8>>, TreeError> {
        while let Some((name, tree)) = self.trees.front() {
            let mut part = Vec::new();
            part.push(u8::try_from(name.len()).map_err(|_long| TreeError::Large)?);
            part.extend(name.as_bytes());
            let head = part.len();
            let from = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
            for entry in self.snapshot.range(tree, (from, Bound::Unbounded)) {
                let (key, value) = entry.into_inner()?;
                push(&mut part, &key)?;
                push(&mut part, &value)?;
                if part.len() >= PART_BYTES {
                    self.last = Some(key.to_vec());
                    return Ok(Some(part));
                }
            }
            self.trees.pop_front();
            if part.len() > head {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }
}

impl TreeBuilder {
    /// Into these trees of a store, which hold nothing that the copy has.
    #[must_use]
    pub fn into(database: &Database, trees: &[(&'static str, &Keyspace)]) -> Self {
        let trees = trees.iter().map(|(name, tree)| (*name, (*tree).clone())).collect();
        Self { database: database.clone(), trees }
    }

    /// Takes a part in: all of it, or nothing. Blocks.
    ///
    /// # Errors
    /// Where it is none, or cannot be written.
    pub fn take(&self, part: &[u8]) -> Result<(), TreeError> {
        let (length, rest) = part.split_first().ok_or(TreeError::Part)?;
        let (name, mut rest) =
            rest.split_at_checked(usize::from(*length)).ok_or(TreeError::Part)?;
        let tree = self.trees.iter().find(|(known, _tree)| known.as_bytes() == name);
        let (_name, tree) = tree.ok_or(TreeError::Part)?;
        let mut batch = self.database.batch();
        while !rest.is_empty() {
            let (key, behind) = split(rest)?;
            let (value, behind) = split(behind)?;
            batch.insert(tree, key, value);
            rest = behind;
        }
        Ok(batch.commit()?)
    }

    /// Makes all of it outlive a power cut.
    ///
    /// # Errors
    /// Where that is not known.
    pub fn finish(self) -> Result<(), TreeError> {
        Ok(self.database.persist(PersistMode::SyncAll)?)
    }
}

fn push(part: &mut Vec<u8>, bytes: &[u8]) -> Result<(), TreeError> {
    let length = u32::try_from(bytes.len()).map_err(|_long| TreeError::Large)?;
    part.extend(length.to_be_bytes());
    part.extend(bytes);
    Ok(())
}

fn split(bytes: &[u8]) -> Result<(&[u8], &[u8]), TreeError> {
    let (length, rest) = bytes.split_first_chunk().ok_or(TreeError::Part)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_long| TreeError::Large)?;
    rest.split_at_checked(length).ok_or(TreeError::Part)
}

impl std::fmt::Debug for TreeCopy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TreeCopy").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fjall::KeyspaceCreateOptions;

    use super::*;

    struct Store {
        database: Database,
        trees: Vec<(&'static str, Keyspace)>,
    }

    impl Store {
        fn open(directory: &Path) -> Self {
            let database = Database::builder(directory).open().unwrap();
            let tree =
                |name| (name, database.keyspace(name, KeyspaceCreateOptions::default).unwrap());
            let trees = ["small", "empty", "large"].map(tree).to_vec();
            Self { database, trees }
        }

        fn trees(&self) -> Vec<(&'static str, &Keyspace)> {
            self.trees.iter().map(|(name, tree)| (*name, tree)).collect()
        }

        fn tree(&self, name: &str) -> &Keyspace {
            &self.trees.iter().find(|(known, _tree)| *known == name).unwrap().1
        }

        fn entries(&self, name: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
            let entries = self.tree(name).iter().map(|entry| entry.into_inner().unwrap());
            entries.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
        }
    }

    #[test]
    fn a_copy_is_of_one_moment_and_becomes_the_same_store() {
        let directory = tempfile::tempdir().unwrap();
        let from = Store::open(&directory.path().join("from"));
        from.tree("small").insert("key", "").unwrap();
        let value = vec![7; PART_BYTES / 3];
        (0..7_u8).for_each(|key| from.tree("large").insert([key], &*value).unwrap());
        let mut copy = TreeCopy::of(&from.database, &from.trees());
        from.tree("small").insert("later", "1").unwrap();
        from.tree("large").remove([3]).unwrap();

        let to = Store::open(&directory.path().join("to"));
        let builder = TreeBuilder::into(&to.database, &to.trees());
        let mut parts = 0;
        while let Some(part) = copy.next_part().unwrap() {
            assert!(part.len() <= PART_BYTES + value.len() + 32);
            builder.take(&part).unwrap();
            parts += 1;
        }
        builder.finish().unwrap();
        assert_eq!(parts, 1 + 3, "an empty tree has none");
        assert_eq!(to.entries("small"), [(b"key".to_vec(), Vec::new())]);
        let large: Vec<_> = (0..7_u8).map(|key| (vec![key], value.clone())).collect();
        assert_eq!(to.entries("large"), large);
        assert!(to.entries("empty").is_empty());
    }

    #[test]
    fn what_is_no_part_is_refused_and_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path());
        let builder = TreeBuilder::into(&store.database, &store.trees());
        let good = [&b"\x05small"[..], &[0, 0, 0, 1, b'k', 0, 0, 0, 1, b'v']].concat();
        for length in 0..good.len() {
            let taken = builder.take(&good[..length]);
            // Behind its name a part may end at once.
            assert_eq!(taken.is_ok(), length == 6, "{length}");
        }
        assert!(matches!(builder.take(b"\x05other"), Err(TreeError::Part)));
        assert!(store.entries("small").is_empty());
        builder.take(&good).unwrap();
        assert_eq!(store.entries("small"), [(b"k".to_vec(), b"v".to_vec())]);
    }
}
