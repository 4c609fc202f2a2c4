//! A call to a model, whatever answers it: what is asked, what comes back, and the one trait behind which every model is.
//!
//! Knows no vendor, no program and no file. What a model costs, and how an agent uses it, is the client's to know
//! (`client.rs`).

use std::pin::Pin;
use std::sync::Arc;

use crate::model::reply_builder::estimate_tokens;
use crate::model::wire::arguments_text;
use crate::net::http::Deadlines;
use crate::plan::tuning::Tuning;
use crate::words::conversation::{AnswerSchema, AssistantMessage, Message, Tool, ToolResult};
use crate::words::failure::Failure;
use crate::words::rate_limit::RateLimitInfo;
use crate::words::usage::StopReason;
use crate::words::usage::Usage;

/// What comes of a call, once it has ended. Dropping it gives the call up.
pub type PendingReply<'a> = Pin<Box<dyn Future<Output = Result<Reply, CallFailure>> + Send + 'a>>;

/// Anything that answers: a server, a program, the rehearsal, a cassette, or a wrapper around another model.
pub trait Model: Send + Sync {
    /// Asks once. Nothing is tried again: every attempt is the caller's, who counts and pays for it. The `cue` says what
    /// the call is for, and is never sent to anybody.
    ///
    /// # Errors
    /// Every way in which there is no whole, usable answer; see [`crate::words::failure::FailureKind`] for what each asks
    /// of the caller.
    fn call<'a>(&'a self, request: &'a ModelRequest, deadlines: &'a Deadlines, cue: &'a Cue<'a>) -> PendingReply<'a>;

    /// Whether what the model itself reports as the price of a call is what the call costs.
    fn bills_itself(&self) -> bool {
        false
    }

    /// Whether it is a program, of which nobody knows before a call what that will take.
    fn is_program(&self) -> bool {
        false
    }
}

/// What a call is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cue<'c> {
    /// The task's name.
    pub task: &'c str,
    /// The name of the agent that makes the call.
    pub agent: &'c str,
    /// Which attempt at the task this is, from 1.
    pub attempt: u32,
    /// What the call may cost in dollars, where that is counted: a program that can holds itself to it.
    pub lid_usd: Option<f64>,
}

/// A request to a model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelRequest {
    /// The model's name at its provider.
    pub model: String,
    /// The conversation.
    pub messages: Vec<Message>,
    /// The tools that the model may call.
    pub tools: Arc<[Tool]>,
    /// The form that the answer must have, where the provider can see to it.
    pub schema: Option<Arc<AnswerSchema>>,
    /// The sampling temperature; the provider's default when absent.
    pub temperature: Option<f64>,
    /// The most tokens that the answer may have; the provider's default when absent.
    pub max_tokens: Option<u32>,
    /// How many tokens the prompt and its answer may have together, for a server that chooses its window by the request.
    pub context_window: Option<u64>,
    /// How else it is asked to answer.
    pub tuning: Arc<Tuning>,
    /// Whether an answer that is cut off at the limit of its length is taken as a part.
    pub takes_parts: bool,
}

impl ModelRequest {
    /// How many tokens the request is, at four characters a token: its texts, the calls of tools, and the tools.
    #[must_use]
    pub fn estimated_tokens(&self) -> u64 {
        let of_turn = |message: &Message| match message {
            Message::Assistant(turn) => {
                turn.calls.iter().map(|call| estimate_tokens(&call.name) + estimate_tokens(&arguments_text(call))).sum()
            }
            _ => 0,
        };
        let of_tool = |tool: &Tool| {
            estimate_tokens(&tool.name)
                + estimate_tokens(&tool.description)
                + estimate_tokens(&tool.parameters.to_string())
        };
        self.texts().map(estimate_tokens).sum::<u64>()
            + self.messages.iter().map(of_turn).sum::<u64>()
            + self.tools.iter().map(of_tool).sum::<u64>()
    }

    /// Every text of the conversation, in its order.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.messages.iter().flat_map(|message| {
            let (one, several): (Option<&str>, &[ToolResult]) = match message {
                Message::System(text) | Message::User(text) => (Some(text), &[]),
                Message::Assistant(turn) => (Some(&turn.text), &[]),
                Message::Tools(results) => (None, results),
            };
            one.into_iter().chain(several.iter().map(|result| &*result.text))
        })
    }
}

/// A whole and usable answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What the model said, known secrets taken out. With calls of tools it is not the end of the conversation.
    pub turn: AssistantMessage,
    /// What it cost in tokens.
    pub usage: Usage,
    /// Why the model stopped.
    pub stop: StopReason,
    /// From sending to the first byte of the body, in milliseconds.
    pub first_byte_ms: u64,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// What the provider says of its limits.
    pub pace: Option<RateLimitInfo>,
}

/// A call that came to no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// Why.
    pub failure: Failure,
    /// What the call cost all the same: the provider's numbers, or an estimate where an answer came to its end
    /// and is only not usable. `None` where nobody can say.
    pub usage: Option<Usage>,
    /// Whether the call may cost something that nobody has named: it was sent, and there is neither an answer that came
    /// to its end nor a status by which it was refused. What `usage` says then is the least.
    pub unsettled: bool,
    /// As much of the text as had come. For a person to look at: it is never an output.
    pub partial: String,
    /// What the provider says of its limits.
    pub pace: Option<RateLimitInfo>,
    /// Whether a part of the request was refused that later ones do without: the same call is worth making again.
    pub again: bool,
}
