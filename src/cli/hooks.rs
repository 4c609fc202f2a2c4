//! `orch hooks`: the programs that an orchestra runs at the points of a run, in their order.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::error::say_reports;
use crate::cli::table::{self, Table};
use crate::cli::{Context, Outcome, terminal};
use crate::engine::load;
use crate::plan::hooks::Hook;
use crate::words::event::Overrides;
use crate::words::text::command_line;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The orchestra: its id, or the path of its file
    #[arg(value_name = "NAME")]
    orchestra: String,
    /// Give the list as JSON
    #[arg(long)]
    json: bool,
}

/// A row of the list.
#[derive(Debug, Serialize)]
struct Listed<'h> {
    at: &'static str,
    run: &'h [String],
    env: &'h [String],
    timeout_seconds: f64,
    /// Whether the run is stopped when it fails.
    stops: bool,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let loaded = load(&context.project, &context.orchestra_in_project(&args.orchestra)?, &Overrides::default())?;
    say_reports(&loaded.warnings);
    let orchestra = &loaded.orchestra;
    let listed: Vec<Listed<'_>> = orchestra.hooks.iter().map(listed).collect();
    if args.json {
        terminal::print(&table::json(&listed));
    } else if listed.is_empty() {
        terminal::say(&format!("{} has no hooks: `hooks` in its file names programs to run\n", orchestra.id));
    } else {
        let mut page = Table::new(["at", "program", "variables", "seconds", "if it fails"]);
        for Listed { at, run, env, timeout_seconds, stops } in &listed {
            let effect = if *stops { "the run stops" } else { "a warning" };
            page.row([at, &command_line(*run), &env.join(", "), &timeout_seconds.to_string(), effect]);
        }
        terminal::print(&page.render());
    }
    Ok(ExitCode::SUCCESS)
}

fn listed(hook: &Hook) -> Listed<'_> {
    Listed {
        at: hook.at.name(),
        run: &hook.argv,
        env: &hook.env,
        timeout_seconds: hook.timeout.as_secs_f64(),
        stops: hook.at.stops(),
    }
}
