//! Where the results of an orchestra go.

use crate::plan::guarded;
use crate::plan::resolve::Resolver;
use crate::plan::resolve::grants::leaves_project;
use crate::plan::spec::Text;
use crate::words::diagnostic::Diagnostic;
use crate::words::id::Name;

impl Resolver<'_> {
    /// The path of the workspace, relative to the project and in its shortest form.
    pub(super) fn workspace(&mut self, id: Option<&Name>) -> String {
        let section = self.file.orchestra.as_ref().and_then(|section| section.workspace.as_ref());
        let Some(path) = section.and_then(|workspace| workspace.path.as_ref()) else {
            return usual(id);
        };
        self.diagnostics.extend(mistake(path, &usual(id)));
        guarded::parts(&path.value).collect::<Vec<_>>().join("/")
    }
}

/// Where a workspace is if nothing says so.
fn usual(id: Option<&Name>) -> String {
    format!("orchestra_workspaces/{}", id.map_or("results", Name::as_str))
}

fn mistake(path: &Text, usual: &str) -> Option<Diagnostic> {
    let shown = &path.value;
    let why = if shown.trim().is_empty() {
        "is empty".to_owned()
    } else if leaves_project(shown) {
        "is not a path of a folder in the project".to_owned()
    } else {
        guarded::not_for_workspace(shown)?
    };
    let help = format!(
        "name a folder for results alone, such as `{usual}`; \
         `orch run --workspace PATH` puts them anywhere"
    );
    Some(
        Diagnostic::error(format!("the workspace `{shown}` {why}"), path.span.clone(), "no place for a workspace")
            .help(help),
    )
}
