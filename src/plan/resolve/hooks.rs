//! The hooks of a file, in the order in which a run comes to them.

use std::time::Duration;

use crate::plan::hooks::{Hook, HookPoint};
use crate::plan::resolve::Resolver;
use crate::plan::spec::located::Either;
use crate::plan::spec::{self, HookList, Hooks};
use crate::words::diagnostic::{Diagnostic, Span};

const TIMEOUT: Duration = Duration::from_secs(60);

impl Resolver<'_> {
    pub(super) fn hooks(&mut self) -> Vec<Hook> {
        let inner = self.file.orchestra.as_ref().and_then(|section| section.hooks.as_ref());
        let Some(hooks) = self.one_of("hooks", inner, self.file.hooks.as_ref()) else { return Vec::new() };
        let mut found = Vec::new();
        for at in HookPoint::ALL {
            if let Some(list) = of_point(&hooks.value, at) {
                self.point(at, list, &mut found);
            }
        }
        found
    }

    fn point(&mut self, at: HookPoint, list: &HookList, found: &mut Vec<Hook>) {
        let argv: Vec<&str> = list
            .value
            .iter()
            .filter_map(|entry| if let Either::Short(text) = entry { Some(text.value.as_str()) } else { None })
            .collect();
        if !argv.is_empty() && argv.len() < list.value.len() {
            let message = format!("`{}` is one program with its arguments, or a list of hooks", at.name());
            let mistake = Diagnostic::error(message, list.span.clone(), "here is a mixture");
            self.diagnostics.push(mistake.help("write each as `{run: [program, ...]}`"));
            return;
        }
        if !argv.is_empty() || list.value.is_empty() {
            let argv = argv.into_iter().map(str::to_owned).collect();
            self.program(&list.span, Hook { at, argv, env: Vec::new(), timeout: TIMEOUT }, found);
            return;
        }
        for entry in &list.value {
            if let Either::Full(spec::Hook { run, env, timeout_seconds }) = entry {
                let timeout = timeout_seconds.map_or(TIMEOUT, Duration::from_secs_f64);
                self.program(&run.span, Hook { at, argv: run.value.clone(), env: env.clone(), timeout }, found);
            }
        }
    }

    fn program(&mut self, span: &Span, hook: Hook, found: &mut Vec<Hook>) {
        if hook.argv.first().is_none_or(String::is_empty) && !self.context.omissions.entries {
            let message = format!("a hook of `{}` names no program", hook.at.name());
            let mistake = Diagnostic::error(message, span.clone(), "");
            self.diagnostics.push(mistake.help("name it with its arguments: `[./hooks/check.sh, strict]`"));
        }
        found.push(hook);
    }
}

fn of_point(hooks: &Hooks, at: HookPoint) -> Option<&HookList> {
    match at {
        HookPoint::BeforeInit => hooks.before_init.as_ref(),
        HookPoint::AfterInit => hooks.after_init.as_ref(),
        HookPoint::BeforeExecute => hooks.before_execute.as_ref(),
        HookPoint::AfterExecute => hooks.after_execute.as_ref(),
        HookPoint::OnComplete => hooks.on_complete.as_ref(),
        HookPoint::OnError => hooks.on_error.as_ref(),
    }
}
