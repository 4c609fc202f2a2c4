//! `orch resume`: goes on with a run from what its journal holds. Nothing that is finished is made again.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::execute::{OutputArgs, execute, or_interrupted, signals, tell_notes};
use crate::cli::runtime::{NO_RUNTIME, block_on};
use crate::cli::trust::TrustArgs;
use crate::cli::{Context, Outcome, terminal, trust};
use crate::engine::phase::choose;
use crate::engine::{self, Notes, Notice, Resume, ResumeError, Trust};
use crate::model::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The run, by its id or the end of it; the latest unfinished one if left out
    run: Option<String>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// Go on although the file has changed: what changed, and what depends on it, runs again
    #[arg(long)]
    accept_changes: bool,
    /// Write over outputs in the workspace that were changed by hand
    #[arg(long)]
    force: bool,
    /// Approve everything that waits for a person, without one
    #[arg(long)]
    auto_approve: bool,
    #[command(flatten)]
    trust: TrustArgs,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = context.known_project()?;
    let mut notes = Notes::default();
    let settings = Settings::from_environment();
    let run = match &args.run {
        Some(named) => Some(choose(project, Some(named))?),
        None => engine::latest_unfinished(project, &settings, &mut notes)?,
    };
    let Some(run) = run else {
        terminal::say("nothing to resume: every run of this project is finished\n");
        return Ok(ExitCode::SUCCESS);
    };
    let resume = Resume {
        run: run.clone(),
        accept_changes: args.accept_changes,
        overwrite_edits: args.force,
        trust: Trust::default(),
        accept_foreign: args.trust.vouches(),
    };
    block_on(async {
        let mut listening = None;
        let mut prepared = engine::resume(project, &settings, &resume, &mut notes).await;
        if let Err(ResumeError::Untrusted(untrusted)) = &prepared {
            let trust = trust::settle(project, &settings, &untrusted.needed, args.trust)?;
            // The second look finds the same again, but for the processes that were ended.
            notes.notices.retain(|notice| matches!(notice, Notice::ProgramsEnded(_) | Notice::NeverBegan { .. }));
            // Not before the question: who answers it by Ctrl-C means the process. Without trust no hook has run.
            let signals = listening.insert(signals());
            let resume = Resume { trust, ..resume };
            prepared = or_interrupted(engine::resume(project, &settings, &resume, &mut notes), signals).await?;
        }
        tell_notes(notes);
        match prepared? {
            Some(prepared) => {
                execute(prepared.approving(args.auto_approve), args.output, listening.unwrap_or_else(signals)).await
            }
            None => {
                terminal::say(&format!("nothing to resume: {run} is finished\n"));
                Ok(ExitCode::SUCCESS)
            }
        }
    })
    .context(NO_RUNTIME)?
}
