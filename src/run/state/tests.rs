//! Whatever the graph and whatever happens in it: nothing starts too early or twice, nothing is lost, the events alone
//! give the same state again, and a journal that was changed is refused or means the same.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plan::graph::{GraphSpec, GroupSpec, Ordering, Plan, TaskSpec};
use crate::plan::growth::{Expand, ForEach, Grows, ItemKind, Items, Repeat, Review};
use crate::plan::orchestra::{Approve, RateLimit, Task, Work};
use crate::plan::resolve;
use crate::plan::retry::RetryPolicy;
use crate::plan::spec::{Collect, Join, Limits, OnError};
use crate::plan::template::Template;
use crate::run::history::{Answer, Gate};
use crate::run::rate_limit::RateLimitKey;
use crate::run_builder::{agent, orchestra_of, start_of, task};
use crate::words::event::{FORMAT, Holder};
use crate::words::usage::{StopReason, Usage};

/// A random orchestra, and what happens when it is run.
#[derive(Debug, Clone)]
struct Case {
    outline: GraphSpec,
    max_parallel: Option<u32>,
    stops: bool,
    /// For each task: how many items its list has, if it has one.
    items: Vec<Option<usize>>,
    /// For each task, how many rounds it has, if it is repeated.
    rounds: Vec<Option<u32>>,
    /// For each task, how many others it plans, if it does, and which of those need the one before them.
    plans: Vec<Option<(usize, u8)>>,
    /// For each task, how many versions it may have, if it is reviewed.
    reviews: Vec<Option<u32>>,
    /// For each task, whether a person is asked about it.
    asks: Vec<bool>,
    /// For each task, whether it is not wanted when it is asked.
    unwanted: Vec<bool>,
    /// For each task, how those that it needs must have ended.
    joins: Vec<Join>,
    max_calls: Option<u64>,
    /// What happens next, as anything: which attempt goes on, and how.
    dice: Vec<u8>,
    /// After how many events the process is killed, each time.
    kills: Vec<usize>,
    /// After how many events a signal comes.
    stop_after: Option<usize>,
}

fn case() -> impl Strategy<Value = Case> {
    let shape = (1usize..14, any::<bool>(), 0u32..4, any::<bool>(), 0usize..3);
    shape.prop_flat_map(|(n, chain, max, stops, groups)| {
        let needs = prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 0..3), n);
        let urgency = prop::collection::vec(0u8..4, n);
        let items = prop::collection::vec(prop::option::weighted(0.25, 0usize..5), n);
        let rounds = prop::collection::vec(prop::option::weighted(0.15, 1u32..5), n);
        let plans = prop::collection::vec(prop::option::weighted(0.15, (1usize..5, any::<u8>())), n);
        let reviews = prop::collection::vec(prop::option::weighted(0.15, 1u32..4), n);
        let asks = prop::collection::vec(prop::bool::weighted(0.15), n);
        let unwanted = prop::collection::vec(prop::bool::weighted(0.2), n);
        let join =
            prop_oneof![4 => Just(Join::All), 1 => Just(Join::Any), 1 => Just(Join::Settled), 1 => Just(Join::Failed)];
        let joins = prop::collection::vec(join, n);
        let limit = prop::option::weighted(0.2, 0u64..20);
        let dice = prop::collection::vec(any::<u8>(), 400);
        let kills = prop::collection::vec(1usize..40, 0..3);
        let stop_after = prop::option::weighted(0.2, 0usize..60);
        (needs, urgency, (items, rounds, plans, reviews, (asks, unwanted), joins), limit, dice, kills, stop_after)
            .prop_map(
                move |(
                    needs,
                    urgency,
                    (items, rounds, plans, reviews, (asks, unwanted), joins),
                    max_calls,
                    dice,
                    kills,
                    stop_after,
                )| {
                    let tasks = (0..n)
                        .map(|t| {
                            let mut context: Vec<TaskIx> =
                                needs[t].iter().filter(|_| t > 0).map(|needed| needed.index(t)).collect();
                            context.sort_unstable();
                            context.dedup();
                            TaskSpec { context: (!context.is_empty()).then_some(context), urgency: urgency[t] }
                        })
                        .collect();
                    let groups: Vec<GroupSpec> = (0..groups)
                        .map(|g| GroupSpec {
                            arrangement: if g == 1 { Ordering::Chain } else { Ordering::Free },
                            tasks: (g * n / 3..(g + 1) * n / 3).collect(),
                        })
                        .collect();
                    let arrangement = if chain && groups.is_empty() { Ordering::Chain } else { Ordering::Free };
                    let outline = GraphSpec { arrangement, tasks, groups };
                    let max_parallel = (max > 0).then_some(max);
                    Case {
                        outline,
                        max_parallel,
                        stops,
                        items,
                        rounds,
                        plans,
                        reviews,
                        asks,
                        unwanted,
                        joins,
                        max_calls,
                        dice,
                        kills,
                        stop_after,
                    }
                },
            )
    })
}

impl Case {
    /// The orchestra; `None` if its groups and needs form a circle.
    fn orchestra(&self) -> Option<Orchestra> {
        let plan = Plan::new(&self.outline).ok()?;
        let on_error = if self.stops { OnError::Stop } else { OnError::Continue };
        let tasks = (0..plan.len()).map(|ix| Task {
            work: Work::Agent { agent: 0, description: Template::new("do it") },
            on_error,
            join: self.joins[ix],
            retry: RetryPolicy { max_attempts: 2, ..RetryPolicy::fixed() },
            grows: self.grows(ix),
            approve: self.asks[ix].then(Approve::default),
            ..task(&format!("t{ix}"))
        });
        let mut orchestra = orchestra_of(vec![agent("a")], tasks.collect(), plan);
        orchestra.execution.max_parallel = self.max_parallel;
        orchestra.limits = Limits { max_api_calls: self.max_calls, ..Limits::default() };
        Some(orchestra)
    }
}

impl Case {
    fn grows(&self, task: TaskIx) -> Vec<Grows> {
        let list = |n: usize| {
            let items = Items::Literal((0..n).map(Value::from).collect());
            let max_parallel = (n % 2 == 1).then_some(2);
            Grows::ForEach(ForEach { items, max_parallel, collect: Collect::Json }.into())
        };
        let rounds = |max: u32| Grows::Repeat(Repeat { until: None, max, accepts: false }.into());
        let plan = |max_tasks: usize| {
            Grows::Expand(Expand { agents: vec![0], max_tasks, max_parallel: None, collect: Collect::Json }.into())
        };
        let review = |max: u32| {
            let advise = (max % 2 == 1).then_some(0);
            Grows::Review(Review { by: 0, advise, max, accepts: true, criteria: None }.into())
        };
        let all = [
            self.items[task].map(list),
            self.rounds[task].map(rounds),
            self.plans[task].map(|(n, _)| plan(n)),
            self.reviews[task].map(review),
        ];
        // Two ways in one another are deep enough.
        all.into_iter().flatten().take(2).collect()
    }
}

fn fresh(orchestra: &Orchestra) -> State {
    let model = ModelFacts {
        label: "a/b".to_owned(),
        number: 0,
        limit_key: RateLimitKey(0),
        rate: RateLimit::default(),
        context_window: None,
        is_program: false,
    };
    let other = ModelFacts {
        label: "c/d".to_owned(),
        number: 1,
        limit_key: RateLimitKey(1),
        rate: RateLimit::default(),
        context_window: None,
        is_program: false,
    };
    State::new(orchestra.clone(), vec![vec![model, other]])
}

fn made() -> Made {
    let output = Output { sha256: "0".repeat(64), bytes: 0, text: Some("".into()) };
    Made { output, sets: vec![("done.last".to_owned(), Value::Bool(true))] }
}

/// A process that carries out commands at random.
struct Process<'c> {
    case: &'c Case,
    orchestra: &'c Orchestra,
    state: State,
    records: Vec<Record>,
    now_us: u64,
    dice: std::iter::Cycle<std::slice::Iter<'c, u8>>,
    /// Attempts under way: how many calls each has begun, and whether the last one is open.
    running: BTreeMap<TaskIx, (u32, u32, bool)>,
    asking: HashSet<TaskIx>,
}

impl<'c> Process<'c> {
    fn new(case: &'c Case, orchestra: &'c Orchestra) -> Self {
        let mut process = Self {
            case,
            orchestra,
            state: fresh(orchestra),
            records: Vec::new(),
            now_us: 0,
            dice: case.dice.iter().cycle(),
            running: BTreeMap::new(),
            asking: HashSet::new(),
        };
        process.note(RunEvent::Started(start_of(orchestra).into()).into());
        process
    }

    fn roll(&mut self) -> u8 {
        self.dice.next().copied().unwrap_or(0)
    }

    fn note(&mut self, event: Event) {
        let seq = self.records.len() as u64 + 1;
        let record = Record { seq, at_ms: 0, mono_us: self.now_us, event };
        self.state.apply(&record).unwrap_or_else(|illegal| panic!("{illegal}\n{:#?}", self.kinds()));
        self.records.push(record);
    }

    fn kinds(&self) -> Vec<String> {
        self.records.iter().map(|record| format!("{} {:?}", record.event.kind(), record.event.task())).collect()
    }

    fn of(&mut self, task: TaskIx, event: TaskEvent) {
        let task = self.state.orchestra().tasks[task].name.clone();
        self.note(Event::Task { task, event });
    }

    /// Runs to the end, with kills on the way.
    fn play(&mut self) -> Result<(), TestCaseError> {
        let mut kills = self.case.kills.iter();
        let mut kill_at = kills.next().copied();
        let mut stop_at = self.case.stop_after;
        for _ in 0..5000 {
            if kill_at.is_some_and(|at| self.records.len() >= at) {
                kill_at = kills.next().map(|more| self.records.len() + more);
                self.kill();
            }
            if stop_at.is_some_and(|at| self.records.len() >= at) {
                stop_at = None;
                self.state.tell(Input::Signal("SIGINT"));
            }
            let dice = f64::from(self.roll()) / 255.0;
            let commands = self.state.next(self.now_us, dice);
            if commands.is_empty() {
                if self.state.history().unwrap().status.is_some() {
                    return Ok(());
                }
                self.go_on()?;
            }
            for command in commands {
                self.carry_out(command)?;
            }
        }
        Err(TestCaseError::fail(format!("it does not end: {:#?}", self.kinds())))
    }

    /// The process is killed, and another one takes the run up from the journal.
    fn kill(&mut self) {
        if self.state.history().unwrap().status == Some(RunStatus::Succeeded) {
            return;
        }
        self.running.clear();
        self.asking.clear();
        self.state = fresh(self.orchestra);
        self.records.iter().for_each(|record| self.state.apply(record).unwrap());
        self.now_us = 0;
        let holder = Holder { pid: 1, host: String::new() };
        self.note(RunEvent::Resumed { format: FORMAT, holder, rerun: Vec::new(), changed: Vec::new() }.into());
    }

    /// Whether a task, or a member of one, is left out when it is asked for the first time.
    fn is_unwanted(&self, task: TaskIx) -> bool {
        let waits = self.state.history().unwrap().tasks[task].state == TaskState::Waiting;
        let is_unasked = self.state.orchestra().tasks[task].item().is_some_and(|item| item.kind != ItemKind::Listed);
        // Before another round, nobody asks whether the task is wanted.
        let has_begun = self.state.history().unwrap().tasks[task].members.is_some();
        waits && !is_unasked && !has_begun && self.case.unwanted[task % self.case.unwanted.len()]
    }

    fn carry_out(&mut self, command: Command) -> Result<(), TestCaseError> {
        match command {
            Command::Prepare(task) | Command::Expand(task) if self.is_unwanted(task) => {
                let why = Omission::Condition { when: "{{ no }}".to_owned(), values: BTreeMap::new() };
                self.state.tell(Input::Omitted(task, why));
            }
            Command::Record(event) => self.note(event),
            Command::Prepare(task) => {
                let preparation = match self.roll() {
                    0..10 => Preparation::Refused(Failure::new(FailureKind::BadRequest, "no")),
                    10..20 => Preparation::Ready { cache_key: None, prompt_tokens: 0, first_call: None },
                    _ => Preparation::Ready {
                        cache_key: None,
                        prompt_tokens: 10,
                        first_call: Some(vec![Reservation::default(); 2]),
                    },
                };
                self.state.tell(Input::Prepared(task, preparation));
            }
            Command::Expand(task) => {
                let Some(items) = self.next_items(task) else {
                    self.state.tell(Input::Collected(task, Ok(made())));
                    return Ok(());
                };
                let members = resolve::extend(self.state.orchestra(), task, items).unwrap();
                let planned = self.state.orchestra().planned_members(&members);
                self.state.tell(Input::Expanded(task, Ok(planned)));
            }
            Command::LookForAnswers => self.answer(),
            Command::Collect(task) => self.state.tell(Input::Collected(task, Ok(made()))),
            Command::Launch { task, attempt, granted, .. } => {
                prop_assert!(
                    self.running.insert(task, (attempt, u32::from(granted.is_some()), granted.is_some())).is_none(),
                    "runs twice"
                );
            }
            Command::Grant(task, _) => {
                prop_assert!(self.asking.remove(&task));
                let (_, calls, open) = self.running.get_mut(&task).unwrap();
                (*calls, *open) = (*calls + 1, true);
            }
            Command::Reject(task, failure) => {
                if self.asking.remove(&task)
                    && let Some((attempt, ..)) = self.running.remove(&task)
                {
                    self.state.tell(Input::AttemptEnded { task, attempt, result: Err(failure) });
                }
            }
            Command::Abort => {
                self.running.clear();
                self.asking.clear();
            }
        }
        let limit = self.case.max_parallel;
        prop_assert!(limit.is_none_or(|max| self.running.len() <= max as usize), "too many at once");
        Ok(())
    }

    /// A person answers some of what waits, or nobody does.
    fn answer(&mut self) {
        let gates: Vec<(TaskIx, Gate)> = self.state.gates().map(|(task, gate)| (task, gate.clone())).collect();
        for (task, gate) in gates {
            let said = match self.roll() {
                0..120 => Some(true),
                120..180 => Some(false),
                _ => None,
            };
            // What was heard before the process ended is told again, and an answer to something else is not heard.
            let Some(approved) = gate.approved().or(said) else { continue };
            let stale = self.roll() > 200 && gate.answer.is_none();
            let sha256 = if stale { "1".repeat(64) } else { gate.output.sha256.clone() };
            let answer = Answer { sha256, approved, by: "p".to_owned(), reason: None };
            self.state.tell(Input::Answered(task, answer, Ok(made())));
        }
    }

    /// What the next members of a task are made for; nothing if it has all of them.
    fn next_items(&mut self, task: TaskIx) -> Option<Vec<Value>> {
        let members = self.state.history().unwrap().tasks[task].members.as_ref().map_or(0, Vec::len);
        let needs = self.dice.clone().next().copied().unwrap_or_default();
        match (self.state.orchestra().tasks[task].grows.first().unwrap(), members) {
            (Grows::ForEach(list), _) => match &list.items {
                Items::Literal(items) => Some(items.clone()),
                _ => None,
            },
            (Grows::Repeat(rounds), _) if members < rounds.max as usize => Some(vec![Value::from(members + 1)]),
            (Grows::Expand(_), 0) => Some(vec![Value::Null]),
            (Grows::Expand(plan), 1) => Some((0..plan.max_tasks).map(|number| planned(number, needs)).collect()),
            (Grows::Review(_), 0) => Some(resolve::first_version()),
            (Grows::Review(how), _) => {
                let last = if how.advise.is_some() { (members + 1) / 3 } else { members / 2 };
                (last < how.max as usize).then(|| resolve::next_version(last, how))
            }
            _ => None,
        }
    }

    /// Something happens outside: an attempt goes on, or time passes.
    fn go_on(&mut self) -> Result<(), TestCaseError> {
        let ready: Vec<TaskIx> = self.running.keys().copied().filter(|task| !self.asking.contains(task)).collect();
        let roll = usize::from(self.roll());
        let Some(&task) = ready.get(roll % ready.len().max(1)) else {
            let wakes = self.state.wakes_at_us();
            prop_assert!(
                wakes.is_some(),
                "it waits for nothing: asking {:?}, running {:?}, {:?} {:#?}",
                self.asking,
                self.running,
                self.state.tasks,
                self.kinds()
            );
            self.now_us = self.now_us.max(wakes.unwrap_or(0));
            return Ok(());
        };
        self.now_us += 1000;
        let (attempt, calls, open) = self.running[&task];
        if !open {
            self.asking.insert(task);
            let need = Reservation::default();
            let request = CallRequest { task, attempt, call: calls + 1, input_tokens: 10, need };
            self.state.tell(Input::CallRequested(request));
            return Ok(());
        }
        let result = match self.roll() {
            0..40 => {
                let kinds = [FailureKind::Overloaded, FailureKind::RateLimited, FailureKind::Auth];
                let failure = Failure::new(kinds[roll % kinds.len()], "no");
                self.of(task, call_failed(attempt, calls, failure.clone()));
                Err(failure)
            }
            _ => {
                self.of(task, call_finished(attempt, calls));
                Ok(made())
            }
        };
        self.running.remove(&task);
        self.state.tell(Input::AttemptEnded { task, attempt, result });
        Ok(())
    }
}

/// A task of a plan, which needs the one before it if its bit is set.
fn planned(number: usize, needs: u8) -> Value {
    let needed: Vec<String> =
        (number > 0 && needs >> number & 1 == 1).then(|| format!("p{}", number - 1)).into_iter().collect();
    json!({"task_id": format!("p{number}"), "assigned_to": "a", "description": "do it", "dependencies": needed})
}

fn call_finished(attempt: u32, call: u32) -> TaskEvent {
    TaskEvent::CallFinished {
        attempt,
        call,
        usage: Usage { input_tokens: 10, output_tokens: 5, ..Usage::default() },
        stop: StopReason::End,
        cost_usd: None,
        latency_ms: 1,
        first_byte_ms: 1,
        rate_limit: None,
        turn: None,
    }
}

fn is_cancelled(event: &TaskEvent) -> bool {
    matches!(event, TaskEvent::AttemptFailed { failure, .. } if failure.kind == FailureKind::Cancelled)
}

fn call_failed(attempt: u32, call: u32, failure: Failure) -> TaskEvent {
    let (usage, cost_usd, rate_limit) = (None, None, None);
    TaskEvent::CallFailed {
        attempt,
        call,
        failure,
        usage,
        cost_usd,
        latency_ms: 1,
        rate_limit,
        unsettled: false,
        again: false,
    }
}

/// All of a state that a person sees, and how far each node is.
fn essence(state: &State) -> String {
    format!("{}\n{}", meaning(state), state.schedule.essence())
}

/// What of a state must be the same although its events came in another order. Whether an open task has met a limit is
/// not among it, nor is a signal that stopped nothing, nor whether a run that can be taken up has left a task out already:
/// all of these leave the task to a resume.
fn meaning(state: &State) -> String {
    let history = state.history().unwrap();
    let is_open =
        matches!(history.status, None | Some(RunStatus::Limited | RunStatus::Interrupted | RunStatus::Waiting));
    let is_left_to_resume = |state: &TaskState| is_open && matches!(state, TaskState::Omitted(_));
    let name = |ix: &TaskIx| history.tasks[*ix].planned.task.to_string();
    let mut lines: Vec<String> = history
        .tasks
        .iter()
        .map(|task| {
            let state = Some(&task.state).filter(|state| state.is_final() && !is_left_to_resume(state));
            let members: Option<Vec<String>> = task.members.as_ref().map(|members| members.iter().map(name).collect());
            format!("{} {state:?} {} {} {members:?}", task.planned.task, task.attempts, task.calls)
        })
        .collect();
    lines.sort();
    format!("{}\n{:?} {:?}", lines.join("\n"), history.status, history.ctx)
}

/// The lines in which two states differ.
fn difference(one: &State, other: &State) -> String {
    let (one, other) = (essence(one), essence(other));
    let lines = one.lines().zip(other.lines()).filter(|(one, other)| one != other);
    lines.map(|(one, other)| format!("- {one}\n+ {other}\n")).collect()
}

fn folded(orchestra: &Orchestra, records: &[Record]) -> Result<State, IllegalEvent> {
    let mut state = fresh(orchestra);
    records.iter().try_for_each(|record| state.apply(record))?;
    Ok(state)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn every_run_keeps_its_promises(case in case()) {
        let Some(orchestra) = case.orchestra() else { return Ok(()) };
        let mut process = Process::new(&case, &orchestra);
        process.play()?;
        let history = process.state.history().unwrap();
        let plan = &process.state.orchestra().plan;
        let (mut done, mut calls) = (HashSet::new(), 0);
        let mut ended = HashSet::new();
        let (mut omitted, mut begun) = (HashSet::new(), HashSet::new());
        let mut ever_omitted = HashSet::new();
        let mut rejected = Vec::new();
        for record in &process.records {
            let Event::Task { task, event } = &record.event else {
                // What has failed is tried again, and what was left out is asked again.
                if matches!(record.event, Event::Run(RunEvent::Resumed { .. })) {
                    ended.clear();
                    omitted.clear();
                    // What was rejected as a whole is made anew as a whole.
                    for member in history.members_of(&std::mem::take(&mut rejected)) {
                        done.remove(&member);
                    }
                }
                continue;
            };
            let ix = history.place(task.as_str()).unwrap();
            match event {
                TaskEvent::ApprovalGiven { approved: false, .. } => rejected.push(ix),
                TaskEvent::AttemptStarted { .. } => {
                    prop_assert!(!done.contains(&ix), "{} runs twice", task);
                    let mut needs = plan.needs(ix).iter();
                    let joins = process.state.orchestra().tasks[ix].join != Join::All;
                    let is_there = |needed| {
                        let is_settled = done.contains(needed) || plan.is_chained(ix) && omitted.contains(needed);
                        is_settled || joins && ended.contains(needed)
                    };
                    prop_assert!(needs.all(is_there), "{} is too early", task);
                    begun.insert(ix);
                }
                TaskEvent::Omitted(_) => {
                    omitted.insert(ix);
                    ever_omitted.insert(ix);
                    ended.insert(ix);
                }
                TaskEvent::Failed { .. } | TaskEvent::Skipped { .. } => {
                    ended.insert(ix);
                }
                TaskEvent::CallStarted { .. } => {
                    calls += 1;
                    prop_assert!(case.max_calls.is_none_or(|max| calls <= max), "{} calls", calls);
                }
                TaskEvent::CallFailed { failure, .. } if failure.kind.is_unsent() => calls -= 1,
                TaskEvent::Succeeded { .. } => prop_assert!(done.insert(ix), "{} is done twice", task),
                _ => {}
            }
        }
        let open: Vec<&Name> =
            history.tasks.iter().filter(|task| !task.state.is_final()).map(|task| &task.planned.task).collect();
        let may_be_open =
            matches!(history.status, Some(RunStatus::Limited | RunStatus::Interrupted | RunStatus::Waiting));
        prop_assert!(may_be_open || open.is_empty(), "{:?} are lost", open);
        // What a task for failures was begun for may come out well when a resume tries it again.
        let is_for_failures = |task: &usize| process.state.orchestra().tasks[*task].join == Join::Failed;
        let both: Vec<&usize> = ever_omitted.intersection(&begun).filter(|task| !is_for_failures(task)).collect();
        prop_assert!(both.is_empty(), "{:?}", both);
        let settled = done.union(&omitted).count();
        prop_assert_eq!(history.status == Some(RunStatus::Succeeded), settled == history.tasks.len());
    }

    #[test]
    fn what_becomes_of_a_task_follows_from_those_before_it(case in case()) {
        let asks = vec![false; case.asks.len()];
        let case = Case { stops: false, max_calls: None, stop_after: None, asks, ..case };
        let Some(orchestra) = case.orchestra() else { return Ok(()) };
        let mut process = Process::new(&case, &orchestra);
        process.play()?;
        let (history, plan) = (process.state.history().unwrap(), &process.state.orchestra().plan);
        let is_unasked =
            |ix: usize| process.state.orchestra().tasks[ix].item().is_some_and(|item| item.kind != ItemKind::Listed);
        for (ix, task) in history.tasks.iter().enumerate() {
            let before: Vec<&TaskState> = plan.needs(ix).iter().map(|&needed| &history.tasks[needed].state).collect();
            let failed = |state: &&TaskState| matches!(state, TaskState::Failed(_) | TaskState::Skipped(..));
            let omitted = |state: &&TaskState| matches!(state, TaskState::Omitted(_));
            let made = before.iter().any(|state| matches!(state, TaskState::Succeeded(_)));
            let blocked = match process.state.orchestra().tasks[ix].join {
                Join::All => before.iter().any(failed) || before.iter().any(omitted) && !plan.is_chained(ix),
                Join::Any => !made && !before.is_empty(),
                Join::Settled => false,
                Join::Failed => !before.iter().any(failed) && !before.is_empty(),
            };
            let is_for_failures = process.state.orchestra().tasks[ix].join == Join::Failed;
            // What it ran for may have come out well since, when a resume tried that again.
            let ran_before = !case.kills.is_empty() && matches!(task.state, TaskState::Succeeded(_));
            let fits = if blocked && is_for_failures {
                ran_before || matches!(task.state, TaskState::Omitted(Omission::NoFailure { .. }))
            } else if blocked && before.iter().any(failed) {
                matches!(task.state, TaskState::Skipped(..))
            } else if blocked {
                matches!(task.state, TaskState::Omitted(Omission::Dependency { .. }))
            } else if case.unwanted[ix % case.unwanted.len()] && !is_unasked(ix) {
                matches!(task.state, TaskState::Omitted(Omission::Condition { .. }))
            } else {
                matches!(task.state, TaskState::Succeeded(_) | TaskState::Failed(_))
            };
            prop_assert!(fits, "{} is {:?} after {:?}", task.planned.task, task.state, before);
        }
    }

    #[test]
    fn the_events_alone_give_the_same_state(case in case()) {
        let Some(orchestra) = case.orchestra() else { return Ok(()) };
        let mut process = Process::new(&case, &orchestra);
        process.play()?;
        let again = folded(&orchestra, &process.records).unwrap();
        prop_assert!(essence(&again) == essence(&process.state), "{}", difference(&again, &process.state));
    }

    #[test]
    fn a_journal_that_was_changed_is_refused_or_means_the_same(
        case in case(),
        at in any::<prop::sample::Index>(),
        to in any::<prop::sample::Index>(),
        how in 0u8..3,
    ) {
        let Some(orchestra) = case.orchestra() else { return Ok(()) };
        let mut process = Process::new(&case, &orchestra);
        process.play()?;
        let mut records = process.records.clone();
        let (at, to) = (at.index(records.len()), to.index(records.len()));
        match how {
            0 => drop(records.remove(at)),
            1 => records.insert(to, records[at].clone()),
            _ => {
                let record = records.remove(at);
                records.insert(to.min(records.len()), record);
            }
        }
        for (place, record) in records.iter_mut().enumerate() {
            record.seq = place as u64 + 1;
        }
        // Without the last event before a kill it is the journal of a run that was killed a moment earlier.
        let dropped = &process.records[at].event;
        let resumes = |record: &Record| matches!(record.event, Event::Run(RunEvent::Resumed { .. }));
        let follows = |record: &&Record| match dropped {
            Event::Task { task, .. } => record.event.task() == Some(task) || resumes(record),
            Event::Run(_) => true,
        };
        let next = records[at.min(records.len())..].iter().find(follows);
        let was_killed = next.is_some_and(|record| match &record.event {
            Event::Run(_) => resumes(record),
            // Nobody can tell whether an attempt that was cancelled had begun its call.
            Event::Task { event, .. } => is_cancelled(event) && dropped.kind() == "call_started",
        });
        // What a task would have set stands nowhere else.
        let was_value = dropped.kind() == "ctx_set";
        let is_cut = how == 0 && (at == records.len() || was_killed || was_value);
        // With a resume as its last event, or its end before a resume, it is the journal of a run that was taken up again,
        // and killed.
        let ends_early = how == 2 && dropped.kind() == "run_finished";
        let is_taken_up = how != 0 && records.last().is_some_and(resumes) || ends_early;
        if let Ok(state) = folded(&orchestra, &records) && !is_cut && !is_taken_up {
            let what = &process.records[at].event;
            let same = meaning(&state) == meaning(&process.state);
            prop_assert!(same, "{how} of {at} ({}) to {to}\n{}", what.kind(), difference(&state, &process.state));
        }
    }
}
