//! How a limit was reached, for a person to read.

use std::fmt;

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The run's.
    Run,
    /// A group's, by its index.
    Group(usize),
    /// That of the task that asked.
    Task,
}

/// A limit by the name that it has in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitName {
    /// `max_api_calls`
    MaxApiCalls,
    /// `token_budget`
    TokenBudget,
    /// `cost_limit_usd`
    CostLimitUsd,
    /// `max_seconds`
    MaxSeconds,
}

impl fmt::Display for LimitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MaxApiCalls => "max_api_calls",
            Self::TokenBudget => "token_budget",
            Self::CostLimitUsd => "cost_limit_usd",
            Self::MaxSeconds => "max_seconds",
        })
    }
}

/// The limit that the next call would pass. Numbers are in the limit's own unit: calls, tokens, dollars or seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Exceeded {
    /// Whose limit it is.
    pub scope: Scope,
    /// Which one.
    pub limit: LimitName,
    /// What it allows.
    pub allowed: f64,
    /// What is used up.
    pub spent: f64,
    /// What calls under way may still use up.
    pub reserved: f64,
    /// What the next call needs at worst.
    pub needed: f64,
}

impl Exceeded {
    /// The sentence with the owner's name in it, such as "the group `review`": which limit it is, how it stands, and
    /// what to do about it.
    #[must_use]
    pub(crate) fn told_of(&self, owner: &str) -> String {
        format!("{}; raise it under {owner}'s `limits`, then `orch resume`", self.standing(owner))
    }

    /// The sentence for a limit that calls have passed, since they took more than was set aside for them.
    #[must_use]
    pub(crate) fn told_as_passed(&self, owner: &str) -> String {
        let (allowed, spent) = (self.amount(self.allowed), self.amount(self.spent));
        format!("{owner}'s {} of {allowed} was passed: {spent} spent", self.limit)
    }

    fn standing(&self, owner: &str) -> String {
        let amount = |n: f64| self.amount(n);
        let limit = format!("{owner}'s {} of {}", self.limit, amount(self.allowed));
        match self.limit {
            LimitName::MaxSeconds => {
                return format!("{limit} is reached: {} seconds have passed", self.spent.floor());
            }
            LimitName::MaxApiCalls => return format!("{limit} is reached: {} made so far", self.spent),
            LimitName::TokenBudget | LimitName::CostLimitUsd => {}
        }
        let is = if self.spent > 0.0 { "is reached" } else { "is too small" };
        let reserved = match self.reserved > 0.0 {
            true => format!("{} reserved, ", amount(self.reserved)),
            false => String::new(),
        };
        format!(
            "{limit} {is}: {} spent, {reserved}{} needed for the next call",
            amount(self.spent),
            amount(self.needed)
        )
    }

    fn amount(&self, n: f64) -> String {
        if self.limit == LimitName::CostLimitUsd { format!("${n}") } else { n.to_string() }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told_of(match self.scope {
            Scope::Run => "the run",
            Scope::Group(_) => "the group",
            Scope::Task => "the task",
        }))
    }
}

impl std::error::Error for Exceeded {}
