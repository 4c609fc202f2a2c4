//! `orch validate`: every mistake in orchestras and in the playbooks that they use, for a person or for a program.

use std::collections::HashSet;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::error::USAGE;
use crate::cli::list;
use crate::cli::{Context, Outcome, table, terminal};
use crate::engine::check;
use crate::plan::tier::Tier;
use crate::words::diagnostic::Report;
use crate::words::event::Overrides;
use crate::words::text::plural;

/// So many mistakes of one file are shown to a person. Whoever has more mends these first; a program gets all.
const SHOWN: usize = 50;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: 0 without mistakes, 2 with any. Warnings do not count.")]
pub(super) struct Args {
    /// The orchestras, by id or by the path of their files; all in orchestras/ if left out
    #[arg(value_name = "FILE|ID")]
    orchestras: Vec<String>,
    /// For a person, or one JSON array of all mistakes for editors and CI
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The tier to stay in; `oracles` and `genies` run one task after another
    #[arg(long, value_parser = Tier::names())]
    tier: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let project = &context.project;
    let files = list::named(&args.orchestras, context, "`orch create ID` makes one; or name a file to check")?;
    let overrides = Overrides { tier: args.tier.clone(), ..Overrides::default() };
    let (mut good, mut reports) = (Vec::new(), Vec::new());
    // A playbook that several orchestras share is reported once.
    let mut reported = HashSet::new();
    for file in files {
        let found = match &file {
            Err(report) => vec![report.clone()],
            Ok(source) => match check(project, source, &overrides) {
                Ok((orchestra, warnings)) => {
                    let tasks = plural(orchestra.tasks.len() as u64, "task", "tasks");
                    good.push(format!("ok: {} ({tasks}, {})\n", source.path, orchestra.execution.strategy.name()));
                    warnings
                }
                Err(mistakes) => mistakes,
            },
        };
        reports.extend(found.into_iter().filter(|report| reported.insert(report.source.path.clone())));
    }
    match args.format {
        Format::Json => terminal::print(&table::json(&reports.iter().flat_map(Report::entries).collect::<Vec<_>>())),
        Format::Text => {
            terminal::say(&reports.iter().map(|report| render(report, terminal::color())).collect::<String>());
            terminal::print(&good.concat());
        }
    }
    let errors: Vec<usize> = reports.iter().map(Report::errors).filter(|&errors| errors > 0).collect();
    if errors.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    if args.format == Format::Text {
        let mistakes = plural(errors.iter().sum::<usize>() as u64, "mistake", "mistakes");
        terminal::say(&format!("{mistakes} in {}\n", plural(errors.len() as u64, "file", "files")));
    }
    Ok(ExitCode::from(USAGE))
}

/// The first mistakes of a file, and how many there are besides.
fn render(report: &Report, color: bool) -> String {
    let shown = report.diagnostics.iter().take(SHOWN).cloned().collect();
    let mut page = Report { source: report.source.clone(), diagnostics: shown }.render(color);
    if let Some(more @ 1..) = report.diagnostics.len().checked_sub(SHOWN) {
        page.push_str(&format!("and {more} more in {}\n", report.source.path));
    }
    page
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::words::diagnostic::{Diagnostic, Source};

    #[test]
    fn of_very_many_mistakes_the_first_are_shown_and_the_rest_is_counted() {
        let source = Arc::new(Source::new("a.yaml", "x".repeat(100)));
        let mistakes = |n: usize| (0..n).map(|at| Diagnostic::error(format!("no. {at}"), at..at + 1, "")).collect();
        let page = |n| render(&Report::new(source.clone(), mistakes(n)), false);
        assert!(page(53).ends_with("and 3 more in a.yaml\n") && !page(53).contains("no. 50"));
        assert!(page(50).contains("no. 49") && !page(50).contains("more in"));
    }
}
