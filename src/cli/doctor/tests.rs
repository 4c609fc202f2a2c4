//! What is said of a model follows from the environment, the files and the server's answer.

use super::{Answer, Finding, Findings, Place, Reach, ask, judge, page, prepare, wanted};
use crate::model::settings::Settings;
use crate::store::project::Project;
use crate::words::failure::{Failure, FailureKind};

const FILE: &str = "
models:
  glm: {provider: openai, base_url: 'https://glm.example/v1', model: glm-4.7, api_key_env: ZAI_API_KEY}
  local: {provider: openai, base_url: 'http://127.0.0.1:1/v1', model: tiny, price: {input: 1, output: 2}}
agents:
  - {name: a, model: glm}
  - {name: b, model: local}
  - {name: c, model: openai/gpt-5-mini}
tasks:
  - {name: x, agent: a, description: x}
  - {name: y, agent: b, description: x}
  - {name: z, agent: c, description: x}
";

fn findings(variables: &'static [(&str, &str)], answer: Option<Answer>) -> Findings {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("orchestras")).unwrap();
    std::fs::write(folder.path().join("orchestras/o.yaml"), FILE).unwrap();
    std::fs::write(folder.path().join("orchestras/p.yaml"), "task: []").unwrap();
    let project = Project::at(folder.path());
    let settings = Settings::from_variables(variables.iter().copied());
    let (wanted, skipped) = wanted(&project, &settings).unwrap();
    let models = wanted.into_iter().map(|wanted| match prepare(wanted, &settings, project.root(), Reach::Own) {
        Ok(question) => judge(question, answer.as_ref()),
        Err(finding) => *finding,
    });
    Findings { models: models.collect(), skipped, project: Place::look(folder.path(), &settings) }
}

fn verdicts(findings: &Findings) -> Vec<(&str, bool)> {
    findings.models.iter().map(|finding| (finding.model.as_deref().unwrap(), finding.usable)).collect()
}

#[test]
fn each_model_is_named_once_with_its_origins_and_without_its_key() {
    let found = findings(&[("OPENAI_API_KEY", "sk-canary-123")], None);
    assert_eq!(verdicts(&found), [("openai/gpt-5-mini", true), ("openai/glm-4.7", false), ("openai/tiny", true)]);
    assert_eq!(found.skipped, ["orchestras/p.yaml"]);
    let text = page(&found) + &crate::cli::table::json(&found);
    for part in [
        "openai/gpt-5-mini: usable\n    for:    agents that name no model, o\n    server: api.openai.com (its usual address)\n    \
         key:    OPENAI_API_KEY\n    price:  $0.25 in, $2 out for a million tokens (genai-prices ",
        "(October 2026), as gpt-5-mini)\n",
        "openai/glm-4.7: not usable\n    for:    o\n    why:    the key for openai/glm-4.7 is missing: ZAI_API_KEY is not set\n",
        "server: 127.0.0.1:1 (the file's base_url)\n    key:    none\n    price:  $1 in, $2 out for a million tokens (the file)\n",
        "orchestras/p.yaml has mistakes",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn the_servers_answer_decides() {
    let gpt = |answer| {
        let found = findings(&[("OPENAI_API_KEY", "k")], Some(answer));
        let finding: &Finding = &found.models[0];
        (finding.usable, finding.why.clone().unwrap_or_default(), finding.help.clone().unwrap_or_default())
    };
    let models = |names: &[&str]| Answer::Models { models: names.iter().map(|&n| n.to_owned()).collect() };
    assert_eq!(gpt(models(&["gpt-5", "gpt-5-mini"])), (true, String::new(), String::new()));
    let (usable, why, help) = gpt(models(&["gpt-5-nano", "dall-e"]));
    assert_eq!((usable, why.as_str()), (true, "its server lists 2 models, and this is not one of them"));
    assert_eq!(help, "it has `gpt-5-nano`, for one; check the name");
    let failed = |kind, usable| Answer::Failed { failure: Failure::new(kind, "no"), usable };
    let (usable, why, help) = gpt(failed(FailureKind::Auth, false));
    assert_eq!((usable, why.as_str(), help.as_str()), (false, "not authorized: no", "check the key in OPENAI_API_KEY"));
    assert!(gpt(failed(FailureKind::BadRequest, true)).0);
}

#[test]
fn without_any_model_the_way_out_is_said() {
    let text = page(&Findings {
        models: vec![],
        skipped: vec![],
        project: Place::look(std::path::Path::new("."), &Settings::from_environment()),
    });
    assert!(text.contains("--rehearse"), "{text}");
}

#[test]
fn a_listed_name_may_be_a_version_of_the_model() {
    for (listed, model, same) in [
        ("gpt-5-mini", "gpt-5-mini", true),
        ("gpt-5-mini-2025-08-07", "gpt-5-mini", true),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5", true),
        ("claude-3-5-haiku-20241022", "claude-3-5-haiku-latest", true),
        ("llama3.1:latest", "llama3.1", true),
        ("gpt-5-mini", "gpt-5", false),
        ("gpt-5-mini", "gpt-5-mini-high", false),
        ("llama3.1:8b", "llama3.1", false),
    ] {
        assert_eq!(ask::names(listed, model), same, "{listed} {model}");
    }
}
