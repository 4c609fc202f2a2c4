//! Keys that a server repeats, in whatever place.

use orch::model::{self, Endpoint};
use serde_json::json;

use super::{ALL, KEY, after, after_with_tools, ask, at, request, wire};
use crate::server::vendor::Called;
use crate::server::{Act, Server};

#[test]
fn the_key_is_shown_nowhere_even_when_the_server_repeats_it() {
    for vendor in ALL {
        let echoing = json!({"error": {"message": format!("bad key {KEY} at https://h/?key=other-canary")}});
        let (first, second) = KEY.split_at(10);
        let cut = [first, second, " and then"].map(|piece| vendor.half(piece)).concat();
        let junk = vendor.sends((vendor.frame)(&json!("@")).replace("\"@\"", &format!("{KEY} junk")));
        for act in [Act::error(401, &echoing), Act::json(echoing.to_string()), vendor.sends(cut), junk] {
            let server = Server::start();
            server.when("hello", [act]);
            let wire = at(vendor, &format!("{}{}?key=url-canary-123", server.url(), vendor.base));
            let shown = format!("{:?}", ask(&wire).unwrap_err());
            assert!(!shown.contains("canary") && shown.contains("[redacted]"), "{}: {shown}", vendor.name);
        }
    }
}

#[test]
fn a_key_in_an_answer_is_taken_out_wherever_it_stands() {
    for vendor in ALL {
        let text = format!("my key is {KEY}");
        let said = vendor.says(&text);
        for act in [vendor.sends(vendor.stream(&said)), vendor.sends_whole(&said)] {
            let reply = after(vendor, act).unwrap();
            assert_eq!(reply.turn.text, "my key is [redacted]");
            assert!(!format!("{reply:?}").contains("canary"), "{}: {reply:?}", vendor.name);
        }
        let arguments = json!({"place": [KEY]}).to_string();
        let calls = [Called { id: "c", name: KEY, arguments: &arguments }];
        let reply = after_with_tools(vendor, vendor.sends(vendor.stream(&vendor.calls(&calls)))).unwrap();
        assert_eq!(reply.turn.calls[0].arguments, json!({"place": ["[redacted]"]}));
        assert!(!format!("{reply:?}").contains("canary"), "{}: {reply:?}", vendor.name);
    }
}

#[test]
fn the_key_goes_into_one_header_and_is_not_printed() {
    let server = Server::start();
    for (number, vendor) in ALL.into_iter().enumerate() {
        ask(&wire(vendor, &server)).unwrap();
        let seen = &server.seen()[number];
        let (header, prefix) = vendor.key;
        assert_eq!(seen.header(header), Some(&*format!("{prefix}{KEY}")), "{}", vendor.name);
        assert_eq!(seen.headers.iter().filter(|(_, value)| value.contains(KEY)).count(), 1, "{}", vendor.name);

        let sent = at(vendor, "https://h?key=url-canary-123").encode(&request("x"));
        assert!(!format!("{sent:?} {:?}", sent.headers).contains("canary"), "{}: {sent:?}", vendor.name);
        assert!(!sent.url.as_str().contains(KEY), "{}", vendor.name);
    }
}

#[test]
fn without_a_key_none_is_sent() {
    for vendor in ALL {
        for key in [None, Some(" ")] {
            let endpoint = Endpoint::new("https://h", key.map(Into::into)).unwrap();
            let sent = model::Vendor::of(vendor.provider).wire(endpoint).unwrap().encode(&request("x"));
            let headers = ["x-api-key", "x-goog-api-key", "authorization"];
            assert!(headers.iter().all(|name| !sent.headers.contains_key(*name)), "{}", vendor.name);
        }
    }
}
