//! The values that tasks set for those after them, and which of them a text may ask for.

use std::collections::BTreeSet;

use crate::plan::ctx::{Setting, is_key, overlap};
use crate::plan::graph::{Plan, TaskIx};
use crate::plan::output::fields::{self, NoField};
use crate::plan::resolve::Resolver;
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, Collect, OutputFormat, Text};
use crate::plan::template::CtxKnown;
use crate::words::diagnostic::Diagnostic;

/// The tool by which a model sets a value that no file names.
const SETTER: &str = "ctx_set";

/// What is known before the run of the shared values, as one task will see them.
#[derive(Debug, Default)]
pub(super) struct KeysKnown<'k> {
    before: Vec<&'k str>,
    others: Vec<(&'k str, &'k str)>,
    is_open: bool,
}

impl KeysKnown<'_> {
    pub(super) fn known(&self) -> CtxKnown<'_> {
        CtxKnown { before: &self.before, others: &self.others, is_open: self.is_open }
    }
}

/// What a task sets as the file writes it: the key, and the text behind it where that is a field.
fn said(task: &spec::Task) -> Vec<(&str, Option<&Text>)> {
    match &task.sets {
        None => Vec::new(),
        Some(Either::Short(key)) => vec![(key.value.as_str(), None)],
        Some(Either::Full(fields)) => fields.value.iter().map(|(key, field)| (key.as_str(), Some(field))).collect(),
    }
}

impl<'r> Resolver<'r> {
    /// What a task sets when it is done.
    pub(super) fn sets(&mut self, ix: TaskIx, task: &spec::Task) -> Vec<Setting> {
        let Some(sets) = &task.sets else { return Vec::new() };
        let span = match sets {
            Either::Short(key) => &key.span,
            Either::Full(fields) => &fields.span,
        };
        let mut settings = Vec::new();
        for (key, field) in said(task) {
            if !is_key(key) {
                let message = format!("`{key}` cannot be the name of a shared value");
                let help = "take words of letters, digits, _ and - with dots in between, such as `plan.tasks`";
                self.diagnostics.push(Diagnostic::error(message, span.clone(), "in this `sets`").help(help));
                continue;
            }
            let path: Vec<String> =
                field.iter().flat_map(|field| field.value.trim().split('.').map(str::to_owned)).collect();
            if let Some(field) = field {
                self.check_field(ix, task, field, &path);
            }
            settings.push(Setting { key: key.to_owned(), path });
        }
        settings
    }

    /// A field is one of a JSON document.
    fn check_field(&mut self, ix: TaskIx, task: &spec::Task, field: &Text, path: &[String]) {
        let output = task.output.as_ref();
        let format = output.and_then(|output| output.format.as_ref()).map(|format| format.value);
        let is_collected = task.for_each.is_some();
        let is_text = task.collect.as_ref().is_some_and(|collect| collect.value == Collect::Text);
        let is_json = match format {
            _ if is_collected => !is_text,
            _ if task.expand.is_some() => task.collect.as_ref().is_some_and(|collect| collect.value == Collect::Json),
            Some(OutputFormat::Json | OutputFormat::Plan) => true,
            Some(_) => false,
            None => output.is_some_and(|output| output.schema.is_some()),
        };
        if path.iter().any(String::is_empty) {
            let message = format!("`{}` is no field of an output", field.value);
            let help =
                "write its name, or the way to it with dots: `tasks.0.title`; for all of the output, `sets: KEY`";
            self.diagnostics.push(Diagnostic::error(message, field.span.clone(), "no field").help(help));
        } else if !is_json {
            let message = format!("`{}` is to be taken from an output that need not be JSON", field.value);
            let help = "give the task `output: {format: json}`, or set a value to all of the output: `sets: KEY`";
            self.diagnostics.push(Diagnostic::error(message, field.span.clone(), "a field of a text").help(help));
        } else if let Some(schema) = self.schema_of(ix)
            && let Some(NoField { field: name, near, .. }) =
                fields::missing(&schema, path.iter().map(|name| Some(name.as_str())))
        {
            let help = near.map_or_else(
                || "the schema of that output says which there are".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let message = format!("the output of `{}` has no field `{name}`", task.name.value);
            self.diagnostics.push(Diagnostic::error(message, field.span.clone(), "no such field").help(help));
        }
    }

    /// Two tasks that set one value, and of which neither waits for the other: which of them is heard is chance.
    pub(super) fn check_setters(&mut self, plan: Option<&Plan>) {
        let Some(plan) = plan.filter(|_| !self.context.omissions.settings) else { return };
        let tasks = &self.file.tasks.value;
        let mut setters: Vec<(&str, TaskIx)> =
            (0..tasks.len()).flat_map(|ix| said(&tasks[ix].value).into_iter().map(move |(key, _)| (key, ix))).collect();
        setters.sort_unstable();
        let mut told = BTreeSet::new();
        for pair in setters.windows(2) {
            let [(key, one), (other_key, other)] = [pair[0], pair[1]];
            if one == other || !overlap(key, other_key) || !told.insert((one, other)) {
                continue;
            }
            let is_before = |early: TaskIx, late: TaskIx| plan.upstream(late).contains(&early);
            if is_before(one, other) || is_before(other, one) {
                continue;
            }
            let name = |task: TaskIx| &tasks[task].value.name;
            let (one, other) = (name(one), name(other));
            let message =
                format!("`{}` and `{}` set `{other_key}`, and neither comes before the other", one.value, other.value);
            let warning = Diagnostic::error(message, other.span.clone(), "the last one to end is heard")
                .see(one.span.clone(), "the other one")
                .help("give one of them the other in `context`, or set two values");
            self.diagnostics.push(warning.into_warning());
        }
    }

    /// What a text of a task may ask for.
    pub(super) fn keys_known(&self, ix: TaskIx, plan: Option<&Plan>) -> KeysKnown<'r> {
        let file = self.file;
        let tasks = &file.tasks.value;
        // Without a plan it cannot be told what comes before.
        let plan = plan.filter(|_| !self.context.omissions.settings);
        let upstream: BTreeSet<TaskIx> = match plan {
            Some(plan) => plan.upstream(ix).into_iter().collect(),
            None => (0..tasks.len()).collect(),
        };
        let mut known = KeysKnown { is_open: plan.is_none(), ..KeysKnown::default() };
        for (other, task) in tasks.iter().enumerate() {
            let task = &task.value;
            for (key, _) in said(task) {
                match upstream.contains(&other) {
                    true => known.before.push(key),
                    false => known.others.push((key, task.name.value.as_str())),
                }
            }
            known.is_open |= upstream.contains(&other) && self.may_set(task);
        }
        known
    }

    /// Whether the agent of a task has the tool that sets values.
    fn may_set(&self, task: &spec::Task) -> bool {
        let Some(agent) = &task.agent else { return false };
        let is_setter = |tool: &Either<Text, spec::ToolGrant>| match tool {
            Either::Short(name) => name.value == SETTER,
            Either::Full(grant) => grant.name.value == SETTER,
        };
        self.file.agents.iter().flatten().any(|said| match said {
            Either::Full(said) => said.name.value == agent.value && said.tools.iter().any(is_setter),
            Either::Short(_) => false,
        })
    }
}
