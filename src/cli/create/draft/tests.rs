//! What is drafted means what the playbooks say, whatever they say.

use std::sync::Arc;

use super::{Draft, words};
use crate::cli::create::templates;
use crate::engine::check;
use crate::plan::orchestra::Orchestra;
use crate::plan::spec::Strategy;
use crate::plan::spec::playbook::{self, Playbook};
use crate::plan::template::Values;
use crate::store::project::Project;
use crate::words::diagnostic::Source;
use crate::words::event::Overrides;

/// A playbook with these tasks, by way of JSON, which is YAML as well.
fn playbook(tasks: &[(&str, &str)]) -> Playbook {
    let tasks: Vec<_> = tasks.iter().map(|(n, t)| serde_json::json!({"name": n, "instruction": t})).collect();
    let text = serde_json::json!({"role": "any", "tasks": tasks}).to_string();
    playbook::read(&Source::new("p.yaml", text)).unwrap().0
}

fn loaded(text: &str) -> Orchestra {
    let folder = tempfile::tempdir().unwrap();
    let source = Arc::new(Source::new("orchestras/x_orchestra.yaml", text));
    match check(&Project::at(folder.path()), &source, &Overrides::default()) {
        Ok((orchestra, _)) => orchestra,
        Err(reports) => panic!("{text}\n{}", reports.iter().map(|r| r.render(false)).collect::<String>()),
    }
}

fn rendered(orchestra: &Orchestra, task: usize) -> String {
    let values = Values { goal: "G", ..Values::default() };
    orchestra.tasks[task].description().unwrap().render(&values).unwrap()
}

fn names(orchestra: &Orchestra) -> Vec<&str> {
    orchestra.tasks.iter().map(|task| task.name.as_str()).collect()
}

#[test]
fn tasks_are_chained_as_the_guide_does() {
    let developer = playbook(&[("implement_feature", "Implement the feature.")]);
    let qa = playbook(&[("plan", "Plan."), ("check", "Check.")]);
    let draft = Draft::new([("developer", Some(&developer)), ("qa_engineer", Some(&qa))], Strategy::Sequential);
    let text = draft.render("sdlc");
    for part in [
        "  name: \"Sdlc Orchestra\"\n",
        "agents:\n  - developer\n  - qa_engineer\n",
        "  - name: plan\n    agent: qa_engineer\n    description: >\n      Apply qa engineer expertise to '{goal}'. Plan.\n    \
         context: [\"implement_feature\"]\n    priority: \"medium\"\n    timeout_seconds: 600\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let orchestra = loaded(&text);
    assert_eq!(names(&orchestra), ["implement_feature", "plan", "check"]);
    assert_eq!((orchestra.plan.needs(1), orchestra.plan.needs(2)), (&[0][..], &[1][..]));
    assert_eq!(rendered(&orchestra, 0).trim(), "Apply developer expertise to 'G'. Implement the feature.");
}

#[test]
fn the_other_strategies_load_too() {
    let one = playbook(&[("a", "x"), ("b", "x"), ("c", "x")]);
    let draft = |strategy| loaded(&Draft::new([("writer", Some(&one))], strategy).render("x"));
    let parallel = draft(Strategy::Parallel);
    assert_eq!(parallel.plan.waves().len(), 1);
    let mixed = draft(Strategy::Mixed);
    assert_eq!((mixed.plan.waves().len(), mixed.plan.needs(2)), (2, &[0, 1][..]));
    let alone = loaded(&Draft::new([("writer", None)], Strategy::Mixed).render("x"));
    assert_eq!(names(&alone), ["writer_task"]);
}

#[test]
fn a_playbook_text_means_in_the_file_what_it_means_in_the_playbook() {
    let long = "word ".repeat(5000);
    for text in [
        "{{ goal }} and {{ outputs.secret }} and {{",
        "{{{ }}} {{}} }}{{ '{{' }} {% if x %} {# #}",
        "one\n\n  two: [x]\n   \nthree # no comment\n- four\n...\n---\n%YAML",
        "tab\there, bell\u{7}, next\u{85}line\u{2028}, cr\r\n, mark\u{feff}, \u{202e}right",
        "\"quotes\" 'and' \\back\\slashes \\n | > & * ! ` @",
        "trailing space \nin a line",
        "é日本🎉 {\"json\": {\"a\": {}}}",
        "indented\n    code {\n}",
        &long,
        ": ",
        "# only",
    ] {
        let orchestra =
            loaded(&Draft::new([("writer", Some(&playbook(&[("t", text)])))], Strategy::Sequential).render("x"));
        let expected = format!("Apply writer expertise to 'G'. {}", text.trim());
        assert_eq!(rendered(&orchestra, 0).trim_end_matches('\n'), expected);
    }
}

#[test]
fn the_goal_may_be_named_in_a_playbook() {
    let with_goal = playbook(&[("t", "Build {goal} with {{braces}}.")]);
    let orchestra = loaded(&Draft::new([("writer", Some(&with_goal))], Strategy::Sequential).render("x"));
    assert_eq!(rendered(&orchestra, 0).trim(), "Apply writer expertise to 'G'. Build G with {{braces}}.");
}

#[test]
fn task_names_are_made_usable_and_unique() {
    let long = "n".repeat(150);
    let first =
        playbook(&[("plan", "x"), ("Plan", "x"), ("../up it!", "x"), ("日本", "x"), (&long, "x"), (&long, "x")]);
    let second =
        playbook(&[("plan", "x"), ("true", "x"), ("123", "x"), ("con", "x"), ("2026-01-01", "x"), ("1e3", "")]);
    let draft =
        Draft::new([("writer", Some(&first)), ("editor", Some(&second)), ("analyst", None)], Strategy::Sequential);
    let orchestra = loaded(&draft.render("x"));
    assert_eq!(
        names(&orchestra),
        [
            "plan",
            "Plan_writer",
            "up_it_",
            "writer_2",
            &"n".repeat(100),
            &format!("{}_writer", "n".repeat(50)),
            "plan_editor",
            "true",
            "123",
            "con_editor",
            "2026-01-01",
            "1e3",
            "analyst_task"
        ]
    );
    assert_eq!(orchestra.agents.len(), 3);
}

#[test]
fn every_template_loads() {
    for shipped in templates::SHIPPED {
        for id in [shipped.name, "my-own.one"] {
            let text = shipped.under(id);
            assert!(!text.contains("yaml-language-server"));
            let orchestra = loaded(&text);
            assert_eq!((orchestra.id.as_str(), text.contains(&format!("orch run {id} "))), (id, true));
            assert_eq!(orchestra.workspace.trim_start_matches("./"), format!("orchestra_workspaces/{id}"));
        }
        assert!(shipped.description().ends_with('.'), "{}", shipped.name);
    }
    assert!(templates::SHIPPED.is_sorted_by_key(|shipped| shipped.name));
    let starter = loaded(&templates::starter("my-own.one"));
    assert_eq!((starter.id.as_str(), starter.name.as_str()), ("my-own.one", "My Own One Orchestra"));
    assert_eq!(starter.workspace, "orchestra_workspaces/my-own.one");
}

#[test]
fn names_become_words() {
    assert_eq!([words("qa_engineer", false), words("a--b.c_", true)], ["qa engineer", "A B C"]);
}
