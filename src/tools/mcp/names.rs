//! The names under which a model sees the tools of servers.
//!
//! `<server>__<tool>`, of letters, digits, `_` and `-`, at most 64. A name depends on the names beside it and never on
//! their order, so that a conversation that is taken up again calls the same tools.

use std::collections::BTreeSet;

use crate::words::digest;

/// What stands between the server and the tool. A label holds it nowhere and does not end with a part of it, so that
/// its first place in a name is the border.
const BORDER: &str = "__";

/// The longest name that every provider takes.
const MAX_NAME: usize = 64;

/// Long enough to know a server by, with most of the name left for the tool.
const MAX_LABEL: usize = 24;

/// The part of a digest that tells apart what would have the same name.
const MARK: usize = 6;

/// A label for each server, all different.
pub(super) fn labels(servers: &[&str]) -> Vec<String> {
    distinct(servers, MAX_LABEL, |name| {
        let mut label = plain(name);
        while label.contains(BORDER) {
            label = label.replace(BORDER, "_");
        }
        let label = label.trim_matches('_');
        if label.is_empty() { "server".to_owned() } else { label.to_owned() }
    })
}

/// The full names of the tools of the server with this label, all different where the tools' own names are.
pub(super) fn full_names(label: &str, tools: &[&str]) -> Vec<String> {
    let room = MAX_NAME - label.len().min(MAX_LABEL) - BORDER.len();
    let names = distinct(tools, room, |name| if name.is_empty() { "tool".to_owned() } else { plain(name) });
    names.into_iter().map(|name| format!("{label}{BORDER}{name}")).collect()
}

/// The label in a tool's full name.
pub(super) fn label_of(full_name: &str) -> Option<&str> {
    full_name.split_once(BORDER).map(|(label, _)| label)
}

/// Whether a full name is that of the tool which its server calls `name`.
pub(super) fn is_called(full_name: &str, name: &str) -> bool {
    full_name.split_once(BORDER).is_some_and(|(_, tool)| tool == plain(name))
}

fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' }).collect()
}

/// Each name in its plain form where that is short enough and nobody else's; else cut, with a mark. A name that is
/// plain already keeps it whoever else would come to it.
fn distinct(names: &[&str], max: usize, plain: impl Fn(&str) -> String) -> Vec<String> {
    let plains: Vec<String> = names.iter().map(|name| plain(name)).collect();
    let claims = |wanted: &str| {
        let claimants = names.iter().zip(&plains).filter(|(_, plain)| *plain == wanted).map(|(name, _)| *name);
        claimants.collect::<BTreeSet<_>>().len()
    };
    let each = names.iter().zip(&plains).map(|(name, plain)| {
        if plain.len() <= max && (plain == name || claims(plain) == 1) {
            return plain.clone();
        }
        let kept = &plain[..plain.len().min(max - MARK - 1)];
        format!("{}-{}", kept.trim_end_matches('_'), &digest::sha256(name.as_bytes())[..MARK])
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_name_is_kept_and_another_is_made_good() {
        assert_eq!(labels(&["files", "my.server", "a__b_", "ü"]), ["files", "my_server", "a_b", "server"]);
        assert_eq!(full_names("files", &["read", "get.it", "_x"]), ["files__read", "files__get_it", "files___x"]);
        assert_eq!(label_of("files___x"), Some("files"));
        assert_eq!(label_of("files"), None);
    }

    #[test]
    fn those_that_would_be_the_same_differ_whatever_their_order() {
        let names = full_names("s", &["a.b", "a_b", "a b"]);
        assert_eq!(names[1], "s__a_b");
        assert!(names[0].starts_with("s__a_b-") && names[2].starts_with("s__a_b-"), "{names:?}");
        assert_ne!(names[0], names[2]);
        let turned = full_names("s", &["a b", "a_b", "a.b"]);
        assert_eq!([&turned[2], &turned[1], &turned[0]], [&names[0], &names[1], &names[2]]);
        let servers = labels(&["a.b", "a/b"]);
        assert_ne!(servers[0], servers[1]);
    }

    #[test]
    fn a_long_name_is_cut_and_stays_itself() {
        let long = |end: &str| format!("{}{end}", "x".repeat(100));
        let label = &labels(&[&long("")])[0];
        let names = full_names(label, &[&long("1"), &long("2")]);
        assert_eq!(label.len(), 24);
        assert!(names.iter().all(|name| name.len() == 64), "{names:?}");
        assert_ne!(names[0], names[1]);
    }
}
