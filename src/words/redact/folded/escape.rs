//! The ways in which text is escaped: in JSON and other quoted strings, in URLs, in HTML, in a shell, and over lines.

/// What stands for an escape.
pub(super) struct Unescaped {
    pub bytes: Vec<u8>,
    /// How long the escape is.
    pub length: usize,
    /// How many bytes behind it begin no other escape yet: what a backslash stands before is not read together with it,
    /// else `\\%6e` would become `\n`.
    pub guarded: usize,
}

/// The names that HTML has for signs of ASCII.
const ENTITIES: [(&str, u8); 43] = [
    ("amp", b'&'),
    ("AMP", b'&'),
    ("lt", b'<'),
    ("LT", b'<'),
    ("gt", b'>'),
    ("GT", b'>'),
    ("quot", b'"'),
    ("QUOT", b'"'),
    ("apos", b'\''),
    ("sol", b'/'),
    ("bsol", b'\\'),
    ("plus", b'+'),
    ("equals", b'='),
    ("lowbar", b'_'),
    ("UnderBar", b'_'),
    ("hyphen", b'-'),
    ("dash", b'-'),
    ("period", b'.'),
    ("colon", b':'),
    ("semi", b';'),
    ("comma", b','),
    ("excl", b'!'),
    ("quest", b'?'),
    ("num", b'#'),
    ("dollar", b'$'),
    ("percnt", b'%'),
    ("ast", b'*'),
    ("midast", b'*'),
    ("commat", b'@'),
    ("lpar", b'('),
    ("rpar", b')'),
    ("lsqb", b'['),
    ("lbrack", b'['),
    ("rsqb", b']'),
    ("rbrack", b']'),
    ("lcub", b'{'),
    ("lbrace", b'{'),
    ("rcub", b'}'),
    ("rbrace", b'}'),
    ("verbar", b'|'),
    ("vert", b'|'),
    ("Hat", b'^'),
    ("grave", b'`'),
];

/// Whether a break of a line may begin with a byte.
pub(super) fn begins_break(byte: u8) -> bool {
    matches!(byte, b'\\' | b'\n' | b'\r')
}

/// The break of a line that a text begins with, with what indents the next line. They go first, since one may stand in an
/// escape.
pub(super) fn unbreak(text: &[u8]) -> Option<Unescaped> {
    match text {
        [b'\\', b'\n' | b'\r', rest @ ..] => Some(found([], 2 + indentation(rest))),
        [b'\n' | b'\r', rest @ ..] => Some(found([], 1 + indentation(rest))),
        _ => None,
    }
}

/// Whether an escape may begin with a byte.
pub(super) fn begins_escape(byte: u8) -> bool {
    matches!(byte, b'\\' | b'%' | b'&' | b'\n' | b'\r' | b'\'' | b'"')
}

/// The escape that a text begins with, if it does.
pub(super) fn unescape(text: &[u8]) -> Option<Unescaped> {
    match *text.first()? {
        b'\\' => backslash(text),
        b'%' => byte_of(digits(text.get(1..)?, 2, 16)?, 3),
        b'&' => entity(text),
        quote @ (b'\'' | b'"') => quotes(text, quote),
        _ => unbreak(text),
    }
}

fn found(bytes: impl Into<Vec<u8>>, length: usize) -> Unescaped {
    Unescaped { bytes: bytes.into(), length, guarded: 0 }
}

/// The same for what does not belong together with what follows.
fn guarding(bytes: impl Into<Vec<u8>>, length: usize) -> Unescaped {
    Unescaped { guarded: 1, ..found(bytes, length) }
}

fn byte_of(value: u32, length: usize) -> Option<Unescaped> {
    Some(found([u8::try_from(value).ok()?], length))
}

fn char_of(value: u32, length: usize) -> Option<Unescaped> {
    let c = char::from_u32(value)?;
    Some(found(c.encode_utf8(&mut [0; 4]).as_bytes(), length))
}

fn indentation(text: &[u8]) -> usize {
    text.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The number that so many digits make.
fn digits(text: &[u8], count: usize, radix: u32) -> Option<u32> {
    text.get(..count)?
        .iter()
        .try_fold(0_u32, |value, &byte| value.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?))
}

fn backslash(text: &[u8]) -> Option<Unescaped> {
    let row = text.iter().take_while(|&&byte| byte == b'\\').count();
    if row > 1 {
        // One by one, so that what stands deeper in strings is not taken for what stands higher.
        let (bytes, length) = (vec![b'\\'; row / 2], row / 2 * 2);
        return Some(if length == row { guarding(bytes, length) } else { found(bytes, length) });
    }
    let rest = text.get(2..)?;
    match text[1] {
        b'u' => utf16(text).or_else(|| in_braces(rest)),
        b'U' => digits(rest, 8, 16).and_then(|value| char_of(value, 10)),
        b'x' => digits(rest, 2, 16).and_then(|value| byte_of(value, 4)).or_else(|| in_braces(rest)),
        b'0'..=b'3' => digits(&text[1..], 3, 8).and_then(|value| byte_of(value, 4)),
        b'n' | b'r' => Some(blank(b'\n', rest)),
        b't' => Some(blank(b'\t', rest)),
        b'\n' | b'\r' => unbreak(text),
        _ => None,
    }
    // Before whatever needs none it stands for nothing.
    .or_else(|| Some(guarding([], 1)))
}

/// A blank of a string. What follows in a string of its own is not read together with it, else a `%20` would be a part of
/// what indents the line.
fn blank(byte: u8, rest: &[u8]) -> Unescaped {
    if rest.first() == Some(&b'\\') { found([byte], 2) } else { guarding([byte], 2) }
}

/// `\u002f`, or two of them for one character.
fn utf16(text: &[u8]) -> Option<Unescaped> {
    let unit = |at: usize| digits(text.get(at + 2..)?, 4, 16).filter(|_| text[at..].starts_with(b"\\u"));
    let first = unit(0)?;
    if !(0xD800..0xDC00).contains(&first) {
        return char_of(first, 6);
    }
    let second = unit(6).filter(|second| (0xDC00..0xE000).contains(second))?;
    char_of(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), 12)
}

/// `{2f}` behind `\u` or `\x`.
fn in_braces(rest: &[u8]) -> Option<Unescaped> {
    let end = rest.iter().take(8).position(|&byte| byte == b'}').filter(|&end| end > 1 && rest[0] == b'{')?;
    char_of(digits(&rest[1..], end - 1, 16)?, end + 3)
}

/// `&amp;`, `&#47;` or `&#x2f;`.
fn entity(text: &[u8]) -> Option<Unescaped> {
    let end = text.iter().take(12).position(|&byte| byte == b';')?;
    let name = &text[1..end];
    match name {
        [b'#', b'x' | b'X', number @ ..] if !number.is_empty() => char_of(digits(number, number.len(), 16)?, end + 1),
        [b'#', number @ ..] if !number.is_empty() => char_of(digits(number, number.len(), 10)?, end + 1),
        name => {
            let (_, sign) = ENTITIES.iter().find(|(known, _)| known.as_bytes() == name)?;
            Some(found([*sign], end + 1))
        }
    }
}

/// Quotes that are doubled, or that a shell's string is left and entered again for.
fn quotes(text: &[u8], quote: u8) -> Option<Unescaped> {
    let row = text.iter().take_while(|&&byte| byte == quote).count();
    match text {
        _ if row > 1 => Some(found([quote], row)),
        [b'\'', b'"', b'\'', b'"', b'\'', ..] => Some(found(*b"'", 5)),
        _ => None,
    }
}
