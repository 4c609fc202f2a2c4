//! `orch graph`: the order of an orchestra's tasks as text, as a Mermaid flowchart, or as DOT.
//!
//! An arrow leads from an output to the task that gets it. A broken one is order alone: the task comes later and gets
//! nothing, as between two groups.

use std::fmt::Write;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::cli::error::say_reports;
use crate::cli::table::Table;
use crate::cli::{Context, Outcome, terminal};
use crate::engine::load;
use crate::plan::graph::{Edge, TaskIx};
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::Join;
use crate::words::event::Overrides;
use crate::words::text::{one_line, plural};

/// How much of a condition is shown.
const WHEN: usize = 60;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The orchestra: its id, or the path of its file
    #[arg(value_name = "NAME")]
    orchestra: String,
    /// Waves of tasks for a person, a Mermaid flowchart for Markdown, or DOT for Graphviz
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Mermaid,
    Dot,
}

pub(super) fn run(args: &Args, context: &Context) -> Outcome {
    let loaded = load(&context.project, &context.orchestra_in_project(&args.orchestra)?, &Overrides::default())?;
    say_reports(&loaded.warnings);
    let draw = match args.format {
        Format::Text => text,
        Format::Mermaid => mermaid,
        Format::Dot => dot,
    };
    terminal::print(&draw(&loaded.orchestra));
    Ok(ExitCode::SUCCESS)
}

fn text(orchestra: &Orchestra) -> String {
    let execution = &orchestra.execution;
    let tasks = plural(orchestra.tasks.len() as u64, "task", "tasks");
    let limit = execution.max_parallel.map_or("any number at once".to_owned(), |n| match n {
        1 => "one at a time".to_owned(),
        n => format!("at most {n} at once"),
    });
    let mut group_of = vec![""; orchestra.tasks.len()];
    for group in &execution.groups {
        group.tasks.iter().for_each(|&task| group_of[task] = &group.name);
    }
    let mut table = Table::new(["wave", "task", "agent", "needs", "group"]);
    for (number, wave) in orchestra.plan.waves().iter().enumerate() {
        for &task in wave {
            let needs: Vec<&str> = orchestra.plan.needs(task).iter().map(|&n| name(orchestra, n)).collect();
            let needs = if needs.is_empty() { "-".to_owned() } else { needs.join(", ") };
            let needs = match orchestra.tasks[task].join {
                Join::All => needs,
                Join::Any => format!("any of {needs}"),
                Join::Settled => format!("{needs}, however they end"),
                Join::Failed => format!("a failure of {needs}"),
            };
            let agent = orchestra.doer(task);
            let agent = when(orchestra, task).map_or_else(|| agent.clone(), |when| format!("{agent}, when {when}"));
            table.row([&(number + 1).to_string(), name(orchestra, task), &agent, &needs, group_of[task]]);
        }
    }
    format!("{}: {tasks}, {}, {limit}\n\n{}", orchestra.id, execution.strategy.name(), table.render())
}

fn mermaid(orchestra: &Orchestra) -> String {
    let mut page = String::from("flowchart TD\n");
    let node = |page: &mut String, indent: &str, task: TaskIx| {
        let (task_name, agent) = (name(orchestra, task), orchestra.doer(task));
        let when = when(orchestra, task).map(|when| format!("<br/>when {}", entities(&when))).unwrap_or_default();
        let _ = writeln!(page, "{indent}t{task}[\"{}<br/>({}){when}\"]", entities(task_name), entities(&agent));
    };
    for (ix, group) in orchestra.execution.groups.iter().enumerate() {
        let _ = writeln!(page, "    subgraph g{ix}[\"{}\"]", entities(&group.name));
        group.tasks.iter().for_each(|&task| node(&mut page, "        ", task));
        page.push_str("    end\n");
    }
    ungrouped(orchestra).for_each(|task| node(&mut page, "    ", task));
    for (before, after, edge) in edges(orchestra) {
        let arrow = if edge == Edge::Needs { "-->" } else { "-.->" };
        let _ = writeln!(page, "    t{before} {arrow} t{after}");
    }
    for (before, after) in barriers(orchestra) {
        let _ = writeln!(page, "    g{before} -.-> g{after}");
    }
    page
}

fn dot(orchestra: &Orchestra) -> String {
    let mut page = format!("digraph {} {{\n    compound=true;\n    node [shape=box];\n", quoted(orchestra.id.as_str()));
    let node = |page: &mut String, indent: &str, task: TaskIx| {
        // `\n` is DOT's own line break and stays outside of what is quoted.
        let (task_name, agent) = (name(orchestra, task), orchestra.doer(task));
        let when = when(orchestra, task).map(|when| format!("\\nwhen {}", escaped(&when))).unwrap_or_default();
        let _ = writeln!(page, "{indent}t{task} [label=\"{}\\n({}){when}\"];", escaped(task_name), escaped(&agent));
    };
    let groups = &orchestra.execution.groups;
    for (ix, group) in groups.iter().enumerate() {
        let _ = writeln!(page, "    subgraph cluster_{ix} {{\n        label={};", quoted(&group.name));
        group.tasks.iter().for_each(|&task| node(&mut page, "        ", task));
        page.push_str("    }\n");
    }
    ungrouped(orchestra).for_each(|task| node(&mut page, "    ", task));
    for (before, after, edge) in edges(orchestra) {
        let style = if edge == Edge::Needs { "" } else { " [style=dashed]" };
        let _ = writeln!(page, "    t{before} -> t{after}{style};");
    }
    for (before, after) in barriers(orchestra) {
        // DOT draws edges between nodes alone, and cuts them off at the borders of the groups.
        if let (Some(from), Some(to)) = (groups[before].tasks.last(), groups[after].tasks.first()) {
            let _ =
                writeln!(page, "    t{from} -> t{to} [style=dashed, ltail=cluster_{before}, lhead=cluster_{after}];");
        }
    }
    page + "}\n"
}

fn name(orchestra: &Orchestra, task: TaskIx) -> &str {
    orchestra.tasks[task].name.as_str()
}

/// The condition of a task without its braces, in a few words.
fn when(orchestra: &Orchestra, task: TaskIx) -> Option<String> {
    orchestra.tasks[task].when.as_ref().map(|when| one_line(when.expression(), WHEN))
}

fn ungrouped(orchestra: &Orchestra) -> impl Iterator<Item = TaskIx> {
    let mut free = vec![true; orchestra.tasks.len()];
    orchestra.execution.groups.iter().flat_map(|group| &group.tasks).for_each(|&task| free[task] = false);
    free.into_iter().enumerate().filter_map(|(task, free)| free.then_some(task))
}

/// The edges between tasks, in file order. What comes later is left out where it follows from an output.
fn edges(orchestra: &Orchestra) -> Vec<(TaskIx, TaskIx, Edge)> {
    let tasks = orchestra.tasks.len();
    let mut edges: Vec<(TaskIx, TaskIx, Edge)> = Vec::new();
    for before in 0..tasks {
        let successors = orchestra.plan.successors(before).iter().filter(|(after, _)| *after < tasks);
        edges.extend(successors.map(|&(after, edge)| (before, after, edge)));
    }
    edges.sort_by_key(|&(before, after, edge)| (before, after, edge == Edge::After));
    edges.dedup_by_key(|&mut (before, after, _)| (before, after));
    edges
}

/// The groups that follow each other. A group without tasks is passed over.
fn barriers(orchestra: &Orchestra) -> Vec<(usize, usize)> {
    let groups = orchestra.execution.groups.iter().enumerate();
    let filled: Vec<usize> = groups.filter(|(_, group)| !group.tasks.is_empty()).map(|(ix, _)| ix).collect();
    filled.windows(2).map(|pair| (pair[0], pair[1])).collect()
}

/// Text within a Mermaid label: all but letters, digits and a few harmless marks as `#` and a number, since Mermaid
/// reads quotes, brackets, Markdown and HTML in there.
fn entities(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        if c.is_alphanumeric() || matches!(c, ' ' | '_' | '.' | '-' | ',') {
            safe.push(c);
        } else if !c.is_control() {
            let _ = write!(safe, "#{};", u32::from(c));
        }
        safe
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// Text within quotes in DOT, where a backslash begins an escape.
fn escaped(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).fold(String::with_capacity(text.len()), |mut safe, c| {
        if matches!(c, '"' | '\\') {
            safe.push('\\');
        }
        safe.push(c);
        safe
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::check;
    use crate::store::project::Project;
    use crate::words::diagnostic::Source;

    const MIXED: &str = r#"
orchestra:
  id: mixed
  execution:
    strategy: mixed
    task_groups:
      - {name: 'find "it"', tasks: [a, b], execution_strategy: parallel}
      - {name: tell, tasks: [c], execution_strategy: sequential}
tasks:
  - {name: a, agent: researcher, description: x}
  - {name: b, agent: researcher, description: x}
  - {name: c, agent: writer, description: x, context: [a]}
"#;

    fn orchestra(text: &str) -> Orchestra {
        let source = Arc::new(Source::new("orchestras/x.yaml", text));
        check(&Project::at("."), &source, &Overrides::default()).unwrap().0
    }

    #[test]
    fn waves_are_a_table() {
        assert_eq!(
            text(&orchestra(MIXED)),
            "mixed: 3 tasks, mixed, at most 3 at once\n\n\
             WAVE  TASK  AGENT       NEEDS  GROUP\n\
             1     a     researcher  -      find \"it\"\n\
             1     b     researcher  -      find \"it\"\n\
             2     c     writer      a      tell\n"
        );
    }

    #[test]
    fn groups_are_subgraphs() {
        let orchestra = orchestra(MIXED);
        let lines = [
            "flowchart TD",
            "    subgraph g0[\"find #34;it#34;\"]",
            "        t0[\"a<br/>(researcher)\"]",
            "        t1[\"b<br/>(researcher)\"]",
            "    end",
            "    subgraph g1[\"tell\"]",
            "        t2[\"c<br/>(writer)\"]",
            "    end",
            "    t0 --> t2",
            "    g0 -.-> g1\n",
        ];
        assert_eq!(mermaid(&orchestra), lines.join("\n"));
        let dot = dot(&orchestra);
        for line in [
            "digraph \"mixed\" {",
            "    subgraph cluster_0 {",
            "        label=\"find \\\"it\\\"\";",
            "        t0 [label=\"a\\n(researcher)\"];",
            "    t0 -> t2;",
            "    t1 -> t2 [style=dashed, ltail=cluster_0, lhead=cluster_1];",
        ] {
            assert!(dot.lines().any(|l| l == line), "{line}\n{dot}");
        }
    }

    #[test]
    fn order_without_an_output_is_broken() {
        let chain = orchestra(
            "tasks:\n  - {name: a, agent: writer, description: x}\n  - {name: b, agent: writer, description: x}\n  \
             - {name: c, agent: writer, description: x, context: [a]}\n",
        );
        let page = mermaid(&chain);
        assert!(page.ends_with("    t0 --> t1\n    t0 --> t2\n    t1 -.-> t2\n"), "{page}");
    }

    #[test]
    fn no_name_breaks_out_of_its_label() {
        let name = "a\"]; click t0 \"javascript:x\" <b>\\\n`#end";
        let safe = entities(name);
        assert!(!safe.contains(['"', '<', '[', ']', '`', '\\', '\n', ':']), "{safe}");
        assert_eq!(entities("naïve_1.x"), "naïve_1.x");
        assert_eq!(quoted("a\"b\\c\nd"), r#""a\"b\\cd""#);
    }
}
