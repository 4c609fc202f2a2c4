use std::cmp::Reverse;
use std::collections::BinaryHeap;

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

fn refusal(retry_after_ms: Option<u64>) -> Failure {
    Failure { retry_after_ms, ..Failure::new(FailureKind::RateLimited, "") }
}

fn answered() -> Ended<'static> {
    Ended::Answered(None)
}

/// Begins as many calls as may begin, up to `wanted`, and says how many did.
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
    let mut limiter = Limiter::new(2);
    assert_eq!(begin(&mut limiter, 1000, s(1)), 1000);
    limiter.end(KEY, s(2), &Ended::Failed(&Failure::new(FailureKind::Overloaded, ""), None));
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::Now);
    limiter.end(KEY, s(2), &Ended::Failed(&refusal(Some(60_000)), None));
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::At(s(62)));
    assert_eq!(limiter.admit(RateLimitKey(1), 1, s(2)), Admit::Now);
}

#[test]
fn after_a_closed_key_opens_one_call_probes_until_one_succeeds() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 8, s(0));
    for _ in 0..8 {
        limiter.end(KEY, s(1), &Ended::Failed(&refusal(Some(5_000)), None));
    }
    assert_eq!(limiter.admit(KEY, 1, s(5)), Admit::At(s(6)));
    assert_eq!(begin(&mut limiter, 8, s(6)), 1);
    assert_eq!(limiter.admit(KEY, 1, s(6)), Admit::AfterAnEnd);
    limiter.end(KEY, s(7), &Ended::Failed(&Failure::new(FailureKind::Timeout, ""), None));
    assert_eq!(begin(&mut limiter, 8, s(7)), 1);
    limiter.end(KEY, s(8), &answered());
    assert_eq!(begin(&mut limiter, 8, s(8)), 4, "half of those that were refused together");
}

#[test]
fn a_call_from_before_does_not_open_the_key() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 8, s(0));
    limiter.end(KEY, s(1), &Ended::Failed(&refusal(Some(5_000)), None));
    for _ in 0..6 {
        limiter.end(KEY, s(2), &answered());
    }
    assert_eq!(limiter.admit(KEY, 1, s(2)), Admit::At(s(6)));
    // One of them hangs: the probe does not wait for it.
    assert_eq!(begin(&mut limiter, 8, s(6)), 1);
}

#[test]
fn a_plain_refusal_halves_the_calls_in_flight_once_and_spaces_them() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 16, s(0));
    for _ in 0..16 {
        limiter.end(KEY, s(1), &Ended::Failed(&refusal(None), None));
    }
    assert_eq!(limiter.admit(KEY, 1, s(1)), Admit::At(ms(1100)));
    assert_eq!(begin(&mut limiter, 16, ms(1100)), 1);
    assert_eq!(limiter.admit(KEY, 1, ms(1100)), Admit::At(ms(1200)));
    let mut now = ms(1200);
    while begin(&mut limiter, 1, now) == 1 {
        now += ms(100);
    }
    assert_eq!((now, limiter.admit(KEY, 1, now)), (ms(1900), Admit::AfterAnEnd), "eight are in flight");
}

#[test]
fn the_window_grows_by_one_a_round_and_is_gone_when_nobody_waits_for_it() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 4, s(0));
    for _ in 0..4 {
        limiter.end(KEY, s(1), &Ended::Failed(&refusal(Some(1_000)), None));
    }
    let mut sizes = vec![];
    let mut now = s(2);
    for round in 0..5 {
        // Behind the fourth round there is less to do than fits.
        let begun = begin(&mut limiter, if round < 4 { 100 } else { 2 }, now);
        sizes.push(begun);
        now += s(1);
        for _ in 0..begun {
            limiter.end(KEY, now, &answered());
        }
    }
    assert_eq!(sizes, [1, 2, 3, 4, 2]);
    assert_eq!(begin(&mut limiter, 2, now), 2);
    for _ in 0..2 {
        limiter.end(KEY, now, &answered());
    }
    for _ in 0..10 {
        begin(&mut limiter, 1, now);
        limiter.end(KEY, now, &answered());
    }
    assert_eq!(begin(&mut limiter, 100, now), 100);
}

#[test]
fn a_wait_that_nobody_waits_for_does_not_pace() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 2, s(0));
    limiter.end(KEY, s(1), &Ended::Failed(&refusal(Some(86_400_000)), None));
    let far = RateLimitInfo { requests_left: Some(0), requests_reset: Some(s(86_400)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(1), &Ended::Answered(Some(far)));
    assert_eq!(limiter.admit(KEY, 1, s(1)), Admit::Now);
}

#[test]
fn the_last_requests_are_spread_over_the_time_until_the_reset() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 1, s(0));
    let pace = RateLimitInfo { requests_left: Some(2), requests_reset: Some(s(60)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(0), &Ended::Answered(Some(pace)));
    assert_eq!(limiter.admit(KEY, 1, s(0)), Admit::At(s(20)));
    assert_eq!(begin(&mut limiter, 9, s(20)), 1);
    assert_eq!(limiter.admit(KEY, 1, s(20)), Admit::At(s(40)));
    assert_eq!(begin(&mut limiter, 9, s(40)), 1);
    assert_eq!(limiter.admit(KEY, 1, s(40)), Admit::At(s(60)));
    assert_eq!(begin(&mut limiter, 100, s(60)), 100);
}

#[test]
fn a_call_that_is_larger_than_the_tokens_left_waits_for_the_reset_and_a_small_one_does_not() {
    let mut limiter = Limiter::new(1);
    begin(&mut limiter, 1, s(0));
    let pace = RateLimitInfo { tokens_left: Some(5_000), tokens_reset: Some(s(30)), ..RateLimitInfo::default() };
    limiter.end(KEY, s(0), &Ended::Answered(Some(pace)));
    assert_eq!(limiter.admit(KEY, 6_000, s(1)), Admit::At(s(30)));
    assert_eq!(limiter.admit(KEY, 100, s(1)), Admit::Now);
    limiter.begin(KEY, 4_000, s(1));
    assert_eq!(limiter.admit(KEY, 2_000, s(1)), Admit::At(s(30)));
    assert_eq!(limiter.admit(KEY, 6_000, s(30)), Admit::Now);
}

/// How one call ends, for the property.
#[derive(Debug, Clone)]
enum Fate {
    Answered,
    Refused(Option<u64>),
    Broken,
    Paced(RateLimitInfo),
}

fn fates() -> impl Strategy<Value = Vec<(Fate, u64)>> {
    let pace = (0..12_u64, 0..90_u64, 0..9_000_u64, 0..400_u64).prop_map(|(requests, reset, tokens, tokens_reset)| {
        Fate::Paced(RateLimitInfo {
            requests_left: Some(requests),
            requests_reset: Some(s(reset)),
            tokens_left: Some(tokens),
            tokens_reset: Some(s(tokens_reset)),
        })
    });
    let fate = prop_oneof![
        4 => Just(Fate::Answered),
        2 => prop::option::of(0..400_000_u64).prop_map(Fate::Refused),
        1 => Just(Fate::Broken),
        1 => pace,
    ];
    prop::collection::vec((fate, 1..60_000_u64), 0..120)
}

fn end(limiter: &mut Limiter, now: Duration, fate: &Fate) {
    let broken = Failure::new(FailureKind::Connection, "");
    match fate {
        Fate::Answered => limiter.end(KEY, now, &answered()),
        Fate::Refused(after) => limiter.end(KEY, now, &Ended::Failed(&refusal(*after), None)),
        Fate::Broken => limiter.end(KEY, now, &Ended::Failed(&broken, None)),
        Fate::Paced(pace) => limiter.end(KEY, now, &Ended::Answered(Some(*pace))),
    }
}

proptest! {
    /// One queue, whose first is asked for; each call ends as its fate says, and those behind the last fate succeed.
    #[test]
    fn all_get_their_turn_and_never_more_than_the_window_are_in_flight(fates in fates(), calls in 1..300_usize) {
        let mut limiter = Limiter::new(1);
        let mut ends: BinaryHeap<Reverse<(Duration, usize)>> = BinaryHeap::new();
        let (mut now, mut next, mut asked) = (Duration::ZERO, 0, 0);
        while next < calls || !ends.is_empty() {
            let mut wake = ends.peek().map(|Reverse((at, _))| *at);
            if next < calls {
                asked += 1;
                match limiter.admit(KEY, 700, now) {
                    Admit::Now => {
                        prop_assert!(ends.len() < limiter.paces[KEY.0].window.size() as usize);
                        limiter.begin(KEY, 700, now);
                        let takes = fates.get(next).map_or(ms(500), |(_, takes)| ms(*takes));
                        ends.push(Reverse((now + takes, next)));
                        next += 1;
                        continue;
                    }
                    Admit::At(at) => {
                        prop_assert!(at > now && at <= now + LONGEST_WAIT, "{at:?} is no time to wait for at {now:?}");
                        wake = Some(wake.map_or(at, |wake| wake.min(at)));
                    }
                    Admit::AfterAnEnd => prop_assert!(wake.is_some(), "nothing is in flight, and yet one waits"),
                }
            }
            now = wake.unwrap_or(now);
            while let Some(Reverse((_, call))) = ends.peek().copied().filter(|Reverse((at, _))| *at <= now) {
                ends.pop();
                end(&mut limiter, now, fates.get(call).map_or(&Fate::Answered, |(fate, _)| fate));
            }
        }
        prop_assert!(asked <= 4 * calls, "{asked} questions for {calls} calls");
        // Alone at last, a caller is free again soon.
        now += s(600);
        for _ in 0..2_000 {
            while let Admit::At(at) = limiter.admit(KEY, 1, now) {
                now = at;
            }
            limiter.begin(KEY, 1, now);
            end(&mut limiter, now, &Fate::Answered);
        }
        prop_assert_eq!(begin(&mut limiter, 1_000, now), 1_000);
    }
}
