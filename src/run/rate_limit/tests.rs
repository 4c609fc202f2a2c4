use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::words::failure::FailureKind;

const KEY: RateLimitKey = RateLimitKey(0);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn limiter(keys: usize) -> Limiter {
    Limiter::new(vec![RateLimit::default(); keys])
}

fn answered() -> Ended<'static> {
    Ended::Answered(None)
}

fn refusal(retry_after_ms: Option<u64>) -> Failure {
    Failure { retry_after_ms, ..Failure::new(FailureKind::RateLimited, "") }
}

/// Begins as many of `wanted` calls as may begin, and returns how many.
fn begin(limiter: &mut Limiter, wanted: u32, now: Duration) -> u32 {
    for begun in 0..wanted {
        if limiter.admit(KEY, 1, now) != Admit::Now {
            return begun;
        }
        limiter.begin(KEY, 1, now);
    }
    wanted
}

#[test]
fn a_key_is_free_until_the_provider_complains_and_does_not_mind_the_others() {
    let mut limiter = limiter(2);
    assert_eq!(begin(&mut limiter, 2, s(1)), 2);
    limiter.end(KEY, s(1), s(2), &Ended::Failed(&Failure::new(FailureKind::Overloaded, ""), None));
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::Now);
    limiter.end(KEY, s(1), s(2), &Ended::Failed(&refusal(Some(60_000)), None));
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::At(s(62)));
    assert_eq!(limiter.admit(RateLimitKey(1), 1, s(2)), Admit::Now);
}

#[test]
fn after_the_time_that_a_provider_names_one_call_asks_whether_it_is_over() {
    let mut limiter = limiter(1);
    begin(&mut limiter, 8, s(0));
    for _ in 0..8 {
        limiter.end(KEY, s(0), ms(10), &Ended::Failed(&refusal(Some(5_000)), None));
    }
    assert_eq!(limiter.admit(KEY, 1, s(4)), Admit::At(ms(5010)));
    assert_eq!(begin(&mut limiter, 8, s(6)), 1);
    limiter.end(KEY, s(6), ms(6010), &Ended::Failed(&refusal(Some(2_000)), None));
    assert_eq!(limiter.admit(KEY, 1, s(7)), Admit::At(ms(8010)));
}

#[test]
fn a_wait_that_nobody_waits_for_does_not_pace() {
    let mut limiter = limiter(1);
    begin(&mut limiter, 2, s(0));
    limiter.end(KEY, s(0), s(1), &Ended::Failed(&refusal(Some(86_400_000)), None));
    let far = RateLimitInfo { requests_left: Some(0), requests_reset: Some(s(86_400)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(0), s(1), &Ended::Answered(Some(far)));
    assert_eq!(limiter.admit(KEY, 1, s(1)), Admit::Now);
}

#[test]
fn the_last_requests_are_spread_over_the_time_until_the_reset() {
    let mut limiter = limiter(1);
    begin(&mut limiter, 1, s(0));
    let pace = RateLimitInfo { requests_left: Some(2), requests_reset: Some(s(60)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(0), s(0), &Ended::Answered(Some(pace)));
    assert_eq!(limiter.admit(KEY, 1, s(0)), Admit::At(s(20)));
    assert_eq!(begin(&mut limiter, 9, s(20)), 1);
    assert_eq!(limiter.admit(KEY, 1, s(20)), Admit::At(s(40)));
    assert_eq!(begin(&mut limiter, 9, s(40)), 1);
    assert_eq!(limiter.admit(KEY, 1, s(40)), Admit::At(s(60)));
    assert_eq!(begin(&mut limiter, 100, s(60)), 100);
}

#[test]
fn a_call_that_is_larger_than_the_tokens_left_waits_for_the_reset_and_a_small_one_does_not() {
    let mut limiter = limiter(1);
    begin(&mut limiter, 1, s(0));
    let pace = RateLimitInfo { tokens_left: Some(5_000), tokens_reset: Some(s(30)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(0), s(0), &Ended::Answered(Some(pace)));
    assert_eq!(limiter.admit(KEY, 6_000, s(1)), Admit::At(s(30)));
    assert_eq!(limiter.admit(KEY, 100, s(1)), Admit::Now);
    limiter.begin(KEY, 4_000, s(1));
    assert_eq!(limiter.admit(KEY, 2_000, s(1)), Admit::At(s(30)));
    assert_eq!(limiter.admit(KEY, 6_000, s(30)), Admit::Now);
}

#[test]
fn the_rate_that_the_file_names_is_held_from_the_first_call() {
    let rate = RateLimit { max_concurrent: Some(3), requests_per_minute: Some(5) };
    let mut limiter = Limiter::new(vec![rate]);
    assert_eq!(begin(&mut limiter, 9, s(1)), 3);
    assert_eq!(limiter.admit(KEY, 1, s(1)), Admit::AfterAnEnd);
    for _ in 0..3 {
        limiter.end(KEY, s(1), s(2), &answered());
    }
    assert_eq!(begin(&mut limiter, 9, s(2)), 2);
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::At(s(61)));
    limiter.end(KEY, s(2), s(3), &answered());
    assert_eq!(begin(&mut limiter, 9, s(61)), 2);
}

/// What a provider limits.
#[derive(Debug, Clone, Copy)]
enum Provider {
    /// So many tokens at most, and one more each so often.
    Bucket { size: u32, every: Duration },
    /// So many in each window, which begins on the clock.
    Window { size: u32, length: Duration },
    /// So many at once.
    Cap { size: u32 },
}

/// A provider at work.
struct Simulation {
    provider: Provider,
    tokens: f64,
    window: u128,
    seen: Duration,
    serving: u32,
    /// Whether it names the time to wait, in whole seconds.
    hints: bool,
}

impl Simulation {
    fn new(provider: Provider, hints: bool) -> Self {
        let size = match provider {
            Provider::Bucket { size, .. } | Provider::Window { size, .. } | Provider::Cap { size } => size,
        };
        Self { provider, tokens: f64::from(size), window: 0, seen: Duration::ZERO, serving: 0, hints }
    }

    /// Whether it takes a call; if not, how long it asks to wait.
    fn take(&mut self, now: Duration) -> Result<(), Option<u64>> {
        let mut wait = Duration::ZERO;
        match self.provider {
            Provider::Bucket { size, every } => {
                let more = now.saturating_sub(self.seen).as_secs_f64() / every.as_secs_f64();
                self.tokens = (self.tokens + more).min(f64::from(size));
                wait = every.mul_f64((1.0 - self.tokens).max(0.0));
            }
            Provider::Window { size, length } => {
                let window = now.as_nanos() / length.as_nanos();
                if window > self.window {
                    (self.window, self.tokens) = (window, f64::from(size));
                }
                let passed = u64::try_from(now.as_nanos() % length.as_nanos()).unwrap();
                wait = length.saturating_sub(Duration::from_nanos(passed));
            }
            Provider::Cap { size } => self.tokens = f64::from(size.saturating_sub(self.serving)),
        }
        self.seen = now;
        if self.tokens < 1.0 {
            let asked = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap() * 1000;
            return Err(self.hints.then_some(asked.max(1000)));
        }
        self.tokens -= 1.0;
        self.serving += 1;
        Ok(())
    }

    /// How long `calls` calls take if the limit is known.
    fn ideal(&self, calls: u32, latency: Duration) -> Duration {
        match self.provider {
            Provider::Bucket { size, every } => every * calls.saturating_sub(size) + latency,
            Provider::Window { size, length } => length * ((calls - 1) / size) + latency,
            Provider::Cap { size } => latency * calls.div_ceil(size),
        }
    }
}

/// When a call ends, when it began, which one it is, and where it was refused the wait that was asked for.
type End = (Duration, Duration, u32, Option<Option<u64>>);

/// The time that `calls` calls took, all wanted at once, and how many were refused.
fn run(simulation: &mut Simulation, calls: u32, latency: Duration) -> (Duration, u32) {
    const REFUSAL_TAKES: Duration = Duration::from_millis(2);
    let mut limiter = limiter(1);
    let mut waiting: VecDeque<u32> = (0..calls).collect();
    let mut ends: BinaryHeap<Reverse<End>> = BinaryHeap::new();
    let (mut now, mut refused, mut done) = (Duration::ZERO, 0, 0);
    while done < calls {
        let mut wake = ends.peek().map(|Reverse((at, ..))| *at);
        if !waiting.is_empty() {
            match limiter.admit(KEY, 1, now) {
                Admit::Now => {
                    let call = waiting.pop_front().unwrap();
                    limiter.begin(KEY, 1, now);
                    let end = match simulation.take(now) {
                        Ok(()) => (now + latency, now, call, None),
                        Err(asked) => (now + REFUSAL_TAKES, now, call, Some(asked)),
                    };
                    ends.push(Reverse(end));
                    continue;
                }
                Admit::AfterAnEnd => {}
                Admit::At(at) => {
                    assert!(at > now);
                    // An event loop wakes a little late.
                    wake = Some(wake.map_or(at + ms(1), |wake| wake.min(at + ms(1))));
                }
            }
        }
        now = wake.unwrap();
        while let Some(Reverse((at, begun, call, outcome))) =
            ends.peek().copied().filter(|Reverse((at, ..))| *at <= now)
        {
            ends.pop();
            match outcome {
                None => {
                    simulation.serving -= 1;
                    done += 1;
                    limiter.end(KEY, begun, at, &answered());
                }
                Some(asked) => {
                    refused += 1;
                    waiting.push_back(call);
                    limiter.end(KEY, begun, at, &Ended::Failed(&refusal(asked), None));
                }
            }
        }
    }
    (now, refused)
}

/// How well calls are paced: none fails, what is limited is used, and little is asked for in vain.
fn check_pace(provider: Provider, calls: u32, latency: Duration, hints: bool, is_usual: bool) {
    let mut simulation = Simulation::new(provider, hints);
    let ideal = simulation.ideal(calls, latency);
    let (time, refused) = run(&mut simulation, calls, latency);
    let (size, period) = match provider {
        Provider::Bucket { size, every } => (size, every),
        Provider::Window { size, length } => (size, length),
        Provider::Cap { size } => (size, latency),
    };
    // The limit has to be found out, and a hint of whole seconds is one of another limit.
    let finding_out = 2 * period + 2 * latency.min(s(1)) + if hints { s(3) } else { ms(300) };
    let needed = f64::from(calls.saturating_sub(size));
    // What nobody uses is searched for at a distance of up to a minute, again and again until it is found.
    let (longest, most) = match is_usual {
        true => (ideal.mul_f64(1.3) + finding_out, 1.5 * needed + 16.0),
        false => (ideal * 2 + finding_out * 2 + s(240), 2.0 * needed + 60.0),
    };
    assert!(time <= longest, "{time:?} for {ideal:?}");
    assert!(f64::from(refused) <= most, "{refused} refusals for {needed}");
}

#[test]
fn usual_limits_are_found_out_and_used() {
    for latency in [ms(50), ms(200), s(2), s(20)] {
        for calls in [12, 50, 200] {
            for provider in [
                Provider::Bucket { size: 5, every: ms(200) },
                Provider::Bucket { size: 1, every: ms(200) },
                Provider::Bucket { size: 10, every: s(1) },
                Provider::Window { size: 20, length: s(60) },
                Provider::Window { size: 10, length: s(1) },
                Provider::Window { size: 15, length: s(10) },
                Provider::Cap { size: 1 },
                Provider::Cap { size: 4 },
            ] {
                check_pace(provider, calls, latency, false, true);
            }
            check_pace(Provider::Window { size: 20, length: s(60) }, calls, latency, true, true);
            check_pace(Provider::Bucket { size: 10, every: s(1) }, calls, latency, true, true);
        }
    }
}

fn providers() -> impl Strategy<Value = Provider> {
    prop_oneof![
        (1..30_u32, 20..3_000_u64).prop_map(|(size, every)| Provider::Bucket { size, every: ms(every) }),
        (1..60_u32, 1_000..60_000_u64).prop_map(|(size, length)| Provider::Window { size, length: ms(length) }),
        (1..30_u32).prop_map(|size| Provider::Cap { size }),
    ]
}

proptest! {
    /// Lengths that nobody uses take longer to find out.
    #[test]
    fn any_limit_is_found_out_and_used(provider in providers(), calls in 1..200_u32, latency in 20..20_000_u64) {
        check_pace(provider, calls, ms(latency), false, false);
    }
}
