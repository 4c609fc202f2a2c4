//! Texts of an author, which stand in the orchestra's file or in a file of their own.

use std::borrow::Cow;
use std::sync::Arc;

use crate::plan::guarded::{OwnFiles, Use};
use crate::plan::resolve::ResolveContext;
use crate::plan::resolve::grants::is_in_project;
use crate::plan::spec::located::Either;
use crate::plan::spec::{Prose, Text, place};
use crate::plan::template::{Known, Template, TemplateError};
use crate::words::diagnostic::{Diagnostic, Source, Span};

/// A text and where it stands.
pub(super) enum Said<'r> {
    /// In the orchestra's file.
    Here(Cow<'r, Text>),
    /// In a file of its own.
    Elsewhere(Arc<Source>),
}

impl<'r> Said<'r> {
    /// The text, if it can be had. What is wrong otherwise is told by [`unusable`].
    pub(super) fn of(prose: &'r Prose, context: &ResolveContext<'_>) -> Option<Self> {
        match prose {
            Either::Short(text) => Some(Self::Here(Cow::Borrowed(text))),
            Either::Full(file) => {
                Some(Self::Elsewhere(context.prompts.get(&file.value.file.value)?.as_ref().ok()?.clone()))
            }
        }
    }

    /// The text itself.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Here(text) => &text.value,
            Self::Elsewhere(source) => &source.text,
        }
    }

    /// What is wrong in it as a template, and what is nearly a name.
    pub(super) fn check(&self, template: &Template, known: &Known<'_>, source: &Source) -> Vec<Diagnostic> {
        let wrong = template.check(known).into_iter().map(|error| self.told(error, source, "in this template"));
        let near = template.near_words(known).into_iter().map(|error| self.told(error, source, "").into_warning());
        wrong.chain(near).collect()
    }

    fn told(&self, error: TemplateError, source: &Source, label: &str) -> Diagnostic {
        let (span, elsewhere) = match self {
            Self::Here(text) => (place::within(source, text, error.range), None),
            Self::Elsewhere(file) => (error.range, Some(file.clone())),
        };
        Diagnostic { help: error.help, elsewhere, ..Diagnostic::error(error.message, span, label) }
    }
}

/// Where a text is written, or the name of its file.
pub(super) fn span(prose: &Prose) -> &Span {
    match prose {
        Either::Short(text) => &text.span,
        Either::Full(file) => &file.span,
    }
}

/// Why the file of a text cannot be used, if it cannot.
pub(super) fn unusable(prose: &Prose, context: &ResolveContext<'_>) -> Option<Diagnostic> {
    let Either::Full(file) = prose else { return None };
    let path = &file.value.file;
    let error = |message: String, help: &str| Diagnostic::error(message, path.span.clone(), "").help(help);
    if !is_in_project(&path.value) {
        let message = format!("`{}` is not a path of a file in the project", path.value);
        return Some(error(message, "write it relative to the project's folder"));
    }
    // A text goes to a model, and these hold what no model may see.
    if let Some(row) = OwnFiles::default().rows(&path.value, Use::Read).first() {
        return Some(error(format!("`{}` is no file for a text: {}", path.value, row.why), "name another file"));
    }
    match context.prompts.get(&path.value) {
        Some(Err(why)) => Some(error(format!("the text {} cannot be used: {why}", path.value), "a text is UTF-8")),
        _ => None,
    }
}
