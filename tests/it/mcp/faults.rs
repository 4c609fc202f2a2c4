//! A server that misbehaves costs its own calls and nothing else.

use orch::tools::mcp::{ServerConfig, Servers};
use orch::words::failure::FailureKind;
use orch::words::redact::Redactor;
use serde_json::json;

use super::{KEY, SOON, call, config, error, perform, said, stdio, stdio_at};

#[test]
fn a_server_that_dies_is_started_again_twice_and_no_more() {
    perform(async {
        let servers = stdio(&[]);
        for _ in 0..3 {
            assert_eq!(said(&servers, "count").await, "1");
            let text = error(&servers, "die").await;
            assert_eq!(text, "the call of `die` of the MCP server `local` failed: it closed the connection");
        }
        let text = error(&servers, "count").await;
        assert!(text.contains("was started 3 times in this run and is not started again"), "{text}");
        assert_eq!(servers.tools("local").await.unwrap_err().kind, FailureKind::Connection);
    });
}

#[test]
fn calls_that_die_together_cost_one_start() {
    perform(async {
        let servers = stdio(&[]);
        said(&servers, "count").await;
        let slow = || call(&servers, "slow", json!({}));
        let (one, two, three) = tokio::join!(slow(), slow(), call(&servers, "die", json!({})));
        assert!(one.is_error && two.is_error && three.is_error);
        for _ in 0..2 {
            assert_eq!(said(&servers, "count").await, "1");
            error(&servers, "die").await;
        }
    });
}

#[test]
fn others_go_on_when_one_is_broken() {
    perform(async {
        let broken = ServerConfig { name: "broken".to_owned(), ..config(stdio_at(&["--complain=no"])) };
        let servers = Servers::new(vec![broken, config(stdio_at(&[]))]);
        let (broken, fine) = tokio::join!(servers.tools("broken"), servers.tools("local"));
        assert_eq!(broken.unwrap_err().kind, FailureKind::Connection);
        assert_eq!(fine.unwrap().len(), 17);
        servers.close().await;
    });
}

#[test]
fn a_server_that_never_gets_ready_is_named_with_its_command() {
    perform(async {
        let hanging = ServerConfig { timeout: SOON, ..config(stdio_at(&["--hang-initialize"])) };
        let failure = Servers::new(vec![hanging]).tools("local").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Timeout);
        assert!(failure.message.starts_with("the MCP server `local` (`"), "{failure}");
        let end = "serve stdio --hang-initialize`) is not usable: it did not answer `initialize` within 300ms";
        assert!(failure.message.ends_with(end), "{failure}");
    });
}

#[test]
fn closing_does_not_wait_for_a_server_that_never_gets_ready() {
    perform(async {
        let servers = stdio(&["--hang-initialize"]);
        let close = async {
            // The start is under way once the other branch waits.
            tokio::task::yield_now().await;
            servers.close().await;
        };
        let (tools, ()) = tokio::join!(servers.tools("local"), close);
        assert_eq!(tools.unwrap_err().kind, FailureKind::Cancelled);
    });
}

#[test]
fn a_call_that_is_never_answered_ends_in_time_and_the_session_goes_on() {
    perform(async {
        let servers = Servers::new(vec![ServerConfig { timeout: 10 * SOON, ..config(stdio_at(&[])) }]);
        said(&servers, "count").await;
        let text = error(&servers, "slow").await;
        assert_eq!(text, "`slow` of the MCP server `local` did not answer within 3s");
        assert_eq!(said(&servers, "count").await, "3");
        servers.close().await;
    });
}

#[test]
fn junk_on_the_standard_output_is_passed_over() {
    perform(async {
        let servers = stdio(&["--junk"]);
        assert_eq!(call(&servers, "echo", json!({ "text": "clear" })).await.text, "clear");
        servers.close().await;
    });
}

#[test]
fn a_version_that_nobody_knows_is_refused_and_the_newest_one_is_spoken() {
    perform(async {
        let failure = stdio(&["--version=1999-12-31"]).tools("local").await.unwrap_err();
        assert!(failure.message.contains("wants to speak version `1999-12-31` of MCP"), "{failure}");
        assert_eq!(failure.kind, FailureKind::BadRequest);

        // No such method, no such version, no version in the request, a header that is missing.
        for code in [-32601, -32022, -32602, -32020] {
            let servers = stdio(&[&format!("--modern={code}")]);
            assert_eq!(servers.tools("local").await.unwrap().len(), 17, "{code}");
            assert_eq!(call(&servers, "echo", json!({ "text": "new" })).await.text, "new");
            servers.close().await;
        }
        let failure = stdio(&["--modern=-32000"]).tools("local").await.unwrap_err();
        assert!(failure.message.ends_with("it refuses to start a session: no initialize here (-32000)"), "{failure}");
    });
}

#[test]
fn the_last_words_of_a_server_explain_its_end_without_its_key() {
    perform(async {
        let flag = format!("--complain=cannot log in with {KEY}");
        let failure = stdio(&[&flag]).tools("local").await.unwrap_err();
        let end = "it closed the connection before it was ready; its last words: cannot log in with [redacted]";
        assert!(failure.message.ends_with(end), "{failure}");
        assert!(!failure.message.contains(KEY), "{failure}");
    });
}

#[test]
fn a_malformed_tool_is_left_out_and_takes_nothing_else_away() {
    perform(async {
        let servers = stdio(&["--raw"]);
        let tools = servers.tools("local").await.unwrap();
        let names: Vec<_> = tools.iter().map(|tool| &*tool.name).collect();
        assert_eq!(names, ["local__good", "local__odd", "local__huge", "local__many"]);
        let redactor = Redactor::default();
        let granted = |tool: &'static str| servers.granted("local", Some(tool), &redactor);
        assert_eq!(granted("good").await.unwrap().len(), 1);
        // It was warned of, and an agent that names it goes on with what else it has.
        assert_eq!(granted("lacking").await.unwrap().len(), 0);
        assert!(granted("absent").await.is_err());
        servers.close().await;
    });
}

#[test]
fn what_is_unknown_beside_a_good_text_is_named() {
    perform(async {
        let servers = stdio(&["--raw"]);
        let expected = "good news\n[content of the unknown kind `hologram`, not shown]\n{\"degrees\":21}";
        assert_eq!(said(&servers, "good").await, expected);
        assert_eq!(said(&servers, "odd").await, "just a text");
        servers.close().await;
    });
}

#[test]
fn a_huge_answer_is_cut_while_it_is_read_and_the_session_goes_on() {
    perform(async {
        let servers = stdio(&["--raw"]);
        let huge = said(&servers, "huge").await;
        assert!(huge.starts_with("begins xxx") && huge.len() <= 64 * 1024, "{}", huge.len());
        assert!(
            huge.contains("\n[cut off here: all of it has more than 8388608 bytes, the first "),
            "{}",
            &huge[65_000..]
        );
        let many = error(&servers, "many").await;
        assert!(many.contains("bytes, of which orch reads at most 15728640"), "{many}");
        assert!(said(&servers, "good").await.starts_with("good news"));
        servers.close().await;
    });
}
