//! Asks servers which models they have, and what their answers mean.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::cli::doctor::Finding;
use crate::model::{Endpoint, RemoteModel, Vendor, Wire};
use crate::net::http::{Client, Deadlines};
use crate::plan::orchestra::ModelRef;
use crate::words::failure::{Failure, FailureKind};
use crate::words::redact::Redactor;

/// How long a server may take to answer, all in all. Whoever calls the doctor sits and waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// A model, and the server to ask about it.
pub(super) struct Question {
    /// What is known before anyone is asked.
    pub(super) finding: Finding,
    /// The name that the server knows the model by.
    pub(super) model: String,
    /// Stands for the server and the key, so that each is asked once.
    pub(super) server: String,
    wire: Arc<dyn Wire>,
    redactor: Redactor,
    secrets: Vec<SecretString>,
}

/// What a server said.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "asked", rename_all = "snake_case")]
pub(super) enum Answer {
    /// Its models.
    Models {
        /// Their names.
        models: Vec<String>,
    },
    /// No list.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether a model there can be called all the same.
        #[serde(skip)]
        usable: bool,
    },
}

impl Question {
    /// A question about a model at an endpoint.
    pub(super) fn new(model: &ModelRef, endpoint: Endpoint) -> Option<Self> {
        Some(Self {
            finding: Finding::of_no_model(),
            model: model.model.clone(),
            server: format!(
                "{:?}",
                (model.provider, &model.base_url, &model.api_key_env, &model.api_key_command, &model.carried)
            ),
            redactor: Redactor::new(endpoint.secrets()),
            secrets: endpoint.secrets(),
            wire: Vendor::of(model.provider).wire(endpoint)?,
        })
    }

    /// What must not be shown of it.
    pub(super) fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    /// The server's host, which is as much of its address as may be shown.
    pub(super) fn host(&self) -> String {
        self.wire.list_models().host()
    }
}

/// The answers, each with the server that gave it. All servers are asked at once.
pub(super) async fn all(questions: impl Iterator<Item = &Question>) -> Vec<(String, Answer)> {
    let client = Client::new();
    let deadlines = Deadlines { connect: PATIENCE, first_byte: PATIENCE, idle: PATIENCE, total: PATIENCE };
    let mut asked: Vec<String> = Vec::new();
    let mut asking = JoinSet::new();
    for question in questions {
        if asked.contains(&question.server) {
            continue;
        }
        asked.push(question.server.clone());
        let (server, client) = (question.server.clone(), client.clone());
        let (wire, redactor) = (question.wire.clone(), question.redactor.clone());
        asking.spawn(async move {
            let models = RemoteModel::new(wire, client, redactor).list_models(&deadlines).await;
            (server, models.map_or_else(Answer::failed, |models| Answer::Models { models }))
        });
    }
    asking.join_all().await
}

impl Answer {
    fn failed(failure: Failure) -> Self {
        // Not every server has a list of models; one that answers with something else is there all the same.
        let usable = matches!(failure.kind, FailureKind::BadRequest | FailureKind::Malformed)
            && failure.status.is_none_or(|status| !(300..400).contains(&status));
        Self::Failed { failure, usable }
    }
}

/// Whether an entry of a server's list means `model`: by name, as its latest tag, or as a dated version of it.
pub(super) fn names(listed: &str, model: &str) -> bool {
    let is_date = |rest: &str| rest.len() >= 8 && rest.chars().all(|c| c.is_ascii_digit() || c == '-');
    match listed.strip_prefix(model) {
        Some("" | ":latest") => true,
        Some(rest) => rest.strip_prefix('-').is_some_and(is_date),
        None => model.strip_suffix("-latest").is_some_and(|model| listed.starts_with(model)),
    }
}

/// What to do about a server that gives no list.
pub(super) fn help(failure: &Failure, key_from: Option<&str>) -> String {
    match failure.kind {
        FailureKind::Auth => match key_from {
            Some(variable) => format!("check the key in {variable}"),
            None => "it wants a key: set one in the environment, or name its variable as `api_key_env`".to_owned(),
        },
        FailureKind::Quota => "check the account at the provider".to_owned(),
        FailureKind::Connection | FailureKind::Unreachable | FailureKind::Timeout => {
            "check that the server runs, its address, and the way there".to_owned()
        }
        FailureKind::RateLimited | FailureKind::Overloaded => "try again later".to_owned(),
        _ => "the server may have no list of models; a rehearsal does not tell, a short run does".to_owned(),
    }
}
