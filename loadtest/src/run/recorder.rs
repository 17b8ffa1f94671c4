//! What was measured: latencies by operation, failures by kind, and every second of the run.
//!
//! Two latencies of each request. The *corrected* one counts from the moment it was due, the
//! *service time* from when it was sent: a server that stalls delays what is due meanwhile, and only
//! the first one shows it. In a closed loop nothing is due at any moment; there the corrected
//! latencies are the service times with those added that were never asked for while a connection
//! waited longer than usual (twice the median and more), as HdrHistogram does it.
//!
//! Invariant: every request that was due and counts is in the corrected histogram, also one that was
//! given up, with the time it had waited by then: giving up never makes a run look better.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::operation::{Failure, Operation};
use crate::scenario::Profile;

/// Latencies are kept in microseconds up to an hour, with three digits.
const HIGHEST_US: u64 = 3_600_000_000;
const DIGITS: u8 = 3;

/// Of one second, two digits are plenty.
const DIGITS_OF_A_SECOND: u8 = 2;

/// One request that has come to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measurement {
    pub(super) operation: Operation,
    /// When it was due; times count from the beginning of the run.
    pub(super) due: Duration,
    /// When it was sent, if it ever was.
    pub(super) sent: Option<Duration>,
    pub(super) ended: Duration,
    pub(super) outcome: Result<(), Failure>,
}

/// Gathers measurements while a run goes on.
#[derive(Debug)]
pub(super) struct Recorder {
    profile: Profile,
    operations: Vec<OperationMeasure>,
    failures: BTreeMap<(usize, Cow<'static, str>), u64>,
    dispatch: Histogram<u64>,
    seconds: Vec<SecondMeasure>,
    /// Of the second that is not over.
    current: Histogram<u64>,
    current_second: usize,
    failed_total: u64,
}

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct OperationMeasure {
    pub(super) operation: Operation,
    pub(super) corrected: Histogram<u64>,
    pub(super) service: Histogram<u64>,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) not_sent: u64,
}

/// One second of a run. Requests stand where they ended, and `due` where they were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct SecondMeasure {
    pub(super) due: u64,
    pub(super) ended: u64,
    pub(super) failed: u64,
    pub(super) p50_us: u64,
    pub(super) p99_us: u64,
    pub(super) max_us: u64,
}

/// What a run came to.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) operations: Vec<OperationMeasure>,
    pub(super) corrected: Histogram<u64>,
    pub(super) service: Histogram<u64>,
    /// From when a request was due until it was sent: the harness's own delay, and the wait for a
    /// free place.
    pub(super) dispatch: Histogram<u64>,
    pub(super) failures: Vec<(Operation, Cow<'static, str>, u64)>,
    pub(super) seconds: Vec<SecondMeasure>,
    pub(super) profile: Profile,
}

/// What progress shows.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Glimpse {
    /// The last second that is over.
    pub(super) second: SecondMeasure,
    pub(super) failed_total: u64,
}

impl Recorder {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            operations: Operation::ALL.iter().copied().map(OperationMeasure::new).collect(),
            failures: BTreeMap::new(),
            dispatch: histogram(DIGITS),
            seconds: Vec::new(),
            current: histogram(DIGITS_OF_A_SECOND),
            current_second: 0,
            failed_total: 0,
        }
    }

    /// A request has become due.
    pub(super) fn due(&mut self, at: Duration) {
        self.second(at).due += 1;
    }

    pub(super) fn ended(&mut self, measurement: Measurement) {
        let Measurement { operation, due, sent, ended, outcome } = measurement;
        let corrected = micros(ended.saturating_sub(due));
        self.roll(ended);
        self.current.saturating_record(corrected);
        let now = self.current_second;
        self.seconds[now].ended += 1;
        if outcome.is_err() {
            self.seconds[now].failed += 1;
            self.failed_total += 1;
        }
        if !self.profile.is_counted(due) {
            return;
        }
        let measure = &mut self.operations[operation.index()];
        measure.corrected.saturating_record(corrected);
        match sent {
            Some(sent) => {
                measure.service.saturating_record(micros(ended.saturating_sub(sent)));
                self.dispatch.saturating_record(micros(sent.saturating_sub(due)));
            }
            None => measure.not_sent += 1,
        }
        match outcome {
            Ok(()) => measure.succeeded += 1,
            Err(failure) => {
                measure.failed += 1;
                *self.failures.entry((operation.index(), failure.kind())).or_default() += 1;
            }
        }
    }

    pub(super) fn glimpse(&mut self, now: Duration) -> Glimpse {
        self.roll(now);
        let last = self.current_second.checked_sub(1);
        let second = last.and_then(|last| self.seconds.get(last)).copied().unwrap_or_default();
        Glimpse { second, failed_total: self.failed_total }
    }

    /// Everything measured; in a closed loop the corrected latencies are made now.
    pub(super) fn finish(&mut self, closed: bool) -> Measured {
        self.close_second();
        let mut operations = self.operations.clone();
        operations.retain(|measure| !measure.corrected.is_empty());
        let mut service = histogram(DIGITS);
        let mut corrected = histogram(DIGITS);
        for measure in &mut operations {
            add(&mut service, &measure.service);
            if closed {
                measure.corrected = corrected_by_median(&measure.service);
            }
            add(&mut corrected, &measure.corrected);
        }
        if closed {
            corrected = corrected_by_median(&service);
        }
        let failures = self
            .failures
            .iter()
            .map(|((operation, kind), count)| (Operation::ALL[*operation], kind.clone(), *count))
            .collect();
        Measured {
            operations,
            corrected,
            service,
            dispatch: self.dispatch.clone(),
            failures,
            seconds: self.seconds.clone(),
            profile: self.profile.clone(),
        }
    }

    /// Ends all seconds before this moment. What ended in one of them and is told later stands in
    /// the one that is open.
    fn roll(&mut self, now: Duration) {
        let second = index(now);
        if second > self.current_second {
            self.close_second();
            self.current.reset();
            self.current_second = second;
        }
        self.second(now.max(Duration::from_secs(self.current_second as u64)));
    }

    fn close_second(&mut self) {
        let (current, current_second) = (&self.current, self.current_second);
        let (p50, p99) = (current.value_at_quantile(0.5), current.value_at_quantile(0.99));
        let max = current.max();
        if let Some(second) = self.seconds.get_mut(current_second) {
            (second.p50_us, second.p99_us, second.max_us) = (p50, p99, max);
        }
    }

    fn second(&mut self, at: Duration) -> &mut SecondMeasure {
        let place = index(at);
        if self.seconds.len() <= place {
            self.seconds.resize(place + 1, SecondMeasure::default());
        }
        &mut self.seconds[place]
    }
}

impl OperationMeasure {
    fn new(operation: Operation) -> Self {
        Self {
            operation,
            corrected: histogram(DIGITS),
            service: histogram(DIGITS),
            succeeded: 0,
            failed: 0,
            not_sent: 0,
        }
    }
}

fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, HIGHEST_US, digits).expect("the bounds are in order")
}

fn add(sum: &mut Histogram<u64>, other: &Histogram<u64>) {
    sum.add(other).expect("all have the same bounds");
}

/// The service times, and those that were not asked for: a connection that waited ten medians would
/// have sent nine requests more meanwhile.
fn corrected_by_median(service: &Histogram<u64>) -> Histogram<u64> {
    if service.is_empty() {
        return service.clone();
    }
    service.clone_correct(service.value_at_quantile(0.5))
}

fn index(at: Duration) -> usize {
    usize::try_from(at.as_secs()).unwrap_or(usize::MAX)
}

/// At least one, which is the least that the histogram tells apart.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Phase;

    fn recorder() -> Recorder {
        let phase = |seconds, counted| Phase {
            name: "test".to_owned(),
            duration: Duration::from_secs(seconds),
            counted,
            from: 1.0,
            to: 1.0,
            spikes: None,
        };
        Recorder::new(Profile::of(&[phase(1, false), phase(9, true)], 100.0))
    }

    fn measurement(due_ms: u64, sent_ms: u64, ended_ms: u64) -> Measurement {
        Measurement {
            operation: Operation::CardPayment,
            due: Duration::from_millis(due_ms),
            sent: Some(Duration::from_millis(sent_ms)),
            ended: Duration::from_millis(ended_ms),
            outcome: Ok(()),
        }
    }

    #[test]
    fn a_wait_before_sending_is_in_the_corrected_latency_alone() {
        let mut recorder = recorder();
        recorder.due(Duration::from_millis(2_000));
        recorder.ended(measurement(2_000, 2_400, 2_500));
        let measured = recorder.finish(false);
        let near = |value: u64, expected: u64| value.abs_diff(expected) <= expected / 500;
        assert!(near(measured.corrected.max(), 500_000), "{}", measured.corrected.max());
        assert!(near(measured.service.max(), 100_000), "{}", measured.service.max());
        assert!(near(measured.dispatch.max(), 400_000), "{}", measured.dispatch.max());
    }

    #[test]
    fn what_is_given_up_counts_with_the_time_it_waited() {
        let mut recorder = recorder();
        let given_up = Measurement {
            sent: None,
            outcome: Err(Failure::NotSent),
            ..measurement(2_000, 0, 7_000)
        };
        recorder.ended(given_up);
        let measured = recorder.finish(false);
        assert_eq!((measured.corrected.len(), measured.service.len()), (1, 0));
        assert!(measured.corrected.max() >= 5_000_000);
        let measure = &measured.operations[0];
        assert_eq!((measure.failed, measure.not_sent, measure.succeeded), (1, 1, 0));
        assert_eq!(measured.failures, [(Operation::CardPayment, "not_sent_in_time".into(), 1)]);
    }

    #[test]
    fn a_warm_up_is_in_no_histogram_but_in_the_seconds() {
        let mut recorder = recorder();
        recorder.due(Duration::from_millis(500));
        recorder.ended(measurement(500, 500, 510));
        recorder.due(Duration::from_millis(1_500));
        recorder.ended(measurement(1_500, 1_500, 1_520));
        let measured = recorder.finish(false);
        assert_eq!(measured.corrected.len(), 1);
        let ended: Vec<(u64, u64)> =
            measured.seconds.iter().map(|second| (second.due, second.ended)).collect();
        assert_eq!(ended, [(1, 1), (1, 1)]);
        assert!(measured.seconds[0].p50_us >= 10_000 && measured.seconds[1].p50_us >= 20_000);
    }

    /// Ninety-nine answers in a millisecond and one in a second, over one connection: while it
    /// waited, a thousand more would have been sent.
    #[test]
    fn a_stall_of_a_closed_loop_is_corrected() {
        let mut recorder = recorder();
        let mut now = 1_000;
        for number in 0..100 {
            let took = if number == 50 { 1_000 } else { 1 };
            recorder.ended(measurement(now, now, now + took));
            now += took;
        }
        let measured = recorder.finish(true);
        assert!(measured.service.value_at_quantile(0.98) < 1_100);
        assert!(measured.corrected.value_at_quantile(0.9) > 800_000);
        assert!(measured.corrected.value_at_quantile(0.5) > 300_000);
    }

    #[test]
    fn what_is_told_late_stands_in_the_open_second() {
        let mut recorder = recorder();
        recorder.ended(measurement(2_000, 2_000, 2_100));
        recorder.ended(measurement(1_900, 1_900, 1_990));
        assert_eq!(recorder.glimpse(Duration::from_millis(3_001)).second.ended, 2);
    }
}
