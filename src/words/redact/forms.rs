//! The forms in which a secret is looked for, and the places of a text where one of them stands.

use std::ops::Range;

use memchr::memmem;
use secrecy::{ExposeSecret, SecretSlice};

use crate::words::redact::MIN_SECRET_BYTES;
use crate::words::redact::folded::{Folded, fold};

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The shortest that a secret may become by folding. It is shorter than others only where it looks like an escape itself.
const MIN_FOLDED_BYTES: usize = 5;

/// What may be cut of an escape at either end of a text that is a part of a longer one.
const CUT_ESCAPE: usize = 9;

/// The forms of one secret, all of them as bytes that are looked for.
pub(super) struct Forms {
    /// As it is.
    plain: SecretSlice<u8>,
    /// Without what folds away, and the same with the spaces of a form in a URL.
    folded: Vec<SecretSlice<u8>>,
    /// As a part of Base64, in the standard alphabet.
    base64: Vec<SecretSlice<u8>>,
    /// In lowercase.
    hex: SecretSlice<u8>,
}

/// A text in the ways in which secrets are looked for in it.
pub(super) struct Readings<'t> {
    text: &'t [u8],
    folded: Option<Folded>,
    /// Of what is folded, else of the text: with the alphabet of Base64 in URLs made the standard one.
    base64: Vec<u8>,
    lowercase: Vec<u8>,
}

impl Forms {
    pub(super) fn of(secret: &str) -> Self {
        let fold_whole = |secret: &str| {
            let mut bytes = fold(secret.as_bytes()).map_or(secret.as_bytes().to_vec(), |folded| folded.bytes);
            // What may be the beginning of an escape with what follows in a text.
            while bytes.last().is_some_and(|byte| matches!(byte, b'\\' | b'%')) {
                bytes.pop();
            }
            if let [rest @ .., b'%', _] = bytes.as_slice() {
                bytes.truncate(rest.len());
            }
            bytes
        };
        let mut folded = vec![fold_whole(secret)];
        if secret.contains(' ') {
            folded.push(fold_whole(&secret.replace(' ', "+")));
        }
        folded.retain(|form| form.len() >= MIN_FOLDED_BYTES);
        let base64 = (0..3).map(|before| base64_core(secret.as_bytes(), before));
        let base64 = base64.filter(|core| core.len() >= MIN_SECRET_BYTES);
        let hex = |byte: &u8| [byte >> 4, byte & 15].map(|nibble| b"0123456789abcdef"[usize::from(nibble)]);
        Self {
            plain: secret.as_bytes().to_vec().into(),
            folded: folded.into_iter().map(Into::into).collect(),
            base64: base64.map(Into::into).collect(),
            hex: secret.as_bytes().iter().flat_map(hex).collect::<Vec<u8>>().into(),
        }
    }
}

/// The part of Base64 that a secret makes where it begins at the first, second or third byte of three. The characters at
/// the ends depend on what stands beside it and are left out.
fn base64_core(secret: &[u8], before: usize) -> Vec<u8> {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(secret.iter().copied()).collect();
    let characters = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
    let sextet = |at: usize| {
        let (byte, bit) = (at * 6 / 8, at * 6 % 8);
        let two = u16::from(bytes[byte]) << 8 | u16::from(bytes.get(byte + 1).copied().unwrap_or_default());
        usize::from(two >> (10 - bit)) & 0x3f
    };
    characters.map(|at| STANDARD[sextet(at)]).collect()
}

/// Whether a byte may belong to an escape that was cut.
fn is_of_escape(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"\\%&#;{}".contains(&byte)
}

impl<'t> Readings<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let text = text.as_bytes();
        let folded = fold(text);
        let bytes = folded.as_ref().map_or(text, |folded| &folded.bytes);
        let standard = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        };
        let (base64, lowercase) = (bytes.iter().map(standard).collect(), bytes.to_ascii_lowercase());
        Self { text, folded, base64, lowercase }
    }

    /// Where in the text a secret stands, in any of its forms.
    pub(super) fn find(&self, forms: &Forms, found: &mut Vec<Range<usize>>) {
        let plain = forms.plain.expose_secret();
        found.extend(memmem::find_iter(self.text, plain).map(|at| at..at + plain.len()));
        for (text, form) in self.pairs(forms) {
            found.extend(memmem::find_iter(text, form).map(|at| self.origin(at..at + form.len())));
        }
    }

    /// Where at either end of the text a part of a secret stands, if it is long enough to be one.
    pub(super) fn find_cut(&self, forms: &Forms, found: &mut Vec<Range<usize>>) {
        let plain = (self.text, forms.plain.expose_secret());
        for (text, form) in self.pairs(forms).chain([plain]) {
            let origin = |range: Range<usize>| match std::ptr::eq(text, self.text) {
                true => range,
                false => self.origin(range),
            };
            let is_found = |range: &Range<usize>, found: &[Range<usize>]| {
                found.iter().any(|other| other.start < range.end && range.start < other.end)
            };
            let parts = || (MIN_SECRET_BYTES..form.len()).rev();
            let cuts = |bytes: &mut dyn Iterator<Item = &u8>| {
                0..=bytes.take(CUT_ESCAPE).take_while(|byte| is_of_escape(**byte)).count()
            };
            let rest = |cut: usize| parts().find(|&length| text[cut..].starts_with(&form[form.len() - length..]));
            let rest = cuts(&mut text.iter()).find_map(|cut| Some(origin(cut..cut + rest(cut)?)));
            if let Some(rest) = rest.filter(|rest| !is_found(rest, found)) {
                found.push(0..rest.end);
            }
            let begun = |end: usize| parts().find(|&length| text[..end].ends_with(&form[..length]));
            let mut ends = cuts(&mut text.iter().rev()).map(|cut| text.len() - cut);
            let begun = ends.find_map(|end| Some(origin(end - begun(end)?..end)));
            if let Some(begun) = begun.filter(|begun| !is_found(begun, found)) {
                found.push(begun.start..self.text.len());
            }
        }
    }

    /// What is looked for in what, but for the secret as it is in the text as it is.
    fn pairs<'r>(&'r self, forms: &'r Forms) -> impl Iterator<Item = (&'r [u8], &'r [u8])> {
        let folded = self.folded.as_ref().map_or(self.text, |folded| folded.bytes.as_slice());
        let of_folded = forms.folded.iter().map(move |form| (folded, form.expose_secret()));
        let of_base64 = forms.base64.iter().map(|form| (self.base64.as_slice(), form.expose_secret()));
        of_folded.chain(of_base64).chain([(self.lowercase.as_slice(), forms.hex.expose_secret())])
    }

    fn origin(&self, range: Range<usize>) -> Range<usize> {
        self.folded.as_ref().map_or(range.clone(), |folded| folded.origin(range))
    }
}
