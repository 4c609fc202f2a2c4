//! Programs and addresses that a file names for what goes on around a run: how they are started and called.
//!
//! Variables are read when the run is set up, so that what may not be shown is known from then on.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;

use crate::model::settings::Settings;
use crate::net::http::{
    Client, Deadlines, HeaderMap, HeaderName, HeaderValue, Method, Request, Url, header, secrets_of_address,
};
use crate::os::process::{self, Command, Exit, Finished, RUN_VARIABLE, Stdin};
use crate::plan::notify::Address;
use crate::store::project::Project;
use crate::words::id::RunId;
use crate::words::redact::{Redactor, secrets_of_variable};
use crate::words::text::one_line;

/// How much of what a program writes is kept, in bytes.
const OUTPUT_BYTES: usize = 64 * 1024;
/// The longest wait for a program that ends, once it is told to.
const GRACE: Duration = Duration::from_secs(2);
/// As much of what a program complains about as a message repeats, in columns.
const SHOWN: usize = 300;

/// What programs and addresses are given, and what of it may not be shown.
#[derive(Clone)]
pub(super) struct CallOut {
    root: PathBuf,
    environment: Vec<(String, String)>,
    variables: BTreeMap<String, String>,
    redactor: Redactor,
}

impl CallOut {
    /// For a run that hands on these variables. `redactor` learns what of them may not be shown.
    pub(super) fn new<'n>(
        project: &Project,
        settings: &Settings,
        run: &RunId,
        names: impl Iterator<Item = &'n String>,
        redactor: &Redactor,
    ) -> Self {
        let variables: BTreeMap<String, String> =
            names.filter_map(|name| Some((name.clone(), settings.get(name)?))).collect();
        let marker = (RUN_VARIABLE.to_owned(), run.to_string());
        let call_out = Self {
            root: project.root().to_owned(),
            environment: settings.clean_environment().into_iter().chain([marker]).collect(),
            variables,
            redactor: Redactor::default(),
        };
        call_out.sharing(redactor)
    }

    /// The same with a redactor that knows more; it learns what of the variables may not be shown.
    pub(super) fn sharing(self, redactor: &Redactor) -> Self {
        redactor.learn(self.variables.iter().flat_map(|(name, value)| secrets_of_variable(name, value)));
        redactor.learn(self.variables.values().flat_map(|value| of_address(value)));
        Self { redactor: redactor.clone(), ..self }
    }

    /// Whether a variable is set.
    pub(super) fn has(&self, name: &str) -> bool {
        self.variables.contains_key(name)
    }

    /// Runs a program, which reads `input` as JSON, and returns what it writes.
    ///
    /// # Errors
    /// Why it could not be run, or how it failed, in words.
    pub(super) async fn run(
        &self,
        argv: &[String],
        env: &[String],
        input: &Value,
        timeout: Duration,
    ) -> Result<String, String> {
        let mut environment = self.environment.clone();
        for name in env {
            environment.push((name.clone(), self.variable(name)?.to_owned()));
        }
        let command = Command {
            argv: argv.to_vec(),
            directory: self.root.clone(),
            environment,
            stdin: Stdin::Text(self.redactor.redact(&format!("{input}\n")).into_owned()),
            timeout,
            max_output_bytes: OUTPUT_BYTES,
            grace: GRACE,
        };
        let Finished { exit, stdout, stderr, .. } =
            process::run(command).await.map_err(|error| self.shown(&error.to_string()))?;
        let text = |bytes: &[u8]| self.redactor.redact_part(&String::from_utf8_lossy(bytes)).into_owned();
        let how = match exit {
            Exit::Code(0) => return Ok(text(&stdout)),
            Exit::Code(code) => format!("it exited with {code}"),
            Exit::Signal(signal) => format!("it was ended by signal {signal}"),
        };
        let said =
            [&stderr, &stdout].map(|bytes| one_line(&text(bytes), SHOWN)).into_iter().find(|said| !said.is_empty());
        Err(said.map_or(how.clone(), |said| format!("{how}: {said}")))
    }

    /// Sends a text to an address.
    ///
    /// # Errors
    /// Why it could not be sent, or how it was answered, in words.
    pub(super) async fn post(
        &self,
        address: &Address,
        header_env: &BTreeMap<String, String>,
        (content_type, body): (&'static str, &str),
        timeout: Duration,
    ) -> Result<(), String> {
        let url = match address {
            Address::Url(url) => url.as_str(),
            Address::Variable(name) => self.variable(name)?,
        };
        // What is wrong with it could show a part of it.
        let url = Url::parse(url.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or("the address is none that HTTP can call")?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        for (name, variable) in header_env {
            let bad = || format!("the header {name} cannot be sent");
            let mut value = HeaderValue::from_str(self.variable(variable)?).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
        }
        let body = self.redactor.redact(body).into_owned().into_bytes();
        let request = Request { method: Method::POST, url, headers, body: Some(body) };
        let deadlines = Deadlines { connect: timeout, first_byte: timeout, idle: timeout, total: timeout };
        let host = request.host();
        let answer = Client::new().send(request, &deadlines).await;
        let status = answer.map_err(|error| self.shown(&error.failure.message))?.status();
        if status.is_success() { Ok(()) } else { Err(format!("{host} answered {}", status.as_u16())) }
    }

    fn variable(&self, name: &str) -> Result<&str, String> {
        self.variables.get(name).map(String::as_str).ok_or_else(|| format!("{name} is not set"))
    }

    fn shown(&self, text: &str) -> String {
        self.redactor.redact(text).into_owned()
    }
}

/// An address that stands in a variable is a key in itself: whoever has it may write there.
fn of_address(value: &str) -> Vec<SecretString> {
    let Ok(url) = Url::parse(value.trim()) else { return Vec::new() };
    if !matches!(url.scheme(), "http" | "https") || url.path().len() < 2 {
        return secrets_of_address(&url);
    }
    let path = url.path().trim_start_matches('/').to_owned();
    secrets_of_address(&url).into_iter().chain([SecretString::from(path)]).collect()
}
