//! A mistake in a file: what is wrong, where, why, and what to do next.
//!
//! Knows how a mistake looks, not what the mistakes are.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

/// The text of a file and the name it is shown under.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path as the user knows it.
    pub path: String,
    /// The whole text.
    pub text: String,
    line_starts: Vec<usize>,
}

/// A part of a source in bytes.
pub(crate) type Span = Range<usize>;

/// Whether something keeps an orchestra from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It does.
    Error,
    /// It does not, but the author should know.
    Warning,
}

/// A mistake.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Whether it keeps the orchestra from running.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where, with a few words that stand at the caret.
    pub at: Option<(Span, String)>,
    /// Another place that matters, such as where a name was first used.
    pub see: Option<(Span, String)>,
    /// What to do next.
    pub help: Option<String>,
    /// The file that it is in, where that is not the one whose mistakes it is told among.
    pub elsewhere: Option<Arc<Source>>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(message: impl Into<String>, span: Span, label: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            at: Some((span, label.into())),
            see: None,
            help: None,
            elsewhere: None,
        }
    }

    /// An error of the file as a whole.
    #[must_use]
    pub fn error_in_file(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), at: None, see: None, help: None, elsewhere: None }
    }

    /// The same as a warning.
    #[must_use]
    pub fn into_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    /// The same with what to do next.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same with another place that matters.
    #[must_use]
    pub fn see(self, span: Span, label: impl Into<String>) -> Self {
        Self { see: Some((span, label.into())), ..self }
    }
}

impl Source {
    /// Takes a text under a name.
    #[must_use]
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { path: path.into(), text, line_starts }
    }

    /// The line and the column of a byte, both from 1; the column counts characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= byte).max(1);
        let start = self.line_starts[line - 1];
        let before = self.text.get(start..byte.min(self.text.len())).unwrap_or("");
        (line, before.chars().count() + 1)
    }

    /// The byte at a line and a column, both from 1; the nearest one where there is no such place.
    #[must_use]
    pub fn byte_at(&self, line: u64, column: u64) -> usize {
        let line = usize::try_from(line).unwrap_or(1).clamp(1, self.line_starts.len());
        let column = usize::try_from(column).unwrap_or(1).max(1);
        let start = self.line_starts[line - 1];
        let rest = &self.text[start..];
        start + rest.char_indices().nth(column - 1).map_or(rest.len(), |(at, _)| at)
    }

    /// The lines that `spans` touch, as the first one's number and the range of bytes.
    fn lines_of<'s>(&self, spans: impl Iterator<Item = &'s Span>) -> (usize, Range<usize>) {
        let (mut first, mut last) = (usize::MAX, 0);
        for span in spans {
            first = first.min(self.position(span.start).0);
            last = last.max(self.position(span.end.max(span.start)).0);
        }
        let end = self.line_starts.get(last).copied().unwrap_or(self.text.len());
        (first, self.line_starts[first - 1]..end)
    }
}

/// The mistakes of one file, in its order, errors and warnings mixed.
#[derive(Debug, Clone)]
pub struct Report {
    /// The file.
    pub source: Arc<Source>,
    /// Its mistakes.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Puts the mistakes in the file's order and drops those that say the same of the same place.
    #[must_use]
    pub fn new(source: Arc<Source>, mut diagnostics: Vec<Diagnostic>) -> Self {
        let key = |d: &Diagnostic| d.at.as_ref().map_or(0, |(span, _)| span.start);
        let file = |d: &Diagnostic| d.elsewhere.as_ref().map(|source| source.path.clone());
        diagnostics.sort_by_cached_key(|d| (file(d), key(d)));
        diagnostics.dedup_by(|a, b| a.message == b.message && key(a) == key(b) && file(a) == file(b));
        Self { source, diagnostics }
    }

    /// How many of the mistakes are errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// The mistakes for a person, each with its line and a caret.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        self.diagnostics.iter().map(|d| self.render_one(d, &renderer) + "\n").collect()
    }

    /// The mistakes for a program.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry<'_>> {
        self.diagnostics.iter().map(|d| self.entry(d)).collect()
    }

    fn source_of<'r>(&'r self, diagnostic: &'r Diagnostic) -> &'r Source {
        diagnostic.elsewhere.as_deref().unwrap_or(&self.source)
    }

    fn render_one(&self, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
        let source = self.source_of(diagnostic);
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(diagnostic.message.as_str()));
        let spans = || diagnostic.at.iter().chain(&diagnostic.see).map(|(span, _)| span);
        if let Some((span, label)) = &diagnostic.at {
            // Only the lines in question are handed over, so that a report takes no longer in a large file.
            let (_, lines) = source.lines_of(spans());
            let far = lines.len() > 4000;
            let (line, lines) = source.lines_of(std::iter::once(span).chain(spans().filter(|_| !far)));
            let local = |span: &Span| {
                let end = span.end.clamp(span.start, lines.end);
                span.start - lines.start..end - lines.start
            };
            let mut snippet = Snippet::source(&source.text[lines.clone()])
                .path(source.path.as_str())
                .line_start(line)
                .annotation(AnnotationKind::Primary.span(local(span)).label(label.as_str()));
            if let Some((see, label)) = diagnostic.see.as_ref().filter(|_| !far) {
                snippet = snippet.annotation(AnnotationKind::Context.span(local(see)).label(label.as_str()));
            }
            group = group.element(snippet);
        } else {
            group = group.element(annotate_snippets::Origin::path(source.path.as_str()));
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    fn entry<'r>(&'r self, diagnostic: &'r Diagnostic) -> Entry<'r> {
        let source = self.source_of(diagnostic);
        let place = |span: &Span| {
            let (line, column) = source.position(span.start);
            let (end_line, end_column) = source.position(span.end);
            Place { line, column, end_line, end_column }
        };
        Entry {
            file: &source.path,
            severity: diagnostic.severity,
            message: &diagnostic.message,
            place: diagnostic.at.as_ref().map(|(span, _)| place(span)),
            label: diagnostic.at.as_ref().map(|(_, label)| label.as_str()).filter(|l| !l.is_empty()),
            help: diagnostic.help.as_deref(),
        }
    }
}

/// A mistake as `--format json` gives it.
#[derive(Debug, Serialize)]
pub struct Entry<'r> {
    file: &'r str,
    severity: Severity,
    message: &'r str,
    #[serde(flatten)]
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'r str>,
}

/// Lines and columns from 1; the end is the character behind the last one.
#[derive(Debug, Serialize)]
struct Place {
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

/// The one of `candidates` that `wrong` is most likely meant to be.
pub(crate) fn near_miss<'c>(wrong: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let normal = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wrong = normal(wrong);
    candidates
        .into_iter()
        .map(|candidate| {
            let other = normal(candidate);
            let distance = strsim::damerau_levenshtein(&wrong, &other);
            // A word that the other begins with, such as `timeout` for `timeout_seconds`, is near as well.
            let begins = wrong.len() >= 3 && (other.starts_with(&wrong) || wrong.starts_with(&other));
            (if begins { distance.min(2) } else { distance }, other.len(), candidate)
        })
        .filter(|&(distance, length, _)| distance <= 1.max(wrong.len().max(length) / 3))
        .min_by_key(|&(distance, _, _)| distance)
        .map(|(_, _, candidate)| candidate)
}

/// `a, b or c`
#[must_use]
pub(crate) fn either<T: std::fmt::Display>(items: &[T]) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_at_its_place() {
        let source = Arc::new(Source::new("a.yaml", "tasks:\n  - nme: x\n"));
        let mistake =
            Diagnostic::error("unknown key `nme` in a task", 11..14, "not a key here").help("did you mean `name`?");
        let text = Report::new(source, vec![mistake]).render(false);
        assert_eq!(
            text,
            "error: unknown key `nme` in a task\n --> a.yaml:2:5\n  |\n2 |   - nme: x\n  |     ^^^ not a key here\n  |\n  = help: did you mean `name`?\n"
        );
    }

    #[test]
    fn near_misses_are_near() {
        let keys = ["timeout_seconds", "name", "agent", "description", "context"];
        assert_eq!(near_miss("timeout", keys), Some("timeout_seconds"));
        assert_eq!(near_miss("contxt", keys), Some("context"));
        assert_eq!(near_miss("Time-Out-Seconds", keys), Some("timeout_seconds"));
        assert_eq!(near_miss("banana", keys), None);
    }
}
