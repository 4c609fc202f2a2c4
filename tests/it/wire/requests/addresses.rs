//! Where a request goes: every way in which people write a base URL leads to the same place.

use orch::model::ModelRequest;

use super::super::{at, request};
use crate::server::vendor::{Vendor, anthropic, gemini, ollama, openai, responses, zhipu};

/// The URLs at which `model` is asked, and asked for.
fn urls(vendor: &Vendor, base_url: &str, model: &str) -> (String, String) {
    let wire = at(vendor, base_url);
    let request = ModelRequest { model: model.to_owned(), ..request("x") };
    (wire.encode(&request).url.to_string(), wire.list_models().url.to_string())
}

#[test]
fn every_way_to_write_a_base_url_leads_to_the_same_place() {
    for (vendor, base_urls, answers, models) in [
        (
            &openai::ROW,
            &["https://h/v1", "https://h/v1/", " https://h/v1/chat/completions "][..],
            "https://h/v1/chat/completions",
            "https://h/v1/models",
        ),
        (&openai::ROW, &["https://h"], "https://h/chat/completions", "https://h/models"),
        (
            &openai::ROW,
            &["https://api.openai.com", "https://api.openai.com/v1"],
            "https://api.openai.com/v1/chat/completions",
            "https://api.openai.com/v1/models",
        ),
        (
            &openai::ROW,
            &["https://h/v1?api-version=2"],
            "https://h/v1/chat/completions?api-version=2",
            "https://h/v1/models?api-version=2",
        ),
        (
            &responses::ROW,
            &["https://h/v1", "https://h/v1/", "https://h/v1/responses"],
            "https://h/v1/responses",
            "https://h/v1/models",
        ),
        (
            &responses::ROW,
            &["https://api.openai.com"],
            "https://api.openai.com/v1/responses",
            "https://api.openai.com/v1/models",
        ),
        (
            &responses::ROW,
            &["https://h/v1?api-version=2"],
            "https://h/v1/responses?api-version=2",
            "https://h/v1/models?api-version=2",
        ),
        (
            &anthropic::ROW,
            &["https://h/a", "https://h/a/", "https://h/a/v1", "https://h/a/v1/", "https://h/a/v1/messages"],
            "https://h/a/v1/messages",
            "https://h/a/v1/models",
        ),
        (
            &gemini::ROW,
            &["https://h/a", "https://h/a/", "https://h/a/v1beta", "https://h/a/v1beta/", "https://h/a/v1beta/models"],
            "https://h/a/v1beta/models/m:streamGenerateContent?alt=sse",
            "https://h/a/v1beta/models?pageSize=1000",
        ),
        (
            &gemini::ROW,
            &["https://h/v1"],
            "https://h/v1/models/m:streamGenerateContent?alt=sse",
            "https://h/v1/models?pageSize=1000",
        ),
        (
            &zhipu::ROW,
            &["https://api.z.ai", "https://api.z.ai/api/paas/v4/"],
            "https://api.z.ai/api/paas/v4/chat/completions",
            "https://api.z.ai/api/paas/v4/models",
        ),
        (
            &zhipu::ROW,
            &["https://api.z.ai/api/coding/paas/v4"],
            "https://api.z.ai/api/coding/paas/v4/chat/completions",
            "https://api.z.ai/api/coding/paas/v4/models",
        ),
        (
            &zhipu::ROW,
            &["https://open.bigmodel.cn"],
            "https://open.bigmodel.cn/api/paas/v4/chat/completions",
            "https://open.bigmodel.cn/api/paas/v4/models",
        ),
        (
            &zhipu::ROW,
            &["http://localhost:8000/v1"],
            "http://localhost:8000/v1/chat/completions",
            "http://localhost:8000/v1/models",
        ),
        (
            &ollama::ROW,
            &["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/api", "http://h:1/api/chat"],
            "http://h:1/api/chat",
            "http://h:1/api/tags",
        ),
    ] {
        for base_url in base_urls {
            let expected = (answers.to_owned(), models.to_owned());
            assert_eq!(urls(vendor, base_url, "m"), expected, "{}: {base_url}", vendor.name);
        }
    }
}

#[test]
fn a_model_of_gemini_is_named_with_its_folder_or_without() {
    for (base_url, model, expected) in [
        ("https://h", "models/m", "https://h/v1beta/models/m:streamGenerateContent?alt=sse"),
        ("https://h?x=1", "tunedModels/t?y", "https://h/v1beta/tunedModels/t%3Fy:streamGenerateContent?x=1&alt=sse"),
    ] {
        assert_eq!(urls(&gemini::ROW, base_url, model).0, expected);
    }
}
