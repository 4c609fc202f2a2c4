//! Bytes that are no text, and characters that nobody types.

use orch::words::failure::FailureKind;

use super::{ALL, after, assert_answers, assert_fails};
use crate::server::Act;
use crate::server::vendor::Vendor;

/// A stream, and a document, that has these bytes in its text behind "ab".
fn with(vendor: &Vendor, bytes: &[u8]) -> [Act; 2] {
    let replace = |body: String| {
        let mut replaced = Vec::new();
        for (number, part) in body.as_bytes().split(|&byte| byte == b'@').enumerate() {
            replaced.extend_from_slice(if number > 0 { bytes } else { b"" });
            replaced.extend_from_slice(part);
        }
        replaced
    };
    let whole = replace((vendor.whole)(&vendor.says("ab@")).to_string());
    [vendor.sends(replace(vendor.answer("ab@"))), Act::Body { content_type: "application/json", body: whole }]
}

#[test]
fn odd_characters_arrive_the_same_way_every_time() {
    for vendor in ALL {
        for (bytes, expected) in [
            (&b"\xFF"[..], "ab\u{fffd}"),
            (b"\xC3", "ab\u{fffd}"),
            (b"\\u0000", "ab\0"),
            (b"\\u001b[31m", "ab\u{1b}[31m"),
            (b"\\u202e", "ab\u{202e}"),
            (b"\xEF\xBB\xBF", "ab\u{feff}"),
            (b"\\u2028", "ab\u{2028}"),
            (b"\xE2\x80\xA8", "ab\u{2028}"),
        ] {
            for act in with(vendor, bytes) {
                let case = format!("{}: {}", vendor.name, bytes.escape_ascii());
                assert_answers(&case, after(vendor, act), expected);
            }
        }
    }
}

#[test]
fn half_a_pair_of_surrogates_and_a_bare_control_character_are_no_json() {
    for vendor in ALL {
        for bytes in [&b"\\ud800"[..], b"\\udc00\\ud800", b"\0", b"\x1b"] {
            for act in with(vendor, bytes) {
                let case = format!("{}: {}", vendor.name, bytes.escape_ascii());
                assert_fails(&case, after(vendor, act), FailureKind::Malformed, "no JSON");
            }
        }
    }
}
