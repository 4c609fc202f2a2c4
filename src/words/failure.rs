//! Why something failed, named by what the caller can do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why something failed, named by what the caller can do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub kind: FailureKind,
    /// One or more sentences for a person, redacted.
    pub message: String,
    /// The HTTP status, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the provider asks to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Whether the provider says that another try helps, where that is not what its class says: an answer `false` in the
    /// header `x-should-retry`, or a server without the memory that the model needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub should_retry: Option<bool>,
}

impl Failure {
    /// A failure of a class, with a message.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), status: None, retry_after_ms: None, should_retry: None }
    }
}

impl Failure {
    /// What it leads to: what its class does, unless the provider knows better.
    #[must_use]
    pub const fn policy(&self) -> FailurePolicy {
        let policy = self.kind.policy();
        match self.should_retry {
            Some(retry) => FailurePolicy { retry, waits: policy.waits && retry, ..policy },
            None => policy,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl std::error::Error for Failure {}

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The key is missing, wrong or not allowed: mend the key, or use another model.
    Auth,
    /// The account has no money or no quota left: pay, or use another model.
    Quota,
    /// Too many requests: wait, then try again.
    RateLimited,
    /// The provider is overloaded or broken: try again.
    Overloaded,
    /// A deadline passed: try again.
    Timeout,
    /// No connection, or one that broke off before the answer was complete: try again.
    Connection,
    /// Nobody listens where the provider should be: wait until it is back, then try again.
    Unreachable,
    /// The prompt is too long for the model: shorten it, or use a larger model.
    ContextTooLong,
    /// The model or a filter declined: change the prompt, or use another model.
    Refused,
    /// The answer was cut off at the output limit: raise the limit.
    Truncated,
    /// The reply was empty or was not what the protocol says: try again.
    Malformed,
    /// The reply was whole, but not what the task asks for.
    InvalidOutput,
    /// The request itself was wrong: mend the orchestra.
    BadRequest,
    /// A limit of the run was reached.
    Budget,
    /// The run was told to stop.
    Cancelled,
    /// Something on this machine stands in the way, such as a full disk or a program that is missing: mend that.
    Environment,
    /// The program that does a task failed.
    CommandFailed,
    /// Members of the task failed.
    MembersFailed,
    /// A person has rejected what was made.
    Rejected,
    /// What was to hold after the last round of the task does not hold.
    Unmet,
    /// A fault in orch itself.
    Internal,
}

/// What a failure of a class leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailurePolicy {
    /// Whether the same request to the same model can succeed later.
    pub retry: bool,
    /// Whether another model may succeed.
    pub fall_back: bool,
    /// What it says about the model.
    pub breaker: Breaker,
    /// Whether the calls with the same key slow down.
    pub slow_down: bool,
    /// Whether it is a question of time alone: to wait for a better one costs no attempt.
    pub waits: bool,
    /// Whether the next attempt begins the conversation anew, since what was said in it is what failed.
    pub spoils_conversation: bool,
}

/// What a failure does to the circuit breaker of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breaker {
    /// Nothing: it says nothing about the model.
    Ignore,
    /// Several in a row open it for a while.
    Count,
    /// It opens for as long as the provider says.
    AsTold,
    /// It opens for the rest of the run.
    Open,
}

impl FailureKind {
    /// Whether nothing was sent, so that nothing can have been done or charged.
    #[must_use]
    pub const fn is_unsent(self) -> bool {
        matches!(self, Self::Unreachable)
    }

    /// The table of what each class leads to. A new class gets its row here.
    #[must_use]
    #[rustfmt::skip]
    pub const fn policy(self) -> FailurePolicy {
        use Breaker::{AsTold, Count, Ignore, Open};
        // retry, fall back, breaker, slow down, waits, spoils the conversation
        let (retry, fall_back, breaker, slow_down, waits, spoils_conversation) = match self {
            Self::Auth           => (false, true,  Open,   false, false, false),
            Self::Quota          => (false, true,  Open,   false, false, false),
            Self::RateLimited    => (true,  true,  AsTold, true,  true,  false),
            Self::Overloaded     => (true,  true,  Count,  false, false, false),
            Self::Timeout        => (true,  true,  Count,  false, false, false),
            Self::Connection     => (true,  true,  Count,  false, false, false),
            Self::Unreachable    => (true,  true,  Count,  false, true,  false),
            Self::ContextTooLong => (false, true,  Ignore, false, false, true),
            Self::Refused        => (false, true,  Ignore, false, false, true),
            Self::Truncated      => (false, true,  Ignore, false, false, false),
            Self::Malformed      => (true,  true,  Ignore, false, false, false),
            Self::InvalidOutput  => (false, true,  Ignore, false, false, true),
            Self::BadRequest     => (false, true,  Ignore, false, false, false),
            Self::Budget         => (false, false, Ignore, false, false, false),
            Self::Cancelled      => (false, false, Ignore, false, false, false),
            Self::Environment    => (false, false, Ignore, false, false, false),
            Self::CommandFailed  => (false, false, Ignore, false, false, false),
            Self::MembersFailed  => (false, false, Ignore, false, false, false),
            Self::Rejected       => (false, false, Ignore, false, false, false),
            Self::Unmet          => (false, false, Ignore, false, false, false),
            Self::Internal       => (false, false, Ignore, false, false, false),
        };
        FailurePolicy { retry, fall_back, breaker, slow_down, waits, spoils_conversation }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "not authorized",
            Self::Quota => "quota used up",
            Self::RateLimited => "rate limited",
            Self::Overloaded => "provider overloaded",
            Self::Timeout => "timed out",
            Self::Connection => "connection failed",
            Self::Unreachable => "unreachable",
            Self::ContextTooLong => "prompt too long",
            Self::Refused => "refused",
            Self::Truncated => "answer truncated",
            Self::Malformed => "malformed reply",
            Self::InvalidOutput => "invalid output",
            Self::BadRequest => "bad request",
            Self::Budget => "limit reached",
            Self::Cancelled => "cancelled",
            Self::Environment => "not possible on this machine",
            Self::CommandFailed => "command failed",
            Self::MembersFailed => "members failed",
            Self::Rejected => "rejected",
            Self::Unmet => "condition never met",
            Self::Internal => "internal fault",
        })
    }
}
