//! `orch create`: a new orchestra from playbooks, from a template, or from nothing, and never over one that is there.

use serde_json::json;

use super::Project;
use crate::server::{Act, Server};

const DEVELOPER: &str = "apiVersion: agent/v1\nkind: AgentSpec\nmetadata: {name: Developer, id: developer}\nspec:\n  \
    persona: {role: Developer, goal: Write code}\n  tasks:\n    - {name: implement, instruction: Implement it.}\n    \
    - {name: document, instruction: \"Document it: {{ braces }}\"}\n";

/// What is created runs as it stands.
fn is_ready(project: &Project, id: &str) {
    project.args(["validate", id]).run().exits(0);
    let goal = ["--goal", "Build a simple login feature"];
    project.args(["run", id, "--rehearse"]).and(goal).run().exits(0);
    assert!(project.path(&format!("orchestra_workspaces/{id}/final_results/orchestra_output.txt")).is_file());
}

#[test]
fn from_playbooks_their_tasks_follow_each_other_and_each_agent_is_listed_once() {
    let project = Project::new()
        .file("agents/developer/playbook/developer_playbook.yaml", DEVELOPER)
        .file("agents/tester.yaml", "role: Tester\ntasks:\n  - {name: plan, instruction: Plan the tests.}\n");
    let path = "orchestras/feature_orchestra.yaml";
    project
        .args(["create", "feature"])
        .run()
        .exits(0)
        .prints_exactly(&format!("{path}\n"))
        .says("orch run feature --goal");
    let text = project.read(path).unwrap();
    assert!(text.contains("agents:\n  - developer\n  - tester\n\n"), "{text}");
    assert!(project.path("orchestra_workspaces/feature").is_dir());
    project
        .args(["graph", "feature"])
        .run()
        .exits(0)
        .prints("1     implement  developer  -")
        .prints("2     document   developer  implement")
        .prints("3     plan       tester     document");
    is_ready(&project, "feature");
}

#[test]
fn from_playbooks_another_strategy_may_be_asked_for() {
    let project = Project::new()
        .file("agents/a.yaml", "tasks: [{name: one, instruction: x}]\n")
        .file("agents/b.yaml", "tasks: [{name: two, instruction: x}]\n")
        .file("agents/c.yaml", "tasks: [{name: three, instruction: x}]\n");
    for (id, strategy, part) in [("p", "parallel", "1     three"), ("m", "mixed", "2     three  c      one, two")] {
        project.args(["create", id, "--strategy", strategy]).run().exits(0);
        project.args(["graph", id]).run().exits(0).prints(strategy).prints(part);
        is_ready(&project, id);
    }
    project.args(["create", "some", "--agents", "c,a"]).run().exits(0);
    project.args(["graph", "some"]).run().exits(0).prints("1     three  c").prints("2     one    a");
    project.args(["create", "none", "--agents", "resercher"]).run().exits(2).says("did you mean `researcher`?");
}

#[test]
fn without_playbooks_a_template_is_taken() {
    for (id, task) in
        [("sdlc", "implement_feature"), ("content_creation", "research_topic"), ("data_analysis", "collect_data")]
    {
        let project = Project::new();
        project.args(["create", id]).run().exits(0).says(&format!("the template `{id}`, ready to run"));
        project.args(["graph", id]).run().exits(0).prints(task);
        is_ready(&project, id);
    }
}

#[test]
fn a_template_is_taken_by_its_name_under_any_id_and_whatever_playbooks_there_are() {
    let project = Project::new().file("agents/developer/playbook/developer_playbook.yaml", DEVELOPER);
    project
        .args(["create", "shop", "--template", "data_analysis"])
        .run()
        .exits(0)
        .prints_exactly("orchestras/shop_orchestra.yaml\n")
        .says("the template `data_analysis`, ready to run");
    project.args(["graph", "shop"]).run().exits(0).prints("collect_data");
    is_ready(&project, "shop");
    assert!(!project.read("orchestras/shop_orchestra.yaml").unwrap().contains("data_analysis"));
    let near = project.args(["create", "x", "--template", "data-anlysis"]).run().exits(2);
    near.says("there is no template `data-anlysis`").says("did you mean `data_analysis`?");
    project.args(["create", "x", "--template", "zzz"]).run().exits(2).says("`orch create --list` names them");
    project
        .args(["create", "x", "--template", "sdlc", "--agents", "writer"])
        .run()
        .exits(2)
        .says("cannot be used with");
    project.args(["create", "--template", "sdlc"]).run().exits(2).says("<ID>").no_file("orchestras/x_orchestra.yaml");
}

#[test]
fn the_list_names_every_orchestra_that_comes_with_orch() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("orchestras");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut shipped: Vec<_> = files.map(|file| file.strip_suffix("_orchestra.yaml").unwrap().to_owned()).collect();
    shipped.sort();
    let project = Project::new();
    let printed = project.args(["create", "--list"]).run().exits(0).stdout;
    let rows: Vec<_> = printed.lines().skip(1).map(|row| row.split_once(' ').expect(row)).collect();
    assert_eq!(rows.iter().map(|(name, _)| *name).collect::<Vec<_>>(), shipped);
    assert!(rows.iter().all(|(_, description)| description.trim().ends_with('.')), "{printed}");
    assert!(project.files().is_empty());
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/orchestras.md")).unwrap();
    for name in shipped {
        assert!(page.contains(&format!("`{name}`")), "docs/orchestras.md does not name {name}");
    }
}

#[test]
fn from_nothing_comes_a_file_that_runs_and_says_what_to_edit() {
    let project = Project::new();
    project.args(["create", "my-idea.2"]).run().exits(0).says("its comments say what to edit");
    assert!(project.read("orchestras/my-idea.2_orchestra.yaml").unwrap().contains("Edit this"));
    is_ready(&project, "my-idea.2");
}

#[test]
fn nothing_is_ever_written_over() {
    let project = Project::new()
        .file("orchestras/sdlc_orchestra.yaml", "mine")
        .file("orchestras/other.yaml", "metadata: {id: taken}\n");
    for id in ["sdlc", "taken", "other"] {
        project
            .args(["create", id])
            .run()
            .exits(2)
            .prints_exactly("")
            .says("there is already an orchestra")
            .says("nothing was written");
    }
    assert_eq!(project.read("orchestras/sdlc_orchestra.yaml").as_deref(), Some("mine"));
    assert_eq!(project.files().len(), 2);
    project.args(["create", "new"]).run().exits(0);
    project.args(["create", "new"]).run().exits(2).says("orchestras/new_orchestra.yaml");
}

#[test]
fn an_id_is_a_name() {
    for id in ["../x", "a/b", "con", "a b", ""] {
        let project = Project::new();
        project.args(["create", id]).run().exits(2).says("cannot be the id of an orchestra");
        assert!(project.files().is_empty());
    }
}

#[test]
fn a_broken_playbook_is_named_and_nothing_is_written() {
    let project = Project::new().file("agents/a.yaml", "tasks: [{nme: one}]\n");
    project.args(["create", "x"]).run().exits(2).says("agents/a.yaml:1:").no_file("orchestras");
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_not_written_through() {
    let project = Project::new().file("orchestras/other.yaml", "x");
    std::os::unix::fs::symlink(project.path("victim"), project.path("orchestras/y_orchestra.yaml")).unwrap();
    project.args(["create", "y"]).run().exits(2).no_file("victim");
}

/// A project with a shipped orchestra, played by a server.
fn played(template: &str, server: &Server) -> Project {
    let project = Project::new();
    project.args(["create", "it", "--template", template]).run().exits(0);
    project.server(server).args(["run", "it", "--goal", "Build a simple login feature"])
}

fn review(approved: bool) -> Act {
    Act::Text(json!({"approved": approved, "criteria": [], "problems": [], "summary": "looked at"}).to_string())
}

#[test]
fn default_documents_nothing_that_its_review_does_not_approve() {
    let plan =
        json!({"tasks": [{"id": "T1", "title": "A form", "criteria": ["it logs in"], "needs": []}], "assumptions": []});
    for approved in [true, false] {
        let server = Server::start();
        server.when("Mission: plan", [Act::Text(plan.to_string())]);
        server.when("Mission: carry the plan", [Act::Text("the form".to_owned())]);
        server.when("- T1: it logs in", [review(approved)]);
        server.when("by the tasks of the plan: A form", [Act::Text("the README".to_owned())]);
        let ended = played("default", &server).run().exits(i32::from(!approved));
        assert_eq!(server.seen().len(), if approved { 4 } else { 3 });
        let shared: serde_json::Value =
            serde_json::from_str(&ended.project.read("orchestra_workspaces/it/intermediate/ctx.json").unwrap())
                .unwrap();
        assert_eq!((&shared["plan.tasks"][0]["id"], &shared["build.outputs"]), (&json!("T1"), &json!("the form")));
        if approved {
            assert_eq!(shared["review.report"]["approved"], json!(true));
        } else {
            ended.says("condition never met");
        }
    }
}

#[test]
fn validated_delivery_builds_nothing_on_a_wish_that_does_not_hold() {
    let server = Server::start();
    let verdict = json!({"buildable": false, "reason": "R1 contradicts R2", "assumptions": [], "out_of_scope": [],
        "requirements": [{"id": "R1", "text": "x", "check": "y"}]});
    server.when("Mission: find out whether", [Act::Text(verdict.to_string())]);
    played("validated_delivery", &server).run().exits(1).says("condition never met");
    assert_eq!(server.seen().len(), 1);
}
