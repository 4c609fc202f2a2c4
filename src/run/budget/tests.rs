use proptest::prelude::*;

use super::*;

const NO_TIME: Duration = Duration::ZERO;

fn need(tokens: u64, cost_usd: f64) -> Need {
    Need { tokens, cost_usd }
}

fn key(call: u32) -> CallKey {
    CallKey { attempt: 1, call }
}

fn ask(budget: &Budget, task: usize, need: &Need) -> Verdict {
    budget.ask(task, need, NO_TIME, NO_TIME, &|_| NO_TIME)
}

fn refusal(verdict: Verdict) -> String {
    match verdict {
        Verdict::Exceeded(exceeded) => exceeded.to_string(),
        other => format!("{other:?}"),
    }
}

fn tokens(max: u64) -> Limits {
    Limits { token_budget: Some(max), ..Limits::default() }
}

fn dollars(max: f64) -> Limits {
    Limits { cost_limit_usd: Some(max), ..Limits::default() }
}

fn run(limits: Limits) -> Budget {
    Budget::new(limits, vec![], vec![(Limits::default(), vec![]); 2])
}

#[test]
fn a_call_that_does_not_fit_waits_for_what_is_reserved_and_is_refused_for_what_is_spent() {
    let mut budget = run(tokens(100));
    budget.reserve(0, key(1), &need(60, 0.0));
    assert_eq!(ask(&budget, 1, &need(40, 0.0)), Verdict::Granted);
    assert_eq!(ask(&budget, 1, &need(41, 0.0)), Verdict::Wait);
    assert!(matches!(ask(&budget, 1, &need(101, 0.0)), Verdict::Exceeded(_)));
    budget.settle(0, key(1), Some(Spent { tokens: 10, cost_usd: 0.0 }));
    assert_eq!(ask(&budget, 1, &need(90, 0.0)), Verdict::Granted);
    assert!(matches!(ask(&budget, 1, &need(91, 0.0)), Verdict::Exceeded(_)));
}

#[test]
fn the_refusal_says_whose_limit_it_is_and_how_it_stands() {
    let mut budget = run(tokens(500_000));
    assert_eq!(
        refusal(ask(&budget, 0, &need(500_001, 0.0))),
        "the run's token_budget of 500000 is too small: 0 spent, 500001 needed for the next call; raise it under the \
         run's `limits`, then `orch resume`"
    );
    budget.reserve(0, key(1), &need(498_000, 0.0));
    budget.settle(0, key(1), None);
    assert_eq!(
        refusal(ask(&budget, 0, &need(12_000, 0.0))),
        "the run's token_budget of 500000 is reached: 498000 spent, 12000 needed for the next call; raise it under the \
         run's `limits`, then `orch resume`"
    );
    let mut budget = Budget::new(Limits::default(), vec![dollars(0.3)], vec![(Limits::default(), vec![0, 0])]);
    budget.reserve(0, key(1), &need(1, 0.2));
    budget.settle(0, key(1), Some(Spent { tokens: 1, cost_usd: 0.2 }));
    budget.reserve(0, key(2), &need(1, 0.05));
    let Verdict::Exceeded(exceeded) = ask(&budget, 0, &need(1, 0.11)) else { panic!("it fits") };
    assert_eq!(exceeded.scope, Scope::Group(0));
    assert_eq!(
        exceeded.told_of("the group `review`"),
        "the group `review`'s cost_limit_usd of $0.3 is reached: $0.2 spent, $0.05 reserved, $0.11 needed for the \
         next call; raise it under the group `review`'s `limits`, then `orch resume`"
    );
}

#[test]
fn calls_count_when_they_are_reserved_and_are_never_given_back() {
    let once = Limits { max_api_calls: Some(1), ..Limits::default() };
    let mut budget = Budget::new(Limits::default(), vec![], vec![(once, vec![]), (Limits::default(), vec![])]);
    assert!(!budget.is_unlimited());
    budget.reserve(0, key(1), &need(5, 0.0));
    let refused = "the task's max_api_calls of 1 is reached: 1 made so far; raise it under the task's `limits`, then `orch resume`";
    assert_eq!(refusal(ask(&budget, 0, &need(5, 0.0))), refused);
    budget.settle(0, key(1), Some(Spent { tokens: 0, cost_usd: 0.0 }));
    assert_eq!(refusal(ask(&budget, 0, &need(5, 0.0))), refused);
    assert_eq!(ask(&budget, 1, &need(5, 0.0)), Verdict::Granted);
}

#[test]
fn each_scope_has_its_own_time() {
    let minute = Limits { max_seconds: Some(60), ..Limits::default() };
    let budget = Budget::new(Limits::default(), vec![Limits::default(), minute], vec![(minute, vec![1])]);
    let ask = |task, group| {
        let elapsed = |ix| if ix == 1 { Duration::from_secs(group) } else { Duration::MAX };
        budget.ask(0, &need(1, 0.0), Duration::MAX, Duration::from_secs(task), &elapsed)
    };
    assert_eq!(ask(59, 59), Verdict::Granted);
    assert_eq!(
        refusal(ask(61, 59)),
        "the task's max_seconds of 60 is reached: 61 seconds have passed; raise it under the task's `limits`, then `orch resume`"
    );
    assert_eq!(
        refusal(ask(59, 60)),
        "the group's max_seconds of 60 is reached: 60 seconds have passed; raise it under the group's `limits`, then `orch resume`"
    );
}

#[test]
fn what_nobody_knows_is_spent_for_good() {
    let mut budget = run(tokens(100));
    budget.reserve(0, key(1), &need(30, 0.0));
    budget.resume();
    // The process that goes on makes the call again; the old one may have been charged.
    budget.reserve(0, key(1), &need(30, 0.0));
    budget.reserve(0, key(1), &need(30, 0.0));
    assert_eq!(ask(&budget, 1, &need(40, 0.0)), Verdict::Wait);
    budget.settle(0, key(1), Some(Spent { tokens: 0, cost_usd: 0.0 }));
    assert_eq!(ask(&budget, 1, &need(40, 0.0)), Verdict::Granted);
    assert!(matches!(ask(&budget, 1, &need(41, 0.0)), Verdict::Exceeded(_)));
    budget.settle(0, key(1), Some(Spent { tokens: 99, cost_usd: 0.0 }));
    assert_eq!(ask(&budget, 1, &need(40, 0.0)), Verdict::Granted);
}

#[test]
fn money_neither_drifts_nor_hides() {
    let mut budget = run(dollars(0.3));
    for call in 1..=3 {
        assert_eq!(ask(&budget, 0, &need(1, 0.1)), Verdict::Granted, "{call}");
        budget.reserve(0, key(call), &need(1, 0.1));
        budget.settle(0, key(call), Some(Spent { tokens: 1, cost_usd: 0.1 }));
    }
    assert_eq!(ask(&budget, 0, &need(1, 0.0)), Verdict::Granted);
    for unknown in [1e-12, f64::NAN, f64::INFINITY] {
        assert!(matches!(ask(&budget, 0, &need(1, unknown)), Verdict::Exceeded(_)), "{unknown}");
    }
    assert!(matches!(ask(&run(dollars(f64::NAN)), 0, &need(1, 0.1)), Verdict::Exceeded(_)));
}

#[test]
fn sums_that_overflow_fit_under_no_limit() {
    let mut budget = run(tokens(u64::MAX));
    budget.reserve(0, key(1), &need(u64::MAX, 0.0));
    assert_eq!(ask(&budget, 0, &need(1, 0.0)), Verdict::Wait);
    assert!(run(Limits::default()).is_unlimited());
}

#[test]
fn the_estimate_is_above_the_usual_rule() {
    assert_eq!(worst_case_tokens(["", "four"].into_iter()), 16 + 16 + 2);
    assert_eq!(worst_case_tokens(["日本 ab"].into_iter()), 16 + 2 + 1);
}

/// What a caller does, for the property.
#[derive(Debug, Clone)]
enum Act {
    Call { task: usize, tokens: u64, cents: u32 },
    Settle { which: prop::sample::Index, share: f64, known: bool },
    TakeUp,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let call = (0..4_usize, 0..60_u64, 0..90_u32).prop_map(|(task, tokens, cents)| Act::Call { task, tokens, cents });
    let settle = (any::<prop::sample::Index>(), 0.0..=1.0, prop::bool::weighted(0.8))
        .prop_map(|(which, share, known)| Act::Settle { which, share, known });
    prop::collection::vec(prop_oneof![6 => call, 5 => settle, 1 => Just(Act::TakeUp)], 0..60)
}

fn limits() -> impl Strategy<Value = Limits> {
    let maybe = |max| prop::option::weighted(0.4, 0..max);
    (maybe(12_u64), maybe(300), prop::option::weighted(0.4, 0.0..3.0_f64)).prop_map(|(calls, tokens, cost)| Limits {
        max_api_calls: calls,
        token_budget: tokens,
        cost_limit_usd: cost,
        max_seconds: None,
    })
}

type Scopes = (Limits, Vec<Limits>, Vec<(Limits, Vec<usize>)>);

fn scopes() -> impl Strategy<Value = Scopes> {
    let task = (limits(), prop::collection::vec(0..2_usize, 0..3));
    (limits(), prop::collection::vec(limits(), 2), prop::collection::vec(task, 4))
}

/// What really was used up, counted apart from the budget.
#[derive(Default, Clone)]
struct Truth {
    calls: u64,
    tokens: u64,
    cost_usd: f64,
}

fn holds(limits: &Limits, truth: &Truth) -> bool {
    limits.max_api_calls.is_none_or(|max| truth.calls <= max)
        && limits.token_budget.is_none_or(|max| truth.tokens <= max)
        && limits.cost_limit_usd.is_none_or(|max| truth.cost_usd <= max * (1.0 + 1e-12))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "any part of the tokens will do"
)]
fn part(tokens: u64, share: f64) -> u64 {
    (tokens as f64 * share) as u64
}

proptest! {
    #[test]
    fn no_limit_is_ever_passed_and_no_wait_lasts((run, groups, tasks) in scopes(), acts in acts()) {
        let mut budget = Budget::new(run, groups.clone(), tasks.clone());
        let mut flying: Vec<(usize, CallKey, Need)> = vec![];
        // Every call's task and what it used up in truth; one of unknown cost used up all that was reserved.
        let mut done: Vec<(usize, Need)> = vec![];
        let mut waiting = vec![];
        let mut calls = 0;
        for act in acts {
            match act {
                Act::Call { task, tokens, cents } => {
                    let need = need(tokens, f64::from(cents) / 97.0);
                    match ask(&budget, task, &need) {
                        Verdict::Granted => {
                            calls += 1;
                            budget.reserve(task, key(calls), &need);
                            flying.push((task, key(calls), need));
                        }
                        Verdict::Wait => {
                            prop_assert!(!flying.is_empty(), "nothing is in flight, and yet one waits");
                            waiting.push((task, need));
                        }
                        Verdict::Exceeded(_) => {}
                    }
                }
                Act::Settle { which, share, known } if !flying.is_empty() => {
                    let (task, key, need) = flying.swap_remove(which.index(flying.len()));
                    let real = Spent { tokens: part(need.tokens, share), cost_usd: need.cost_usd * share };
                    budget.settle(task, key, known.then_some(real));
                    let real = Need { tokens: real.tokens, cost_usd: real.cost_usd };
                    done.push((task, if known { real } else { need }));
                }
                Act::Settle { .. } => {}
                Act::TakeUp => {
                    budget.resume();
                    done.extend(flying.drain(..).map(|(task, _, need)| (task, need)));
                }
            }
            let mut truths = vec![Truth::default(); 1 + 2 + 4];
            let all = done.iter().copied().chain(flying.iter().map(|&(task, _, need)| (task, need)));
            for (task, used) in all {
                let member = |group: &usize| tasks[task].1.contains(group);
                for scope in [0, 3 + task].into_iter().chain((0..2).filter(member).map(|group| 1 + group)) {
                    truths[scope].calls += 1;
                    truths[scope].tokens += used.tokens;
                    truths[scope].cost_usd += used.cost_usd;
                }
            }
            let limits = std::iter::once(&run).chain(&groups).chain(tasks.iter().map(|(limits, _)| limits));
            for (limits, truth) in limits.zip(&truths) {
                prop_assert!(holds(limits, truth), "{limits:?} is passed");
            }
        }
        for (task, key, _) in flying {
            budget.settle(task, key, Some(Spent { tokens: 0, cost_usd: 0.0 }));
        }
        for (task, need) in waiting {
            prop_assert_ne!(ask(&budget, task, &need), Verdict::Wait);
        }
    }
}
