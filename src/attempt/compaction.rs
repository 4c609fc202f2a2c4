//! Long conversations: what of them the model is not shown any more, so that they fit into its context window.
//!
//! The rule: first a note stands for what tools have answered, from the oldest round on; when that is not enough, the oldest
//! rounds are left out altogether, and the first message says what acting tools did in them. The first message and the last
//! round always stay. The journal says what is left out, and still has all of it.

use std::sync::Arc;

use super::{Attempt, ModelClient, RunHandle, Said};
use crate::plan::prompt::Deed;
use crate::tools::Effect;
use crate::words::conversation::Tool;
use crate::words::event::TaskEvent;
use crate::words::failure::Failure;
use crate::words::text::count;

/// How many rounds at the end are shown as they are.
const KEPT_ROUNDS: usize = 1;

/// An answer that is not longer than this, in bytes, is shown as it is: a note would not be shorter.
const SHORT_ANSWER: usize = 200;

/// What of a conversation is left out, counted from its first round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// In so many rounds, a note stands for what tools have answered.
    pub emptied: usize,
    /// So many of them are left out altogether.
    pub dropped: usize,
}

/// What stands for the answer of a tool.
pub(super) fn note(answer: &str) -> Option<String> {
    (answer.len() > SHORT_ANSWER).then(|| {
        let bytes = count(answer.len() as u64);
        format!("({bytes} bytes were left out here to save room; ask again for what is still needed of it)")
    })
}

/// How long a prompt may be in tokens, where the model's window is known: what an answer needs is kept free.
fn longest_prompt(client: &ModelClient) -> Option<u64> {
    let window = client.context_window?;
    Some(window - u64::from(client.longest_answer()).min(window / 4))
}

impl Attempt {
    /// Leaves out of the conversation what would make the next prompt too long for the model.
    ///
    /// # Errors
    /// `cancelled` when the run has stopped.
    pub(super) async fn fit_window(&mut self, tools: &Arc<[Tool]>, handle: &RunHandle) -> Result<(), Failure> {
        let Some(longest) = longest_prompt(&self.client).filter(|_| self.compacts) else { return Ok(()) };
        if self.request(tools, &self.client).estimated_tokens() > longest {
            // Below the limit, or it would be met again after every round.
            self.leave_out(tools, longest - longest / 4, handle).await?;
        }
        Ok(())
    }

    /// Leaves out about half of a conversation that a server finds too long. Whether there was anything to leave out.
    ///
    /// # Errors
    /// `cancelled` when the run has stopped.
    pub(super) async fn halve(&mut self, tools: &Arc<[Tool]>, handle: &RunHandle) -> Result<bool, Failure> {
        if !self.compacts {
            return Ok(false);
        }
        let tokens = self.request(tools, &self.client).estimated_tokens();
        self.leave_out(tools, tokens / 2, handle).await
    }

    async fn leave_out(&mut self, tools: &Arc<[Tool]>, target: u64, handle: &RunHandle) -> Result<bool, Failure> {
        let before = self.left_out;
        while self.request(tools, &self.client).estimated_tokens() > target && self.leave_out_more() {}
        if self.left_out == before {
            return Ok(false);
        }
        let LeftOut { emptied, dropped } = self.left_out;
        handle.record(TaskEvent::ConversationCompacted { attempt: self.number, emptied, dropped }).await?;
        Ok(true)
    }

    /// Leaves out the next part by the rule, if there is one.
    fn leave_out_more(&mut self) -> bool {
        let rounds = self.conversation.len().saturating_sub(KEPT_ROUNDS);
        let has_long = |said: &Said| said.results.iter().any(|result| result.text.len() > SHORT_ANSWER);
        let emptied = self.left_out.emptied.min(rounds);
        if let Some(next) = self.conversation[emptied..rounds].iter().position(has_long) {
            self.left_out.emptied = emptied + next + 1;
            return true;
        }
        // A turn that goes on with the one before it needs that one.
        let goes_on = |round: usize| self.conversation.get(round).is_some_and(|said| said.turn.goes_on());
        if self.left_out.dropped >= rounds || goes_on(self.left_out.dropped) {
            return false;
        }
        self.left_out.dropped += 1;
        self.left_out.emptied = self.left_out.emptied.max(self.left_out.dropped);
        true
    }

    /// What acting tools did in the rounds that are left out.
    pub(super) fn deeds_left_out(&self) -> Vec<Deed> {
        let dropped = &self.conversation[..self.left_out.dropped.min(self.conversation.len())];
        let deeds = dropped.iter().flat_map(|said| {
            let acting = said.turn.calls.iter().filter(|call| self.tool_set.effect(&call.name) != Effect::None);
            acting.filter_map(|call| {
                let answer = said.results.iter().find(|result| result.id == call.id);
                let is_begun = answer.is_some() || said.begun.contains(&call.id);
                is_begun.then(|| Deed {
                    tool: call.name.clone(),
                    arguments: call.arguments.to_string(),
                    answer: answer.map(|result| result.text.clone()),
                })
            })
        });
        deeds.collect()
    }
}
