//! Who is told how a run has ended: each entry is a program or an address, with the keys that belong to it.

use std::time::Duration;

use crate::plan::notify::{Address, NAMES, Notify, NotifyBy, USUAL_TEXT, values};
use crate::plan::resolve::Resolver;
use crate::plan::spec::located::Spanned;
use crate::plan::spec::{self, NotifyOn, Text, place};
use crate::plan::template::Template;
use crate::words::diagnostic::{Diagnostic, Span};

const TIMEOUT: Duration = Duration::from_secs(10);
const ALL: [NotifyOn; 4] = [NotifyOn::Waiting, NotifyOn::Limited, NotifyOn::Failed, NotifyOn::Finished];

impl Resolver<'_> {
    pub(super) fn notify(&mut self) -> Vec<Notify> {
        let entries = self.file.notify.as_ref().map_or(&[][..], |entries| &entries.value);
        entries.iter().filter_map(|entry| self.entry(entry)).collect()
    }

    fn entry(&mut self, Spanned { value: entry, span }: &Spanned<spec::Notify>) -> Option<Notify> {
        let on = match &entry.on {
            Some(on) if on.value.is_empty() => {
                let mistake = Diagnostic::error("`on` names no end", on.span.clone(), "");
                self.diagnostics.push(mistake.help("leave it out for all of them"));
                return None;
            }
            Some(on) => on.value.clone(),
            None => ALL.to_vec(),
        };
        let by = self.by(entry, span)?;
        Some(Notify {
            on,
            by,
            text: self.text(entry.text.as_ref()),
            timeout: entry.timeout_seconds.map_or(TIMEOUT, Duration::from_secs_f64),
        })
    }

    fn by(&mut self, entry: &spec::Notify, span: &Span) -> Option<NotifyBy> {
        let ways = [entry.run.is_some(), entry.url.is_some(), entry.url_env.is_some()];
        if ways.iter().filter(|&&is_there| is_there).count() != 1 {
            let mistake = Diagnostic::error("somebody is told by one way", span.clone(), "");
            self.diagnostics
                .push(mistake.help("write one of `run: [program, ...]`, `url: https://...` and `url_env: NAME`"));
            return None;
        }
        if let Some(argv) = &entry.run {
            if argv.value.first().is_none_or(String::is_empty) && !self.context.omissions.entries {
                let mistake = Diagnostic::error("`run` names no program", argv.span.clone(), "");
                self.diagnostics.push(mistake.help("name it with its arguments: `[notify-send, orch]`"));
            }
            self.not_with("run", entry.header_env.as_ref().map(|headers| ("header_env", &headers.span)));
            self.not_with("run", entry.body.as_ref().map(|body| ("body", &body.span)));
            let env = entry.env.as_ref().map_or_else(Vec::new, |env| env.value.clone());
            return Some(NotifyBy::Program { argv: argv.value.clone(), env });
        }
        self.not_with("an address", entry.env.as_ref().map(|env| ("env", &env.span)));
        let address = match (&entry.url, &entry.url_env) {
            (Some(url), _) => {
                if !(url.value.starts_with("http://") || url.value.starts_with("https://")) {
                    let message = format!("`{}` is not an address", url.value);
                    let label = "must begin with http:// or https://";
                    self.diagnostics.push(Diagnostic::error(message, url.span.clone(), label));
                }
                Address::Url(url.value.clone())
            }
            (None, variable) => {
                let variable = variable.as_ref()?;
                if !variable.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') || variable.value.is_empty() {
                    let message = "`url_env` must be the name of an environment variable";
                    self.diagnostics.push(Diagnostic::error(message, variable.span.clone(), ""));
                }
                Address::Variable(variable.value.clone())
            }
        };
        let header_env = entry.header_env.as_ref().map_or_else(Default::default, |headers| headers.value.clone());
        Some(NotifyBy::Post {
            address,
            header_env,
            body: entry.body.as_ref().map(|body| body.value).unwrap_or_default(),
        })
    }

    fn not_with(&mut self, what: &str, key: Option<(&str, &Span)>) {
        if let Some((key, span)) = key {
            let message = format!("`{key}` does not go with {what}");
            self.diagnostics.push(Diagnostic::error(message, span.clone(), "take it out"));
        }
    }

    fn text(&mut self, text: Option<&Text>) -> Template {
        let Some(text) = text else { return Template::new(USUAL_TEXT) };
        let template = Template::new(&text.value);
        for error in template.check_with(&values("x", "run", "succeeded")) {
            let span = place::within(self.context.source, text, error.range);
            let help = error.help.unwrap_or_else(|| NAMES.to_owned());
            self.diagnostics.push(Diagnostic::error(error.message, span, "in this template").help(help));
        }
        template
    }
}
