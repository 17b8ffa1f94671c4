//! The suite for log stores, on the durable one and on the simulated one.

use tempfile::TempDir;
use tollgate_wal::{
    Error, Geometry, LogStore, Options, Recovery, SledStore, Visit,
    store::{
        conformance::{Subject, suite},
        faulty::{Disk, Faulty},
    },
};

struct OnDisk(TempDir);

impl Subject for OnDisk {
    fn open(
        &mut self,
        geometry: Option<Geometry>,
        visit: &mut Visit<'_>,
    ) -> Result<(Box<dyn LogStore>, Recovery), Error> {
        let (store, recovery) = SledStore::open(Options::new(self.0.path()), geometry, visit)?;
        Ok((Box::new(store), recovery))
    }
}

struct Simulated(Disk);

impl Subject for Simulated {
    fn open(
        &mut self,
        geometry: Option<Geometry>,
        visit: &mut Visit<'_>,
    ) -> Result<(Box<dyn LogStore>, Recovery), Error> {
        let (store, recovery) = Faulty::open(&self.0, geometry, visit)?;
        Ok((Box::new(store), recovery))
    }
}

#[test]
fn sled_store() {
    suite(|| OnDisk(tempfile::tempdir().unwrap()));
}

#[test]
fn faulty_store() {
    suite(|| Simulated(Disk::new()));
}
