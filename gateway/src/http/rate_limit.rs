//! How often one may ask: requests of an API key, and failed authentications of an address.
//!
//! Both are token buckets (GCRA). A key's is looked up once a request, by the key's digest. An
//! address that has used up its failures is told no more of keys that open nothing until it may fail
//! again; a key that opens something is served all the while, for many may share an address.
//!
//! Answers carry `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`, as drafts 00 to 06
//! of draft-ietf-httpapi-ratelimit-headers have them. The later drafts' `RateLimit` and
//! `RateLimit-Policy` change with every draft, and the three are what clients can read.
//!
//! Not here: how many requests are under way at once, which the engine's permits bound.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock, Reference},
    middleware::StateInformationMiddleware,
    state::keyed::DashMapStateStore,
};
use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};
use metrics::Counter;
use parking_lot::Mutex;
use rustc_hash::FxBuildHasher;
use tollgate_domain::ApiKeyHash;

const RATELIMIT_LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
const RATELIMIT_REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
const RATELIMIT_RESET: HeaderName = HeaderName::from_static("ratelimit-reset");

/// How often what is as good as new is taken out of the tables.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// Addresses whose failures are counted between two sweeps, at some 100 bytes each. Those beyond are
/// not counted: a key of 256 bits is not guessed in the meantime either.
const MOST_ADDRESSES: usize = 1 << 16;

/// Both limits, as far as there are any.
pub(crate) struct RateLimits<C: Clock = DefaultClock> {
    keys: Option<KeyLimit<C>>,
    failures: Option<FailureLimit<C>>,
}

/// What limits there are; `None` is no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimitOptions {
    /// Requests of a key in a second, and how many at once.
    pub(crate) requests: Option<(NonZeroU32, NonZeroU32)>,
    /// Failed authentications of an address in a second.
    pub(crate) failures: Option<NonZeroU32>,
}

/// Where refusals are counted.
#[derive(Clone)]
pub(crate) struct RefusalCounters {
    pub(crate) keys: Counter,
    pub(crate) addresses: Counter,
}

/// What a key has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Standing {
    limit: u32,
    remaining: u32,
    /// Seconds until all is left again.
    reset: u32,
}

/// A key has asked too often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TooOften;

/// A key's digest, shortened: keys are random, and only ours get here.
type KeyDigest = u64;

struct KeyLimit<C: Clock> {
    limiter: RateLimiter<
        KeyDigest,
        DashMapStateStore<KeyDigest, FxBuildHasher>,
        C,
        StateInformationMiddleware,
    >,
    per_second: NonZeroU32,
    burst: NonZeroU32,
    refusals: Counter,
}

struct FailureLimit<C: Clock> {
    limiter: RateLimiter<IpAddr, DashMapStateStore<IpAddr>, C, StateInformationMiddleware>,
    /// How long an address waits that has nothing left.
    pause: Duration,
    begun: C::Instant,
    /// When the last pause of all ends, in nanoseconds after `begun`; 0 before the first.
    last_pause_ends: AtomicU64,
    /// When each address may try again.
    paused: Mutex<HashMap<IpAddr, u64>>,
    refusals: Counter,
}

impl RateLimits {
    pub(crate) fn new(options: RateLimitOptions, counters: RefusalCounters) -> Self {
        Self::with_clock(options, counters, &DefaultClock::default())
    }

    /// Takes out of the tables what is as good as new, for as long as the process runs.
    pub(crate) async fn keep_swept(&self) {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            self.sweep();
        }
    }
}

impl<C: Clock + Clone> RateLimits<C> {
    fn with_clock(options: RateLimitOptions, counters: RefusalCounters, clock: &C) -> Self {
        let RefusalCounters { keys, addresses } = counters;
        Self {
            keys: options.requests.map(|(per_second, burst)| {
                let quota = Quota::per_second(per_second).allow_burst(burst);
                let state = DashMapStateStore::with_hasher(FxBuildHasher);
                let limiter = RateLimiter::new(quota, state, clock.clone());
                KeyLimit { limiter, per_second, burst, refusals: keys }
            }),
            failures: options.failures.map(|per_second| {
                let quota = Quota::per_second(per_second);
                FailureLimit {
                    limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()),
                    pause: quota.replenish_interval(),
                    begun: clock.now(),
                    last_pause_ends: AtomicU64::new(0),
                    paused: Mutex::default(),
                    refusals: addresses,
                }
            }),
        }
    }

    /// Counts a request of a key; `None` where there is no limit.
    pub(super) fn request(&self, key: &ApiKeyHash) -> Option<(Standing, Result<(), TooOften>)> {
        self.keys.as_ref().map(|keys| keys.request(shortened(key)))
    }

    /// Whether an address has to wait before it may try another key.
    pub(super) fn refuses(&self, address: IpAddr) -> bool {
        self.failures.as_ref().is_some_and(|failures| failures.refuses(network(address)))
    }

    /// Counts a failed authentication.
    pub(super) fn failed(&self, address: IpAddr) {
        if let Some(failures) = &self.failures {
            failures.failed(network(address));
        }
    }

    fn sweep(&self) {
        if let Some(keys) = &self.keys {
            keys.limiter.retain_recent();
        }
        if let Some(failures) = &self.failures {
            failures.limiter.retain_recent();
            let now = failures.now();
            failures.paused.lock().retain(|_address, until| *until > now);
        }
    }
}

impl<C: Clock> KeyLimit<C> {
    fn request(&self, key: KeyDigest) -> (Standing, Result<(), TooOften>) {
        let (remaining, result) = match self.limiter.check_key(&key) {
            Ok(snapshot) => (snapshot.remaining_burst_capacity(), Ok(())),
            Err(_not_until) => {
                self.refusals.increment(1);
                (0, Err(TooOften))
            }
        };
        let limit = self.burst.get();
        let reset = limit.saturating_sub(remaining).div_ceil(self.per_second.get());
        (Standing { limit, remaining, reset }, result)
    }
}

impl<C: Clock> FailureLimit<C> {
    fn refuses(&self, address: IpAddr) -> bool {
        let last = self.last_pause_ends.load(Ordering::Relaxed);
        if last == 0 {
            return false;
        }
        let now = self.now();
        let refused =
            now < last && self.paused.lock().get(&address).is_some_and(|until| now < *until);
        if refused {
            self.refusals.increment(1);
        }
        refused
    }

    fn failed(&self, address: IpAddr) {
        // An address that is counted already is counted on, but which are is not worth a look.
        if self.limiter.len() >= MOST_ADDRESSES {
            return;
        }
        let left = self.limiter.check_key(&address).map(|left| left.remaining_burst_capacity());
        if left.is_ok_and(|left| left > 0) {
            return;
        }
        let pause = u64::try_from(self.pause.as_nanos()).unwrap_or(u64::MAX);
        let until = self.now().saturating_add(pause);
        self.paused.lock().insert(address, until);
        self.last_pause_ends.fetch_max(until, Ordering::Relaxed);
    }

    /// Nanoseconds since the start.
    fn now(&self) -> u64 {
        self.limiter.clock().now().duration_since(self.begun).as_u64()
    }
}

impl Standing {
    pub(super) fn write(self, headers: &mut HeaderMap) {
        headers.insert(RATELIMIT_LIMIT, self.limit.into());
        headers.insert(RATELIMIT_REMAINING, self.remaining.into());
        let reset = match self.reset {
            // Nearly always, and for nothing.
            1 => HeaderValue::from_static("1"),
            seconds => seconds.into(),
        };
        headers.insert(RATELIMIT_RESET, reset);
    }
}

fn shortened(key: &ApiKeyHash) -> KeyDigest {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    KeyDigest::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// What is counted as one: an address of IPv4; of IPv6 a /64, which is what one customer of a
/// network gets at the least.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limits(
        requests: Option<(u32, u32)>,
        failures: u32,
    ) -> (RateLimits<FakeRelativeClock>, FakeRelativeClock) {
        let positive = |number| NonZeroU32::new(number).unwrap();
        let options = RateLimitOptions {
            requests: requests.map(|(per_second, burst)| (positive(per_second), positive(burst))),
            failures: NonZeroU32::new(failures),
        };
        let counters = RefusalCounters { keys: Counter::noop(), addresses: Counter::noop() };
        let clock = FakeRelativeClock::default();
        (RateLimits::with_clock(options, counters, &clock), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_has_its_burst_and_then_its_rate() {
        let (limits, clock) = limits(Some((2, 5)), 0);
        let (one, other) = (ApiKeyHash([1; 32]), ApiKeyHash([2; 32]));
        for remaining in (0..5).rev() {
            let (standing, result) = limits.request(&one).unwrap();
            let reset = (5_u32 - remaining).div_ceil(2);
            assert_eq!(standing, Standing { limit: 5, remaining, reset });
            assert_eq!(result, Ok(()));
        }
        let (standing, result) = limits.request(&one).unwrap();
        assert_eq!(standing, Standing { limit: 5, remaining: 0, reset: 3 });
        assert_eq!(result, Err(TooOften));
        assert_eq!(limits.request(&other).unwrap().1, Ok(()), "another key has its own");
        clock.advance(Duration::from_millis(500));
        assert_eq!(limits.request(&one).unwrap().1, Ok(()));
        assert_eq!(limits.request(&one).unwrap().1, Err(TooOften));
    }

    #[test]
    fn no_limit_is_none() {
        let (limits, _clock) = limits(None, 0);
        assert_eq!(limits.request(&ApiKeyHash([1; 32])), None);
        (0..100).for_each(|_time| limits.failed(address("1.2.3.4")));
        assert!(!limits.refuses(address("1.2.3.4")));
    }

    #[test]
    fn failures_are_counted_by_address() {
        let (limits, clock) = limits(None, 10);
        let attacker = address("1.2.3.4");
        for _failure in 0..10 {
            assert!(!limits.refuses(attacker));
            limits.failed(attacker);
        }
        assert!(limits.refuses(attacker));
        assert!(!limits.refuses(address("1.2.3.5")));
        clock.advance(Duration::from_millis(100));
        assert!(!limits.refuses(attacker), "one more is due");
        limits.failed(attacker);
        assert!(limits.refuses(attacker));
        clock.advance(Duration::from_secs(1));
        assert!(!limits.refuses(attacker));
        limits.failed(attacker);
        assert!(!limits.refuses(attacker), "after a second it has all ten again");
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (limits, _clock) = limits(None, 1);
        limits.failed(address("2001:db8:1:2:3:4:5:6"));
        assert!(limits.refuses(address("2001:db8:1:2:ffff::1")));
        assert!(!limits.refuses(address("2001:db8:1:3::1")));
    }

    #[test]
    fn the_tables_are_bounded_and_swept() {
        let (limits, clock) = limits(Some((1, 1)), 1);
        for number in 0..u32::try_from(MOST_ADDRESSES).unwrap() + 10 {
            limits.failed(IpAddr::V4(number.into()));
        }
        limits.request(&ApiKeyHash([1; 32]));
        let (keys, failures) = (limits.keys.as_ref().unwrap(), limits.failures.as_ref().unwrap());
        assert_eq!(failures.limiter.len(), MOST_ADDRESSES);
        assert_eq!(failures.paused.lock().len(), MOST_ADDRESSES);
        clock.advance(Duration::from_secs(3));
        limits.sweep();
        assert_eq!((keys.limiter.len(), failures.limiter.len()), (0, 0));
        assert!(failures.paused.lock().is_empty());
    }
}
