//! Columns of text, and numbers and times as a person reads them.
//!
//! Knows no terminal: what a cell may hold is cut to a width that does not depend on one, so that a page looks the same
//! in a pipe.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::words::id::MAX_NAME_BYTES;
use crate::words::text::{columns, one_line, padded};

/// The widest a cell gets, which is as long as a name can be. A program reads `--json`.
const WIDEST: usize = MAX_NAME_BYTES;

/// Rows of cells below a head.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with nothing but its head.
    pub(super) fn new<const N: usize>(head: [&str; N]) -> Self {
        Self { rows: vec![head.map(str::to_uppercase).to_vec()] }
    }

    /// Adds a row. Each cell becomes one line without control characters.
    pub(super) fn row<const N: usize>(&mut self, cells: [&str; N]) {
        self.rows.push(cells.iter().map(|cell| one_line(cell, WIDEST)).collect());
    }

    /// The rows below each other, every column as wide as its widest cell. A column without any text is left out.
    pub(super) fn render(&self) -> String {
        let count = self.rows.first().map_or(0, Vec::len);
        let width = |ix: usize| self.rows.iter().skip(1).filter_map(|row| row.get(ix)).map(|cell| columns(cell)).max();
        let widths: Vec<usize> = (0..count).map(|ix| width(ix).unwrap_or(0)).collect();
        let mut page = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for ((cell, &width), head) in row.iter().zip(&widths).zip(&self.rows[0]) {
                if width > 0 {
                    line.push_str(&padded(cell, width.max(columns(head))));
                    line.push_str("  ");
                }
            }
            page.push_str(line.trim_end());
            page.push('\n');
        }
        page
    }
}

/// A moment in milliseconds since 1970 as the clock on the wall shows it: `2026-11-20 09:30:00`.
pub(super) fn local_time(ms: u64) -> String {
    time_in(ms, TimeZone::system())
}

fn time_in(ms: u64, zone: TimeZone) -> String {
    let moment = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    moment.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A size: `812 bytes`, `1.4 KiB`, `23.0 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return crate::words::text::plural(bytes, "byte", "bytes");
    }
    let (mut tenths, mut unit) = (bytes.saturating_mul(10) / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A value as pretty JSON with a newline at its end.
pub(super) fn json(value: &impl Serialize) -> String {
    // What is printed here has text keys and finite numbers alone, so it can always be written.
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let mut table = Table::new(["id", "note", "tasks"]);
        table.row(["sdlc", "", "3"]);
        table.row(["日本", "", "12\u{1b}[31m\nx"]);
        assert_eq!(table.render(), "ID    TASKS\nsdlc  3\n日本  12 x\n");
        table.row(["a", "b", "c"]);
        assert_eq!(table.render().lines().next(), Some("ID    NOTE  TASKS"));
    }

    #[test]
    fn sizes_and_times_are_read_by_people() {
        assert_eq!([0, 1, 1023, 1024, 1500].map(size), ["0 bytes", "1 byte", "1,023 bytes", "1.0 KiB", "1.4 KiB"]);
        assert_eq!(size(24 * 1024 * 1024), "24.0 MiB");
        assert_eq!(size(u64::MAX).split(' ').next_back(), Some("TiB"));
        assert_eq!(time_in(1_795_167_000_000, TimeZone::UTC), "2026-11-20 09:30:00");
        assert_eq!(time_in(u64::MAX, TimeZone::UTC), "1970-01-01 00:00:00");
    }
}
