//! Limits that hold: what a run, its groups and its tasks may use up, and what they have used up.
//!
//! A call is paid for before it is made. The caller asks, writes an event, reserves what the call may cost at worst,
//! makes the call, and settles what it did cost; parallel calls, retries and fallbacks all pass through here, so
//! together they stay within every limit as long as no call costs more than its reservation. Where one does, because
//! the estimate was too low, what it did cost counts, and nothing more is granted behind it.
//!
//! What nobody knows is counted as spent: a call that was given up without word of its cost, and a call that was in
//! flight when its process was killed. The same events in the same order give the same state, so a journal is
//! replayed by calling [`Budget::reserve`] and [`Budget::settle`] for the calls in it, and [`Budget::resume`] where
//! another process went on.
//!
//! Knows no clock, no price and no name: tasks and groups are indices, and elapsed times come in.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod account;
mod exceeded;

pub(crate) use account::Limits;
pub(crate) use exceeded::{Exceeded, LimitName, Scope};

use account::{Account, Amount};

/// What a call may cost at worst.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Need {
    /// Tokens of the prompt and of the longest answer.
    pub tokens: u64,
    /// Dollars for these. What is not a number counts as more than any limit.
    pub cost_usd: f64,
}

/// What a call did cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    /// Tokens of the prompt and of the answer.
    pub tokens: u64,
    /// Dollars for these.
    pub cost_usd: f64,
}

/// What is left of limits; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Rest {
    /// Tokens.
    pub tokens: Option<u64>,
    /// Dollars.
    pub cost_usd: Option<f64>,
}

/// A call of a task. Attempts go on counting over a resume, so no two calls of a task share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallKey {
    /// The attempt, from 1.
    pub attempt: u32,
    /// Which call of the attempt, from 1.
    pub call: u32,
}

/// Whether a call may be made now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Verdict {
    /// It may. Nothing is reserved yet.
    Granted,
    /// It fits if calls that are under way cost less than is reserved for them: ask again when one has settled.
    Wait,
    /// It may not, now or later.
    Exceeded(Exceeded),
}

/// The limits of a run and what is used up of them.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    run: Account,
    groups: Vec<Account>,
    tasks: Vec<Task>,
    in_flight: HashMap<(usize, CallKey), Amount>,
    is_unlimited: bool,
}

#[derive(Debug, Clone)]
struct Task {
    account: Account,
    groups: Vec<usize>,
}

impl Budget {
    /// A run in which nothing is used up. `tasks[ix]` has that task's own limits and the groups it belongs to, as
    /// indices of `groups`.
    #[must_use]
    pub(crate) fn new(run: Limits, groups: Vec<Limits>, tasks: Vec<(Limits, Vec<usize>)>) -> Self {
        let task = |(limits, mut groups): (Limits, Vec<usize>)| {
            groups.sort_unstable();
            groups.dedup();
            Task { account: Account::new(limits), groups }
        };
        let run = Account::new(run);
        let groups: Vec<Account> = groups.into_iter().map(Account::new).collect();
        let tasks: Vec<Task> = tasks.into_iter().map(task).collect();
        // AttemptMessage here, since every call asks and there may be thousands of tasks.
        let of_tasks = tasks.iter().map(|task| &task.account);
        let is_unlimited = std::iter::once(&run).chain(&groups).chain(of_tasks).all(Account::is_unlimited);
        Self { run, groups, tasks, in_flight: HashMap::new(), is_unlimited }
    }

    /// A task that the run has grown by, with its own limits and the groups it belongs to.
    pub(crate) fn add_task(&mut self, limits: Limits, groups: Vec<usize>) {
        let account = Account::new(limits);
        self.is_unlimited &= account.is_unlimited();
        self.tasks.push(Task { account, groups });
    }

    /// Whether there is no limit at all, so that nobody needs to ask.
    #[must_use]
    pub(crate) fn is_unlimited(&self) -> bool {
        self.is_unlimited
    }

    /// Whether `task` may make a call that costs `need` at worst. The times are how long the run, the task and its
    /// groups have been at work.
    ///
    /// After [`Verdict::Granted`] the caller writes its event and calls [`Budget::reserve`] before it asks for any
    /// other call. A [`Verdict::Wait`] cannot last: something is reserved in the way, and it will settle.
    #[must_use]
    pub(crate) fn ask(
        &self,
        task: usize,
        need: &Need,
        run_elapsed: Duration,
        task_elapsed: Duration,
        group_elapsed: &dyn Fn(usize) -> Duration,
    ) -> Verdict {
        let need = Amount::of_need(need);
        let mut verdict = Verdict::Granted;
        for (scope, account) in self.scopes(task) {
            let elapsed = || match scope {
                Scope::Run => run_elapsed,
                Scope::Group(group) => group_elapsed(group),
                Scope::Task => task_elapsed,
            };
            match account.ask(scope, need, elapsed) {
                Verdict::Granted => {}
                Verdict::Wait => verdict = Verdict::Wait,
                exceeded @ Verdict::Exceeded(_) => return exceeded,
            }
        }
        verdict
    }

    /// How much of its limits a task's next call could use if those under way cost nothing; `None` is no limit.
    #[must_use]
    pub(crate) fn rest(&self, task: usize) -> Rest {
        let mut rest = Rest::default();
        for (_, account) in self.scopes(task) {
            let of = account.rest();
            rest.tokens = [rest.tokens, of.tokens].into_iter().flatten().min();
            rest.cost_usd = [rest.cost_usd, of.cost_usd].into_iter().flatten().reduce(f64::min);
        }
        rest
    }

    /// A limit of which more is spent than it allows, with the task whose it is.
    #[must_use]
    pub(crate) fn passed(&self) -> Option<(Exceeded, Option<usize>)> {
        let groups = self.groups.iter().enumerate().map(|(group, account)| (Scope::Group(group), account, None));
        let tasks = self.tasks.iter().enumerate().map(|(task, it)| (Scope::Task, &it.account, Some(task)));
        let all = std::iter::once((Scope::Run, &self.run, None)).chain(groups).chain(tasks);
        all.into_iter().find_map(|(scope, account, task)| Some((account.passed(scope)?, task)))
    }

    /// Sets aside what a call may cost at worst, and counts the call.
    ///
    /// A reservation that is already there under `key` is one whose call nobody heard of again, since a process makes
    /// no call twice: the provider may have charged for it, so it is spent for good, and the new one comes on top.
    pub(crate) fn reserve(&mut self, task: usize, key: CallKey, need: &Need) {
        self.settle(task, key, None);
        let need = Amount::of_need(need);
        self.in_flight.insert((task, key), need);
        self.each_account(task, |account| account.reserve(need));
    }

    /// Replaces a reservation by what the call did cost; `None` if nobody knows, and then all of the reservation is
    /// spent. A call without a reservation, such as one that was given up by [`Budget::resume`], changes nothing.
    pub(crate) fn settle(&mut self, task: usize, key: CallKey, spent: Option<Spent>) {
        let Some(reserved) = self.in_flight.remove(&(task, key)) else { return };
        let spent = spent.map_or(reserved, |spent| Amount::of_spent(&spent));
        self.each_account(task, |account| account.settle(reserved, spent));
    }

    /// What is set aside for a call, in dollars.
    #[must_use]
    pub(crate) fn reserved_usd(&self, task: usize, key: CallKey) -> f64 {
        self.in_flight.get(&(task, key)).map_or(0.0, Amount::usd)
    }

    /// Nothing was sent: nothing is spent, and it is not counted.
    pub(crate) fn release(&mut self, task: usize, key: CallKey) {
        let Some(reserved) = self.in_flight.remove(&(task, key)) else { return };
        self.each_account(task, |account| account.release(reserved));
    }

    /// Another process goes on with the run: whatever was in flight is spent for good.
    pub(crate) fn resume(&mut self) {
        let lost: Vec<_> = self.in_flight.keys().copied().collect();
        for (task, key) in lost {
            self.settle(task, key, None);
        }
    }

    /// The accounts that pay for a task's call, the widest first.
    fn scopes(&self, task: usize) -> impl Iterator<Item = (Scope, &Account)> {
        let Task { account, groups } = &self.tasks[task];
        let groups = groups.iter().map(|&group| (Scope::Group(group), &self.groups[group]));
        std::iter::once((Scope::Run, &self.run)).chain(groups).chain([(Scope::Task, account)])
    }

    fn each_account(&mut self, task: usize, change: impl Fn(&mut Account)) {
        let Task { account, groups } = &mut self.tasks[task];
        change(&mut self.run);
        groups.iter().for_each(|&group| change(&mut self.groups[group]));
        change(account);
    }
}

/// How many tokens `texts` are at worst, one text being one message of a prompt.
///
/// The usual rule of four characters for a token is an average over English prose, and half of all prompts are above
/// an average. Code, numbers and markup come to about three, other scripts to about one, and every message has a
/// frame of its own. This is still an estimate: no bound holds for every tokenizer and every string of rare symbols.
#[must_use]
pub(crate) fn worst_case_tokens<'t>(texts: impl Iterator<Item = &'t str>) -> u64 {
    const FRAME: u64 = 16;
    let tokens = |text: &str| {
        let ascii = text.bytes().filter(u8::is_ascii).count();
        let others = text.chars().count() - ascii;
        FRAME + (ascii.div_ceil(3) + others) as u64
    };
    texts.map(tokens).sum()
}

#[cfg(test)]
mod tests;
