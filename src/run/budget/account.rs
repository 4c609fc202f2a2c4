//! One scope's limits, and what is spent and reserved of them.

use std::time::Duration;

use super::{Exceeded, LimitName, Need, Rest, Scope, Spent, Verdict};

/// The limits of one scope; the default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limits {
    /// How many calls may be made, failed ones included; those for which nothing was
    /// sent are not.
    pub max_api_calls: Option<u64>,
    /// How many tokens may be used, of prompts and answers together.
    pub token_budget: Option<u64>,
    /// How many dollars may be spent.
    pub cost_limit_usd: Option<f64>,
    /// For how many seconds calls may be begun. A call that has begun is not cut short.
    pub max_seconds: Option<u64>,
}

/// Tokens and money. Money is whole nano-dollars: sums of fractions drift, and a sum that drifts down lets a limit be
/// passed. What is spent is rounded up and what is allowed is rounded down, so nobody gains by rounding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Amount {
    tokens: u64,
    nano_usd: u64,
}

const NANO: f64 = 1e9;

impl Amount {
    pub(super) fn of_need(need: &Need) -> Self {
        Self { tokens: need.tokens, nano_usd: nano_up(need.cost_usd) }
    }

    pub(super) fn of_spent(spent: &Spent) -> Self {
        Self { tokens: spent.tokens, nano_usd: nano_up(spent.cost_usd) }
    }

    pub(super) fn usd(&self) -> f64 {
        usd(self.nano_usd)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            nano_usd: self.nano_usd.saturating_add(other.nano_usd),
        }
    }

    fn less(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            nano_usd: self.nano_usd.saturating_sub(other.nano_usd),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the ends")]
fn nano_up(usd: f64) -> u64 {
    if usd.is_nan() { u64::MAX } else { (usd * NANO).ceil() as u64 }
}

/// A limit that is not a number allows nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stops at the ends")]
fn nano_down(usd: f64) -> u64 {
    (usd * NANO).floor() as u64
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn usd(nano: u64) -> f64 {
    nano as f64 / NANO
}

/// What one scope has used up of its limits.
#[derive(Debug, Clone)]
pub(super) struct Account {
    limits: Limits,
    /// Counted when reserved, and given back only where nothing was sent.
    calls: u64,
    spent: Amount,
    reserved: Amount,
}

impl Account {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, calls: 0, spent: Amount::default(), reserved: Amount::default() }
    }

    pub(super) fn is_unlimited(&self) -> bool {
        self.limits == Limits::default()
    }

    /// Whether one more call fits. `elapsed` is asked only where time is limited.
    pub(super) fn ask(&self, scope: Scope, need: Amount, elapsed: impl Fn() -> Duration) -> Verdict {
        let Limits { max_api_calls, token_budget, cost_limit_usd, max_seconds } = self.limits;
        let (spent, reserved) = (self.spent, self.reserved);
        let refuse = |limit, [allowed, spent, reserved, needed]: [f64; 4]| {
            Verdict::Exceeded(Exceeded { scope, limit, allowed, spent, reserved, needed })
        };
        if let Some((seconds, elapsed)) = max_seconds.map(|seconds| (seconds, elapsed()))
            && elapsed >= Duration::from_secs(seconds)
        {
            return refuse(LimitName::MaxSeconds, [number(seconds), elapsed.as_secs_f64(), 0.0, 0.0]);
        }
        if let Some(max) = max_api_calls
            && self.calls >= max
        {
            return refuse(LimitName::MaxApiCalls, [number(max), number(self.calls), 0.0, 1.0]);
        }
        let tokens = Fit::of(token_budget, spent.tokens, reserved.tokens, need.tokens);
        if let (Some(max), Fit::Never) = (token_budget, tokens) {
            return refuse(LimitName::TokenBudget, [max, spent.tokens, reserved.tokens, need.tokens].map(number));
        }
        let money = Fit::of(cost_limit_usd.map(nano_down), spent.nano_usd, reserved.nano_usd, need.nano_usd);
        if let (Some(max), Fit::Never) = (cost_limit_usd, money) {
            let [spent, reserved, needed] = [spent.nano_usd, reserved.nano_usd, need.nano_usd].map(usd);
            return refuse(LimitName::CostLimitUsd, [max, spent, reserved, needed]);
        }
        if (tokens, money) == (Fit::Now, Fit::Now) { Verdict::Granted } else { Verdict::Wait }
    }

    /// What is not spent. Money is rounded down, so that it fits when it is asked for.
    pub(super) fn rest(&self) -> Rest {
        let left = |limit: f64| usd(nano_down(limit).saturating_sub(self.spent.nano_usd).saturating_sub(1));
        Rest {
            tokens: self.limits.token_budget.map(|limit| limit.saturating_sub(self.spent.tokens)),
            cost_usd: self.limits.cost_limit_usd.map(left),
        }
    }

    /// The limit of which more is spent than it allows.
    pub(super) fn passed(&self, scope: Scope) -> Option<Exceeded> {
        let Amount { tokens, nano_usd } = self.spent;
        let exceeded = |limit, allowed, spent| Exceeded { scope, limit, allowed, spent, reserved: 0.0, needed: 0.0 };
        let budget = self.limits.token_budget.filter(|&limit| tokens > limit);
        let of_tokens = || Some(exceeded(LimitName::TokenBudget, number(budget?), number(tokens)));
        let cost = self.limits.cost_limit_usd.filter(|&limit| nano_usd > nano_down(limit));
        of_tokens().or_else(|| Some(exceeded(LimitName::CostLimitUsd, cost?, usd(nano_usd))))
    }

    pub(super) fn reserve(&mut self, need: Amount) {
        self.calls = self.calls.saturating_add(1);
        self.reserved = self.reserved.plus(need);
    }

    pub(super) fn release(&mut self, reserved: Amount) {
        self.calls = self.calls.saturating_sub(1);
        self.reserved = self.reserved.less(reserved);
    }

    pub(super) fn settle(&mut self, reserved: Amount, spent: Amount) {
        self.reserved = self.reserved.less(reserved);
        self.spent = self.spent.plus(spent);
    }
}

/// Whether a need fits under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Now,
    /// If what is reserved comes out lower. Something is reserved, or it would fit now.
    Later,
    Never,
}

impl Fit {
    fn of(limit: Option<u64>, spent: u64, reserved: u64, need: u64) -> Self {
        let fits = |sum: Option<u64>| limit.is_none_or(|limit| sum.is_some_and(|sum| sum <= limit));
        let least = spent.checked_add(need);
        match least.and_then(|least| least.checked_add(reserved)) {
            most if fits(most) => Self::Now,
            _ if fits(least) => Self::Later,
            _ => Self::Never,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn number(n: u64) -> f64 {
    n as f64
}
