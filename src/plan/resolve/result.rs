//! What the result of a run is made of.

use std::collections::HashMap;

use crate::plan::graph::TaskIx;
use crate::plan::resolve::Resolver;
use crate::words::diagnostic::{Diagnostic, near_miss};
use crate::words::id::Name;

impl<'r> Resolver<'r> {
    /// The tasks whose outputs are the result, if the file says.
    pub(super) fn result(&mut self, names: &HashMap<&'r str, TaskIx>) -> Option<Vec<Name>> {
        let said = self.file.result.as_ref()?;
        if said.value.is_empty() {
            let empty = Diagnostic::error("`result` names no task", said.span.clone(), "");
            self.diagnostics.push(empty.help("name the tasks whose outputs are the result, or take it out"));
        }
        let mut result: Vec<Name> = Vec::with_capacity(said.value.len());
        for task in &said.value {
            let name = task.value.as_str();
            if !names.contains_key(name) {
                if !self.context.omissions.entries {
                    let help = near_miss(name, names.keys().copied()).map_or_else(
                        || "name a task of this file".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    );
                    let wrong =
                        Diagnostic::error(format!("there is no task `{name}`"), task.span.clone(), "not a task");
                    self.diagnostics.push(wrong.help(help));
                }
                continue;
            }
            if result.iter().any(|known| known.as_str() == name) {
                let twice = Diagnostic::error(format!("`{name}` stands twice in `result`"), task.span.clone(), "again");
                self.diagnostics.push(twice.help("name it once"));
            }
            result.extend(Name::new(name));
        }
        Some(result)
    }
}
