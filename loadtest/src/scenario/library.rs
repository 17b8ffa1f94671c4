//! The scenarios that are compiled in.

use super::NamedScenario;

macro_rules! library {
    ($($name:literal),* $(,)?) => {
        /// Every scenario that is known by name.
        pub const LIBRARY: &[NamedScenario] = &[$(NamedScenario {
            name: $name,
            text: include_str!(concat!("../../scenarios/", $name, ".toml")),
        },)*];
    };
}

library![
    "smoke",
    "steady",
    "hot-merchant",
    "many-merchants",
    "burst",
    "mixed",
    "faults",
    "soak",
    "ten-thousand-a-minute",
    "million-a-day",
];
