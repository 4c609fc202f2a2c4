//! Whatever the graph and whatever happens in it: nothing starts too early, nothing is lost, and the events
//! alone give the same states again.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::plan::graph::{GraphSpec, GroupSpec, Ordering, TaskSpec};
use crate::words::event::{Output, RunEvent, TaskEvent};
use crate::words::failure::Failure;

/// A random acyclic orchestra, written in a random file order.
#[derive(Debug, Clone)]
struct Case {
    outline: GraphSpec,
    rules: Rules,
    /// For each task: does it fail?
    fails: Vec<bool>,
    /// Which of the running tasks ends next, taken modulo their number.
    picks: Vec<usize>,
    /// After how many events the process is killed, and the run taken up again.
    kill_after: usize,
}

fn case() -> impl Strategy<Value = Case> {
    (1usize..24, any::<bool>(), 0u32..4, any::<bool>(), 0usize..3).prop_flat_map(|(n, chain, max, stop, groups)| {
        (
            Just((n, chain, max, stop, groups)),
            prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..4), n),
            prop::collection::vec(0u8..4, n),
            prop::collection::vec(prop::bool::weighted(0.15), n),
            prop::collection::vec(any::<usize>(), 2 * n),
            0usize..80,
        )
            .prop_map(|((n, chain, max, stop, groups), needs, urgency, fails, picks, kill_after)| {
                let tasks = (0..n)
                    .map(|t| {
                        let mut context: Vec<TaskIx> =
                            needs[t].iter().filter(|_| t > 0).map(|needed| needed.index(t)).collect();
                        context.sort_unstable();
                        context.dedup();
                        TaskSpec { context: (!context.is_empty()).then_some(context), urgency: urgency[t] }
                    })
                    .collect();
                let groups = (0..groups)
                    .map(|g| GroupSpec {
                        arrangement: if g == 1 { Ordering::Chain } else { Ordering::Free },
                        tasks: (g * n / 3..(g + 1) * n / 3).collect(),
                    })
                    .collect::<Vec<_>>();
                let arrangement = if chain && groups.is_empty() { Ordering::Chain } else { Ordering::Free };
                let rules = Rules { max_parallel: (max > 0).then_some(max), stops_on_failure: vec![stop; n] };
                Case { outline: GraphSpec { arrangement, tasks, groups }, rules, fails, picks, kill_after }
            })
    })
}

fn names(n: usize) -> Vec<Name> {
    (0..n).map(|t| Name::new(&format!("t{t}")).unwrap()).collect()
}

fn started(name: &Name) -> Event {
    Event::Task {
        task: name.clone(),
        event: TaskEvent::AttemptStarted { attempt: 1, model: Some("a/b".into()), cache_key: None },
    }
}

fn ended(name: &Name, fails: bool) -> Event {
    if fails {
        Event::Task { task: name.clone(), event: TaskEvent::Failed { failure: Failure::new(FailureKind::Auth, "no") } }
    } else {
        let output = Output { sha256: String::new(), bytes: 0, text: None };
        Event::Task { task: name.clone(), event: TaskEvent::Succeeded { attempt: 1, output } }
    }
}

/// Plays a case to its end, with one kill on the way, and returns all events.
fn play(case: &Case, plan: &Plan, names: &[Name]) -> Result<Vec<Event>, TestCaseError> {
    let mut schedule = Schedule::new(plan, &case.rules, names);
    let mut events: Vec<Event> = Vec::new();
    let mut running: Vec<TaskIx> = Vec::new();
    let mut picks = case.picks.iter().cycle();
    let mut killed = false;
    loop {
        if !killed && events.len() >= case.kill_after {
            killed = true;
            running.clear();
            let holder = crate::words::event::Holder { pid: 1, host: String::new() };
            events.push(Event::Run(RunEvent::Resumed { holder, rerun: Vec::new(), changed: Vec::new() }));
            schedule = Schedule::new(plan, &case.rules, names);
            events.iter().for_each(|event| schedule.apply(event));
        }
        let event = match schedule.next_step() {
            Some(Step::Start(task)) => {
                running.push(task);
                started(&names[task])
            }
            Some(Step::Skip { task, because, reason }) => Event::Task {
                task: names[task].clone(),
                event: TaskEvent::Skipped { because: names[because].clone(), reason },
            },
            Some(Step::Finish(status)) => {
                events.push(Event::Run(RunEvent::Finished { status }));
                return Ok(events);
            }
            None => {
                prop_assert!(!running.is_empty(), "it waits, but nothing runs");
                let pick = picks.next().copied().unwrap_or(0) % running.len();
                let task = running.swap_remove(pick);
                ended(&names[task], case.fails[task])
            }
        };
        schedule.apply(&event);
        events.push(event);
        prop_assert_eq!(schedule.running() as usize, running.len());
    }
}

proptest! {
    #[test]
    fn every_run_keeps_its_promises(case in case()) {
        let Ok(plan) = Plan::new(&case.outline) else { return Ok(()) };
        let names = names(plan.len());
        let events = play(&case, &plan, &names)?;
        let ix = |name: &Name| names.iter().position(|n| n == name).unwrap();
        let (mut done, mut gone, mut running) = (HashSet::new(), HashSet::new(), HashSet::new());
        for event in &events {
            match event {
                Event::Task { task, event: TaskEvent::AttemptStarted { .. } } => {
                    let task = ix(task);
                    prop_assert!(!done.contains(&task) && !gone.contains(&task), "t{} runs twice", task);
                    prop_assert!(plan.needs(task).iter().all(|n| done.contains(n)), "t{} is too early", task);
                    running.insert(task);
                    prop_assert!(case.rules.max_parallel.is_none_or(|max| running.len() <= max as usize));
                }
                Event::Task { task, event: TaskEvent::Succeeded { .. } } => {
                    running.remove(&ix(task));
                    done.insert(ix(task));
                }
                Event::Task { task, event: TaskEvent::Failed { .. } } => {
                    running.remove(&ix(task));
                    gone.insert(ix(task));
                }
                Event::Task { task, event: TaskEvent::Skipped { because, .. } } => {
                    prop_assert!(gone.contains(&ix(because)), "skipped before there was a failure");
                    gone.insert(ix(task));
                }
                Event::Run(RunEvent::Resumed { .. }) => {
                    running.clear();
                    gone.clear();
                }
                _ => {}
            }
        }
        prop_assert_eq!(done.len() + gone.len(), plan.len(), "a task was lost");
        let Some(Event::Run(RunEvent::Finished { status })) = events.last() else { unreachable!() };
        prop_assert_eq!(*status == RunStatus::Succeeded, gone.is_empty());
        prop_assert_eq!(*status == RunStatus::Failed, done.is_empty());
        for failed in gone.iter().filter(|&&t| !case.fails[t]) {
            let stopped = case.rules.stops_on_failure[*failed] && gone.iter().any(|&t| case.fails[t]);
            prop_assert!(stopped || plan.needs(*failed).iter().any(|n| gone.contains(n)), "t{} need not be skipped", failed);
        }
    }

    #[test]
    fn the_events_alone_give_the_same_states(case in case()) {
        let Ok(plan) = Plan::new(&case.outline) else { return Ok(()) };
        let names = names(plan.len());
        let events = play(&case, &plan, &names)?;
        let mut live = Schedule::new(&plan, &case.rules, &names);
        for n in 0..=events.len() {
            let mut folded = Schedule::new(&plan, &case.rules, &names);
            events[..n].iter().for_each(|event| folded.apply(event));
            prop_assert_eq!((&live.states, &live.missing, live.running), (&folded.states, &folded.missing, folded.running));
            prop_assert_eq!(live.next_step(), folded.next_step());
            if let Some(event) = events.get(n) {
                live.apply(event);
            }
        }
    }
}

#[test]
fn after_a_stop_nothing_new_starts_and_the_open_task_is_open_again() {
    let outline = GraphSpec { arrangement: Ordering::Free, tasks: vec![TaskSpec::default(); 3], groups: vec![] };
    let plan = Plan::new(&outline).unwrap();
    let rules = Rules { max_parallel: Some(2), stops_on_failure: vec![true; 3] };
    let names = names(3);
    let mut schedule = Schedule::new(&plan, &rules, &names);
    schedule.apply(&started(&names[0]));
    schedule.apply(&started(&names[1]));
    schedule.apply(&Event::Run(RunEvent::StopRequested { signal: "SIGINT".into() }));
    schedule.apply(&ended(&names[0], false));
    assert_eq!(schedule.next_step(), None);
    let failure = Failure::new(FailureKind::Cancelled, "");
    schedule.apply(&Event::Task {
        task: names[1].clone(),
        event: TaskEvent::AttemptFailed { attempt: 1, failure, retry_in_ms: None, next_model: None },
    });
    assert_eq!(schedule.next_step(), Some(Step::Finish(RunStatus::Interrupted)));
}
