//! The machine a run was made on: without it no figure says anything.

use serde::Serialize;

/// What is told of the machine. A fact that cannot be had is absent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Environment {
    pub processor: Option<String>,
    pub cores: Option<usize>,
    pub memory_mib: Option<u64>,
    pub system: Option<String>,
    /// Over the last minute, when the run began: what else the machine was busy with.
    pub load_average: Option<f64>,
    pub harness: &'static str,
}

impl Environment {
    pub(super) fn look() -> Self {
        Self {
            processor: line_of("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
            memory_mib: line_of("/proc/meminfo", "MemTotal")
                .and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok())
                .map(|kib| kib / 1024),
            system: read("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}")),
            load_average: read("/proc/loadavg")
                .and_then(|text| text.split_whitespace().next()?.parse().ok()),
            harness: concat!("tollgate-loadtest ", env!("CARGO_PKG_VERSION")),
        }
    }
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// What stands after `name:` in the first line that begins so.
fn line_of(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
