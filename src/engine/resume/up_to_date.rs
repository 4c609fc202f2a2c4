//! Makes the workspace show the run again: what is missing is written from the journal, and what somebody has changed
//! is not written over unasked.

use std::collections::HashSet;
use std::io;

use crate::engine::resume::{Changes, Resume, ResumeError};
use crate::run::history::{History, TaskHistory, TaskState};
use crate::store::lock::Claim;
use crate::store::objects::Objects;
use crate::store::workspace::{self, Comparison, Workspace};
use crate::words::id::Name;

/// Compares everything before it writes anything.
pub(super) fn bring_up_to_date(
    resume: &Resume,
    workspace: &mut Workspace,
    history: &History,
    claim: &Claim,
    objects: &Objects,
    changes: &Changes,
) -> Result<(), ResumeError> {
    let failed = |error: io::Error| ResumeError::Workspace { path: history.start.workspace.clone(), error };
    if !workspace.showed(claim) {
        workspace.clear().map_err(failed)?;
    }
    let withdrawn = history.members_of(&history.relisted(&changes.rerun, &changes.changed));
    let anew: HashSet<&Name> =
        withdrawn.iter().map(|&ix| &history.tasks[ix].planned.task).chain(&changes.rerun).collect();
    let mut outdated = Vec::new();
    for task in &history.tasks {
        let name = task.planned.task.as_str();
        let recorded = recorded(task, objects).map_err(failed)?;
        let comparison = workspace.compare(name, &recorded).map_err(failed)?;
        if comparison == Comparison::Different && !resume.overwrite_edits {
            return Err(ResumeError::Edited { file: workspace::output_file(name) });
        }
        let waits = task.gate().is_some() && !task.is_rejected();
        let again = task.output().is_none() && !waits || anew.contains(&task.planned.task);
        let as_it_should_be = if again { Comparison::Missing } else { Comparison::Same };
        if comparison != as_it_should_be {
            outdated.push((task, again));
        }
    }
    for (task, again) in outdated {
        let name = task.planned.task.as_str();
        // What an earlier try left must not pass for a change by hand if this process is killed in turn.
        let written = match again {
            true => workspace.remove_output(name),
            false => recorded(task, objects).and_then(|text| workspace.write_output(name, &text)),
        };
        written.map_err(failed)?;
    }
    Ok(())
}

/// What the workspace showed of a task when the run was left; empty where it showed nothing.
fn recorded(task: &TaskHistory, objects: &Objects) -> io::Result<std::sync::Arc<str>> {
    match &task.state {
        TaskState::Succeeded(output) | TaskState::Reused(output, _) => objects.get(output),
        TaskState::AwaitsApproval(gate) => objects.get(&gate.output),
        TaskState::Failed(failure) => Ok(workspace::error_text(&task.planned.task, failure, task.attempts).into()),
        TaskState::Waiting
        | TaskState::Running
        | TaskState::Retrying(_)
        | TaskState::Limited(_)
        | TaskState::Withdrawn
        | TaskState::Omitted(_)
        | TaskState::Skipped(..) => Ok("".into()),
    }
}
