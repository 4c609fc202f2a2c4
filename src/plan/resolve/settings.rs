//! How the tasks of an orchestra run: its settings, wherever in the file or on the command line they stand.

use crate::plan::resolve::Resolver;
use crate::plan::spec::located::Spanned;
use crate::plan::spec::{self, Limits, Strategy};
use crate::plan::tier::Tier;
use crate::words::diagnostic::{Diagnostic, Span};
use crate::words::id::Name;

/// How many tasks run at once where nothing says so and the strategy allows several.
const DEFAULT_PARALLEL: u32 = 3;

impl<'r> Resolver<'r> {
    pub(super) fn id(&mut self) -> Option<Name> {
        let section = self.file.orchestra.as_ref().and_then(|s| s.id.as_ref());
        match section.or_else(|| self.file.metadata.as_ref().and_then(|m| m.id.as_ref())) {
            Some(id) => self.name(id, "the id of an orchestra"),
            None => match Name::new(self.context.fallback_id) {
                Ok(id) => Some(id),
                Err(error) => {
                    let message = format!("the file's name cannot serve as the orchestra's id: {error}");
                    self.diagnostics
                        .push(Diagnostic::error_in_file(message).help("give it one: `orchestra: {id: ...}`"));
                    None
                }
            },
        }
    }

    /// The settings, wherever they stand.
    pub(super) fn execution(&mut self) -> Option<&'r spec::Execution> {
        let inner = self.file.orchestra.as_ref().and_then(|s| s.execution.as_ref());
        self.one_of("execution", inner, self.file.execution.as_ref()).map(|settings| &settings.value)
    }

    /// What the whole run may use, wherever that stands.
    pub(super) fn limits(&mut self) -> Limits {
        let inner = self.file.orchestra.as_ref().and_then(|s| s.limits.as_ref());
        let limits = self.one_of("limits", inner, self.file.limits.as_ref());
        limits.map(|limits| limits.value.clone()).unwrap_or_default()
    }

    /// What may stand under `orchestra` or at the top, and in both places only if it is the same.
    pub(super) fn one_of<T: PartialEq>(
        &mut self,
        key: &str,
        inner: Option<&'r Spanned<T>>,
        outer: Option<&'r Spanned<T>>,
    ) -> Option<&'r Spanned<T>> {
        if let (Some(inner), Some(outer)) = (inner, outer)
            && inner != outer
        {
            let message = format!("`{key}` stands twice, and the two differ");
            self.diagnostics.push(
                Diagnostic::error(message, outer.span.clone(), "here")
                    .see(inner.span.clone(), "and here, under `orchestra`")
                    .help("keep one of the two"),
            );
        }
        inner.or(outer)
    }

    pub(super) fn strategy(&self, settings: Option<&spec::Execution>) -> Strategy {
        let said = settings.and_then(|s| s.strategy.as_ref()).map(|s| s.value);
        match self.context.overrides.strategy.as_deref() {
            Some("sequential") => Strategy::Sequential,
            Some("parallel") => Strategy::Parallel,
            Some("mixed") => Strategy::Mixed,
            _ => said.unwrap_or(Strategy::Sequential),
        }
    }

    pub(super) fn max_parallel(&self, settings: Option<&spec::Execution>, strategy: Strategy) -> Option<u32> {
        if strategy == Strategy::Sequential {
            return Some(1);
        }
        let said = self.context.overrides.max_parallel;
        let said = said.or_else(|| settings.and_then(|s| s.max_parallel_tasks.as_ref()).map(|n| n.value));
        match said.unwrap_or(DEFAULT_PARALLEL) {
            0 => None,
            limit => Some(limit),
        }
    }

    pub(super) fn tier(&self) -> Option<(Tier, Option<Span>)> {
        let said = self.context.overrides.tier.as_deref().and_then(Tier::named);
        let in_file = self.file.orchestra.as_ref().and_then(|s| s.required_tier.as_ref());
        said.map(|tier| (tier, None)).or_else(|| in_file.map(|t| (t.value, Some(t.span.clone()))))
    }

    pub(super) fn check_tier(
        &mut self,
        settings: Option<&spec::Execution>,
        strategy: Strategy,
        max_parallel: Option<u32>,
    ) {
        let Some((tier, _)) = self.tier() else { return };
        if self.context.omissions.settings
            || !tier.is_sequential()
            || (strategy == Strategy::Sequential && max_parallel == Some(1))
        {
            return;
        }
        let message = format!(
            "the tier `{}` runs one task after another, and this orchestra is {}",
            tier.name(),
            strategy.name()
        );
        let place = settings.and_then(|s| s.strategy.as_ref()).map(|s| s.span.clone());
        let diagnostic = match place {
            Some(span) => Diagnostic::error(message, span, "not in this tier"),
            None => Diagnostic::error_in_file(message),
        };
        self.diagnostics.push(diagnostic.help("use `strategy: sequential`, or ask for a higher tier"));
    }
}
