//! A model as an agent uses it: what answers, with which settings, and what a call costs.

use std::sync::Arc;
use std::time::Duration;

use crate::model::call::{CallFailure, Cue, Model, ModelRequest, Reply};
use crate::model::prices::Tariff;
use crate::net::http::Deadlines;
use crate::plan::orchestra::RateLimit;
use crate::plan::tuning::Tuning;
use crate::run::budget::worst_case_tokens;
use crate::run::rate_limit::RateLimitKey;
use crate::words::event::Reservation;
use crate::words::failure::{Failure, FailureKind};
use crate::words::usage::Usage;

/// The longest answer where the file does not say, in tokens. The thoughts of a model that is told to think are a part of it.
#[must_use]
pub const fn usual_max_tokens(thinks: bool) -> u32 {
    if thinks { 32_000 } else { 8192 }
}

/// A model, and how an agent uses it.
#[derive(Clone)]
pub struct ModelClient {
    /// What answers.
    pub model: Arc<dyn Model>,
    /// `provider/model`
    pub label: String,
    /// The name that the server knows the model by.
    pub name: String,
    /// How freely it chooses its words.
    pub temperature: Option<f64>,
    /// The longest answer, in tokens.
    pub max_tokens: Option<u32>,
    /// What it costs.
    pub price: Option<Tariff>,
    /// How many tokens a prompt and its answer may have together.
    pub context_window: Option<u64>,
    /// How else it is asked to answer.
    pub tuning: Arc<Tuning>,
    /// How long one call may take; `None` is as long as the attempt may.
    pub timeout: Option<Duration>,
    /// Which of the run's models it is; agents with the same model have different clients and one number.
    pub number: usize,
    /// Which provider and key it is called with: those with the same share a pace.
    pub limit_key: RateLimitKey,
    /// How fast the file lets it be called.
    pub rate: RateLimit,
}

impl ModelClient {
    /// Asks the model.
    ///
    /// # Errors
    /// As [`Model::call`].
    pub async fn call(
        &self,
        request: &ModelRequest,
        deadlines: &Deadlines,
        cue: &Cue<'_>,
    ) -> Result<Reply, CallFailure> {
        match self.too_long(request) {
            Some(failure) => Err(CallFailure {
                failure,
                usage: None,
                unsettled: false,
                partial: String::new(),
                pace: None,
                again: false,
            }),
            None => self.model.call(request, deadlines, cue).await,
        }
    }

    /// Why a prompt is not sent that is longer than the model can take: some servers cut it without a word. The size of a
    /// prompt is an estimate, so one that may just fit is sent.
    fn too_long(&self, request: &ModelRequest) -> Option<Failure> {
        let window = self.context_window?;
        let tokens = request.estimated_tokens();
        (tokens > window.saturating_add(window / 4)).then(|| {
            let message = format!(
                "the prompt has about {tokens} tokens and was not sent, since {} takes {window} (its `context_window`)",
                self.label
            );
            Failure::new(FailureKind::ContextTooLong, message)
        })
    }

    /// How many tokens an answer may have, where a limit has to know.
    #[must_use]
    pub fn longest_answer(&self) -> u32 {
        self.max_tokens.unwrap_or(usual_max_tokens(self.tuning.thinks()))
    }

    /// What a call may cost at worst: every token of the prompt at the dearest price that it can have, and the
    /// longest answer.
    #[must_use]
    pub fn worst_case(&self, request: &ModelRequest) -> Reservation {
        let offered =
            request.tools.iter().map(|tool| format!("{} {} {}", tool.name, tool.description, tool.parameters));
        let schema = request.schema.iter().map(|schema| schema.schema.to_string());
        let more: Vec<String> = offered.chain(schema).collect();
        let input = worst_case_tokens(request.texts().chain(more.iter().map(String::as_str)));
        let output = u64::from(request.max_tokens.unwrap_or_else(|| self.longest_answer()));
        let cost_usd = self.price.map_or(0.0, |price| price.most_usd(input, output));
        Reservation { tokens: input + output, cost_usd }
    }

    /// Dollars for a call: by the price, or else what the model itself bills. `None` where neither is known.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no call costs nine million dollars")]
    pub fn cost(&self, usage: Usage) -> Option<f64> {
        let billed = usage.billed_nano_usd.filter(|_| self.model.bills_itself());
        self.price.map(|price| price.cost_usd(&usage)).or_else(|| billed.map(|nano| nano as f64 / 1e9))
    }
}
