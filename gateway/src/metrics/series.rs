//! One metric's name, kind, unit and help text.

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::Matcher;

/// One metric.
pub(super) struct Series {
    name: &'static str,
    kind: Kind,
    help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Seconds,
    Sizes,
}

/// From a tenth of a millisecond, which an answer from memory takes, to the longest a client is
/// kept waiting, in steps of about two.
pub(super) const SECONDS_BUCKETS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
];

/// Powers of four up to what one group holds under full load.
pub(super) const GROUP_BUCKETS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0];

impl Series {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }

    /// A distribution of durations.
    pub(super) const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Seconds, help }
    }

    /// A distribution of counts.
    pub(super) const fn sizes(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Sizes, help }
    }

    pub(super) fn buckets(&self) -> Option<&'static [f64]> {
        match self.kind {
            Kind::Counter | Kind::Gauge => None,
            Kind::Seconds => Some(SECONDS_BUCKETS),
            Kind::Sizes => Some(GROUP_BUCKETS),
        }
    }

    pub(super) fn matcher(&self) -> Matcher {
        Matcher::Full(self.name.to_owned())
    }

    pub(super) fn describe(&self, recorder: &dyn Recorder) {
        let (name, help) = (KeyName::from(self.name), self.help.into());
        match self.kind {
            Kind::Counter => recorder.describe_counter(name, Some(Unit::Count), help),
            Kind::Gauge => recorder.describe_gauge(name, None, help),
            Kind::Seconds => recorder.describe_histogram(name, Some(Unit::Seconds), help),
            Kind::Sizes => recorder.describe_histogram(name, Some(Unit::Count), help),
        }
    }

    pub(super) fn register_counter(
        &self,
        recorder: &dyn Recorder,
        labels: &[(&'static str, &str)],
    ) -> Counter {
        recorder.register_counter(&self.key(labels), &METADATA)
    }

    pub(super) fn register_gauge(
        &self,
        recorder: &dyn Recorder,
        labels: &[(&'static str, &str)],
    ) -> Gauge {
        recorder.register_gauge(&self.key(labels), &METADATA)
    }

    pub(super) fn register_histogram(
        &self,
        recorder: &dyn Recorder,
        labels: &[(&'static str, &str)],
    ) -> Histogram {
        recorder.register_histogram(&self.key(labels), &METADATA)
    }

    fn key(&self, labels: &[(&'static str, &str)]) -> Key {
        let labels: Vec<Label> =
            labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned())).collect();
        Key::from_parts(self.name, labels)
    }

    #[cfg(test)]
    pub(super) fn check_name(&self) {
        assert!(self.name.starts_with("tollgate_"), "{}", self.name);
        assert_eq!(self.name.ends_with("_total"), self.kind == Kind::Counter, "{}", self.name);
        assert!(self.kind != Kind::Seconds || self.name.ends_with("_seconds"), "{}", self.name);
        assert!(self.help.ends_with('.'), "{}", self.name);
    }
}

/// Where metrics come from, which the exporter does not look at.
const METADATA: Metadata<'static> =
    Metadata::new(module_path!(), Level::INFO, Some(module_path!()));
