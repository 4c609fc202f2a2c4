//! A run's summary as a page of text, 80 columns wide.
//!
//! A pure function of a [`Summary`]: knows no terminal.

use crate::run::summary::{Spent, Summary, TaskStatus, TaskSummary};
use crate::words::event::{RunStatus, SkipReason};
use crate::words::failure::Failure;
use crate::words::text::{
    clean, columns, count, dollars, duration, one_line, padded, plural, shortened, tokens, wrapped,
};

const WIDTH: usize = 80;

/// With more tasks than this, those that need a look come first and the others are only counted.
const ROWS: usize = 40;

/// With more agents than this, the others are only counted.
const AGENTS: usize = 12;

/// The page, which ends in a newline. `final_result` is the file of the run's result, if one was written.
#[must_use]
pub(crate) fn render(summary: &Summary, final_result: Option<&str>) -> String {
    let rule = "=".repeat(WIDTH);
    let mut page = vec![rule.clone(), "ORCHESTRATION SUMMARY".to_owned(), rule.clone()];
    if summary.rehearsal {
        page.push("REHEARSAL: no model was used; every output was made up by the offline player".to_owned());
        page.push(String::new());
    }
    page.extend(facts(summary));
    page.push(String::new());
    page.extend(tasks(summary));
    page.push(String::new());
    page.push(place("Results", &summary.workspace));
    page.extend(final_result.map(|file| place("Final result", file)));
    page.push(String::new());
    page.extend(status(summary));
    page.push(rule);
    page.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn facts(summary: &Summary) -> Vec<String> {
    let totals = &summary.totals;
    let resumed = match summary.resumes {
        0 => String::new(),
        n => format!(" (resumed {})", plural(n.into(), "time", "times")),
    };
    let retries = match totals.retries {
        0 => String::new(),
        n => format!(" ({})", plural(n.into(), "retry", "retries")),
    };
    let mut lines = vec![
        labelled("Goal", &summary.goal),
        labelled("Orchestra", summary.orchestra.as_str()),
        labelled("Run", &format!("{}{resumed}", summary.run)),
        labelled("Duration", &duration(summary.duration_ms)),
        labelled("API calls", &format!("{}{retries}", count(totals.calls.into()))),
    ];
    lines.extend(agents(summary));
    lines.push(labelled("Tokens used", &token_counts(totals)));
    lines.extend(cache(totals).map(|cache| labelled("Cached tokens", &cache)));
    lines.push(labelled("Estimated cost", &cost(summary)));
    lines
}

/// What each agent took, as a table. With one agent the totals say it all.
fn agents(summary: &Summary) -> Vec<String> {
    let agents: Vec<_> = summary.agents.iter().filter(|agent| agent.spent.calls > 0).collect();
    if summary.agents.len() < 2 {
        return Vec::new();
    }
    let shown = &agents[..agents.len().min(AGENTS)];
    let width = shown.iter().map(|agent| columns(agent.agent.as_str())).max().unwrap_or(0).min(32);
    let mut lines: Vec<String> = shown
        .iter()
        .map(|agent| {
            let (name, spent) = (one_line(agent.agent.as_str(), width), &agent.spent);
            let calls = plural(spent.calls.into(), "call", "calls");
            let tokens = tokens(spent.tokens(), spent.estimated);
            format!(
                "  {}  {calls:>9}  {tokens:>18}  {}",
                padded(&name, width),
                dollars(spent.cost_usd, spent.estimated)
            )
        })
        .collect();
    if agents.len() > AGENTS {
        lines.push(format!("  and {}", plural((agents.len() - AGENTS) as u64, "more agent", "more agents")));
    }
    lines
}

fn token_counts(spent: &Spent) -> String {
    let estimated = if spent.estimated { "~" } else { "" };
    let (all, input, output) = (count(spent.tokens()), count(spent.input_tokens), count(spent.output_tokens));
    format!("{estimated}{all} ({input} in; {output} out)")
}

/// How much of the prompts came from providers' caches, or went into them, at a price of its own.
fn cache(spent: &Spent) -> Option<String> {
    let part = |tokens, what| (tokens > 0).then(|| format!("{} {what}", count(tokens)));
    let parts = [part(spent.cached_tokens, "read"), part(spent.cache_write_tokens, "written")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn cost(summary: &Summary) -> String {
    let spent = &summary.totals;
    let known = dollars(spent.cost_usd, spent.estimated);
    if spent.calls == 0 || summary.rehearsal {
        "$0.00 (no model was called)".to_owned()
    } else if spent.cost_usd.is_none() {
        format!("{known} (no price is known for these models)")
    } else if spent.unpriced {
        format!("{known}, and calls without a known price")
    } else {
        known
    }
}

fn tasks(summary: &Summary) -> Vec<String> {
    let omitted = match summary.tasks.iter().filter(|task| task.status == TaskStatus::Omitted).count() {
        0 => String::new(),
        omitted => format!(", {} left out", count(omitted as u64)),
    };
    let (done, all) = (count(summary.done() as u64), count(summary.tasks.len() as u64));
    let mut lines = vec![labelled("Tasks", &format!("{done} of {all} done{omitted}"))];
    let mut order: Vec<&TaskSummary> = summary.tasks.iter().collect();
    if order.len() > ROWS {
        order.sort_by_key(|task| urgency(task.status));
    }
    let (shown, rest) = order.split_at(order.len().min(ROWS));
    for task in shown {
        lines.extend(row(task));
    }
    let more = |words, urgent| match rest.iter().filter(|task| urgency(task.status) == urgent).count() {
        0 => None,
        n => Some(format!("{} more {words}", count(n as u64))),
    };
    let more: Vec<_> =
        [more("failed", 0), more("skipped", 1), more("not finished", 2), more("succeeded", 3), more("left out", 4)]
            .into_iter()
            .flatten()
            .collect();
    if !more.is_empty() {
        lines.push(format!("  and {}", more.join(", ")));
    }
    lines
}

/// What a person has to look at first has the lowest.
fn urgency(status: TaskStatus) -> u8 {
    match status {
        TaskStatus::Failed | TaskStatus::AwaitsApproval => 0,
        TaskStatus::Skipped => 1,
        TaskStatus::Waiting | TaskStatus::Running | TaskStatus::Limited => 2,
        TaskStatus::Succeeded | TaskStatus::Reused => 3,
        TaskStatus::Omitted => 4,
    }
}

fn row(task: &TaskSummary) -> Vec<String> {
    let mark = match task.status {
        TaskStatus::Succeeded | TaskStatus::Reused => "✅",
        TaskStatus::Failed => "❌",
        TaskStatus::Skipped | TaskStatus::Omitted => "⏭",
        TaskStatus::Waiting | TaskStatus::Running | TaskStatus::Limited | TaskStatus::AwaitsApproval => "⏸",
    };
    let said = match (task.status, &task.skipped_because, &task.reused_from) {
        (TaskStatus::Waiting, ..) => "not started".to_owned(),
        (TaskStatus::Omitted, ..) => one_line(task.omitted_because.as_ref().map_or("", |why| why), WIDTH),
        (TaskStatus::Running, ..) => "not finished".to_owned(),
        (TaskStatus::AwaitsApproval, ..) => "waits for approval".to_owned(),
        (_, Some(cause), _) => match cause.reason {
            SkipReason::Dependency => format!("not run: it needs {}", cause.task),
            SkipReason::Stopped => format!("not run: stopped after {} failed", cause.task),
        },
        (.., Some(run)) => format!("reused from {run}"),
        _ if task.spent.attempts > 1 => format!("{}, {} attempts", duration(task.duration_ms), task.spent.attempts),
        _ => duration(task.duration_ms),
    };
    let line = format!("  {} {}  {said}", padded(mark, 2), padded(&one_line(task.task.as_str(), 40), 24));
    let mut lines = vec![shortened(&line, WIDTH).into_owned()];
    lines.extend(task.error.iter().flat_map(reason));
    let question = task.question.iter().flat_map(|question| wrapped(question, WIDTH - 6, 3));
    lines.extend(question.map(|line| format!("      {line}")));
    lines
}

/// A reason has up to three lines below its task: what to do about it often stands at its end.
fn reason(failure: &Failure) -> Vec<String> {
    wrapped(&failure.to_string(), WIDTH - 6, 3).into_iter().map(|line| format!("      {line}")).collect()
}

fn status(summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    let resume = format!("continue with: orch resume {}", summary.run);
    let line = match summary.status {
        Some(RunStatus::Succeeded) => "✅ SUCCEEDED".to_owned(),
        Some(RunStatus::Failed) => "❌ FAILED".to_owned(),
        Some(RunStatus::Partial) => "⚠ PARTIAL".to_owned(),
        Some(RunStatus::Limited) => "⏸ LIMIT REACHED".to_owned(),
        Some(RunStatus::Waiting) => "⏸ WAITING FOR APPROVAL".to_owned(),
        Some(RunStatus::Interrupted) => format!("⏸ INTERRUPTED - {resume}"),
        None => format!("⏸ NOT FINISHED - {resume}"),
    };
    lines.push(format!("Status: {line}"));
    if summary.status == Some(RunStatus::Waiting) {
        let waits = summary.tasks.iter().filter(|task| task.status == TaskStatus::AwaitsApproval);
        for task in waits.take(ROWS) {
            lines.push(format!(
                "        orch approve {run} {0}   or: orch reject {run} {0} --reason TEXT",
                task.task,
                run = summary.run
            ));
        }
        lines.push(format!("        then go on: orch resume {}", summary.run));
    }
    if matches!(summary.status, Some(RunStatus::Failed | RunStatus::Partial | RunStatus::Limited)) {
        lines.push(format!("        to try again what is not done: orch resume {}", summary.run));
    }
    lines
}

fn labelled(label: &str, text: &str) -> String {
    let label = format!("{label}:");
    format!("{label:<16}{}", one_line(text, WIDTH - 16))
}

/// A path stays whole, however wide the page gets: it is there to be copied.
fn place(label: &str, path: &str) -> String {
    let label = format!("{label}:");
    format!("{label:<16}{}", clean(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_builder::RunBuilder;
    use crate::words::failure::FailureKind;

    fn page(story: &RunBuilder) -> String {
        render(&Summary::of(&story.history), Some("orchestra_workspaces/feature/final_results/orchestra_output.txt"))
    }

    #[test]
    fn a_run_on_a_page() {
        let story = RunBuilder::of(&[("research", "reader"), ("write", "writer"), ("check", "reader")])
            .plays("research", "openai/gpt-4o")
            .at(2000)
            .attempt("write", 1, "openai/gpt-4o")
            .at(63_000)
            .attempt_fails("write", 1, Failure::new(FailureKind::Refused, "no"), None)
            .fails("write", Failure::new(FailureKind::Refused, "\u{1b}[2JI cannot help with that.\nTry another model."))
            .skipped("check", "write")
            .finished(RunStatus::Partial);
        assert_eq!(
            page(&story),
            "\
================================================================================
ORCHESTRATION SUMMARY
================================================================================
Goal:           Add a login
Orchestra:      feature
Run:            run_20261120_093000_7f3a
Duration:       1 min 03 s
API calls:      1
  reader     1 call        1,200 tokens  $0.0050
Tokens used:    1,200 (1,000 in; 200 out)
Estimated cost: $0.0050

Tasks:          1 of 3 done
  ✅ research                  900 ms
  ❌ write                     1 min 01 s
      refused: I cannot help with that. Try another model.
  ⏭  check                     not run: it needs write

Results:        orchestra_workspaces/feature
Final result:   orchestra_workspaces/feature/final_results/orchestra_output.txt

Status: ⚠ PARTIAL
        to try again what is not done: orch resume run_20261120_093000_7f3a
================================================================================
"
        );
    }

    #[test]
    fn a_rehearsal_says_that_it_was_one() {
        let story = RunBuilder::with(&[("a", "b")], |start| start.rehearsal = true).plays("a", "rehearsal/player");
        let page = page(&story.finished(RunStatus::Succeeded));
        assert!(page.contains("\nREHEARSAL: no model was used; every output was made up by the offline player\n"));
        assert!(page.contains("\nEstimated cost: $0.00 (no model was called)\n"));
        assert!(page.contains("\nStatus: ✅ SUCCEEDED\n"));
    }

    #[test]
    fn a_run_without_an_end_says_how_to_go_on() {
        let story = RunBuilder::of(&[("a", "b"), ("c", "b")]).attempt("a", 1, "m/m");
        let killed = page(&story);
        assert!(killed.contains("⏸  a                         not finished\n"), "{killed}");
        assert!(killed.contains("⏸  c                         not started\n"), "{killed}");
        assert!(killed.contains("Status: ⏸ NOT FINISHED - continue with: orch resume run_20261120_093000_7f3a\n"));
        let stopped = page(&story.finished(RunStatus::Interrupted));
        assert!(stopped.contains("Status: ⏸ INTERRUPTED - continue with: orch resume run_20261120_093000_7f3a\n"));
    }

    #[test]
    fn an_unknown_price_is_not_called_nothing() {
        let story = RunBuilder::of(&[("a", "b")]).attempt("a", 1, "m/m").call("a", 1, "m/m").answer("a", 1, None);
        assert!(page(&story).contains("Estimated cost: n/a (no price is known for these models)\n"));
        let story = story.call("a", 1, "m/n").answer("a", 1, Some(0.25));
        assert!(page(&story).contains("Estimated cost: $0.2500, and calls without a known price\n"));
    }

    #[test]
    fn of_a_thousand_tasks_those_that_need_a_look_come_first() {
        let names: Vec<String> = (0..1000).map(|n| format!("task{n:03}")).collect();
        let tasks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "agent")).collect();
        let mut story = RunBuilder::of(&tasks);
        for name in &names[..998] {
            story = story.attempt(name, 1, "m/m").succeeds(name, 1);
        }
        story =
            story.attempt("task998", 1, "m/m").fails("task998", Failure::new(FailureKind::Auth, "the key is wrong"));
        let page = page(&story.skipped("task999", "task998").finished(RunStatus::Partial));
        let rows: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("Tasks:")).collect();
        assert_eq!(rows[0], "Tasks:          998 of 1,000 done");
        assert!(rows[1].contains("❌ task998"));
        assert_eq!(rows[2], "      not authorized: the key is wrong");
        assert!(rows[3].contains("task999") && rows[4].contains("✅ task000"));
        assert_eq!(rows[42], "  and 960 more succeeded");
    }

    #[test]
    fn no_line_is_wider_than_the_page() {
        let long = "x".repeat(100);
        let story = RunBuilder::with(&[(&long, &long), ("a", "b")], |start| start.goal = "goal ".repeat(100))
            .plays(&long, "m/m")
            .fails("a", Failure::new(FailureKind::Internal, "word ".repeat(500)));
        for line in page(&story).lines() {
            assert!(columns(line) <= WIDTH, "{line}");
        }
    }
}
