//! The graph of a run: which task waits for which, and the order among those that need not wait.
//!
//! Two kinds of edges: a task *needs* another one's output, or it merely comes *after* it. A barrier between two
//! groups is a node of its own, so that groups of n and m tasks take n + m edges and not n x m.
//! Knows tasks by index alone: no names, texts, agents or models.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::ops::Range;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A task by its place in the file, from 0.
pub(crate) type TaskIx = usize;

/// How tasks are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// Only `context` orders them.
    Free,
    /// One after another; a task without `context` needs the one before it.
    Chain,
}

/// What the graph is made of.
#[derive(Debug, Clone)]
pub struct GraphSpec {
    /// How the tasks outside of any group are ordered.
    pub arrangement: Ordering,
    /// The tasks in file order.
    pub tasks: Vec<TaskSpec>,
    /// The groups in their order, with a barrier between each and the next.
    pub groups: Vec<GroupSpec>,
}

/// A task of an [`GraphSpec`].
#[derive(Debug, Clone, Default)]
pub struct TaskSpec {
    /// The tasks whose outputs it names; `None` where the file says nothing, which a chain reads as "the one before".
    pub context: Option<Vec<TaskIx>>,
    /// Among ready tasks the lowest urgency starts first: 0 is `critical`.
    pub urgency: u8,
}

/// A group of an [`GraphSpec`].
#[derive(Debug, Clone)]
pub struct GroupSpec {
    /// How its tasks are ordered.
    pub arrangement: Ordering,
    /// Its tasks.
    pub tasks: Vec<TaskIx>,
}

/// Tasks that wait for each other: each waits for the next, and the last for the first.
pub(crate) type Cycle = Vec<TaskIx>;

/// Why one node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It needs the output; a failure there means that it cannot run.
    Needs,
    /// It only comes later; it runs whatever becomes of the other.
    After,
}

/// A node of a [`Plan`], from 0.
pub(crate) type NodeIx = usize;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A task.
    Task(TaskIx),
    /// What stands between two groups. It takes no time.
    Barrier,
}

/// Sorts ready tasks: the lowest starts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// 0 is `critical`.
    urgency: u8,
    /// The place in the file. The members of a task have that of the task.
    place: TaskIx,
    /// Which of the members it is, from 1; 0 for a task of the file.
    member: usize,
}

/// An acyclic graph of tasks, and of the barriers between groups.
#[derive(Debug, Clone)]
pub struct Plan {
    nodes: Vec<Node>,
    successors: Vec<Vec<(NodeIx, Edge)>>,
    waits_for: Vec<u32>,
    /// By task.
    node_of: Vec<NodeIx>,
    needs: Vec<Vec<TaskIx>>,
    /// By task: whether it needs the one before it only because they are a chain.
    chained: Vec<bool>,
    rank: Vec<Rank>,
    order: Vec<TaskIx>,
}

impl Plan {
    /// Builds the graph.
    ///
    /// # Errors
    /// Every group of tasks that wait for each other, as one cycle each.
    pub fn new(outline: &GraphSpec) -> Result<Self, Vec<Cycle>> {
        let mut plan = Self::with_context(outline);
        plan.add_barriers(&outline.groups);
        plan.order = plan.sorted().ok_or_else(|| plan.cycles())?;
        let mut chains: Vec<Vec<TaskIx>> = Vec::new();
        if outline.arrangement == Ordering::Chain {
            chains.push(plan.order.clone());
        }
        for group in outline.groups.iter().filter(|g| g.arrangement == Ordering::Chain) {
            let members: HashSet<TaskIx> = group.tasks.iter().copied().collect();
            chains.push(plan.order.iter().copied().filter(|t| members.contains(t)).collect());
        }
        for chain in &chains {
            plan.add_chain(chain, outline);
        }
        if !chains.is_empty() {
            plan.order = plan.sorted().ok_or_else(|| plan.cycles())?;
        }
        Ok(plan)
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.node_of.len()
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.node_of.is_empty()
    }

    /// How many nodes there are: tasks and barriers.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// What a node is.
    #[must_use]
    pub fn kind(&self, node: NodeIx) -> Node {
        self.nodes[node]
    }

    /// The node of a task.
    #[must_use]
    pub fn node(&self, task: TaskIx) -> NodeIx {
        self.node_of[task]
    }

    /// The nodes that wait for `node`.
    #[must_use]
    pub fn successors(&self, node: NodeIx) -> &[(NodeIx, Edge)] {
        &self.successors[node]
    }

    /// How many nodes `node` waits for.
    #[must_use]
    pub fn waits_for(&self, node: NodeIx) -> u32 {
        self.waits_for[node]
    }

    /// The tasks whose outputs `task` gets, in the order in which the file names them.
    #[must_use]
    pub fn needs(&self, task: TaskIx) -> &[TaskIx] {
        &self.needs[task]
    }

    /// Whether a task names no others, and gets the output of the one before it in its chain if there is one.
    #[must_use]
    pub fn is_chained(&self, task: TaskIx) -> bool {
        self.chained[task]
    }

    /// The tasks that a task waits for because of an output, through any number of others, in order.
    #[must_use]
    pub fn upstream(&self, task: TaskIx) -> Vec<TaskIx> {
        let mut hit = vec![false; self.len()];
        let mut open = self.needs[task].clone();
        while let Some(needed) = open.pop() {
            if !std::mem::replace(&mut hit[needed], true) {
                open.extend(&self.needs[needed]);
            }
        }
        self.order.iter().copied().filter(|&task| hit[task]).collect()
    }

    /// Sorts ready tasks: the lowest starts first.
    #[must_use]
    pub fn rank(&self, task: TaskIx) -> Rank {
        self.rank[task]
    }

    /// Appends the members of a task, which are its newest tasks, and of each the tasks that it needs. The task waits
    /// for all of them, whatever becomes of them.
    pub fn grow(&mut self, parent: TaskIx, members: &[Vec<TaskIx>]) -> Range<TaskIx> {
        let first = self.len();
        let rank = self.rank[parent];
        let before = self.members_of(parent);
        for (member, needs) in members.iter().enumerate() {
            let task = self.add_task(Rank { member: before + member + 1, ..rank });
            for &needed in needs {
                self.add_need(needed, task);
            }
            self.chained[task] = self.chained[parent];
            self.add_edge(self.node(task), self.node(parent), Edge::After);
        }
        // They come right before the task that waits for them.
        let place = self.order.iter().position(|&task| task == parent).unwrap_or(self.order.len());
        let last = self.len();
        self.order.splice(place..place, first..last);
        first..last
    }

    /// Has a task need others than before. None of them may wait for it.
    pub fn replan(&mut self, task: TaskIx, needs: &[TaskIx]) {
        if self.needs[task] == needs {
            return;
        }
        let node = self.node(task);
        for needed in std::mem::take(&mut self.needs[task]) {
            let needed = self.node(needed);
            self.successors[needed].retain(|&edge| edge != (node, Edge::Needs));
            self.waits_for[node] -= 1;
        }
        needs.iter().for_each(|&needed| self.add_need(needed, task));
        if let Some(order) = self.sorted() {
            self.order = order;
        }
    }

    /// How many members of a task there are already.
    fn members_of(&self, parent: TaskIx) -> usize {
        let place = self.rank[parent].place;
        self.rank.iter().filter(|rank| rank.place == place).map(|rank| rank.member).max().unwrap_or(0)
    }

    /// The order in which the tasks would run one by one.
    #[must_use]
    pub fn order(&self) -> &[TaskIx] {
        &self.order
    }

    /// The tasks that nothing follows, in order: their outputs are the result of the run.
    #[must_use]
    pub fn last(&self) -> Vec<TaskIx> {
        self.last_among(|_| true)
    }

    /// Of the tasks that count, those that no other one of them follows, directly or behind tasks that do not count.
    #[must_use]
    pub fn last_among(&self, counts: impl Fn(TaskIx) -> bool) -> Vec<TaskIx> {
        let mut is_followed = vec![false; self.nodes()];
        for node in self.sorted_nodes().unwrap_or_default().into_iter().rev() {
            let leads = |&(next, _): &(NodeIx, Edge)| {
                is_followed[next] || matches!(self.kind(next), Node::Task(task) if counts(task))
            };
            is_followed[node] = self.successors[node].iter().any(leads);
        }
        self.order.iter().copied().filter(|&task| counts(task) && !is_followed[self.node(task)]).collect()
    }

    /// The tasks that depend on one of `roots` through any number of `needs`, the roots included, in order.
    #[must_use]
    pub fn downstream(&self, roots: &[TaskIx]) -> Vec<TaskIx> {
        let mut hit = vec![false; self.len()];
        for &root in roots {
            hit[root] = true;
        }
        for &task in &self.order {
            hit[task] |= self.needs[task].iter().any(|&n| hit[n]);
        }
        self.order.iter().copied().filter(|&t| hit[t]).collect()
    }

    /// The earliest moment of each task, when all take equally long and nothing limits how many run at once.
    #[must_use]
    pub fn waves(&self) -> Vec<Vec<TaskIx>> {
        let mut depth = vec![0usize; self.nodes()];
        let mut waves: Vec<Vec<TaskIx>> = Vec::new();
        for node in self.sorted_nodes().unwrap_or_default() {
            let mut next = depth[node];
            if let Node::Task(task) = self.kind(node) {
                if waves.len() <= depth[node] {
                    waves.resize_with(depth[node] + 1, Vec::new);
                }
                waves[depth[node]].push(task);
                next += 1;
            }
            for &(successor, _) in &self.successors[node] {
                depth[successor] = depth[successor].max(next);
            }
        }
        waves
    }

    /// The graph of some of the tasks, with new indices in the order of `keep`. Barriers stay, so groups stay in order.
    #[must_use]
    pub fn select(&self, keep: &[TaskIx]) -> Self {
        let mut plan = Self::empty();
        let mut new_task = vec![None; self.len()];
        let mut new_node = vec![None; self.nodes()];
        for &old in keep {
            let task = plan.add_task(self.rank[old]);
            new_task[old] = Some(task);
            new_node[self.node(old)] = Some(plan.node(task));
        }
        for (old, kind) in self.nodes.iter().enumerate() {
            if *kind == Node::Barrier {
                new_node[old] = Some(plan.add_node(Node::Barrier));
            }
        }
        plan.order = self.order.iter().filter_map(|&old| new_task[old]).collect();
        for &old in keep {
            let new = new_task[old].unwrap_or_default();
            plan.chained[new] = self.chained[old];
            plan.needs[new] = self.needs[old].iter().filter_map(|&needed| new_task[needed]).collect();
        }
        for (node, successors) in self.successors.iter().enumerate() {
            for &(successor, edge) in successors {
                if let (Some(before), Some(after)) = (new_node[node], new_node[successor]) {
                    plan.add_edge(before, after, edge);
                }
            }
        }
        plan
    }

    fn empty() -> Self {
        Self {
            nodes: Vec::new(),
            successors: Vec::new(),
            waits_for: Vec::new(),
            node_of: Vec::new(),
            needs: Vec::new(),
            chained: Vec::new(),
            rank: Vec::new(),
            order: Vec::new(),
        }
    }

    fn add_node(&mut self, node: Node) -> NodeIx {
        self.nodes.push(node);
        self.successors.push(Vec::new());
        self.waits_for.push(0);
        self.nodes.len() - 1
    }

    fn add_task(&mut self, rank: Rank) -> TaskIx {
        let task = self.len();
        let node = self.add_node(Node::Task(task));
        self.node_of.push(node);
        self.needs.push(Vec::new());
        self.chained.push(false);
        self.rank.push(rank);
        task
    }

    fn with_context(outline: &GraphSpec) -> Self {
        let mut plan = Self::empty();
        for (place, task) in outline.tasks.iter().enumerate() {
            plan.add_task(Rank { urgency: task.urgency, place, member: 0 });
        }
        for (ix, task) in outline.tasks.iter().enumerate() {
            for &needed in task.context.iter().flatten() {
                plan.add_need(needed, ix);
            }
        }
        plan
    }

    fn add_barriers(&mut self, groups: &[GroupSpec]) {
        let mut earlier = None;
        for pair in groups.windows(2) {
            let barrier = self.add_node(Node::Barrier);
            for &before in &pair[0].tasks {
                self.add_edge(self.node(before), barrier, Edge::After);
            }
            for &after in &pair[1].tasks {
                self.add_edge(barrier, self.node(after), Edge::After);
            }
            // An empty group must not open its second barrier early.
            if let Some(earlier) = earlier.replace(barrier) {
                self.add_edge(earlier, barrier, Edge::After);
            }
        }
    }

    fn add_chain(&mut self, chain: &[TaskIx], outline: &GraphSpec) {
        for pair in chain.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            if outline.tasks[after].context.is_none() {
                self.add_need(before, after);
                self.chained[after] = true;
            } else if !self.needs[after].contains(&before) {
                self.add_edge(self.node(before), self.node(after), Edge::After);
            }
        }
    }

    fn add_need(&mut self, needed: TaskIx, task: TaskIx) {
        self.needs[task].push(needed);
        self.add_edge(self.node(needed), self.node(task), Edge::Needs);
    }

    fn add_edge(&mut self, before: NodeIx, after: NodeIx, edge: Edge) {
        self.successors[before].push((after, edge));
        self.waits_for[after] += 1;
    }

    fn sorted(&self) -> Option<Vec<TaskIx>> {
        let nodes = self.sorted_nodes()?;
        let tasks = nodes.into_iter().filter_map(|node| match self.kind(node) {
            Node::Task(task) => Some(task),
            Node::Barrier => None,
        });
        Some(tasks.collect())
    }

    /// All nodes, each after those that it waits for, and otherwise by rank; `None` if there is a cycle.
    fn sorted_nodes(&self) -> Option<Vec<NodeIx>> {
        // A barrier takes no time, so it comes before any task that is ready with it.
        let key = |node: NodeIx| match self.kind(node) {
            Node::Task(task) => (1, Some(self.rank[task])),
            Node::Barrier => (0, None),
        };
        let mut missing = self.waits_for.clone();
        let mut ready: BinaryHeap<_> =
            (0..self.nodes()).filter(|&n| missing[n] == 0).map(|n| Reverse((key(n), n))).collect();
        let mut sorted = Vec::with_capacity(self.nodes());
        while let Some(Reverse((_, node))) = ready.pop() {
            sorted.push(node);
            for &(successor, _) in &self.successors[node] {
                missing[successor] -= 1;
                if missing[successor] == 0 {
                    ready.push(Reverse((key(successor), successor)));
                }
            }
        }
        (sorted.len() == self.nodes()).then_some(sorted)
    }

    fn cycles(&self) -> Vec<Cycle> {
        let mut graph = DiGraph::<(), ()>::with_capacity(self.nodes(), self.nodes());
        for _ in 0..self.nodes() {
            graph.add_node(());
        }
        for (node, successors) in self.successors.iter().enumerate() {
            for &(successor, _) in successors {
                // Reversed: an edge leads to what is waited for, as a person reads a cycle.
                graph.add_edge(NodeIndex::new(successor), NodeIndex::new(node), ());
            }
        }
        let mut cycles: Vec<Cycle> = tarjan_scc(&graph)
            .into_iter()
            .filter(|component| component.len() > 1 || component.first().is_some_and(|&n| graph.contains_edge(n, n)))
            .map(|component| self.walk(&graph, &component))
            .collect();
        cycles.sort();
        cycles
    }

    /// A shortest cycle through the component's first task, by breadth-first search.
    fn walk(&self, graph: &DiGraph<(), ()>, component: &[NodeIndex]) -> Cycle {
        let members: HashSet<NodeIndex> = component.iter().copied().collect();
        let is_task = |node: &NodeIndex| matches!(self.kind(node.index()), Node::Task(_));
        let task = |node: NodeIndex| match self.kind(node.index()) {
            Node::Task(task) => Some(task),
            Node::Barrier => None,
        };
        let Some(&start) = component.iter().filter(|node| is_task(node)).min() else { return Vec::new() };
        let mut came_from = vec![None; self.nodes()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in graph.neighbors(node).filter(|n| members.contains(n)) {
                if next == start {
                    let mut path = vec![node];
                    while let Some(before) = came_from[path[path.len() - 1].index()] {
                        path.push(before);
                    }
                    return path.into_iter().rev().filter_map(task).collect();
                }
                if came_from[next.index()].is_none() {
                    came_from[next.index()] = Some(node);
                    queue.push_back(next);
                }
            }
        }
        task(start).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(contexts: &[&[TaskIx]]) -> GraphSpec {
        let tasks =
            contexts.iter().map(|c| TaskSpec { context: (!c.is_empty()).then(|| c.to_vec()), urgency: 2 }).collect();
        GraphSpec { arrangement: Ordering::Free, tasks, groups: Vec::new() }
    }

    #[test]
    fn a_chain_gives_each_task_the_output_before_it_unless_it_names_others() {
        let mut outline = free(&[&[], &[], &[0]]);
        outline.arrangement = Ordering::Chain;
        let plan = Plan::new(&outline).unwrap();
        assert_eq!(plan.order(), [0, 1, 2]);
        assert_eq!((plan.needs(1), plan.needs(2)), (&[0][..], &[0][..]));
        assert_eq!(plan.last(), [2]);
    }

    #[test]
    fn the_last_are_found_behind_tasks_that_do_not_count() {
        let mut outline = free(&[&[], &[0], &[1], &[0]]);
        let plan = Plan::new(&outline).unwrap();
        assert_eq!((plan.last(), plan.last_among(|task| task != 2)), (vec![2, 3], vec![1, 3]));
        assert_eq!((plan.last_among(|task| task == 0), plan.last_among(|_| false)), (vec![0], vec![]));
        outline.groups = vec![
            GroupSpec { arrangement: Ordering::Free, tasks: vec![0, 1] },
            GroupSpec { arrangement: Ordering::Free, tasks: vec![2, 3] },
        ];
        let plan = Plan::new(&outline).unwrap();
        assert_eq!((plan.last(), plan.last_among(|task| task < 2)), (vec![2, 3], vec![1]));
    }

    #[test]
    fn priority_orders_only_what_is_ready() {
        let mut outline = free(&[&[], &[0], &[]]);
        outline.tasks[1].urgency = 0;
        outline.tasks[2].urgency = 1;
        assert_eq!(Plan::new(&outline).unwrap().order(), [2, 0, 1]);
    }

    #[test]
    fn cycles_are_found_each_by_itself() {
        let outline = free(&[&[2], &[0], &[1], &[3], &[]]);
        assert_eq!(Plan::new(&outline).unwrap_err(), [vec![0, 2, 1], vec![3]]);
    }

    #[test]
    fn a_task_that_needs_a_later_group_is_a_cycle() {
        let mut outline = free(&[&[1], &[]]);
        outline.groups = vec![
            GroupSpec { arrangement: Ordering::Free, tasks: vec![0] },
            GroupSpec { arrangement: Ordering::Free, tasks: vec![1] },
        ];
        assert_eq!(Plan::new(&outline).unwrap_err(), [vec![0, 1]]);
    }

    #[test]
    fn groups_wait_for_each_other_with_few_edges() {
        let mut outline = free(&vec![&[][..]; 2000]);
        let group = |tasks: std::ops::Range<usize>| GroupSpec { arrangement: Ordering::Free, tasks: tasks.collect() };
        outline.groups = vec![group(0..1000), group(1000..1000), group(1000..2000)];
        let plan = Plan::new(&outline).unwrap();
        let waves = plan.waves();
        assert_eq!(waves.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000]);
        assert!(plan.successors.iter().map(Vec::len).sum::<usize>() < 2100);
    }
}
