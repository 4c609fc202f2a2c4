//! What it costs to wait: 100 and 1,000 tasks that all want a provider at once which takes eight, and the limiter alone.
//!
//! The provider refuses every other call with a 429, so that all but a few tasks stand in line for most of the run. Its
//! wall time is what the provider allows; what counts is the processor's time for each call, which must not grow with
//! those who wait.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use orch::run::rate_limit::{Admit, Ended, Limiter, RateLimit, RateLimitKey};
use orch::words::failure::{Failure, FailureKind};

use crate::process::{Cost, Program, median, ratio, show, show_head};
use crate::script::{crowd, write};
use crate::server::{Manner, Server, answer};

const TIMES: usize = 5;
const AT_ONCE: usize = 8;

pub(crate) fn measure() {
    show_head();
    let (hundred, thousand) = (waiting(100), waiting(1_000));
    println!("processor time of a call among 1,000 to one among 100: {:.2} (1 is linear)", ratio(thousand, hundred));
    println!("\nthe limiter alone, for each call that waits, is let in, and ends:");
    let of_hundred = alone(100);
    for (waiting, each) in [100, 1_000, 100_000].map(|waiting| (waiting, alone(waiting))) {
        let times = ratio(each, of_hundred);
        println!("  {waiting:>7} waiting {:>8} ns, {times:.2} times that of 100", each.as_nanos());
    }
}

/// The processor's time for each call of a run, beyond what the process itself costs.
fn waiting(tasks: usize) -> Duration {
    let folder = tempfile::tempdir().expect("a folder for the runs");
    let retries = "{max_attempts: 100, initial_seconds: 0.01, max_seconds: 0.01}";
    write(folder.path(), "crowd.yaml", crowd(tasks, retries));
    write(folder.path(), "one.yaml", crowd(1, retries));
    let server =
        Server::start(Manner { delay: Duration::from_millis(2), at_once: AT_ONCE, ..Manner::whole(answer(12)) });
    let run =
        |file: &str| Program::orch(folder.path(), &["run", file, "--goal", "measure"]).asking(server.url()).once();
    let alone = median((0..TIMES).map(|_| run("one.yaml")).collect());
    let asked = server.asked();
    let costs: Vec<Cost> = (0..TIMES).map(|_| run("crowd.yaml")).collect();
    let calls = (server.asked() - asked) / TIMES;
    let cost = median(costs);
    let each = cost.cpu.saturating_sub(alone.cpu) / u32::try_from(calls).unwrap_or(u32::MAX);
    show(&format!("{tasks} tasks"), cost, &format!("{calls} calls, {} us each", each.as_micros()));
    each
}

/// The limiter's time for each call until so many tasks have been served by the same provider: those that are refused
/// wait again.
fn alone(tasks: u32) -> Duration {
    let mut all: Vec<Duration> = (0..TIMES).map(|_| serve(tasks)).collect();
    all.sort();
    all[TIMES / 2]
}

fn serve(tasks: u32) -> Duration {
    let slow_down = Failure { retry_after_ms: Some(10), ..Failure::new(FailureKind::RateLimited, "slow down") };
    let mut limiter = Limiter::new(vec![RateLimit::default()]);
    let (mut now, mut waiting, mut calls) = (Duration::ZERO, tasks, 0);
    let mut in_flight = VecDeque::new();
    let started = Instant::now();
    while waiting > 0 || !in_flight.is_empty() {
        match limiter.admit(RateLimitKey(0), 100, now) {
            Admit::Now if waiting > 0 => {
                limiter.begin(RateLimitKey(0), 100, now);
                in_flight.push_back(now);
                (waiting, calls) = (waiting - 1, calls + 1);
            }
            Admit::At(when) if in_flight.is_empty() => now = when,
            _ => {
                now += Duration::from_micros(10);
                let is_refused = in_flight.len() > AT_ONCE;
                let outcome = if is_refused { Ended::Failed(&slow_down, None) } else { Ended::Answered(None) };
                limiter.end(RateLimitKey(0), in_flight.pop_front().unwrap_or(now), now, &outcome);
                waiting += u32::from(is_refused);
            }
        }
    }
    started.elapsed() / calls
}
