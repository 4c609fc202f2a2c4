//! Who the agents are: described in the file, in a playbook of the project, or by a built-in role.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use crate::plan::inputs::Input;
use crate::plan::orchestra::{Agent, ModelRef};
use crate::plan::resolve::prose::{self, Said};
use crate::plan::resolve::{ResolveContext, grants, models};
use crate::plan::roles;
use crate::plan::spec::located::{Either, Spanned};
use crate::plan::spec::playbook::Playbook;
use crate::plan::spec::{InlineAgent, OrchestraFile, Prose, Text};
use crate::plan::template::{CtxKnown, ItemsKnown, Known, RoundsKnown, Template};
use crate::words::diagnostic::{Diagnostic, Source, Span, near_miss};
use crate::words::id::Name;

/// A playbook of the project, read.
#[derive(Debug)]
pub struct LoadedPlaybook {
    /// Its file.
    pub source: std::sync::Arc<Source>,
    /// What stands in it.
    pub playbook: Playbook,
}

/// The agents that are found so far, and the mistakes in them.
pub(super) struct AgentTable<'r> {
    file: &'r OrchestraFile,
    context: &'r ResolveContext<'r>,
    inputs: &'r [Input],
    listed: HashMap<&'r str, Listed<'r>>,
    /// The models that the command line gives to all.
    for_all: Vec<ModelRef>,
    agents: Vec<Agent>,
    index: HashMap<&'r str, Option<usize>>,
    diagnostics: Vec<Diagnostic>,
}

enum Listed<'r> {
    ByName,
    Inline(&'r InlineAgent),
}

impl<'r> AgentTable<'r> {
    pub(super) fn new(file: &'r OrchestraFile, context: &'r ResolveContext<'r>, inputs: &'r [Input]) -> Self {
        let mut table = Self {
            file,
            context,
            inputs,
            listed: HashMap::new(),
            for_all: Vec::new(),
            agents: Vec::new(),
            index: HashMap::new(),
            diagnostics: models::check(&file.models),
        };
        for agent in file.agents.iter().flatten() {
            let (name, entry) = match agent {
                Either::Short(name) => (name, Listed::ByName),
                Either::Full(inline) => (&inline.name, Listed::Inline(inline)),
            };
            // Listing an agent twice says nothing new, unless one of the two describes it.
            let again = table.listed.insert(&name.value, entry);
            if again.is_some_and(|first| matches!((first, agent), (Listed::Inline(_), _) | (_, Either::Full(_)))) {
                table.diagnostics.push(
                    Diagnostic::error(
                        format!("the agent `{}` is listed twice", name.value),
                        name.span.clone(),
                        "again",
                    )
                    .help("keep one of the two"),
                );
            }
        }
        let said = context.overrides.model.as_deref();
        for model in said.into_iter().flat_map(|chain| chain.split(',')).map(str::trim) {
            let text = Spanned { value: model.to_owned(), span: 0..0 };
            match models::by_name(&text, &file.models) {
                Ok(models) => table.for_all.extend(models),
                Err(mistake) => table.diagnostics.push(Diagnostic {
                    message: format!("--model: {}", mistake.message),
                    at: None,
                    ..*mistake
                }),
            }
        }
        table
    }

    /// The agent that a task names.
    pub(super) fn agent(&mut self, name: &'r Text) -> Option<usize> {
        if let Some(&known) = self.index.get(name.value.as_str()) {
            return known;
        }
        let agent = self.find(name);
        let agent = agent.map(|agent| {
            self.agents.push(agent);
            self.agents.len() - 1
        });
        self.index.insert(&name.value, agent);
        agent
    }

    /// The same agent with other models, for a task that says which.
    pub(super) fn with_models(
        &mut self,
        agent: Option<usize>,
        models: Option<&'r Either<Text, Spanned<Vec<Text>>>>,
    ) -> Option<usize> {
        let Some(models) = models else { return agent };
        let models = self.models(models);
        let agent = &self.agents[agent?];
        let agent = self.with_model(Agent { models, ..agent.clone() });
        // Many tasks may say the same.
        let same = |known: &Agent| known.name == agent.name && known.models == agent.models;
        Some(self.agents.iter().position(same).unwrap_or_else(|| {
            self.agents.push(agent);
            self.agents.len() - 1
        }))
    }

    /// Agents that no task uses are looked at all the same, so that a mistake in one is found.
    pub(super) fn check_unused(&mut self) {
        for agent in self.file.agents.iter().flatten() {
            let name = match agent {
                Either::Short(name) => name,
                Either::Full(inline) => &inline.name,
            };
            if !self.index.contains_key(name.value.as_str()) {
                let agent = self.find(name);
                self.index.insert(&name.value, None);
                drop(agent);
            }
        }
    }

    pub(super) fn finish(self) -> (Vec<Agent>, Vec<Diagnostic>) {
        (self.agents, self.diagnostics)
    }

    fn find(&mut self, text: &'r Text) -> Option<Agent> {
        let name = match Name::new(&text.value) {
            Ok(name) => name,
            Err(error) => {
                let message = format!("{:?} cannot be the name of an agent", text.value);
                self.diagnostics.push(Diagnostic::error(message, text.span.clone(), error.to_string()));
                return None;
            }
        };
        if let Some(Listed::Inline(inline)) = self.listed.get(text.value.as_str()) {
            let inline = *inline;
            return Some(self.inline(name, inline));
        }
        if self.file.agents.is_some() && !self.listed.contains_key(text.value.as_str()) {
            self.not_listed(text);
            return None;
        }
        if let Some(loaded) = self.context.playbooks.get(&text.value) {
            return Some(self.described_in(name, loaded, text));
        }
        if let Some(role) = roles::find(&text.value) {
            return Some(self.with_model(Agent {
                name,
                title: Template::literal(role.title),
                goal: Some(Template::literal(role.goal)),
                persona: None,
                instructions: Some(Template::literal(role.instructions)),
                models: Vec::new(),
                tools: Vec::new(),
                temperature: None,
                max_tokens: None,
            }));
        }
        let known = roles::all().iter().map(|role| role.name).chain(self.context.playbooks.keys().map(String::as_str));
        let diagnostic = Diagnostic::error(
            format!("there is no agent `{}`", text.value),
            text.span.clone(),
            "neither a playbook of this project nor a built-in role",
        );
        self.diagnostics.push(match near_miss(&text.value, known) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help(format!(
                "describe it here: `- {{name: {0}, role: ..., instructions: ...}}`, or in agents/{0}.yaml",
                text.value
            )),
        });
        None
    }

    fn not_listed(&mut self, text: &Text) {
        if self.context.omissions.entries {
            return;
        }
        let diagnostic = Diagnostic::error(
            format!("the agent `{}` is not listed under `agents`", text.value),
            text.span.clone(),
            "",
        );
        self.diagnostics.push(match near_miss(&text.value, self.listed.keys().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None => diagnostic.help("list it there, or leave `agents` out"),
        });
    }

    fn inline(&mut self, name: Name, inline: &InlineAgent) -> Agent {
        let role = roles::find(inline.role.as_ref().map_or(name.as_str(), |role| role.value.as_str()));
        let title = match (role, &inline.role) {
            (Some(role), _) => Template::literal(role.title),
            (None, Some(title)) => self.text(title),
            (None, None) => Template::literal(name.as_str()),
        };
        let mut text = |text: &Option<Text>| text.as_ref().map(|text| self.text(text));
        let (goal, persona) = (text(&inline.goal), text(&inline.persona));
        let instructions = inline.instructions.as_ref().and_then(|prose| self.prose(prose));
        let models = inline.model.as_ref().map(|models| self.models(models)).unwrap_or_default();
        let tools = grants::granted_tools(&inline.tools, self.file, &mut self.diagnostics);
        self.with_model(Agent {
            name,
            title,
            goal: goal.or_else(|| role.map(|role| Template::literal(role.goal))),
            persona,
            instructions: instructions.or_else(|| role.map(|role| Template::literal(role.instructions))),
            models,
            tools,
            temperature: inline.temperature,
            max_tokens: inline.max_tokens,
        })
    }

    /// A text of an agent. It may do several tasks, so it knows nothing of a single one.
    fn template(&mut self, said: &Said<'_>, span: &Span) -> Template {
        let template = Template::with_inputs(said.text(), self.inputs);
        if template.names_task() {
            let message = "an agent's text knows no outputs of tasks and no items, since it may do several tasks";
            let help = "write it into the `description` of the task";
            self.diagnostics.push(Diagnostic::error(message, span.clone(), "in this template").help(help));
            return template;
        }
        let (tasks, schema) = (BTreeSet::new(), &|_: &str| None);
        let known = Known {
            outputs: &[],
            tasks: &tasks,
            schema,
            items: ItemsKnown::None,
            rounds: RoundsKnown::None,
            inputs: self.inputs,
            ctx: CtxKnown::default(),
        };
        self.diagnostics.extend(said.check(&template, &known, self.context.source));
        template
    }

    fn text(&mut self, text: &Text) -> Template {
        self.template(&Said::Here(Cow::Borrowed(text)), &text.span)
    }

    fn prose(&mut self, prose: &Prose) -> Option<Template> {
        self.diagnostics.extend(prose::unusable(prose, self.context));
        let said = Said::of(prose, self.context)?;
        Some(self.template(&said, prose::span(prose)))
    }

    fn described_in(&mut self, name: Name, loaded: &LoadedPlaybook, listed: &Text) -> Agent {
        let playbook = &loaded.playbook;
        let models = match playbook.model() {
            None => Ok(Vec::new()),
            Some(Either::Short(text)) => models::by_name(text, &self.file.models),
            Some(Either::Full(described)) => models::of_playbook(described).map(|model| vec![model]),
        };
        let mut mistakes = Vec::new();
        let models = models.unwrap_or_else(|mistake| {
            mistakes.push(*mistake);
            Vec::new()
        });
        let tools = grants::granted_tools(&playbook.tools, self.file, &mut mistakes);
        // Their places are in another file, so they are told where the orchestra names the agent.
        self.diagnostics.extend(mistakes.into_iter().map(|mistake| {
            let (line, column) = mistake.at.as_ref().map_or((1, 1), |(span, _)| loaded.source.position(span.start));
            let label = format!("{}:{line}:{column}", loaded.source.path);
            Diagnostic { at: Some((listed.span.clone(), label)), see: None, ..mistake }
        }));
        // A playbook is for any orchestra, so its texts name no inputs.
        let title = Template::literal(playbook.title().unwrap_or(name.as_str()));
        self.with_model(Agent {
            name,
            title,
            goal: playbook.goal().map(Template::literal),
            persona: playbook.persona().as_deref().map(Template::literal),
            instructions: playbook.instructions().as_deref().map(Template::literal),
            models,
            tools,
            temperature: playbook.temperature,
            max_tokens: playbook.max_tokens,
        })
    }

    fn models(&mut self, said: &Either<Text, Spanned<Vec<Text>>>) -> Vec<ModelRef> {
        let names = match said {
            Either::Short(name) => std::slice::from_ref(name),
            Either::Full(chain) => &chain.value,
        };
        let mut models = Vec::with_capacity(names.len());
        for name in names {
            match models::by_name(name, &self.file.models) {
                Ok(named) => models.extend(named),
                Err(mistake) => self.diagnostics.push(*mistake),
            }
        }
        models
    }

    fn with_model(&self, agent: Agent) -> Agent {
        if self.for_all.is_empty() { agent } else { Agent { models: self.for_all.clone(), ..agent } }
    }
}
