//! Which task starts next: the graph, and how far each of its nodes is.
//!
//! Knows no event, no attempt, no time and no model. The graph may grow while it is worked through.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet, VecDeque};

use crate::plan::graph::{Edge, Node, NodeIx, Plan, Rank, TaskIx};
use crate::plan::spec::Join;
use crate::words::event::SkipReason;

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin a task; for one that stands for many, both before it has members and when all of them have ended.
    Start(TaskIx),
    /// Say that a task is not run.
    Skip {
        /// The task.
        task: TaskIx,
        /// The task that failed.
        because: TaskIx,
        /// Why that concerns this task.
        reason: SkipReason,
    },
    /// Say that a task is left out.
    Omit {
        /// The task.
        task: TaskIx,
        /// The task whose output it needs and that was left out; `None` if it is for failures and there was none.
        because: Option<TaskIx>,
    },
    /// Nothing runs and nothing can start any more.
    Over,
}

/// How far a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// It waits for other nodes.
    Waiting,
    /// It could start.
    Ready,
    /// An attempt is under way, or waits for its next try.
    Running,
    /// It cannot go on, because of a limit; a resume may.
    Limited,
    /// It is made, and waits for a person.
    Asking,
    /// Done.
    Succeeded,
    /// Failed or skipped.
    Gone,
    /// Left out, since it is not wanted.
    Omitted,
}

impl Progress {
    fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Gone | Self::Omitted)
    }
}

#[derive(Debug, Clone)]
struct NodeState {
    progress: Progress,
    /// How many of those that it waits for are not final.
    missing: u32,
    /// Whether its failure stops the run: nothing new starts then.
    stops_run: bool,
    /// How those whose outputs it needs must have ended.
    join: Join,
    /// The task whose member it is.
    parent: Option<TaskIx>,
    /// Whether it has its turn among the members of that task: from when it could start until it has ended, also while it waits
    /// for members of its own.
    has_turn: bool,
    /// Where it stands for many: the members that have not had their turn.
    fan_out: Option<FanOut>,
}

#[derive(Debug, Clone, Default)]
struct FanOut {
    /// How many members run side by side; `None` is no limit of its own.
    max_parallel: Option<u32>,
    members: Vec<TaskIx>,
    /// How many have their turn.
    active: u32,
    /// Members that could start and wait for the turn of others to end.
    queue: VecDeque<TaskIx>,
}

/// What the schedule has to know of a task beside its place in the graph.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TaskRules {
    /// Whether its failure stops the run; of a member: whether its failure stops its siblings.
    pub stops_on_failure: bool,
    /// Whether it stands for many.
    pub fans_out: bool,
    /// How many of those run side by side; `None` is no limit of their own.
    pub max_members: Option<u32>,
    /// How those whose outputs it needs must have ended.
    pub join: Join,
}

/// The progress of a run's tasks.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    /// How many tasks may run at once; `None` is no limit.
    max_parallel: Option<u32>,
    /// By the plan's nodes.
    nodes: Vec<NodeState>,
    /// Lowest rank first. May hold tasks that are no longer ready; they are passed over.
    ready: BinaryHeap<Reverse<(Rank, TaskIx)>>,
    /// Tasks that stand for many and are ready. They take no place of those that run, and go on when nothing new
    /// starts: what they do costs nothing.
    ready_to_fan_out: VecDeque<TaskIx>,
    /// Tasks that can no longer run, each with the failure that is the cause.
    pending_skips: VecDeque<(TaskIx, TaskIx, SkipReason)>,
    /// Tasks that need the output of one that was left out, each with that one, and those for failures that did not come.
    pending_omissions: VecDeque<(TaskIx, Option<TaskIx>)>,
    running: u32,
    stopped: bool,
}

impl Schedule {
    /// A run in which nothing has happened. `rules` are those of the plan's tasks.
    #[must_use]
    pub(crate) fn new(plan: &Plan, max_parallel: Option<u32>, rules: impl IntoIterator<Item = TaskRules>) -> Self {
        let mut schedule = Self {
            max_parallel,
            nodes: vec![NodeState::of(TaskRules::default(), None); plan.nodes()],
            ready: BinaryHeap::new(),
            ready_to_fan_out: VecDeque::new(),
            pending_skips: VecDeque::new(),
            pending_omissions: VecDeque::new(),
            running: 0,
            stopped: false,
        };
        for (task, rules) in rules.into_iter().enumerate() {
            schedule.nodes[plan.node(task)] = NodeState::of(rules, None);
        }
        schedule.rebuild(plan, |_| false);
        schedule
    }

    /// What to do next; `None` means to wait for something to happen.
    pub(crate) fn next(&mut self, plan: &Plan) -> Option<Step> {
        while let Some(&(task, because, reason)) = self.pending_skips.front() {
            if matches!(self.progress(plan, task), Progress::Waiting | Progress::Ready) {
                return Some(Step::Skip { task, because, reason });
            }
            self.pending_skips.pop_front();
        }
        while let Some(&(task, because)) = self.pending_omissions.front() {
            if self.progress(plan, task) == Progress::Waiting {
                return Some(Step::Omit { task, because });
            }
            self.pending_omissions.pop_front();
        }
        self.ready_to_fan_out.retain(|&task| self.nodes[plan.node(task)].progress == Progress::Ready);
        if let Some(&task) = self.ready_to_fan_out.front() {
            return Some(Step::Start(task));
        }
        if !self.stopped && self.max_parallel.is_none_or(|max| self.running < max) {
            while let Some(&Reverse((_, task))) = self.ready.peek() {
                if self.progress(plan, task) == Progress::Ready {
                    return Some(Step::Start(task));
                }
                self.ready.pop();
            }
        }
        (self.running == 0).then_some(Step::Over)
    }

    /// Whether nothing runs and nothing can start any more.
    #[must_use]
    pub(crate) fn is_over(&self, plan: &Plan) -> bool {
        let open = |task: TaskIx| self.progress(plan, task) == Progress::Ready;
        let skips = self
            .pending_skips
            .iter()
            .any(|&(task, ..)| matches!(self.progress(plan, task), Progress::Waiting | Progress::Ready));
        let omissions = self.pending_omissions.iter().any(|&(task, _)| self.progress(plan, task) == Progress::Waiting);
        let starts = !self.stopped && self.ready.iter().any(|&Reverse((_, task))| open(task));
        let fans_out = self.ready_to_fan_out.iter().any(|&task| open(task));
        self.running == 0 && !skips && !omissions && !starts && !fans_out
    }

    /// Whether a task could start now, as far as the graph is concerned.
    #[must_use]
    pub(crate) fn is_ready(&self, plan: &Plan, task: TaskIx) -> bool {
        self.progress(plan, task) == Progress::Ready
    }

    /// Nothing new starts from here on.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// An attempt at a task begins.
    pub(crate) fn begin(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Running);
    }

    /// A task that was under way is open again.
    pub(crate) fn reopen(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Ready);
    }

    /// A limit stopped a task.
    pub(crate) fn limit(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Limited);
    }

    /// What a task has made waits for a person.
    pub(crate) fn ask(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Asking);
    }

    /// A task is done.
    pub(crate) fn succeed(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Succeeded);
    }

    /// A task has failed.
    pub(crate) fn fail(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Gone);
        let node = &self.nodes[plan.node(task)];
        match node.parent {
            // What it means for the run is its parent's to say.
            Some(parent) if node.stops_run => self.skip_siblings(plan, parent, task),
            None if node.stops_run => self.skip_all(plan, task),
            _ => {}
        }
    }

    /// A task is not run.
    pub(crate) fn skip(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Gone);
    }

    /// A task is left out: what comes after it goes on, what needs its output is left out too.
    pub(crate) fn omit(&mut self, plan: &Plan, task: TaskIx) {
        self.enter(plan, task, Progress::Omitted);
    }

    /// The plan has grown by these members of `parent`, each with its rules: nodes that it did not have, or those of members
    /// that were given up. `is_more` says whether those that the task has besides stay.
    pub(crate) fn grow(&mut self, plan: &Plan, parent: TaskIx, members: &[(TaskIx, TaskRules)], is_more: bool) {
        self.nodes.resize_with(plan.nodes().max(self.nodes.len()), || NodeState::of(TaskRules::default(), None));
        for &(member, rules) in members {
            self.nodes[plan.node(member)] = NodeState::of(rules, Some(parent));
        }
        let node = &mut self.nodes[plan.node(parent)];
        node.progress = Progress::Waiting;
        node.missing = u32::try_from(members.len()).unwrap_or(u32::MAX);
        let before = node.fan_out.take().unwrap_or_default();
        let kept = if is_more { before.members } else { Vec::new() };
        let all = kept.into_iter().chain(members.iter().map(|&(member, _)| member)).collect();
        node.fan_out = Some(FanOut { max_parallel: before.max_parallel, members: all, ..FanOut::default() });
        for &(member, _) in members {
            // What the task needs has ended; others of the same growth have not.
            let open = |needed: &&TaskIx| !self.progress(plan, **needed).is_final();
            let missing = plan.needs(member).iter().filter(open).count();
            self.nodes[plan.node(member)].missing = u32::try_from(missing).unwrap_or(u32::MAX);
            if missing == 0 {
                self.offer(plan, member);
            }
        }
        if members.is_empty() {
            self.make_ready(plan, parent);
        }
    }

    /// A new process goes on: only what `keeps` says is done stays so.
    pub(crate) fn resume(&mut self, plan: &Plan, keeps: impl Fn(TaskIx) -> bool) {
        self.rebuild(plan, keeps);
    }

    /// How far each node is.
    #[cfg(test)]
    pub(super) fn essence(&self) -> String {
        let nodes = self.nodes.iter().map(|node| (Some(node.progress).filter(|at| at.is_final()), node.missing));
        format!("{:?} {}", nodes.collect::<Vec<_>>(), self.running)
    }

    fn progress(&self, plan: &Plan, task: TaskIx) -> Progress {
        self.nodes[plan.node(task)].progress
    }

    fn enter(&mut self, plan: &Plan, task: TaskIx, progress: Progress) {
        let node = &mut self.nodes[plan.node(task)];
        let before = node.progress;
        if before == progress || before.is_final() {
            return;
        }
        node.progress = progress;
        self.running -= u32::from(before == Progress::Running);
        self.running += u32::from(progress == Progress::Running);
        match progress {
            Progress::Ready => self.make_ready(plan, task),
            Progress::Succeeded | Progress::Gone | Progress::Omitted => {
                if progress == Progress::Gone {
                    self.skip_dependents(plan, task);
                }
                self.release(plan, plan.node(task));
                self.end_turn(plan, task);
            }
            // Its limit may be its own, and the members after it have theirs.
            Progress::Limited | Progress::Asking => self.end_turn(plan, task),
            Progress::Waiting | Progress::Running => {}
        }
    }

    fn skip_dependents(&mut self, plan: &Plan, failed: TaskIx) {
        for &(dependent, edge) in plan.successors(plan.node(failed)) {
            let waits_for_all = self.nodes[dependent].join == Join::All;
            if let (Edge::Needs, true, Node::Task(dependent)) = (edge, waits_for_all, plan.kind(dependent)) {
                self.pending_skips.push_back((dependent, failed, SkipReason::Dependency));
            }
        }
    }

    fn skip_siblings(&mut self, plan: &Plan, parent: TaskIx, failed: TaskIx) {
        let members = self.nodes[plan.node(parent)].fan_out.as_ref().map(|fan_out| fan_out.members.clone());
        for member in members.unwrap_or_default() {
            if matches!(self.progress(plan, member), Progress::Waiting | Progress::Ready) {
                self.pending_skips.push_back((member, failed, SkipReason::Stopped));
            }
        }
    }

    fn skip_all(&mut self, plan: &Plan, failed: TaskIx) {
        // What is there for this failure still runs, and so does what needs nothing else.
        let mut kept = HashSet::new();
        for &task in plan.order() {
            let is_for_it = self.nodes[plan.node(task)].join == Join::Failed && plan.needs(task).contains(&failed);
            if is_for_it || !plan.needs(task).is_empty() && plan.needs(task).iter().all(|needed| kept.contains(needed))
            {
                kept.insert(task);
            }
        }
        for &task in plan.order() {
            let is_open = matches!(self.progress(plan, task), Progress::Waiting | Progress::Ready);
            if is_open && !kept.contains(&self.root(plan, task)) {
                self.pending_skips.push_back((task, failed, SkipReason::Stopped));
            }
        }
    }

    /// The task of the file that a member was made for, however deep; any other task is its own.
    fn root(&self, plan: &Plan, task: TaskIx) -> TaskIx {
        std::iter::successors(Some(task), |&task| self.nodes[plan.node(task)].parent).last().unwrap_or(task)
    }

    /// Lets what waited for `node` go on; a barrier passes it on at once.
    fn release(&mut self, plan: &Plan, node: NodeIx) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            for &(successor, _) in plan.successors(node) {
                let state = &mut self.nodes[successor];
                state.missing = state.missing.saturating_sub(1);
                if state.missing > 0 {
                    continue;
                }
                match plan.kind(successor) {
                    Node::Barrier => open.push(successor),
                    Node::Task(task) if state.progress == Progress::Waiting => self.wait_is_over(plan, task),
                    Node::Task(_) => {}
                }
            }
        }
    }

    /// What a task waited for has ended. Only now can be told whether it is left out: a failure among the others would
    /// have it skipped, whichever came first.
    fn wait_is_over(&mut self, plan: &Plan, task: TaskIx) {
        let at = |progress: Progress| plan.needs(task).iter().find(|&&needed| self.progress(plan, needed) == progress);
        let (omitted, failed) = (at(Progress::Omitted).copied(), at(Progress::Gone).copied());
        let join = self.nodes[plan.node(task)].join;
        let runs = match join {
            // A failure has had it skipped already.
            Join::All => omitted.is_none() || plan.is_chained(task),
            Join::Any => at(Progress::Succeeded).is_some(),
            Join::Settled => true,
            // Where a run was told to do it alone, there is nothing to wait for.
            Join::Failed => failed.is_some() || plan.needs(task).is_empty(),
        };
        match (runs, failed, omitted) {
            (false, ..) if join == Join::Failed => self.pending_omissions.push_back((task, None)),
            (false, Some(because), _) => self.pending_skips.push_back((task, because, SkipReason::Dependency)),
            (false, None, Some(because)) => self.pending_omissions.push_back((task, Some(because))),
            _ => self.offer(plan, task),
        }
    }

    /// A task that waits for nothing can start: a member, when it has its turn.
    fn offer(&mut self, plan: &Plan, task: TaskIx) {
        let node = &self.nodes[plan.node(task)];
        let parent = node.parent.filter(|_| !node.has_turn);
        if let Some(fan_out) = parent.and_then(|parent| self.nodes[plan.node(parent)].fan_out.as_mut()) {
            if fan_out.max_parallel.is_some_and(|max| fan_out.active >= max.max(1)) {
                fan_out.queue.push_back(task);
                return;
            }
            fan_out.active += 1;
            self.nodes[plan.node(task)].has_turn = true;
        }
        self.make_ready(plan, task);
    }

    /// A member has ended: the next one of its fan-out has its turn.
    fn end_turn(&mut self, plan: &Plan, member: TaskIx) {
        let node = &mut self.nodes[plan.node(member)];
        let Some(parent) = node.parent.filter(|_| std::mem::take(&mut node.has_turn)) else { return };
        let parent = plan.node(parent);
        if let Some(fan_out) = &mut self.nodes[parent].fan_out {
            fan_out.active = fan_out.active.saturating_sub(1);
        }
        while let Some(next) = self.nodes[parent].fan_out.as_mut().and_then(|fan_out| fan_out.queue.pop_front()) {
            if self.progress(plan, next) == Progress::Waiting {
                return self.offer(plan, next);
            }
        }
    }

    fn make_ready(&mut self, plan: &Plan, task: TaskIx) {
        let node = &mut self.nodes[plan.node(task)];
        node.progress = Progress::Ready;
        if node.fan_out.is_some() {
            self.ready_to_fan_out.push_back(task);
        } else {
            self.ready.push(Reverse((plan.rank(task), task)));
        }
    }

    fn rebuild(&mut self, plan: &Plan, keeps: impl Fn(TaskIx) -> bool) {
        self.ready.clear();
        self.ready_to_fan_out.clear();
        self.pending_skips.clear();
        self.pending_omissions.clear();
        self.running = 0;
        self.stopped = false;
        for (ix, node) in self.nodes.iter_mut().enumerate() {
            let kept = matches!(plan.kind(ix), Node::Task(task) if keeps(task));
            node.progress = if kept { Progress::Succeeded } else { Progress::Waiting };
            node.missing = plan.waits_for(ix);
            node.has_turn = false;
            if let Some(fan_out) = &mut node.fan_out {
                fan_out.active = 0;
                fan_out.queue.clear();
            }
        }
        for ix in 0..self.nodes.len() {
            let open_from_the_start = plan.waits_for(ix) == 0;
            match plan.kind(ix) {
                Node::Task(_) if self.nodes[ix].progress == Progress::Succeeded => self.release(plan, ix),
                Node::Barrier if open_from_the_start => self.release(plan, ix),
                Node::Task(task) if open_from_the_start && self.nodes[ix].progress == Progress::Waiting => {
                    self.offer(plan, task);
                }
                _ => {}
            }
        }
    }
}

impl NodeState {
    fn of(rules: TaskRules, parent: Option<TaskIx>) -> Self {
        Self {
            progress: Progress::Waiting,
            missing: 0,
            stops_run: rules.stops_on_failure,
            join: rules.join,
            parent,
            has_turn: false,
            fan_out: rules.fans_out.then(|| FanOut { max_parallel: rules.max_members, ..FanOut::default() }),
        }
    }
}
