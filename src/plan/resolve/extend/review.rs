//! The members of a task that is reviewed: each version, its review, and the advice on it.

use serde_json::{Value, json};

use super::{ExtendError, member_name, names_taken, needs_of};
use crate::plan::graph::TaskIx;
use crate::plan::growth::{Item, ItemKind, Member, Review};
use crate::plan::orchestra::{Orchestra, OutputRule, Task, Work};
use crate::plan::output::{OutputSpec, verdict};
use crate::plan::spec::OutputFormat;
use crate::plan::template::Template;
use crate::words::id::Name;

/// What the members before the first version are made for.
#[must_use]
pub(crate) fn first_version() -> Vec<Value> {
    vec![json!(1), json!({"review": 1})]
}

/// What the members after a version are made for that was not approved.
#[must_use]
pub(crate) fn next_version(last: usize, how: &Review) -> Vec<Value> {
    let advice = how.advise.map(|_| json!({"advice": last}));
    advice.into_iter().chain([json!(last + 1), json!({"review": last + 1})]).collect()
}

/// What one of them is for, and for which version.
fn purpose(value: &Value) -> (ItemKind, usize) {
    let number = |value: &Value| value.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    match (value.get("review"), value.get("advice")) {
        (Some(version), _) => (ItemKind::Review, number(version)),
        (None, Some(version)) => (ItemKind::Advice, number(version)),
        (None, None) => (ItemKind::Round, number(value)),
    }
}

pub(super) fn members(
    orchestra: &Orchestra,
    parent: TaskIx,
    how: &Review,
    items: Vec<Value>,
) -> Result<Vec<Member>, ExtendError> {
    let task = &orchestra.tasks[parent];
    let taken = names_taken(orchestra, parent);
    let length = usize::try_from(how.max).unwrap_or(usize::MAX);
    let texts = Texts { orchestra, task, how };
    let member = |value: Value| {
        let (kind, version) = purpose(&value);
        let plain = task.member(Item { parent, index: version, length, value, kind });
        let of = |version: usize, what: &str| member_name(task, &format!("{version}{what}"), &taken);
        let mut needs: Vec<Name> = needs_of(orchestra, parent).collect();
        let member = match kind {
            ItemKind::Review => {
                needs.push(of(version, "")?);
                let spec = OutputSpec::new(OutputFormat::Json, Some(verdict::schema()));
                let output = OutputRule { spec: spec.unwrap_or_else(|_| OutputSpec::free()), file: None };
                looks_on(of(version, ".review")?, how.by, texts.of_review(version), output, plain)
            }
            ItemKind::Advice => {
                needs.extend([of(version, "")?, of(version, ".review")?]);
                let agent = how.advise.unwrap_or(how.by);
                looks_on(of(version, ".advice")?, agent, texts.of_advice(version), OutputRule::default(), plain)
            }
            _ if version > 1 => {
                needs.extend([of(version - 1, "")?, of(version - 1, ".review")?]);
                if how.advise.is_some() {
                    needs.push(of(version - 1, ".advice")?);
                }
                Task { name: of(version, "")?, work: texts.of_version(version), ..plain }
            }
            _ => Task { name: of(version, "")?, ..plain },
        };
        Ok(Member { task: member, needs })
    };
    items.into_iter().map(member).collect()
}

/// A task that looks at what another one has made, and makes nothing of it itself.
fn looks_on(name: Name, agent: usize, description: Template, output: OutputRule, plain: Task) -> Task {
    let work = Work::Agent { agent, description };
    Task { name, work, output, grows: Vec::new(), verify: Vec::new(), reads: None, writes: None, ..plain }
}

/// What is said to those who make it, and to those who look at it.
struct Texts<'t> {
    orchestra: &'t Orchestra,
    task: &'t Task,
    how: &'t Review,
}

impl Texts<'_> {
    fn of_review(&self, version: usize) -> Template {
        let name = &self.task.name;
        let criteria = self.how.criteria.as_ref().map(|text| format!(" Look at this above all: {}", text.source()));
        self.template(&format!(
            "Review the output of `{name}.{version}` against the task that it was made for.{}\n\nApprove it only if it does \
             all that the task asks for and nothing in it has to be mended. Name every issue with its severity, its place \
             and a way to mend it. Mend nothing yourself.\n\nThe task was:\n{}",
            criteria.unwrap_or_default(),
            self.asked()
        ))
    }

    fn of_advice(&self, version: usize) -> Template {
        let name = &self.task.name;
        self.template(&format!(
            "The output of `{name}.{version}` was not approved; its review is the output of `{name}.{version}.review`. Find \
             the causes of the issues that the review names, and say step by step how to mend each of them. Do not make the \
             work itself anew.\n\nThe task was:\n{}",
            self.asked()
        ))
    }

    /// The task itself, for a version after the first one. A program is told nothing.
    fn of_version(&self, version: usize) -> Work {
        let Work::Agent { agent, description } = &self.task.work else { return self.task.work.clone() };
        let (name, last) = (&self.task.name, version - 1);
        let advice = match self.how.advise {
            Some(_) => format!(", as the output of `{name}.{last}.advice` says"),
            None => String::new(),
        };
        let description = self.template(&format!(
            "{}\n\nThis is version {version}. The one before is the output of `{name}.{last}`. It was not approved: its review \
             is the output of `{name}.{last}.review`. Mend every issue that it names{advice}, and keep what was right.",
            description.source()
        ));
        Work::Agent { agent: *agent, description }
    }

    /// What the task asks for, as the source of a template.
    fn asked(&self) -> String {
        match &self.task.work {
            Work::Agent { description, .. } => description.source(),
            Work::Command(program) => {
                let argv: Vec<String> = program.argv.iter().map(Template::source).collect();
                format!("Run the program `{}`.", argv.join(" "))
            }
        }
    }

    fn template(&self, source: &str) -> Template {
        Template::with_inputs(source, &self.orchestra.inputs)
    }
}
