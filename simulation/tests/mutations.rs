//! Fourteen mistakes, each planted where it could have been made, and each found by the simulation.
//!
//! That an order that comes back is outdated needs more coincidences than random plays bring about: of that
//! mistake `engine/tests/engine/archived_orders.rs` tells.
//!
//! Each is made in the one thread that asks for it. Only what tests are built of has them at all: the
//! feature `planted-faults` is one of dev-dependencies.

use tollgate_domain::planted_fault::{self as domain, PlantedFault as DomainFault};
use tollgate_engine::planted_fault::{self as engine, PlantedFault as EngineFault};
use tollgate_simulation::find_failure;
use tollgate_wal::planted_fault::{self as log, PlantedFault as LogFault};

/// Seeds in which each mistake has to be found, and which find nothing without one.
const SEEDS: u64 = 2_000;

#[derive(Clone, Copy, Debug)]
enum Mistake {
    Domain(DomainFault),
    Engine(EngineFault),
    Log(LogFault),
}

const MISTAKES: [Mistake; 14] = [
    Mistake::Domain(DomainFault::FingerprintNotCompared),
    Mistake::Domain(DomainFault::FirstAnswerForgotten),
    Mistake::Domain(DomainFault::OpenKeyForgotten),
    Mistake::Domain(DomainFault::LateApprovalOverbooked),
    Mistake::Domain(DomainFault::OpenRefundsNotCounted),
    Mistake::Domain(DomainFault::ExpiryOffByOne),
    Mistake::Domain(DomainFault::AuthorizedAgain),
    Mistake::Engine(EngineFault::ReleasedEarly),
    Mistake::Engine(EngineFault::ReplayedBackwards),
    Mistake::Engine(EngineFault::SnapshotOffByOne),
    Mistake::Engine(EngineFault::RecalledAsItOnceLeft),
    Mistake::Log(LogFault::FailureReleased),
    Mistake::Log(LogFault::LastGroupDropped),
    Mistake::Log(LogFault::SyncSkipped),
];

/// Plants the mistake in this thread, or none.
fn plant(mistake: Option<Mistake>) {
    domain::plant(None);
    engine::plant(None);
    log::plant(None);
    match mistake {
        None => {}
        Some(Mistake::Domain(fault)) => domain::plant(Some(fault)),
        Some(Mistake::Engine(fault)) => engine::plant(Some(fault)),
        Some(Mistake::Log(fault)) => log::plant(Some(fault)),
    }
}

/// The first seed that finds the mistake. On this thread alone, for a mistake belongs to one.
fn first_finder(mistake: Option<Mistake>) -> Option<u64> {
    plant(mistake);
    let found = find_failure(0, SEEDS, 1, &|_done| {}).err();
    plant(None);
    found
}

#[test]
fn every_mistake_is_found() {
    let found: Vec<_> =
        MISTAKES.into_iter().map(|mistake| (mistake, first_finder(Some(mistake)))).collect();
    for (mistake, seed) in &found {
        match seed {
            Some(seed) => println!("{mistake:?}: found after {} seeds", seed + 1),
            None => println!("{mistake:?}: not found in {SEEDS} seeds"),
        }
    }
    let caught = found.iter().filter(|(_mistake, seed)| seed.is_some()).count();
    assert_eq!(caught, MISTAKES.len(), "{found:?}");
}

#[test]
fn without_a_mistake_the_same_seeds_find_nothing() {
    assert_eq!(first_finder(None), None);
}
