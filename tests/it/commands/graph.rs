//! `orch graph`: tasks and what they need, as a table and as drawings.

use crate::project::Project;

const DIAMOND: &str = "execution: {strategy: parallel}\ntasks:\n  \
                       - {name: top, agent: analyst, description: x}\n  \
                       - {name: left, agent: writer, description: x, context: [top]}\n  \
                       - {name: right, agent: writer, description: x, context: [top]}\n  \
                       - {name: join, agent: editor, description: x, context: [left, right]}\n";

#[test]
fn a_graph_is_drawn_in_three_ways() {
    let project = Project::new().file("diamond.yaml", DIAMOND);
    project.args(["graph", "diamond.yaml"]).run().exits(0).prints_exactly(
        "diamond: 4 tasks, parallel, at most 3 at once\n\n\
         WAVE  TASK   AGENT    NEEDS\n\
         1     top    analyst  -\n\
         2     left   writer   top\n\
         2     right  writer   top\n\
         3     join   editor   left, right\n",
    );
    project.args(["graph", "--format", "mermaid", "diamond.yaml"]).run().exits(0).prints_exactly(
        "flowchart TD\n    t0[\"top<br/>(analyst)\"]\n    t1[\"left<br/>(writer)\"]\n    t2[\"right<br/>(writer)\"]\n    \
         t3[\"join<br/>(editor)\"]\n    t0 --> t1\n    t0 --> t2\n    t1 --> t3\n    t2 --> t3\n",
    );
    project
        .args(["graph", "diamond.yaml", "--format", "dot"])
        .run()
        .exits(0)
        .prints("digraph \"diamond\" {\n")
        .prints("    t1 [label=\"left\\n(writer)\"];\n")
        .prints("    t2 -> t3;\n}\n");
    project.args(["graph", "diamond.yaml", "--format", "svg"]).run().exits(2).says("mermaid");
    assert_eq!(project.files().len(), 1);
}
