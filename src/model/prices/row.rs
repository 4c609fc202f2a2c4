//! A row of the table: which names mean a model, and what it costs from which day on.

use super::{Rates, Tariff};

/// A model of a vendor.
pub(super) struct Row {
    pub(super) id: &'static str,
    /// The names that mean it, with blanks between: `*` stands for any text and `#` for a digit. One with `!` in front
    /// means that it is another model.
    pub(super) names: &'static str,
    /// How many tokens it takes at once, 0 where nobody says.
    window: u64,
    /// What it costs, the earliest first; none where it is not paid by tokens of text.
    spans: &'static [Span],
}

/// The prices from a day on.
pub(super) struct Span {
    /// Days since 1970.
    from_day: u64,
    tariff: Tariff,
}

pub(super) const fn row(id: &'static str, names: &'static str, window: u64, spans: &'static [Span]) -> Row {
    Row { id, names, window, spans }
}

/// Prices that are the same for every prompt.
pub(super) const fn since(from_day: u64, rates: [f64; 5]) -> Span {
    Span { from_day, tariff: Tariff { rates: named(rates), long: None } }
}

/// Prices of which others take the place when a prompt has more tokens than `above`.
pub(super) const fn tiered(from_day: u64, rates: [f64; 5], above: u64, long: [f64; 5]) -> Span {
    Span { from_day, tariff: Tariff { rates: named(rates), long: Some((above, named(long))) } }
}

const fn named([input, output, cached_input, cache_write, cache_write_1h]: [f64; 5]) -> Rates {
    Rates { input, output, cached_input, cache_write, cache_write_1h }
}

impl Row {
    /// Whether a name, in lower case, means this model.
    pub(super) fn means(&self, name: &str) -> bool {
        let mut meant = false;
        for pattern in self.names.split(' ') {
            match pattern.strip_prefix('!') {
                Some(other) if fits(name.as_bytes(), other.as_bytes()) => return false,
                Some(_) => {}
                None => meant = meant || fits(name.as_bytes(), pattern.as_bytes()),
            }
        }
        meant
    }

    pub(super) fn window(&self) -> Option<u64> {
        (self.window > 0).then_some(self.window)
    }

    /// What it costs on a day. Before the first one that is known, that one holds.
    pub(super) fn tariff(&self, day: u64) -> Option<Tariff> {
        let begun = self.spans.iter().rfind(|span| span.from_day <= day);
        begun.or(self.spans.first()).map(|span| span.tariff)
    }
}

fn fits(name: &[u8], pattern: &[u8]) -> bool {
    match (name.split_first(), pattern.split_first()) {
        (_, Some((b'*', rest))) => (0..=name.len()).any(|taken| fits(&name[taken..], rest)),
        (Some((c, name)), Some((b'#', rest))) => c.is_ascii_digit() && fits(name, rest),
        (Some((c, name)), Some((wanted, rest))) => c == wanted && fits(name, rest),
        (None, None) => true,
        _ => false,
    }
}
