//! The arrows between the crates of this workspace, and who may know which outside crate.
//!
//! ```text
//!   gateway ──▶ engine ──▶ domain          benches ──▶ engine, domain, wal
//!      │ │         └─────▶ wal             loadtest ──▶ nothing of ours
//!      │ └────▶ domain
//!      └──────▶ config                  simulation ──▶ engine, domain, wal
//! ```
//!
//! The tables are exact, so that a new arrow is a change of this file. What Cargo declares is
//! compared, not what it resolved: that needs neither the network nor a registry.
//!
//! Not here: dev-dependencies. Tests may reach where the code must not.

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// Who depends on whom among ours; both sides in order.
const ARROWS: &[(&str, &[&str])] = &[
    ("tollgate", &["tollgate-config", "tollgate-domain", "tollgate-engine"]),
    ("tollgate-benches", &["tollgate-domain", "tollgate-engine", "tollgate-wal"]),
    ("tollgate-config", &[]),
    ("tollgate-domain", &[]),
    ("tollgate-engine", &["tollgate-domain", "tollgate-wal"]),
    ("tollgate-loadtest", &[]),
    ("tollgate-simulation", &["tollgate-domain", "tollgate-engine", "tollgate-wal"]),
    ("tollgate-wal", &[]),
];

/// Crates from outside that mark a border, and the only ones who may know them.
///
/// HTTP and JSON are the gateway's; loadtest is its client and writes HTTP by hand, and benches hold
/// the bare server that it is measured beside. The feed and the views are the gateway's LSM trees, and
/// the payments that have left memory are in the engine's.
const BORDERS: &[(&str, &[&str])] = &[
    ("actix", &["tollgate-engine"]),
    ("axum", &["tollgate"]),
    ("bincode", &["tollgate-domain"]),
    ("figment", &["tollgate-config"]),
    ("fjall", &["tollgate", "tollgate-engine"]),
    ("hyper", &["tollgate", "tollgate-benches"]),
    ("metrics", &["tollgate"]),
    ("metrics-exporter-prometheus", &["tollgate"]),
    ("rustls", &["tollgate"]),
    ("serde_json", &["tollgate", "tollgate-benches", "tollgate-loadtest"]),
    ("sled", &["tollgate-wal"]),
    ("toml_edit", &["tollgate-config"]),
    ("zstd", &["tollgate-wal"]),
];

/// What the pure crate lives on. It has no IO, clock, randomness, thread or async to borrow.
const DOMAIN: &[&str] =
    &["bincode", "iso_currency", "rust_decimal", "rustc-hash", "serde", "sha2", "thiserror"];

#[test]
fn arrows_point_one_way() {
    let workspace = workspace();
    let ours: Vec<&str> = workspace.iter().map(|package| package.name.as_str()).collect();
    let found: Vec<(&str, Vec<&str>)> = workspace
        .iter()
        .map(|package| {
            let known = dependencies(package);
            let known = known.into_iter().filter(|name| ours.contains(name)).collect();
            (package.name.as_str(), known)
        })
        .collect();
    let expected: Vec<(&str, Vec<&str>)> =
        ARROWS.iter().map(|(package, known)| (*package, known.to_vec())).collect();
    assert_eq!(found, expected);
}

#[test]
fn borders_are_kept() {
    let workspace = workspace();
    for (outside, expected) in BORDERS {
        let found: Vec<&str> = workspace
            .iter()
            .filter(|package| dependencies(package).contains(outside))
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(found, *expected, "who knows {outside}");
    }
}

#[test]
fn the_domain_stays_pure() {
    let workspace = workspace();
    let domain = workspace.iter().find(|package| package.name.as_str() == "tollgate-domain");
    assert_eq!(dependencies(domain.expect("a member of the workspace")), DOMAIN);
}

/// The members of the workspace, in the order of their names.
fn workspace() -> Vec<Package> {
    let metadata = MetadataCommand::new()
        .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("cargo describes the workspace it builds");
    let mut packages = metadata.packages;
    packages.sort_by(|one, other| one.name.cmp(&other.name));
    packages
}

/// What a package needs to be built or run, optional or not, in order.
fn dependencies(package: &Package) -> Vec<&str> {
    let mut names: Vec<&str> = package
        .dependencies
        .iter()
        .filter(|dependency| dependency.kind != DependencyKind::Development)
        .map(|dependency| dependency.name.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
