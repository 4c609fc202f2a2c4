use proptest::prelude::*;

use super::*;

const READY: Candidate = Candidate { context_window: None, cooling_for: None };

fn window(tokens: u64) -> Candidate {
    Candidate { context_window: Some(tokens), ..READY }
}

fn cooling(seconds: u64) -> Candidate {
    Candidate { cooling_for: Some(Duration::from_secs(seconds)), ..READY }
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "")
}

fn limited(seconds: u64) -> Failure {
    Failure { retry_after_ms: Some(seconds * 1000), ..failure(FailureKind::RateLimited) }
}

/// What follows these tries, each a model and its failure, for a prompt of 100 tokens.
fn after(models: &[Candidate], tries: &[(usize, Failure)]) -> Next {
    let policy = RetryPolicy::exponential();
    let tries: Vec<_> = tries.iter().map(|(model, failure)| Try { model: *model, failure }).collect();
    next(&Candidates { models, policy: &policy, prompt_tokens: 100, patience: Duration::ZERO }, &tries, 1.0)
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn again(seconds: u64) -> Next {
    Next::Again { wait: Duration::from_secs(seconds) }
}

fn fall(to: usize) -> Next {
    Next::FallBack { to, wait: Duration::ZERO }
}

#[test]
fn a_model_is_tried_again_until_its_attempts_are_used_up_and_then_the_next_has_its_own() {
    let broken = || failure(FailureKind::Overloaded);
    let chain = [READY, READY];
    assert_eq!(after(&chain, &[(0, broken())]), again(1));
    assert_eq!(after(&chain, &[(0, broken()), (0, broken())]), again(2));
    let three = [(0, broken()), (0, broken()), (0, broken())];
    assert_eq!(after(&chain, &three), fall(1));
    let with =
        |more: &[usize]| -> Vec<_> { three.iter().cloned().chain(more.iter().map(|&m| (m, broken()))).collect() };
    assert_eq!(after(&chain, &with(&[1])), again(1));
    assert_eq!(after(&chain, &with(&[1, 1, 1])), Next::GiveUp);
}

#[test]
fn what_cannot_succeed_on_this_model_falls_at_once() {
    for kind in [
        FailureKind::Auth,
        FailureKind::Quota,
        FailureKind::BadRequest,
        FailureKind::Refused,
        FailureKind::InvalidOutput,
        FailureKind::Truncated,
    ] {
        assert_eq!(after(&[READY, READY], &[(0, failure(kind))]), fall(1), "{kind}");
        assert_eq!(after(&[READY], &[(0, failure(kind))]), Next::GiveUp, "{kind}");
        assert_eq!(after(&[READY, READY], &[(0, failure(kind)), (1, failure(kind))]), Next::GiveUp, "{kind}");
    }
    for kind in [FailureKind::Budget, FailureKind::Cancelled, FailureKind::Environment, FailureKind::Internal] {
        assert_eq!(after(&[READY, READY], &[(0, failure(kind))]), Next::GiveUp, "{kind}");
    }
}

#[test]
fn a_call_that_was_not_taken_costs_no_attempt_while_there_is_patience() {
    let next = |kind, patience, max_attempts| {
        let policy = RetryPolicy { max_attempts, ..RetryPolicy::exponential() };
        let failure = Failure { retry_after_ms: Some(4_000), ..failure(kind) };
        let tries = [Try { model: 0, failure: &failure }; 9];
        let models = &[READY];
        next(&Candidates { models, policy: &policy, prompt_tokens: 100, patience: s(patience) }, &tries, 1.0)
    };
    assert_eq!(next(FailureKind::RateLimited, 10, 3), again(4));
    assert_eq!(next(FailureKind::Unreachable, 10, 3), again(5));
    assert_eq!(next(FailureKind::RateLimited, 3, 3), Next::GiveUp);
    assert_eq!(next(FailureKind::RateLimited, 10, 1), Next::GiveUp);
    assert_eq!(next(FailureKind::Overloaded, 10, 3), Next::GiveUp);
}

#[test]
fn a_long_wait_is_waited_only_where_nobody_else_is_ready_sooner() {
    assert_eq!(after(&[READY, READY], &[(0, limited(30))]), again(30));
    assert_eq!(after(&[READY, READY], &[(0, limited(31))]), fall(1));
    assert_eq!(after(&[READY], &[(0, limited(31))]), again(31));
    assert_eq!(after(&[READY, cooling(300)], &[(0, limited(31))]), again(31));
    assert_eq!(
        after(&[READY, cooling(5)], &[(0, limited(60))]),
        Next::FallBack { to: 1, wait: Duration::from_secs(5) }
    );
    assert_eq!(after(&[cooling(60), READY], &[(0, failure(FailureKind::Timeout))]), fall(1));
    // The first has waited long enough when the second is used up.
    let back = [(0, limited(60)), (1, failure(FailureKind::Refused))];
    assert_eq!(after(&[cooling(20), READY], &back), Next::FallBack { to: 0, wait: Duration::from_secs(20) });
    assert_eq!(after(&[READY, READY], &[(0, limited(86_400)), (1, failure(FailureKind::Refused))]), Next::GiveUp);
}

#[test]
fn a_model_that_cools_is_passed_over_and_waited_for_only_if_all_do() {
    let refused = || failure(FailureKind::Refused);
    assert_eq!(after(&[READY, cooling(9), READY], &[(0, refused())]), fall(2));
    let soonest = Next::FallBack { to: 2, wait: Duration::from_secs(4) };
    assert_eq!(after(&[READY, cooling(9), cooling(4)], &[(0, refused())]), soonest);
    assert_eq!(after(&[READY, cooling(3600)], &[(0, refused())]), Next::GiveUp);
}

#[test]
fn a_prompt_that_is_too_long_goes_to_a_larger_window_only() {
    let too_long = || failure(FailureKind::ContextTooLong);
    assert_eq!(after(&[window(200), window(200), window(400)], &[(0, too_long())]), fall(2));
    assert_eq!(after(&[window(200), window(150), READY], &[(0, too_long())]), fall(2));
    assert_eq!(after(&[window(200), window(150)], &[(0, too_long())]), Next::GiveUp);
    assert_eq!(after(&[READY, window(90)], &[(0, too_long())]), Next::GiveUp);
    assert_eq!(after(&[READY, window(900)], &[(0, too_long())]), fall(1));
    // It stays too long, whatever fails behind it.
    let then = [(0, too_long()), (2, failure(FailureKind::Refused))];
    assert_eq!(after(&[window(200), window(150), window(400)], &then), Next::GiveUp);
}

#[test]
fn the_first_model_is_ready_and_large_enough_or_ready_soonest() {
    let policy = RetryPolicy::exponential();
    let first = |models: &[Candidate]| {
        first(&Candidates { models, policy: &policy, prompt_tokens: 100, patience: Duration::ZERO })
    };
    assert_eq!(first(&[READY, READY]), 0);
    assert_eq!(first(&[cooling(1), window(99), window(100)]), 2);
    assert_eq!(first(&[cooling(9), cooling(3), cooling(3)]), 1);
    assert_eq!(first(&[cooling(9), window(99)]), 1);
    assert_eq!(first(&[Candidate { cooling_for: Some(Duration::from_secs(3)), ..window(9) }, cooling(3)]), 1);
    assert_eq!(first(&[]), 0);
}

const KINDS: [FailureKind; 16] = [
    FailureKind::Auth,
    FailureKind::Quota,
    FailureKind::RateLimited,
    FailureKind::Overloaded,
    FailureKind::Timeout,
    FailureKind::Connection,
    FailureKind::ContextTooLong,
    FailureKind::Refused,
    FailureKind::Truncated,
    FailureKind::Malformed,
    FailureKind::InvalidOutput,
    FailureKind::BadRequest,
    FailureKind::Budget,
    FailureKind::Cancelled,
    FailureKind::Environment,
    FailureKind::Internal,
];

fn failures() -> impl Strategy<Value = Failure> {
    // Those that are tried again come more often, or most chains would end early.
    let kind = prop_oneof![2 => prop::sample::select(&KINDS[2..6]), 1 => prop::sample::select(&KINDS[..])];
    (kind, prop::option::weighted(0.3, 0..400_000_u64))
        .prop_map(|(kind, retry_after_ms)| Failure { retry_after_ms, ..failure(kind) })
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let candidate =
        (prop::option::of(0..300_u64), prop::option::weighted(0.3, 0..400_u64)).prop_map(|(window, seconds)| {
            Candidate { context_window: window, cooling_for: seconds.map(Duration::from_secs) }
        });
    prop::collection::vec(candidate, 1..5)
}

proptest! {
    #[test]
    fn no_model_is_tried_more_often_than_allowed_and_the_chain_ends(
        models in candidates(),
        failures in prop::collection::vec((failures(), 0.0..=1.0), 40),
        max_attempts in 1..5_u32,
    ) {
        let policy = RetryPolicy { max_attempts, ..RetryPolicy::exponential() };
        let candidates = Candidates { models: &models, policy: &policy, prompt_tokens: 100, patience: Duration::ZERO };
        let mut tries = vec![];
        let mut model = first(&candidates);
        for (failure, random) in &failures {
            tries.push(Try { model, failure });
            let attempts = tries.iter().filter(|t| t.model == model).count();
            prop_assert!(attempts <= max_attempts as usize, "model {model} is tried {attempts} times");
            match next(&candidates, &tries, *random) {
                Next::Again { wait } => prop_assert!(wait <= LONGEST_WAIT + policy.max),
                Next::FallBack { to, wait } => {
                    prop_assert!(to != model && wait <= LONGEST_WAIT);
                    let final_failure = tries.iter().rev().find(|t| t.model == to).map(|t| t.failure.kind);
                    prop_assert!(final_failure.is_none_or(|kind| kind.policy().retry));
                    model = to;
                }
                Next::GiveUp => return Ok(()),
            }
        }
        prop_assert!(false, "the chain of {} models does not end", models.len());
    }

    #[test]
    fn a_chain_of_one_model_is_the_policy(
        model in candidates(),
        failures in prop::collection::vec(failures(), 1..6),
        random in 0.0..=1.0,
        max_attempts in 1..5_u32,
    ) {
        let policy = RetryPolicy { max_attempts, ..RetryPolicy::exponential() };
        let candidates = Candidates { models: &model[..1], policy: &policy, prompt_tokens: 100, patience: Duration::ZERO };
        let tries: Vec<_> = failures.iter().map(|failure| Try { model: 0, failure }).collect();
        let expected = policy.wait(u32::try_from(tries.len()).unwrap(), &failures[failures.len() - 1], random);
        prop_assert_eq!(next(&candidates, &tries, random), expected.map_or(Next::GiveUp, |wait| Next::Again { wait }));
    }
}
