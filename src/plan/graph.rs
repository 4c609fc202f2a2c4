//! The graph of a run: which task waits for which, and the order among those that need not wait.
//!
//! Two kinds of edges: a task *needs* another one's output, or it merely comes *after* it. A barrier between two
//! groups is a node of its own, so that groups of n and m tasks take n + m edges and not n x m.
//! Knows tasks by index alone: no names, texts, agents or models.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

/// A task by its place in the file, from 0.
pub type TaskIx = usize;

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
pub type Cycle = Vec<TaskIx>;

/// Why one node waits for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// It needs the output; a failure there means that it cannot run.
    Needs,
    /// It only comes later; it runs whatever becomes of the other.
    After,
}

/// An acyclic graph of tasks, and of the barriers between groups.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Indices below `tasks` are tasks, the others barriers.
    tasks: usize,
    successors: Vec<Vec<(usize, Edge)>>,
    waits_for: Vec<u32>,
    needs: Vec<Vec<TaskIx>>,
    rank: Vec<(u8, TaskIx)>,
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
        self.tasks
    }

    /// Whether there is no task.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks == 0
    }

    /// How many nodes there are: the tasks, then the barriers.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.successors.len()
    }

    /// The nodes that wait for `node`.
    #[must_use]
    pub fn successors(&self, node: usize) -> &[(usize, Edge)] {
        &self.successors[node]
    }

    /// How many nodes `node` waits for.
    #[must_use]
    pub fn waits_for(&self, node: usize) -> u32 {
        self.waits_for[node]
    }

    /// The tasks whose outputs `task` gets, in the order in which the file names them.
    #[must_use]
    pub fn needs(&self, task: TaskIx) -> &[TaskIx] {
        &self.needs[task]
    }

    /// Sorts ready tasks: the lowest starts first.
    #[must_use]
    pub fn rank(&self, task: TaskIx) -> (u8, TaskIx) {
        self.rank[task]
    }

    /// The order in which the tasks would run one by one.
    #[must_use]
    pub fn order(&self) -> &[TaskIx] {
        &self.order
    }

    /// The tasks that nothing follows, in order: their outputs are the result of the run.
    #[must_use]
    pub fn last(&self) -> Vec<TaskIx> {
        self.order.iter().copied().filter(|&t| self.successors[t].is_empty()).collect()
    }

    /// The tasks that depend on one of `roots` through any number of `needs`, the roots included, in order.
    #[must_use]
    pub fn downstream(&self, roots: &[TaskIx]) -> Vec<TaskIx> {
        let mut hit = vec![false; self.tasks];
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
            let is_task = node < self.tasks;
            if is_task {
                if waves.len() <= depth[node] {
                    waves.resize_with(depth[node] + 1, Vec::new);
                }
                waves[depth[node]].push(node);
            }
            let next = depth[node] + usize::from(is_task);
            for &(successor, _) in &self.successors[node] {
                depth[successor] = depth[successor].max(next);
            }
        }
        waves
    }

    /// The graph of some of the tasks, with new indices in the order of `keep`. Barriers stay, so groups stay in order.
    #[must_use]
    pub fn select(&self, keep: &[TaskIx]) -> Self {
        let mut new_index = vec![None; self.nodes()];
        for (new, &old) in keep.iter().enumerate() {
            new_index[old] = Some(new);
        }
        for (number, index) in new_index[self.tasks..].iter_mut().enumerate() {
            *index = Some(keep.len() + number);
        }
        let nodes = keep.len() + self.nodes() - self.tasks;
        let mut plan = Self {
            tasks: keep.len(),
            successors: vec![Vec::new(); nodes],
            waits_for: vec![0; nodes],
            needs: vec![Vec::new(); keep.len()],
            rank: keep.iter().map(|&old| self.rank[old]).collect(),
            order: self.order.iter().filter_map(|&old| new_index[old]).collect(),
        };
        for &old in keep {
            let new = new_index[old].unwrap_or_default();
            plan.needs[new] = self.needs[old].iter().filter_map(|&needed| new_index[needed]).collect();
        }
        for (node, successors) in self.successors.iter().enumerate() {
            for &(successor, edge) in successors {
                if let (Some(before), Some(after)) = (new_index[node], new_index[successor]) {
                    plan.add_edge(before, after, edge);
                }
            }
        }
        plan
    }

    fn with_context(outline: &GraphSpec) -> Self {
        let tasks = outline.tasks.len();
        let mut plan = Self {
            tasks,
            successors: vec![Vec::new(); tasks],
            waits_for: vec![0; tasks],
            needs: vec![Vec::new(); tasks],
            rank: outline.tasks.iter().enumerate().map(|(ix, task)| (task.urgency, ix)).collect(),
            order: Vec::new(),
        };
        for (ix, task) in outline.tasks.iter().enumerate() {
            for &needed in task.context.iter().flatten() {
                plan.add_need(needed, ix);
            }
        }
        plan
    }

    fn add_barriers(&mut self, groups: &[GroupSpec]) {
        for pair in groups.windows(2) {
            let barrier = self.nodes();
            self.successors.push(Vec::new());
            self.waits_for.push(0);
            for &before in &pair[0].tasks {
                self.add_edge(before, barrier, Edge::After);
            }
            for &after in &pair[1].tasks {
                self.add_edge(barrier, after, Edge::After);
            }
            // An empty group must not open its second barrier early.
            if barrier > self.tasks {
                self.add_edge(barrier - 1, barrier, Edge::After);
            }
        }
    }

    fn add_chain(&mut self, chain: &[TaskIx], outline: &GraphSpec) {
        for pair in chain.windows(2) {
            let (before, after) = (pair[0], pair[1]);
            if outline.tasks[after].context.is_none() {
                self.add_need(before, after);
            } else if !self.needs[after].contains(&before) {
                self.add_edge(before, after, Edge::After);
            }
        }
    }

    fn add_need(&mut self, needed: TaskIx, task: TaskIx) {
        self.needs[task].push(needed);
        self.add_edge(needed, task, Edge::Needs);
    }

    fn add_edge(&mut self, before: usize, after: usize, edge: Edge) {
        self.successors[before].push((after, edge));
        self.waits_for[after] += 1;
    }

    fn sorted(&self) -> Option<Vec<TaskIx>> {
        let nodes = self.sorted_nodes()?;
        Some(nodes.into_iter().filter(|&node| node < self.tasks).collect())
    }

    /// All nodes, each after those that it waits for, and otherwise by rank; `None` if there is a cycle.
    fn sorted_nodes(&self) -> Option<Vec<usize>> {
        // A barrier takes no time, so it comes before any task that is ready with it.
        let key = |node: usize| if node < self.tasks { (1, self.rank[node]) } else { (0, (0, node)) };
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
        let Some(&start) = component.iter().filter(|n| n.index() < self.tasks).min() else { return Vec::new() };
        let mut came_from = vec![None; self.nodes()];
        let mut queue = std::collections::VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for next in graph.neighbors(node).filter(|n| members.contains(n)) {
                if next == start {
                    let mut path = vec![node];
                    while let Some(before) = came_from[path[path.len() - 1].index()] {
                        path.push(before);
                    }
                    return path.iter().rev().map(|n| n.index()).filter(|&n| n < self.tasks).collect();
                }
                if came_from[next.index()].is_none() {
                    came_from[next.index()] = Some(node);
                    queue.push_back(next);
                }
            }
        }
        vec![start.index()]
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
