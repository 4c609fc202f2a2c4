//! How a task is done: by an agent or by a program, once or for each item of a list.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::plan::graph::{Plan, TaskIx};
use crate::plan::growth::{ForEach, Grows, Items, Repeat, Review};
use crate::plan::orchestra::{Program, Work};
use crate::plan::output::fields::{self, NoField, Part};
use crate::plan::output::plan;
use crate::plan::resolve::Resolver;
use crate::plan::resolve::prose::{self, Said};
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::{self, Collect, InputKind, OnMax, OutputFormat, Text};
use crate::plan::template::{ItemsKnown, RoundsKnown, Template};
use crate::words::diagnostic::{Diagnostic, near_miss};

/// What stands between a description and what is expected of the output.
const EXPECTED_LABEL: &str = "Expected output: ";

/// How often a task that is reviewed may be made where nothing says so.
const USUAL_VERSIONS: u32 = 3;

impl<'r> Resolver<'r> {
    /// How a task is done; `None`, with what is wrong, where that cannot be told.
    pub(super) fn work(&mut self, task: &spec::Task, agent: Option<usize>) -> Option<Work> {
        let Some(run) = &task.run else { return self.work_of_agent(task, agent) };
        let name = &task.name.value;
        let of_agents = [
            ("agent", task.agent.as_ref().map(|text| &text.span)),
            ("description", task.description.as_ref().map(prose::span)),
            ("expected_output", task.expected_output.as_ref().map(|text| &text.span)),
            (
                "model",
                task.model.as_ref().map(|models| match models {
                    Either::Short(text) => &text.span,
                    Either::Full(list) => &list.span,
                }),
            ),
            ("limits", task.limits.as_ref().map(|limits| &limits.span)),
        ];
        for (key, span) in of_agents.into_iter().filter_map(|(key, span)| Some((key, span?))) {
            let message = format!("`{name}` is done by a program, and `{key}` is for an agent");
            self.diagnostics.push(
                Diagnostic::error(message, span.clone(), "not with `run`")
                    .see(run.span.clone(), "the program")
                    .help(format!("take out `{key}`, or `run`")),
            );
        }
        if run.value.first().is_none_or(|program| program.value.trim().is_empty()) {
            self.diagnostics.push(
                Diagnostic::error("`run` names no program", run.span.clone(), "")
                    .help("the program, then its arguments: `[cargo, test]`"),
            );
        }
        let program = Program {
            argv: run.value.iter().map(|argument| self.template(argument)).collect(),
            env: task.env.iter().flat_map(|env| &env.value).map(|name| name.value.clone()).collect(),
            stdin: task.stdin.as_ref().map(|stdin| self.template(stdin)),
        };
        Some(Work::Command(Arc::new(program)))
    }

    fn work_of_agent(&mut self, task: &spec::Task, agent: Option<usize>) -> Option<Work> {
        let env = task.env.as_ref().map(|env| ("env", &env.span));
        let stdin = task.stdin.as_ref().map(|stdin| ("stdin", &stdin.span));
        for (key, span) in env.into_iter().chain(stdin) {
            let message = format!("`{key}` is for a program, and this task has none");
            self.diagnostics.push(
                Diagnostic::error(message, span.clone(), "not without `run`")
                    .help("name the program with `run`, or take this out"),
            );
        }
        let name = &task.name;
        match (&task.agent, &task.description) {
            (Some(_), Some(description)) => {
                self.diagnostics.extend(prose::unusable(description, self.context));
                let text = Said::of(description, self.context)?;
                // The words behind it are the task's own, and so a part of what its output depends on.
                let text = match &task.expected_output {
                    None => text.text().to_owned(),
                    Some(expected) => format!("{}\n\n{EXPECTED_LABEL}{}", text.text().trim_end(), expected.value),
                };
                Some(Work::Agent { agent: agent?, description: Template::with_inputs(&text, &self.inputs) })
            }
            (None, _) => {
                let message = format!("nobody does `{}`: it has neither `agent` nor `run`", name.value);
                self.diagnostics.push(
                    Diagnostic::error(message, name.span.clone(), "this task")
                        .help("give it an `agent` and a `description`, or a program with `run`"),
                );
                None
            }
            (Some(_), None) => {
                let message = format!("`{}` lacks `description`", name.value);
                self.diagnostics.push(
                    Diagnostic::error(message, name.span.clone(), "this task").help("say what its agent is to do"),
                );
                None
            }
        }
    }

    fn template(&self, text: &Text) -> Template {
        Template::with_inputs(&text.value, &self.inputs)
    }

    /// The rounds of a task.
    pub(super) fn repeat(
        &mut self,
        ix: TaskIx,
        task: &spec::Task,
        names: &HashMap<&'r str, TaskIx>,
        plan: Option<&Plan>,
    ) -> Option<Grows> {
        let said = task.repeat.as_ref()?;
        let schema = self.schema_of_one(ix);
        let known = (self.items_later(task), RoundsKnown::Ends(schema.as_ref()));
        let until = said.value.until.as_ref().map(|until| self.condition(ix, ("until", until), names, plan, known));
        Some(Grows::Repeat(Arc::new(Repeat {
            until: match until {
                Some(None) => return None,
                Some(Some(until)) => Some(until),
                None => None,
            },
            max: said.value.max,
            accepts: said.value.on_max == Some(OnMax::Accept),
        })))
    }

    /// Who reviews a task.
    pub(super) fn review(&self, task: &spec::Task, [by, advise]: [Option<usize>; 2]) -> Option<Grows> {
        let said = &task.review.as_ref()?.value;
        Some(Grows::Review(Arc::new(Review {
            by: by?,
            advise,
            max: said.max_iterations.unwrap_or(USUAL_VERSIONS),
            accepts: said.on_max == Some(OnMax::Accept),
            criteria: said.criteria.as_ref().map(|criteria| self.template(criteria)),
        })))
    }

    /// The list that a task goes through.
    pub(super) fn for_each(
        &mut self,
        ix: TaskIx,
        task: &spec::Task,
        names: &HashMap<&'r str, TaskIx>,
        plan: Option<&Plan>,
    ) -> Option<Arc<ForEach>> {
        let Some(said) = &task.for_each else {
            let collect = task.collect.as_ref().map(|collect| ("collect", &collect.span));
            let parallel = task.max_parallel.as_ref().map(|max| ("max_parallel", &max.span));
            for (key, span) in collect.into_iter().chain(parallel).filter(|_| task.expand.is_none()) {
                let message = format!("`{key}` is for a task with `for_each` or `expand`");
                self.diagnostics.push(Diagnostic::error(message, span.clone(), "there is no list").help("take it out"));
            }
            return None;
        };
        let items = match said {
            Either::Full(list) => self.literal(list)?,
            Either::Short(text) => self.items_of_output(ix, text, names, plan)?,
        };
        let file = task.output.as_ref().and_then(|output| output.path.as_ref().or(output.file.as_ref()));
        if let Some(file) = file.filter(|file| !Template::new(&file.value).names_item()) {
            let message = format!("every item's output would go to the file `{}`", file.value);
            self.diagnostics.push(
                Diagnostic::error(message, file.span.clone(), "one file for all")
                    .help("put the item into its name, such as `{{ item }}.md` or `{{ loop.index }}.md`"),
            );
        }
        Some(Arc::new(ForEach {
            items,
            max_parallel: task.max_parallel.as_ref().map(|max| max.value),
            collect: task.collect.as_ref().map(|collect| collect.value).unwrap_or_default(),
        }))
    }

    fn literal(&mut self, list: &Spanned<Vec<Value>>) -> Option<Items> {
        if list.value.is_empty() {
            self.diagnostics.push(
                Diagnostic::error("the list of `for_each` is empty", list.span.clone(), "no item")
                    .help("name at least one item, or take the task out"),
            );
            return None;
        }
        Some(Items::Literal(list.value.clone()))
    }

    /// `outputs.TASK`, or a field of it.
    fn items_of_output(
        &mut self,
        ix: TaskIx,
        text: &Text,
        names: &HashMap<&'r str, TaskIx>,
        plan: Option<&Plan>,
    ) -> Option<Items> {
        let said = text.value.trim();
        let said = said.strip_prefix("{{").and_then(|said| said.strip_suffix("}}")).map_or(said, str::trim);
        if let Some(name) = said.strip_prefix("inputs.") {
            return self.items_of_input(name, text);
        }
        let Some(rest) = said.strip_prefix("outputs.") else {
            self.diagnostics.push(Diagnostic::error("this is not a list for `for_each`", text.span.clone(), "").help(
                "write a list, `inputs.NAME`, or `outputs.TASK.FIELD` for one that a task in `context` has made",
            ));
            return None;
        };
        // A name may have dots in it, so the longest one that fits is meant.
        let is_named =
            |name: &str| rest.strip_prefix(name).is_some_and(|behind| behind.is_empty() || behind.starts_with('.'));
        let named = names.iter().filter(|(name, _)| is_named(name)).max_by_key(|(name, _)| name.len());
        let Some((&name, &task)) = named else {
            let wrong = rest.split('.').next().unwrap_or(rest);
            if !self.context.omissions.entries {
                let help = near_miss(wrong, names.keys().copied())
                    .map_or_else(|| "name a task of this file".to_owned(), |near| format!("did you mean `{near}`?"));
                let message = format!("there is no task `{wrong}`");
                self.diagnostics.push(Diagnostic::error(message, text.span.clone(), "not a task").help(help));
            }
            return None;
        };
        if plan.is_some_and(|plan| !plan.needs(ix).contains(&task)) && !self.context.omissions.settings {
            let message = format!("the task does not get the output of `{name}`");
            self.diagnostics.push(
                Diagnostic::error(message, text.span.clone(), "not in `context`")
                    .help(format!("add `{name}` to its `context`")),
            );
            return None;
        }
        let path: Vec<String> =
            rest[name.len()..].split('.').filter(|field| !field.is_empty()).map(str::to_owned).collect();
        self.check_fields(task, &path, text);
        Some(Items::Output { task, path })
    }

    fn items_of_input(&mut self, name: &str, text: &Text) -> Option<Items> {
        let (message, help) = match self.inputs.iter().find(|input| input.name == name) {
            Some(input) if input.kind == InputKind::List => return Some(Items::Input(name.to_owned())),
            Some(_) => (format!("the input `{name}` is no list"), "write `type: list` where it is declared".to_owned()),
            None => {
                let near = near_miss(name, self.inputs.iter().map(|input| input.name.as_str()));
                let declare = || format!("declare it at the top of the file: `inputs: {{{name}: list}}`");
                let help = near.map_or_else(declare, |near| format!("did you mean `inputs.{near}`?"));
                (format!("there is no input `{name}`"), help)
            }
        };
        self.diagnostics.push(Diagnostic::error(message, text.span.clone(), "no list").help(help));
        None
    }

    /// Where the file says what an output looks like, a field that it does not have is a mistake.
    fn check_fields(&mut self, task: TaskIx, path: &[String], text: &Text) {
        let Some(schema) = self.schema_of(task) else { return };
        let (message, label, help) = match fields::follow(&schema, path.iter().map(|field| Some(field.as_str()))) {
            Part::Unknown => return,
            Part::Missing(NoField { field, near, kind: _ }) => {
                let help = near.map_or_else(
                    || "the schema of that output says which there are".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                (format!("that output has no field `{field}`"), "no such field", Some(help))
            }
            Part::Schema(schema) => match schema.get("type").and_then(Value::as_str) {
                Some(kind) if kind != "array" => {
                    (format!("`for_each` goes through a list, and this is of type {kind}"), "no list", None)
                }
                _ => return,
            },
        };
        let diagnostic = Diagnostic::error(message, text.span.clone(), label);
        self.diagnostics.push(Diagnostic { help, ..diagnostic });
    }

    /// The schema of a task's output, where the file says what that looks like.
    pub(super) fn schema_of(&self, task: TaskIx) -> Option<Value> {
        let schema = self.schema_of_one(task);
        let task = &self.file.tasks.value[task].value;
        match (&task.for_each, task.collect.as_ref().map(|collect| collect.value).unwrap_or_default()) {
            (None, _) => schema,
            (Some(_), Collect::Text) => Some(json!({"type": "string"})),
            // References of a schema begin at its root, so those of an item are not followed.
            (Some(_), Collect::Json) => Some(json!({"type": "array", "items": schema.unwrap_or_else(|| json!({}))})),
        }
    }

    /// The same for one item of a list.
    fn schema_of_one(&self, task: TaskIx) -> Option<Value> {
        let task = &self.file.tasks.value[task].value;
        let output = task.output.as_ref();
        let format = output.and_then(|output| output.format.as_ref()).map(|format| format.value);
        if task.expand.is_some() {
            let is_json = task.collect.as_ref().is_some_and(|collect| collect.value == Collect::Json);
            return Some(json!({"type": if is_json { "object" } else { "string" }}));
        }
        match output.and_then(|output| output.schema.as_ref()) {
            Some(Either::Full(inline)) => {
                Some(inline.value.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
            }
            Some(Either::Short(path)) => Some(self.context.schemas.get(&path.value)?.clone().ok()?),
            None if format == Some(OutputFormat::Plan) => Some(plan::schema()),
            None => None,
        }
    }

    /// What is known of the items and the rounds that the texts of a task are filled in for.
    pub(super) fn made_for<'t>(&self, task: &'t spec::Task) -> (ItemsKnown<'t>, RoundsKnown<'t>) {
        let is_out_of_sight = self.context.omissions.settings;
        let items = match &task.for_each {
            None if is_out_of_sight => ItemsKnown::Later,
            None => ItemsKnown::None,
            Some(Either::Full(list)) => ItemsKnown::These(&list.value),
            Some(Either::Short(_)) => ItemsKnown::Later,
        };
        let rounds = match task.repeat.is_some() || task.review.is_some() {
            _ if is_out_of_sight => RoundsKnown::Unknown,
            true => RoundsKnown::Some,
            false => RoundsKnown::None,
        };
        (items, rounds)
    }

    /// What a condition knows of items: what fields one has is seen when it is there, and one that is missing is not equal to
    /// anything.
    pub(super) fn items_later(&self, task: &spec::Task) -> ItemsKnown<'static> {
        let has_items = task.for_each.is_some() || self.context.omissions.settings;
        if has_items { ItemsKnown::Later } else { ItemsKnown::None }
    }

    /// The texts of a task that are filled in.
    pub(super) fn templates<'t>(&self, task: &'t spec::Task) -> impl Iterator<Item = Said<'t>> {
        let description = task.description.iter().filter_map(|prose| Said::of(prose, self.context));
        let run = task.run.iter().flat_map(|run| &run.value);
        let criteria = task.review.iter().filter_map(|review| review.value.criteria.as_ref());
        let others = task.expected_output.iter().chain(run).chain(&task.stdin).chain(criteria);
        description.chain(others.map(|text| Said::Here(Cow::Borrowed(text))))
    }
}
