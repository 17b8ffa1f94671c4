//! A scenario as TOML says it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde::{Deserialize, Deserializer, de};

use super::{Arrivals, Expectations, Limits, Merchants, Pace, Phase, Scenario, Spikes, Weights};
use crate::operation::Operation;
use crate::order::Fault;

/// A request may be waited for two seconds, and the machine may be busy.
const USUAL_TIMEOUT: Seconds = Seconds(Duration::from_secs(10));

/// What is due waits so long for a free place among those outstanding before it is given up.
const USUAL_SEND_WITHIN: Seconds = Seconds(Duration::from_secs(5));

/// Enough for a thousand requests a second that take a quarter of a second each.
const USUAL_OUTSTANDING: u32 = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    about: String,
    #[serde(default)]
    audit: bool,
    load: LoadTable,
    #[serde(default)]
    merchants: MerchantsTable,
    #[serde(default)]
    phase: Vec<PhaseTable>,
    mix: BTreeMap<Operation, Weight>,
    #[serde(default)]
    faults: BTreeMap<FaultName, Weight>,
    #[serde(default)]
    expect: ExpectTable,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoadTable {
    rate: Option<f64>,
    concurrency: Option<u32>,
    #[serde(default)]
    arrivals: ArrivalsName,
    outstanding: Option<u32>,
    send_within_s: Option<Seconds>,
    timeout_s: Option<Seconds>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "snake_case")]
enum ArrivalsName {
    #[default]
    Poisson,
    Uniform,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MerchantsTable {
    count: u32,
    #[serde(default)]
    hot_share: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhaseTable {
    name: String,
    seconds: Seconds,
    #[serde(default = "yes")]
    counted: bool,
    #[serde(default = "one")]
    level: f64,
    /// The level at the end, where it changes on the way.
    to: Option<f64>,
    spike: Option<SpikeTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SpikeTable {
    level: f64,
    seconds: Seconds,
    every_s: Seconds,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ExpectTable {
    achieved_ratio: Option<f64>,
    p50_ms: Option<Milliseconds>,
    p99_ms: Option<Milliseconds>,
    p999_ms: Option<Milliseconds>,
    max_ms: Option<Milliseconds>,
    error_ratio: Option<f64>,
    #[serde(default)]
    of: BTreeMap<Operation, LimitsTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsTable {
    p50_ms: Option<Milliseconds>,
    p99_ms: Option<Milliseconds>,
    p999_ms: Option<Milliseconds>,
    max_ms: Option<Milliseconds>,
    error_ratio: Option<f64>,
}

#[derive(Clone, Copy)]
struct Seconds(Duration);

#[derive(Clone, Copy)]
struct Milliseconds(Duration);

#[derive(Clone, Copy)]
struct Weight(f64);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct FaultName(usize);

/// Parses the text; a fault in it is told with `source` and its line.
pub(super) fn parse(name: &str, source: &str, text: &str) -> Result<Scenario> {
    let document: Document = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        anyhow!("{source}:{line}: {}", error.message())
    })?;
    document.into_scenario(name).map_err(|error| error.context(source.to_owned()))
}

/// An open loop with everything else as usual.
pub(super) fn open_pace(rate: f64) -> Pace {
    Pace::Open {
        rate,
        arrivals: Arrivals::Poisson,
        outstanding: USUAL_OUTSTANDING,
        send_within: USUAL_SEND_WITHIN.0,
    }
}

impl Document {
    fn into_scenario(self, name: &str) -> Result<Scenario> {
        let Some(mix) = Weights::new(self.mix.into_iter().map(|(one, Weight(of))| (one, of)))
        else {
            bail!("nothing is in the mix");
        };
        let faults = self.faults.into_iter().map(|(one, Weight(of))| (Fault::ALL[one.0], of));
        Ok(Scenario {
            name: name.to_owned(),
            about: self.about,
            patience: self.load.timeout_s.unwrap_or(USUAL_TIMEOUT).0,
            pace: self.load.into_pace()?,
            merchants: Merchants {
                count: self.merchants.count,
                hot_share: self.merchants.hot_share,
            },
            phases: self.phase.into_iter().map(PhaseTable::into_phase).collect(),
            mix,
            faults: Weights::new(faults).unwrap_or_else(|| Weights::equal(&Fault::ALL)),
            expectations: self.expect.into_expectations(),
            audit: self.audit,
        })
    }
}

impl LoadTable {
    fn into_pace(self) -> Result<Pace> {
        let arrivals = match self.arrivals {
            ArrivalsName::Poisson => Arrivals::Poisson,
            ArrivalsName::Uniform => Arrivals::Uniform,
        };
        match (self.rate, self.concurrency) {
            (Some(_), Some(_)) => bail!("load.rate and load.concurrency exclude each other"),
            (None, None) => bail!("load.rate or load.concurrency has to be given"),
            (None, Some(concurrency)) => Ok(Pace::Closed { concurrency }),
            (Some(rate), None) => Ok(Pace::Open {
                rate,
                arrivals,
                outstanding: self.outstanding.unwrap_or(USUAL_OUTSTANDING),
                send_within: self.send_within_s.unwrap_or(USUAL_SEND_WITHIN).0,
            }),
        }
    }
}

impl Default for MerchantsTable {
    fn default() -> Self {
        Self { count: 1, hot_share: 0.0 }
    }
}

impl PhaseTable {
    fn into_phase(self) -> Phase {
        Phase {
            name: self.name,
            duration: self.seconds.0,
            counted: self.counted,
            from: self.level,
            to: self.to.unwrap_or(self.level),
            spikes: self.spike.map(|spike| Spikes {
                level: spike.level,
                duration: spike.seconds.0,
                every: spike.every_s.0,
            }),
        }
    }
}

impl ExpectTable {
    fn into_expectations(self) -> Expectations {
        let Self { achieved_ratio, p50_ms, p99_ms, p999_ms, max_ms, error_ratio, of } = self;
        let overall = LimitsTable { p50_ms, p99_ms, p999_ms, max_ms, error_ratio };
        Expectations {
            achieved_ratio,
            overall: overall.into_limits(),
            of: of.into_iter().map(|(one, limits)| (one, limits.into_limits())).collect(),
        }
    }
}

impl LimitsTable {
    fn into_limits(self) -> Limits {
        let duration = |limit: Option<Milliseconds>| limit.map(|Milliseconds(limit)| limit);
        Limits {
            p50: duration(self.p50_ms),
            p99: duration(self.p99_ms),
            p999: duration(self.p999_ms),
            max: duration(self.max_ms),
            error_ratio: self.error_ratio,
        }
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        span(f64::deserialize(deserializer)?).map(Self)
    }
}

impl<'de> Deserialize<'de> for Milliseconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        span(f64::deserialize(deserializer)? / 1e3).map(Self)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let weight = f64::deserialize(deserializer)?;
        if weight.is_finite() && weight >= 0.0 {
            Ok(Self(weight))
        } else {
            Err(de::Error::custom("a weight is zero or above"))
        }
    }
}

impl<'de> Deserialize<'de> for FaultName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let place = Fault::ALL.iter().position(|fault| fault.name() == name);
        place.map(Self).ok_or_else(|| {
            let names = Fault::ALL.map(Fault::name).join(", ");
            de::Error::custom(format!("there is no fault {name}; there are {names}"))
        })
    }
}

fn span<E: de::Error>(seconds: f64) -> Result<Duration, E> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_out_of_range| E::custom("this is no length of time"))
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}
