//! Agents' programs as models, played by scripts that print what the real ones do; where that is written down stands
//! in `src/provider/command/answer.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use orch::model::command::CommandModel;
use orch::model::{CallFailure, Cue, Model, ModelRequest, Reply};
use orch::net::http::Deadlines;
use orch::os::process::RUN_VARIABLE;
use orch::words::conversation::{Message, Tool};
use orch::words::failure::FailureKind;
use orch::words::redact::Redactor;
use orch::words::usage::{StopReason, Usage};
use secrecy::SecretString;

use super::{LONG, Scene};

/// What must not leave.
const KEY: &str = "sk-canary-0123456789";

impl Scene {
    /// Puts a program on the path.
    fn program(&self, name: &str, script: &str) -> &Self {
        let folder = self.folder.path().join("bin");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).unwrap();
        self
    }

    fn path(&self) -> String {
        format!("{}/bin:/usr/bin:/bin", self.folder.path().display())
    }

    fn model(&self, argv: &[&str], deadline: Option<Duration>) -> CommandModel {
        let folder = self.folder.path().to_str().unwrap();
        let variables = [
            ("PATH", &*self.path()),
            ("HOME", folder),
            ("MARK", &self.mark),
            (RUN_VARIABLE, "run-1"),
            ("ANTHROPIC_API_KEY", KEY),
            ("GITHUB_TOKEN", KEY),
        ];
        let argv = argv.iter().map(|&argument| argument.to_owned()).collect();
        let environment = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let redactor = Redactor::new([SecretString::from(KEY)]);
        CommandModel::new(argv, PathBuf::from(folder), environment, deadline, redactor).unwrap()
    }

    async fn call(&self, argv: &[&str]) -> Result<Reply, CallFailure> {
        ask(&self.model(argv, None), &request("Name a bee.")).await
    }

    async fn failure(&self, argv: &[&str]) -> (FailureKind, String) {
        let failed = self.call(argv).await.unwrap_err();
        (failed.failure.kind, failed.failure.message)
    }
}

async fn ask(model: &CommandModel, request: &ModelRequest) -> Result<Reply, CallFailure> {
    ask_within(model, request, LONG).await
}

async fn ask_within(model: &CommandModel, request: &ModelRequest, total: Duration) -> Result<Reply, CallFailure> {
    let cue = Cue { task: "draft", agent: "dev", attempt: 1, lid_usd: None };
    model.call(request, &Deadlines { total, ..Deadlines::default() }, &cue).await
}

fn request(question: &str) -> ModelRequest {
    let messages = vec![Message::System("Be brief.".to_owned()), Message::User(question.to_owned())];
    let tools = Arc::default();
    ModelRequest {
        model: "m".to_owned(),
        messages,
        tools,
        schema: None,
        temperature: None,
        max_tokens: None,
        context_window: None,
        tuning: Arc::default(),
        takes_parts: false,
    }
}

#[tokio::test]
async fn any_program_that_reads_a_prompt_and_writes_an_answer_is_a_model() {
    let scene = Scene::new();
    let reply = scene.call(&["cat"]).await.unwrap();
    assert_eq!((&*reply.turn.text, reply.stop), ("Be brief.\n\nName a bee.", StopReason::End));
    assert!(reply.usage.estimated);

    let prompt = format!("-x $(id) `id` \"'\\ \n{}", "0123456789".repeat(30_000));
    let reply = ask(&scene.model(&["cat"], None), &request(&prompt)).await.unwrap();
    assert_eq!(reply.turn.text, format!("Be brief.\n\n{prompt}"));
    let reply = scene.call(&["printf", "%s|", "{prompt}", "-n"]).await.unwrap();
    assert_eq!(reply.turn.text, "Be brief.\n\nName a bee.|-n|");
    let reply = ask(&scene.model(&["cat", "{prompt_file}"], None), &request(&prompt)).await.unwrap();
    assert_eq!(reply.turn.text.len(), prompt.len() + "Be brief.\n\n".len());
}

#[tokio::test]
async fn claude_is_asked_for_json_and_has_settings_of_its_own() {
    let scene = Scene::new();
    fs::create_dir(scene.folder.path().join(".claude")).unwrap();
    fs::write(scene.folder.path().join(".claude/settings.json"), "{}").unwrap();
    scene.program(
        "claude",
        r#"cat > prompt; echo "$@" > arguments; ls -A "$CLAUDE_CONFIG_DIR" > settings; env > environment
           echo "$CLAUDE_CONFIG_DIR" >> folders
           printf '%s' '{"type":"result","subtype":"success","is_error":false,"result":"A bee of sk-canary-0123456789.","stop_reason":"end_turn","total_cost_usd":0.1,"usage":{"input_tokens":3,"cache_creation_input_tokens":10,"cache_read_input_tokens":100,"output_tokens":7}}'"#,
    );
    let reply = scene.call(&["claude", "--model", "opus"]).await.unwrap();
    assert_eq!(reply.turn.text, "A bee of [redacted].");
    let billed = Usage { cache_write_tokens: 10, billed_nano_usd: Some(100_000_000), ..Usage::default() };
    assert_eq!(reply.usage, Usage { input_tokens: 113, output_tokens: 7, cached_tokens: 100, ..billed });
    scene.call(&["claude"]).await.unwrap();

    let read = |name: &str| fs::read_to_string(scene.folder.path().join(name)).unwrap();
    assert_eq!(read("prompt"), "Be brief.\n\nName a bee.");
    assert_eq!(read("arguments"), "--disallowedTools=Task,Agent -p --output-format json\n");
    assert_eq!(read("settings"), "settings.json\n");
    let environment = read("environment");
    assert!(environment.contains("ANTHROPIC_API_KEY=") && environment.contains("ORCH_RUN=run-1"), "{environment}");
    assert!(!environment.contains("GITHUB_TOKEN") && !environment.contains("CARGO"), "{environment}");
    let folders: Vec<String> = read("folders").lines().map(str::to_owned).collect();
    assert_ne!(folders[0], folders[1]);
    assert!(folders.iter().all(|folder| !PathBuf::from(folder).exists()));
}

#[tokio::test]
async fn an_error_is_one_whatever_else_is_said() {
    let scene = Scene::new();
    let result = r#"{"type":"result","subtype":"success","is_error":true,"result":"Invalid API key · sk-canary-0123456789","usage":{"input_tokens":0,"output_tokens":0}}"#;
    scene.program("claude", &format!("echo '{result}'; exit 1"));
    let failed = scene.call(&["claude"]).await.unwrap_err();
    assert_eq!(failed.failure.kind, FailureKind::Auth);
    let expected = "`claude --disallowedTools=Task,Agent -p --output-format json` exited with code 1: Invalid API key · [redacted]";
    assert_eq!((&*failed.failure.message, failed.unsettled, failed.usage), (expected, false, None));
    scene.program("claude", &format!("echo '{result}'"));
    assert_eq!(scene.failure(&["claude"]).await.0, FailureKind::Auth);
    // A good answer of a program that fails is none.
    let good = result.replace("true", "false");
    scene.program("claude", &format!("echo '{good}'; echo 'panic: \u{1b}[31mlate' >&2; exit 3"));
    let (kind, message) = scene.failure(&["claude"]).await;
    assert_eq!(kind, FailureKind::Malformed);
    assert!(message.ends_with("exited with code 3: panic: late"), "{message}");
}

#[tokio::test]
async fn codex_and_gemini_are_understood() {
    let scene = Scene::new();
    scene.program(
        "codex",
        r#"echo "$@" > arguments; cat > /dev/null
           echo '{"type":"thread.started","thread_id":"0199"}'
           echo '{"type":"turn.started"}'
           echo '{"type":"item.completed","item":{"id":"item_0","type":"reasoning","text":"Hm."}}'
           echo '{"type":"item.completed","item":{"id":"item_1","type":"agent_message","text":"I look."}}'
           echo '{"type":"item.completed","item":{"id":"item_2","type":"agent_message","text":"A bumblebee."}}'
           echo '{"type":"turn.completed","usage":{"input_tokens":24763,"cached_input_tokens":24448,"output_tokens":122}}'"#,
    );
    let reply = scene.call(&["codex", "exec", "-"]).await.unwrap();
    assert_eq!(reply.turn.text, "A bumblebee.");
    let usage = Usage { input_tokens: 24763, output_tokens: 122, cached_tokens: 24448, ..Usage::default() };
    assert_eq!(reply.usage, usage);
    assert_eq!(fs::read_to_string(scene.folder.path().join("arguments")).unwrap(), "exec --json -\n");

    scene.program(
        "codex",
        r#"echo '{"type":"turn.failed","error":{"message":"You have hit your usage limit."}}'; exit 1"#,
    );
    assert_eq!(scene.failure(&["codex"]).await.0, FailureKind::Quota);

    let stats = r#"{"models":{"gemini-2.5-pro":{"tokens":{"prompt":24401,"candidates":215,"total":24719,"cached":10656,"thoughts":103,"tool":0}}}}"#;
    scene.program("gemini", &format!("printf '%s' '{{\"response\":\"A wild bee.\",\"stats\":{stats}}}'"));
    let reply = scene.call(&["gemini"]).await.unwrap();
    let usage = Usage { input_tokens: 24401, output_tokens: 318, cached_tokens: 10656, ..Usage::default() };
    assert_eq!((&*reply.turn.text, reply.usage), ("A wild bee.", usage));

    let error = r#"{"error":{"type":"Error","message":"Please set an Auth method in your settings","code":41}}"#;
    scene.program("gemini", &format!("echo '{error}' >&2; exit 41"));
    let (kind, message) = scene.failure(&["gemini"]).await;
    assert_eq!(kind, FailureKind::Auth);
    assert!(message.contains("exited with code 41: Please set an Auth method"), "{message}");
}

/// The last lines that `claude` 2.1.197 printed of a call, with what a test says in place of the answer and its fate.
fn claude_result(is_error: bool, status: &str, result: &str, cost: &str) -> String {
    format!(
        r#"{{"type":"result","subtype":"success","is_error":{is_error},"api_error_status":{status},"duration_ms":200,"duration_api_ms":37,"num_turns":1,"result":"{result}","stop_reason":"stop_sequence","session_id":"f9de12ff-cf92-4438-96c1-1ae65227dad0","total_cost_usd":{cost},"usage":{{"input_tokens":1200,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":7,"server_tool_use":{{"web_search_requests":0,"web_fetch_requests":0}},"service_tier":"standard","speed":"standard"}},"modelUsage":{{"claude-opus-4-8[1m]":{{"inputTokens":1200,"outputTokens":7,"costUSD":{cost}}}}},"permission_denials":[],"terminal_reason":"completed","fast_mode_state":"off"}}"#
    )
}

#[tokio::test]
async fn what_claude_prints_is_understood() {
    let scene = Scene::new();
    let says = |scene: &Scene, result: &str, code: u8| {
        scene.program("claude", &format!("echo \"$CLAUDE_CODE_MAX_RETRIES\" > retries; echo '{result}'; exit {code}"));
    };
    says(&scene, &claude_result(false, "null", "A mock answer.", "0.006175"), 0);
    let reply = scene.call(&["claude"]).await.unwrap();
    assert_eq!((&*reply.turn.text, reply.usage.billed_nano_usd), ("A mock answer.", Some(6_175_000)));
    let retries = || fs::read_to_string(scene.folder.path().join("retries")).unwrap();
    assert_eq!(retries(), "2\n", "a wrong key is not tried for minutes");
    let own = [("CLAUDE_CODE_MAX_RETRIES".to_owned(), "7".to_owned()), ("PATH".to_owned(), scene.path())];
    let folder = scene.folder.path().to_owned();
    let own = CommandModel::new(vec!["claude".to_owned()], folder, own.to_vec(), None, Redactor::default()).unwrap();
    ask(&own, &request("q")).await.unwrap();
    assert_eq!(retries(), "7\n", "the user's word stands");

    for (status, result, kind) in [
        ("401", "Invalid API key · Fix external API key", FailureKind::Auth),
        ("429", "API Error: Request rejected (429) · Too fast.", FailureKind::RateLimited),
        (
            "null",
            "API Error: Repeated 529 Overloaded errors. The API is at capacity — this is usually temporary.",
            FailureKind::Overloaded,
        ),
        (
            "400",
            "Prompt is too long · the request is ~300000 tokens (limit 200000) but this conversation is only ~1537",
            FailureKind::ContextTooLong,
        ),
    ] {
        says(&scene, &claude_result(true, status, result, "0"), 1);
        let failed = scene.call(&["claude"]).await.unwrap_err();
        assert_eq!((failed.failure.kind, failed.failure.status), (kind, status.parse().ok()), "{result}");
        assert_eq!(
            failed.failure.message,
            format!("`claude --disallowedTools=Task,Agent -p --output-format json` exited with code 1: {result}")
        );
    }
}

#[tokio::test]
async fn a_limit_that_is_used_up_is_one_in_the_words_of_each_program() {
    let scene = Scene::new();
    let codex = |message: &str| format!(r#"{{"type":"turn.failed","error":{{"message":"{message}"}}}}"#);
    let gemini = |message: &str| {
        format!(r#"{{"error": {{"type": "TerminalQuotaError", "message": "{message}", "code": 429}}}}"#)
    };
    let hour = 3_600_000;
    for (program, output, kind, most) in [
        (
            "claude",
            claude_result(true, "429", "You\u{2019}ve hit your session limit · resets 3:50pm (Europe/Paris)", "0"),
            FailureKind::Quota,
            24 * hour,
        ),
        (
            "claude",
            claude_result(true, "null", "You\u{2019}ve hit your Opus limit · resets in 3h", "0"),
            FailureKind::Quota,
            3 * hour,
        ),
        (
            "claude",
            claude_result(
                true,
                "429",
                "API Error: Server is temporarily limiting requests (not your usage limit) · try again in 9s",
                "0",
            ),
            FailureKind::RateLimited,
            9_000,
        ),
        (
            "codex",
            codex(
                "You\u{2019}ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro) or try again in 2 hours 5 minutes.",
            ),
            FailureKind::Quota,
            7_500_000,
        ),
        (
            "gemini",
            gemini("You have exhausted your capacity on this model. Your quota will reset after 21h53m56s."),
            FailureKind::Quota,
            78_836_000,
        ),
    ] {
        scene.program(program, &format!("cat <<'END'\n{output}\nEND\nexit 1"));
        let failed = scene.call(&[program]).await.unwrap_err().failure;
        assert_eq!(failed.kind, kind, "{failed}");
        assert!(failed.retry_after_ms.is_some_and(|ms| 0 < ms && ms <= most), "{failed:?}");
    }
}

#[tokio::test]
async fn what_codex_and_gemini_print_of_a_failure_is_understood() {
    let scene = Scene::new();
    // codex-cli 0.169.0; what it says of the folders for its helpers stands on its other output.
    let retried = r#"{"type":"error","message":"Reconnecting... 5/5 (exceeded retry limit, last status: 429 Too Many Requests, request id: req-HX)"}"#;
    for (message, kind) in [
        (
            "unexpected status 401 Unauthorized: invalid x-api-key, url: http://127.0.0.1/v1/responses",
            FailureKind::Auth,
        ),
        ("exceeded retry limit, last status: 429 Too Many Requests, request id: req-P4", FailureKind::RateLimited),
        ("unexpected status 529 <unknown status code>: Overloaded, request id: req-E7", FailureKind::Overloaded),
        (
            r#"{\"error\":{\"message\":\"prompt is too long: 300000 tokens > 200000 maximum\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}"#,
            FailureKind::ContextTooLong,
        ),
    ] {
        let failed = format!(r#"{{"type":"turn.failed","error":{{"message":"{message}"}}}}"#);
        scene.program(
            "codex",
            &format!("echo 'WARNING: proceeding' >&2; cat <<'END'\n{retried}\n{failed}\nEND\nexit 1"),
        );
        let (found, message) = scene.failure(&["codex"]).await;
        assert_eq!(found, kind, "{message}");
        assert!(!message.contains("WARNING") && !message.contains('{'), "{message}");
    }
    scene.program(
        "codex",
        "echo 'Not inside a trusted directory and --skip-git-repo-check was not specified.' >&2; exit 1",
    );
    assert_eq!(scene.failure(&["codex"]).await.0, FailureKind::BadRequest);

    // gemini 0.61.0, which ends with the remainder of the status.
    let trace = r#"Ripgrep is not available. Falling back to GrepTool.
Attempt 1 failed with status 401. _ApiError: {"error":{"code":401,"message":"invalid x-api-key","status":"authentication_error"}}
    at throwErrorIfNotOK (file:///opt/gemini-cli/bundle/chunk-JDPZ4CE3.js:267833:24)
    at async NumericalClassifierStrategy.route (file:///opt/gemini-cli/bundle/chunk-JDPZ4CE3.js:360170:28) {
  status: 401
}"#;
    let error = r#"{
  "session_id": "b8c593d8-3a16-4946-8524-1c8c85b51454",
  "error": {
    "type": "Error",
    "message": "{\"error\":{\"code\":401,\"message\":\"invalid x-api-key\",\"status\":\"authentication_error\"}}",
    "code": 401
  }
}"#;
    scene.program("gemini", &format!("cat >&2 <<'END'\n{trace}\n{error}\nEND\nexit 145"));
    let failed = scene.call(&["gemini", "-m", "x"]).await.unwrap_err().failure;
    assert_eq!((failed.kind, failed.status), (FailureKind::Auth, Some(401)));
    let expected = "`gemini --output-format json -m x` exited with code 145: invalid x-api-key (authentication_error)";
    assert_eq!(failed.message, expected);
    for (code, said, kind) in [
        (41, "Invalid auth method selected.", FailureKind::Auth),
        (
            55,
            "Gemini CLI is not running in a trusted directory. To proceed, use --skip-trust.",
            FailureKind::BadRequest,
        ),
    ] {
        scene.program("gemini", &format!("echo '{said}' >&2; exit {code}"));
        assert_eq!(scene.failure(&["gemini"]).await.0, kind, "{said}");
    }
}

#[tokio::test]
async fn one_that_is_ended_in_time_still_says_why() {
    let scene = Scene::new();
    let said = "Reconnecting... 3/5 (exceeded retry limit, last status: 429 Too Many Requests)";
    scene.program("codex", &format!(r#"echo '{{"type":"error","message":"{said}"}}'; exec sleep 60"#));
    let trace = "Attempt 3 failed with status 429. Retrying with backoff...\n    at async f (file:///g.js:1:2) {\n  status: 429\n}";
    scene.program("gemini", &format!("cat >&2 <<'END'\n{trace}\nEND\nexec sleep 60"));
    let limit = Duration::from_secs(2);
    for (name, expected) in
        [("codex", said), ("gemini", "Attempt 3 failed with status 429. Retrying with backoff... status: 429")]
    {
        // What asks has the same limit, and must not be the first to give up.
        let call = scene.model(&[name], None);
        let failed = tokio::time::timeout(limit, ask_within(&call, &request("q"), limit)).await.unwrap().unwrap_err();
        assert_eq!(failed.failure.kind, FailureKind::Timeout);
        assert!(failed.failure.message.ends_with(&format!("its last words: {expected}")), "{}", failed.failure);
    }
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure_that_says_why() {
    let scene = Scene::new();
    scene.program("claude", "echo Hello.").program("codex", "exit 0").program("quiet", "echo; echo");
    let (kind, message) = scene.failure(&["claude"]).await;
    assert_eq!(kind, FailureKind::Malformed);
    assert_eq!(
        message,
        "the answer of `claude --disallowedTools=Task,Agent -p --output-format json` holds no result: Hello."
    );
    for silent in ["quiet", "codex"] {
        let (kind, message) = scene.failure(&[silent]).await;
        assert!(kind == FailureKind::Malformed && message.starts_with("empty answer from `"), "{message}");
    }
    // What stands on its other output, where there is no answer, is why there is none.
    for program in ["gemini", "claude", "codex", "mute"] {
        scene.program(program, "echo 'quota project not set' >&2");
        let (kind, message) = scene.failure(&[program]).await;
        assert!(
            kind == FailureKind::Malformed && message.ends_with(" gave an empty answer: quota project not set"),
            "{message}"
        );
    }
    scene.program("mute", "echo 'Please run /login' >&2");
    assert_eq!(scene.failure(&["mute"]).await.0, FailureKind::Auth);
    let (kind, message) = scene.failure(&["no-such-agent", "--key", KEY]).await;
    assert_eq!(kind, FailureKind::BadRequest);
    assert_eq!(
        message,
        "cannot find the program `no-such-agent`: is it installed, and is its folder in PATH? (the command is \
         `no-such-agent --key [redacted]`)"
    );
    scene.program("old", "echo \"error: unexpected argument '--json' found\" >&2; exit 2");
    assert_eq!(scene.failure(&["old"]).await.0, FailureKind::BadRequest);
    scene.program("killed", "kill -9 $$");
    assert_eq!(scene.failure(&["killed"]).await.1, "`killed` was ended by signal 9");
    let flood = scene.program("flood", "head -c 20000000 /dev/zero").failure(&["flood"]).await;
    assert_eq!(flood, (FailureKind::Malformed, "`flood` wrote more than 16 MiB".to_owned()));
}

#[tokio::test]
async fn tools_are_not_offered_and_an_argument_has_its_limit() {
    let scene = Scene::new();
    let tool = Tool { name: "t".to_owned(), description: String::new(), parameters: serde_json::json!({}) };
    let with_tools = ModelRequest { tools: Arc::from([tool]), ..request("q") };
    let failed = ask(&scene.model(&["cat"], None), &with_tools).await.unwrap_err();
    assert_eq!((failed.failure.kind, failed.unsettled), (FailureKind::BadRequest, false));
    let long = request(&"x".repeat(150_000));
    let failed = ask(&scene.model(&["echo", "{prompt}"], None), &long).await.unwrap_err();
    assert_eq!(failed.failure.kind, FailureKind::BadRequest);
}

#[tokio::test]
async fn one_that_tries_for_ever_has_a_deadline_and_leaves_nobody() {
    let scene = Scene::new();
    scene.program("stubborn", "echo half; echo 'API error, attempt 11' >&2; setsid sleep $MARK & exec sleep $MARK");
    let started = Instant::now();
    let model = scene.model(&["stubborn"], Some(Duration::from_millis(700))).passing(["MARK".to_owned()]);
    let failed = ask(&model, &request("q")).await.unwrap_err();
    assert!(started.elapsed() < LONG);
    assert_eq!((failed.failure.kind, failed.unsettled, &*failed.partial), (FailureKind::Timeout, true, "half\n"));
    assert!(failed.failure.message.ends_with("its last words: API error, attempt 11"), "{}", failed.failure);
    assert_eq!(scene.left(), [""; 0]);
}

#[test]
fn a_model_that_is_a_program_has_one() {
    let empty = CommandModel::new(vec![], PathBuf::new(), vec![], None, Redactor::default());
    assert!(empty.is_err_and(|why| why.contains("empty")));
}
