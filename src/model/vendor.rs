//! The vendors: one row for each wire format that a file can name, with all that is known of it before a call.
//!
//! A new vendor is a variant of [`Provider`] with its names, which the file's format needs, and a row here. Prices and the
//! headers of rate limits are not in the rows, since they go by the host and not by the wire: servers that speak OpenAI's
//! format charge by their own lists (`prices.rs`), and copy each other's headers (`pace.rs`).

use std::sync::Arc;

use crate::model::anthropic::Anthropic;
use crate::model::dressed::Dressed;
use crate::model::gemini::Gemini;
use crate::model::ollama::{self, Ollama};
use crate::model::openai::{self, OpenAi};
use crate::model::responses::Responses;
use crate::model::{Endpoint, Wire, zhipu};
use crate::net::http::Url;
use crate::plan::spec::Provider;

/// What is known of a vendor.
pub struct Vendor {
    /// What a file calls it.
    pub provider: Provider,
    /// The variables that the vendor's own clients read the key from, the first that is set counting.
    pub keys: &'static [&'static str],
    /// The variables that they read the address from.
    pub addresses: &'static [&'static str],
    /// The vendor's own address; empty for a program.
    pub base_url: &'static str,
    /// The model for agents that name none, where a key or an address of the vendor is configured.
    pub default_model: Option<&'static str>,
    /// The vendor's own hosts, which answer nobody without a key.
    pub hosts: &'static [&'static str],
    /// How much more than a token of the prompt one costs that is written to the cache, where a file gives no price.
    pub cache_write: f64,
    /// Makes a URL of what people write as an address.
    pub tidy_address: fn(&str) -> String,
    wire: fn(Endpoint) -> Option<Arc<dyn Wire>>,
}

/// How much more Anthropic takes for a token that it writes to its cache:
/// <https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pricing>.
const ANTHROPIC_CACHE_WRITE: f64 = 1.25;

/// All vendors. Of those that are configured, the first with a default model is the one that agents without a model use.
const VENDORS: [Vendor; 12] = [
    Vendor {
        provider: Provider::Openai,
        keys: &["OPENAI_API_KEY"],
        addresses: &["OPENAI_BASE_URL"],
        base_url: "https://api.openai.com/v1",
        default_model: Some("gpt-5-mini"),
        hosts: &["api.openai.com"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::new(endpoint))),
    },
    Vendor {
        provider: Provider::Responses,
        keys: &["OPENAI_API_KEY"],
        addresses: &["OPENAI_BASE_URL"],
        base_url: "https://api.openai.com/v1",
        default_model: None,
        hosts: &["api.openai.com"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(Responses::new(endpoint))),
    },
    Vendor {
        provider: Provider::Anthropic,
        keys: &["ANTHROPIC_API_KEY"],
        addresses: &["ANTHROPIC_BASE_URL"],
        base_url: "https://api.anthropic.com",
        default_model: Some("claude-sonnet-4-5"),
        hosts: &["api.anthropic.com"],
        cache_write: ANTHROPIC_CACHE_WRITE,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(Anthropic::new(endpoint))),
    },
    Vendor {
        provider: Provider::Gemini,
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        addresses: &["GEMINI_BASE_URL", "GOOGLE_GEMINI_BASE_URL"],
        base_url: "https://generativelanguage.googleapis.com",
        default_model: Some("gemini-2.5-flash"),
        hosts: &["generativelanguage.googleapis.com"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(Gemini::new(endpoint))),
    },
    Vendor {
        provider: Provider::Zhipu,
        keys: &["ZAI_API_KEY", "ZHIPUAI_API_KEY", "ZHIPU_API_KEY"],
        addresses: &["ZAI_BASE_URL"],
        base_url: "https://api.z.ai/api/paas/v4",
        default_model: Some("glm-4.7"),
        hosts: &["api.z.ai", "open.bigmodel.cn"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(zhipu::wire(endpoint))),
    },
    Vendor {
        provider: Provider::Ollama,
        keys: &["OLLAMA_API_KEY"],
        addresses: &["OLLAMA_HOST"],
        base_url: "http://127.0.0.1:11434",
        // Whether a local server runs must not decide which model answers.
        default_model: None,
        hosts: &[],
        cache_write: 1.0,
        tidy_address: ollama::tidy_address,
        wire: |endpoint| Some(Arc::new(Ollama::new(endpoint))),
    },
    Vendor {
        provider: Provider::Openrouter,
        keys: &["OPENROUTER_API_KEY"],
        addresses: &["OPENROUTER_BASE_URL"],
        base_url: "https://openrouter.ai/api/v1",
        default_model: None,
        hosts: &["openrouter.ai"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::speaking(openai::OPENROUTER, endpoint))),
    },
    Vendor {
        provider: Provider::Deepseek,
        keys: &["DEEPSEEK_API_KEY"],
        addresses: &["DEEPSEEK_BASE_URL"],
        base_url: "https://api.deepseek.com",
        default_model: None,
        hosts: &["api.deepseek.com"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::speaking(openai::DEEPSEEK, endpoint))),
    },
    Vendor {
        provider: Provider::Groq,
        keys: &["GROQ_API_KEY"],
        addresses: &["GROQ_BASE_URL"],
        base_url: "https://api.groq.com/openai/v1",
        default_model: None,
        hosts: &["api.groq.com"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::speaking(openai::GROQ, endpoint))),
    },
    Vendor {
        provider: Provider::Mistral,
        keys: &["MISTRAL_API_KEY"],
        addresses: &["MISTRAL_BASE_URL"],
        base_url: "https://api.mistral.ai/v1",
        default_model: None,
        hosts: &["api.mistral.ai"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::speaking(openai::MISTRAL, endpoint))),
    },
    Vendor {
        provider: Provider::Xai,
        keys: &["XAI_API_KEY"],
        addresses: &["XAI_BASE_URL"],
        base_url: "https://api.x.ai/v1",
        default_model: None,
        hosts: &["api.x.ai"],
        cache_write: 1.0,
        tidy_address: str::to_owned,
        wire: |endpoint| Some(Arc::new(OpenAi::speaking(openai::XAI, endpoint))),
    },
    Vendor {
        provider: Provider::Command,
        keys: &[],
        addresses: &[],
        base_url: "",
        default_model: None,
        hosts: &[],
        // A program may well be one that calls Anthropic.
        cache_write: ANTHROPIC_CACHE_WRITE,
        tidy_address: str::to_owned,
        wire: |_| None,
    },
];

impl Vendor {
    /// All of them, in the order in which they are looked for.
    #[must_use]
    pub fn all() -> &'static [Self] {
        const { &VENDORS }
    }

    /// The vendor that a file calls `provider`.
    #[must_use]
    pub fn of(provider: Provider) -> &'static Self {
        // Every provider has a row: a test walks them.
        let row = Self::all().iter().find(|vendor| vendor.provider == provider);
        row.unwrap_or(&Self::all()[0])
    }

    /// Whether an address is at a vendor's own host, any vendor's: one can be called in another's format.
    #[must_use]
    pub fn needs_key(base_url: &str) -> bool {
        let is_at = |rest: &str| Self::all().iter().flat_map(|vendor| vendor.hosts).any(|host| rest.starts_with(host));
        base_url.strip_prefix("https://").is_some_and(is_at)
    }

    /// The vendors whose own address a URL is at, whatever its path: with TLS at one of their hosts, or where their server
    /// is on this machine. None where it names a user or another port.
    pub fn at(url: &Url) -> impl Iterator<Item = &'static Self> {
        let is_plain = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().unwrap_or_default();
        let with_tls = is_plain && url.scheme() == "https" && url.port().is_none();
        let local = (is_plain && url.scheme() == "http" && matches!(host, "localhost" | "127.0.0.1"))
            .then(|| format!("http://127.0.0.1:{}", url.port_or_known_default().unwrap_or_default()));
        let host = host.to_owned();
        Self::all().iter().filter(move |vendor| {
            with_tls && vendor.hosts.contains(&&*host) || local.as_deref() == Some(vendor.base_url)
        })
    }

    /// The protocol that the vendor's server speaks, at an address. `None` for a program, which has no address.
    #[must_use]
    pub fn wire(&self, endpoint: Endpoint) -> Option<Arc<dyn Wire>> {
        let wire = (self.wire)(endpoint.clone())?;
        Some(if endpoint.is_plain() { wire } else { Arc::new(Dressed { wire, endpoint }) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::settings::Settings;
    use crate::plan::orchestra::ModelRef;

    #[test]
    fn a_vendors_own_address_is_told_from_one_that_looks_like_it() {
        let at = |url: &str| Vendor::at(&Url::parse(url).unwrap()).map(|vendor| vendor.provider).collect::<Vec<_>>();
        assert_eq!(at("https://api.openai.com/v1"), [Provider::Openai, Provider::Responses]);
        assert_eq!(at("https://API.z.ai:443/elsewhere"), [Provider::Zhipu]);
        assert_eq!(at("http://localhost:11434/v1"), [Provider::Ollama]);
        assert_eq!(at("http://127.0.0.1:11434"), [Provider::Ollama]);
        for other in [
            "http://api.openai.com/v1",
            "https://api.openai.com:8443/v1",
            "https://api.openai.com.evil.example/v1",
            "https://api.openai.com@evil.example/v1",
            "https://someone@api.openai.com/v1",
            "https://evil.example/api.openai.com",
            "http://127.0.0.1:4555/v1",
            "https://127.0.0.1:11434",
            "http://[::1]:11434",
            "file:///api.openai.com",
        ] {
            assert_eq!(at(other), [], "{other}");
        }
    }

    #[test]
    fn every_provider_has_one_row_and_every_row_is_whole() {
        let providers = Provider::ALL.into_iter().chain([Provider::Command]);
        let rows: Vec<Provider> = Vendor::all().iter().map(|vendor| vendor.provider).collect();
        assert_eq!(rows, providers.collect::<Vec<_>>());

        for vendor in Vendor::all().iter().filter(|vendor| vendor.provider != Provider::Command) {
            let name = vendor.provider.name();
            assert_eq!(Vendor::of(vendor.provider).provider, vendor.provider);
            assert_eq!(Provider::by_name(name), Some(vendor.provider));
            assert!(!vendor.keys.is_empty() && !vendor.addresses.is_empty(), "{name}");
            let url = Url::parse(&(vendor.tidy_address)(vendor.base_url)).unwrap();
            assert!(vendor.hosts.is_empty() || vendor.hosts.contains(&url.host_str().unwrap()), "{name}");
            assert_eq!(Vendor::needs_key(vendor.base_url), !vendor.hosts.is_empty(), "{name}");

            let key = vendor.keys[0];
            let settings = Settings::from_variables([(key, "k")]);
            let reached = settings.reach(&ModelRef::new(vendor.provider, "m")).unwrap();
            assert_eq!(reached.endpoint.secrets().len(), 1, "{name}");
            let asked = vendor.wire(reached.endpoint).unwrap().list_models();
            assert_eq!(asked.url.host_str(), url.host_str(), "{name}");
            if let Some(model) = vendor.default_model {
                assert_eq!(settings.default_model().unwrap().label(), format!("{name}/{model}"));
            }
        }
        assert!(Vendor::of(Provider::Command).wire(Endpoint::new("http://h", None).unwrap()).is_none());
    }
}
