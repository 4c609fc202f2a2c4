//! What a reference within a schema refers to.

use serde_json::Value;

/// The part of `root` that `reference` names. `None` for what is elsewhere, or nowhere, or no schema.
pub(super) fn target<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#')?;
    let unescaped = percent_decoded(pointer);
    root.pointer(&unescaped).filter(|target| target.is_object())
}

/// In a reference, a pointer is a part of a URL.
fn percent_decoded(pointer: &str) -> String {
    let mut pieces = pointer.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&piece.as_bytes()[2..]);
            }
            None => {
                bytes.push(b'%');
                bytes.extend_from_slice(piece.as_bytes());
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
