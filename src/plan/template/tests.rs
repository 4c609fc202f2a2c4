use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::*;

const PLAN: &str = "{\"title\": \"A {goal}\",  \"tasks\": [{\"name\": \"a\", \"size\": 1.50}, {\"name\": \"b\"}]}\n";

fn values<'v>() -> Values<'v> {
    let outputs =
        BTreeMap::from([("plan", PLAN), ("say", "out {goal}"), ("count", " 3\n"), ("no", "false"), ("v", "1.10")]);
    let run = RunValues { id: "run_20261120_093000_7f3a", project: "/p", is_rehearsal: false };
    Values { goal: "a {{ goal }} {x}", run, outputs, ..Values::default() }
}

fn rendered(text: &str) -> String {
    Template::new(text).render(&values()).unwrap()
}

fn fails(text: &str) -> String {
    let error = Template::new(text).render(&values()).unwrap_err();
    format!("{}: {}", error.hole, error.message)
}

fn known<'k>(tasks: &'k BTreeSet<&'k str>, items: ItemsKnown<'k>) -> Known<'k> {
    let schema = &|task: &str| {
        let part = json!({"type": "object", "properties": {"name": {"type": "string"}}});
        let of = json!({"properties": {"title": {"type": "string"}, "tasks": {"type": "array", "items": part}}});
        (task == "plan").then_some(of)
    };
    Known {
        outputs: &["plan", "say", "TASK-1"],
        tasks,
        schema,
        items,
        rounds: RoundsKnown::None,
        inputs: &[],
        ctx: CtxKnown::default(),
    }
}

fn found(text: &str, items: ItemsKnown<'_>) -> Vec<String> {
    let tasks = BTreeSet::from(["plan", "say", "other", "TASK-1"]);
    let known = known(&tasks, items);
    let template = Template::new(text);
    let all = template.check(&known).into_iter().chain(template.near_words(&known));
    all.map(|e| format!("{}: {} ({})", e.hole, e.message, e.help.unwrap_or_default())).collect()
}

fn check(text: &str) -> Vec<String> {
    found(text, ItemsKnown::None)
}

#[test]
fn what_is_filled_in_is_not_looked_at_again() {
    assert_eq!(
        rendered("'{goal}' {{ outputs.say }} {{ run.id }}"),
        "'a {{ goal }} {x}' out {goal} run_20261120_093000_7f3a"
    );
    assert_eq!(
        rendered("{{ run.folder }} {{ run.date }} {{ project.folder }}\n"),
        ".orchestra/runs/run_20261120_093000_7f3a 2026-11-20 /p\n"
    );
}

#[test]
fn other_braces_are_text() {
    for text in ["{filename: code}", "fn a() { {1} }", "{\"a\": {}}", "{ goal }", "{", "}}", "{goal", "a % {b}\n\n"] {
        assert_eq!(rendered(text), text);
        assert_eq!(check(text), [""; 0]);
    }
}

#[test]
fn outputs_are_written_as_they_are_and_have_fields() {
    assert_eq!(rendered("{{ outputs.plan }}"), PLAN);
    assert_eq!(rendered("{{ outputs.plan.title }}|{{ outputs['plan'].tasks[0].size }}"), "A {goal}|1.5");
    assert_eq!(rendered("{{ outputs.v }} {{ outputs.v | trim }} {{ outputs.count | trim }}"), "1.10 1.10 3");
    assert_eq!(rendered("{% if outputs.count > 2 and not outputs.no %}yes{% endif %}"), "yes");
    assert_eq!(rendered("{{ outputs.plan.tasks | length }} {{ outputs.plan.tasks[1] }}"), r#"2 {"name":"b"}"#);
    assert_eq!(rendered("{{ ('x ```json\n[1, null]\n```' | fromjson)[0] }}"), "1");
    assert_eq!(rendered("{{ outputs.plan.tasks[1] | tojson(indent=2) }}"), "{\n  \"name\": \"b\"\n}");
    assert_eq!(rendered("{{ '<a> & b' | tojson }}"), "\"<a> & b\"");
}

#[test]
fn statements_leave_no_lines_of_their_own() {
    let text =
        "Do:\n{% for task in outputs.plan.tasks %}\n- {{ loop.index }} {{ task.name }}\n{% endfor %}\n{# no #}\nend\n";
    assert_eq!(rendered(text), "Do:\n- 1 a\n- 2 b\nend\n");
    assert_eq!(rendered("{% if goal == 'x' %}{goals}{% else %}{goal}{% endif %}"), "a {{ goal }} {x}");
    assert_eq!(rendered("{% raw %}{{ x }} {goal}{% endraw %} {{ '{%' }}"), "{{ x }} {goal} {%");
}

#[test]
fn what_is_not_there_says_where_it_ends() {
    assert_eq!(fails("{{ outputs.gone }}"), "outputs.gone: there is no output of `gone`");
    assert_eq!(fails("{{ outputs.plan.nope }}"), "outputs.plan.nope: the output of `plan` has no `nope`");
    assert_eq!(
        fails("{{ outputs.plan.tasks[1].size }}"),
        "outputs.plan.tasks[1].size: `tasks[1]` of the output of `plan` has no `size`"
    );
    assert_eq!(
        fails("{{ outputs.say.x }}"),
        "outputs.say.x: the output of `say` is no JSON object or list, so it has no `x`"
    );
    assert_eq!(rendered("{{ outputs.gone | default('x') }}{% if outputs.plan.nope %}y{% endif %}"), "x");
}

#[test]
fn a_text_cannot_go_on_for_ever_or_grow_without_end() {
    let deep = "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}";
    assert!(fails(deep).contains("too many steps"));
    let long = format!("{{% for a in range(9999) %}}{}{{% endfor %}}", "x".repeat(9999));
    assert!(fails(&long).contains("more than 32 MiB"), "{}", fails(&long).len());
}

#[test]
fn unknown_names_are_found_before_the_run_in_every_branch() {
    assert_eq!(check("{{ gaol }}"), ["gaol: unknown name `gaol` (did you mean `goal`?)"]);
    assert_eq!(
        check("{% if false %}{{ outputs.pln }}{% endif %}"),
        ["outputs.pln: there is no task `pln` (did you mean `plan`?)"]
    );
    assert_eq!(
        check("x {{ outputs.other }}"),
        ["outputs.other: the task does not get the output of `other` (add `other` to its `context`)"]
    );
    assert_eq!(
        check("{{ outputs.TASK-1 }}"),
        ["outputs.TASK: there is no task `TASK` (did you mean `outputs['TASK-1']`?)"]
    );
    assert_eq!(check("{{ run.dat }}"), ["run.dat: there is no `run.dat` (did you mean `run.date`?)"]);
    assert_eq!(
        check("{{ item.a }}"),
        ["item.a: `item` is known only in a task with `for_each` (give the task a `for_each`)"]
    );
    assert!(check("{{ ctx.a }}")[0].contains("no task before this one sets `a`"));
    assert!(check("${{ secrets.KEY }}")[0].contains("{% raw %}"));
    assert_eq!(check("{% set x = goal %}{{ x }}{% for y in range(3) %}{{ loop.index }}{{ y }}{% endfor %}"), [""; 0]);
}

#[test]
fn fields_are_held_against_the_schema() {
    assert_eq!(check("{{ outputs.plan.title }}{{ outputs.plan['tasks'][0].name }}"), [""; 0]);
    assert_eq!(
        check("{{ outputs.plan.titel }}"),
        ["outputs.plan.titel: the output of `plan` has no field `titel` (did you mean `title`?)"]
    );
    let each = "{% for one in outputs.plan.tasks %}{{ one.nme }}{% endfor %}";
    assert_eq!(check(each), ["one.nme: the output of `plan` has no field `nme` (did you mean `name`?)"]);
    assert!(check("{{ outputs.plan.title.x }}")[0].contains("of type string"));
    assert!(check("{% if outputs.plan.titel == 'x' %}{% endif %}")[0].contains("titel"));
    assert_eq!(check("{{ outputs.plan.titel | default('') }}{{ outputs.say.anything }}"), [""; 0]);
}

#[test]
fn what_is_called_is_known() {
    assert_eq!(check("{{ goal | uper }}"), ["uper: there is no filter `uper` (did you mean `upper`?)"]);
    assert_eq!(check("{{ goal is strng }}"), ["strng: there is no test `strng` (did you mean `string`?)"]);
    assert_eq!(check("{{ rnge(3) }}"), ["rnge: there is no function `rnge` (did you mean `range`?)"]);
    assert_eq!(check("{{ goal.upper() }}"), ["goal.upper: values have no method `upper()` (use a filter: `| upper`)"]);
}

#[test]
fn what_is_no_template_says_how_it_is_written_as_text() {
    for (text, at) in [("100{% off", 3..5), ("{% if %}", 6..8), ("{{ 1 + }}", 7..9), ("ü {% foo %}", 6..9)] {
        let error = Template::new(text).check(&known(&BTreeSet::new(), ItemsKnown::None)).remove(0);
        assert_eq!(error.range, at, "{text}: {}", error.message);
        assert!(error.help.unwrap().contains("{% raw %}"), "{text}");
    }
}

#[test]
fn items_are_looked_at_before_the_run() {
    let items: [Json; 2] = [json!({"a": 1, "b": 2}), json!({"a": 1})];
    let of = |text: &str| found(text, ItemsKnown::These(&items));
    assert_eq!(of("{{ item.a }} {{ loop.length }}"), [""; 0]);
    assert_eq!(
        of("{{ item.b }}"),
        ["item.b: `item` has no `b` (for item 2) (every item needs it, or ask for it with `| default('...')`)"]
    );
    assert_eq!(of("{% if item.b %}{{ item.b }}{% endif %}"), [""; 0]);
    assert_eq!(of("{{ loop.lenght }}"), ["loop.lenght: there is no `loop.lenght` (did you mean `loop.length`?)"]);
    assert_eq!(found("{{ item.any }}", ItemsKnown::Later), [""; 0]);
}

#[test]
fn a_word_that_is_nearly_a_name_is_told() {
    assert_eq!(
        check("{goals}"),
        ["{goals}: `{goals}` is no name, so it stays in the text as it is (did you mean `{goal}`?)"]
    );
    assert!(check("{Goal}")[0].contains("did you mean `{goal}`?"));
    assert!(check("{outputs.plan}")[0].contains("did you mean `{{ outputs.plan }}`?"));
    assert!(found("{item}", ItemsKnown::Later)[0].contains("did you mean `{{ item }}`?"));
    assert_eq!(check("{item} {code} {x} {print} {a.b}"), [""; 0]);
}

#[test]
fn what_decides_may_be_missing() {
    let text = "{% if outputs.plan.nope == 'x' or outputs.gone == 1 or 'a' in outputs.plan.none or outputs.say.x == 'y' %}a{% else %}b{% endif %}";
    assert_eq!(rendered(text), "b");
    assert_eq!(
        rendered("{{ 'x' if outputs.plan.tasks == [] else 'y' }}{{ outputs.plan.tasks[1] == {'name': 'b'} }}"),
        "ytrue"
    );
    assert!(check("{{ OUTPUTS.plan }}")[0].contains("unknown name"));
}

#[test]
fn a_long_tag_does_not_exhaust_the_stack() {
    let sum = format!("{{{{ 1{} }}}}", "+1".repeat(1_000));
    assert_eq!(rendered(&sum), "1001");
    let branches = format!("{{% if no %}}{}{{% endif %}}", "{% elif no %}".repeat(200)).replace("no", "outputs.no");
    assert_eq!(rendered(&branches), "");
    let filters = format!("{{{{ goal{} }}}}", "|e".repeat(1_000));
    assert_eq!(rendered(&filters), "a {{ goal }} {x}");
    let nested = format!("{{{{ {}1{} }}}}", "(".repeat(1_000), ")".repeat(1_000));
    assert!(check(&nested)[0].contains("recursion"));
}
