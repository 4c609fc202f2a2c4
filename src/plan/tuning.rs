//! How a model is asked to answer, besides its temperature and the length of the answer.
//!
//! Plain values; how each vendor is told is the model room's to know.

use serde_json::{Map, Value};

use crate::plan::spec::Reasoning;
use crate::words::digest::Parts;

/// Bytes of a digest.
const DIGEST_BYTES: usize = 16;

/// How a model is asked to answer. What is left out is left to the vendor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tuning {
    /// How much it thinks before it answers.
    pub reasoning: Option<Reasoning>,
    /// The share of the likely words that it chooses among.
    pub top_p: Option<f64>,
    /// Texts at which the answer ends.
    pub stop: Vec<String>,
    /// With the same number, the same question gets the same answer, as far as the server can.
    pub seed: Option<i64>,
    /// How long the server keeps the model in memory: seconds, or a text such as `10m`. It changes no answer.
    pub keep_alive: Option<Value>,
    /// Whether an answer that is cut off at the limit of its length goes on.
    pub continues: bool,
    /// Members of the request's body as they stand in the file.
    pub body: Map<String, Value>,
}

impl Tuning {
    /// The digest of all that decides the answer; `None` where nothing is asked for, so that what was stored before any of
    /// it could be asked for is still found.
    #[must_use]
    pub(crate) fn digest(&self) -> Option<String> {
        let Self { reasoning, top_p, stop, seed, keep_alive: _, continues, body } = self;
        let mut digest = Parts::default();
        digest.optional("reasoning", reasoning.map(Reasoning::name));
        digest.optional("top_p", top_p.map(|share| share.to_string()));
        if !stop.is_empty() {
            digest.list("stop", stop);
        }
        digest.optional("seed", seed.map(|seed| seed.to_string()));
        digest.optional("on_truncated", continues.then_some("continue"));
        if !body.is_empty() {
            digest.field("body", &Value::Object(body.clone()).to_string());
        }
        let asks = Self { keep_alive: None, ..self.clone() } != Self::default();
        asks.then(|| digest.hex(DIGEST_BYTES))
    }

    /// Whether it is asked to think.
    #[must_use]
    pub fn thinks(&self) -> bool {
        self.reasoning.is_some_and(|reasoning| reasoning != Reasoning::None)
    }
}
