//! What the requests to a model's server carry: from the keys of a file, and what is wrong with them.

use std::collections::BTreeMap;

use crate::plan::carried::{Carried, Given};
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{self, Auth, Model};
use crate::words::diagnostic::{Diagnostic, Span};
use crate::words::redact::names_key;

/// The headers that belong to the connection and to the body.
const OURS: &[&str] = &["host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"];

/// Values by their names, as a file has them.
type Written = Option<Spanned<BTreeMap<String, spec::Given>>>;

/// What a model's requests carry.
pub(super) fn of(model: &Model) -> Carried {
    let given = |written: &Written| {
        let entries = written.iter().flat_map(|entries| &entries.value);
        let given = |given: &spec::Given| match given {
            Either::Short(text) => Given::Text(text.value.clone()),
            Either::Full(variable) => Given::Variable(variable.value.env.value.clone()),
        };
        entries.map(|(name, value)| (name.clone(), given(value))).collect()
    };
    Carried {
        auth: model.auth.as_ref().map(|auth| auth.value),
        headers: given(&model.headers),
        query: given(&model.query),
    }
}

/// Complaints about what is carried.
pub(super) fn check(model: &Model) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for (name, given) in model.headers.iter().flat_map(|headers| &headers.value) {
        found.extend(wrong_header(name, given).map(|message| Diagnostic::error(message, span(given), "")));
        found.extend(written_key("header", name, given));
    }
    for (name, given) in model.query.iter().flat_map(|query| &query.value) {
        found.extend(written_key("parameter", name, given));
    }
    let has_key = model.api_key_env.is_some() || model.api_key_command.is_some();
    if let Some(auth) = model.auth.as_ref().filter(|auth| auth.value == Auth::None && has_key) {
        let message = "`auth: none` sends no key, and this model has one";
        found.push(Diagnostic::error(message, auth.span.clone(), "").help("take one of the two out"));
    }
    found
}

fn wrong_header(name: &str, given: &spec::Given) -> Option<String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        return Some(format!("`{name}` cannot be the name of a header"));
    }
    if OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Some(format!("the header `{name}` is orch's own to write"));
    }
    match given {
        Either::Short(text) if !text.value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) => {
            Some(format!("the value of the header `{name}` has a character in it that no header can carry"))
        }
        _ => None,
    }
}

/// A key that stands in the file, or a variable that is none.
fn written_key(kind: &str, name: &str, given: &spec::Given) -> Option<Diagnostic> {
    let error = |message: String, help: &str| Some(Diagnostic::error(message, span(given), "").help(help.to_owned()));
    match given {
        Either::Short(_) if holds_key(name) => error(
            format!("the {kind} `{name}` holds a key, and keys do not belong into files"),
            &format!("put it into an environment variable and write `{name}: {{env: NAME_OF_THE_VARIABLE}}`"),
        ),
        Either::Full(variable) if !is_variable(&variable.value.env.value) => {
            error("`env` must be the name of an environment variable".to_owned(), "such as `MY_GATEWAY_KEY`")
        }
        _ => None,
    }
}

/// Whether a header or a parameter of this name holds a key.
fn holds_key(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    names_key(name) || matches!(lower.as_str(), "authorization" | "proxy-authorization" | "cookie" | "key" | "sig")
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn span(given: &spec::Given) -> Span {
    match given {
        Either::Short(text) => text.span.clone(),
        Either::Full(variable) => variable.span.clone(),
    }
}
