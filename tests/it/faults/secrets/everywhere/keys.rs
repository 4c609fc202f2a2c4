//! The keys of the run, and how they are found in a text whatever form they have there.

use std::fmt::Write;

use serde_json::json;

/// A key, by where it comes from.
pub(super) struct Canary {
    pub(super) name: &'static str,
    pub(super) key: &'static str,
    /// The variable that holds it, and what stands before it there.
    pub(super) variable: Option<(&'static str, &'static str)>,
}

pub(super) const fn canary(
    name: &'static str,
    key: &'static str,
    variable: &'static str,
    before: &'static str,
) -> Canary {
    Canary { name, key, variable: Some((variable, before)) }
}

/// Some with characters that JSON and URLs write in another way, one in two lines.
pub(super) const CANARIES: [Canary; 9] = [
    canary("usual", "sk-usual-7Hq2mZx81LwPfT", "OPENAI_API_KEY", ""),
    canary("anthropic", "ant-Lr5Bx9TzUe3MiVb", "ANTHROPIC_API_KEY", ""),
    canary("named", "nam+/\"Gw4\\=5Kd8&vR3%41xQzw", "NAMED", ""),
    canary("printed", "printed-Yt6Wn0sBv4KjGc", "HIDDEN", ""),
    canary("notes", "p4ss wörd/9f3e?xM2hT7cR", "NOTES_LOGIN", ""),
    canary("door", "door-Xc3Rb8QmLs1VaHy", "DOOR", "Bearer "),
    canary("helper", "cli/one-8Hs0dkQ2Lm\ncli/two-Zp5uT1rEWx", "HELPER_LOGIN", ""),
    canary("stray", "ghp_Qs8Ow4CvNy6HaDf", "GITHUB_TOKEN", ""),
    Canary { name: "address", key: "url/Gn7Je2WoKd0FqRt", variable: None },
];

/// The usual key behind a name, as a header of Basic authorization has it.
pub(super) const BASIC: &str = "Basic dTpzay11c3VhbC03SHEybVp4ODFMd1BmVA==";

/// What stands in the middle of [`BASIC`], wherever it is cut.
pub(super) const BASIC_PART: &str = "yay11c3VhbC03SHEybVp4ODFMd1Bm";

pub(super) fn key(name: &str) -> &'static str {
    CANARIES.iter().find(|canary| canary.name == name).unwrap().key
}

pub(super) fn escaped(key: &str) -> String {
    key.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// All keys in all forms.
pub(super) fn all() -> String {
    let mut text = format!("{BASIC}\n");
    for Canary { key, .. } in &CANARIES {
        let json = json!(key).to_string();
        let solidus = json.replace('/', "\\/");
        let _ = writeln!(text, "{key}\n{json}\n{}\n{solidus}\n{}", json!(json), escaped(key));
    }
    text
}

/// The names of the keys of which there is as much as the beginning or the end in a text, in whatever form.
pub(super) fn found(text: &str) -> Vec<&'static str> {
    let bare = |text: &str| text.replace('\\', "");
    let decoded = |text: &str| String::from_utf8_lossy(&percent_decoded(text.as_bytes())).into_owned();
    let forms = [bare(text), bare(&decoded(text)), bare(&decoded(&decoded(text)))];
    let parts = |key: &str| {
        let characters: Vec<char> = bare(key).chars().collect();
        let cut = characters.len() - 12;
        [characters[..12].iter().collect::<String>(), characters[cut..].iter().collect()]
    };
    let is_in = |part: &str| forms.iter().any(|form| form.contains(part));
    let of_key = |canary: &&Canary| canary.key.lines().flat_map(parts).any(|part| is_in(&part));
    let mut found: Vec<&str> = CANARIES.iter().filter(of_key).map(|canary| canary.name).collect();
    if text.contains(&BASIC_PART[2..]) {
        found.push("usual in Base64");
    }
    found
}

pub(super) fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let digits = (text[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(text[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    out
}

#[test]
fn every_form_is_found() {
    let names: Vec<&str> = CANARIES.iter().map(|canary| canary.name).chain(["usual in Base64"]).collect();
    assert_eq!(found(&all()), names);
    for Canary { name, key, .. } in &CANARIES {
        let json = json!(key).to_string();
        for form in [(*key).to_owned(), json.clone(), json!(json).to_string(), format!("{json:?}"), escaped(key)] {
            assert!(found(&form).contains(name), "{name}: {form}");
        }
    }
}
