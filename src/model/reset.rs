//! When a limit ends, as vendors and programs write it in a sentence.
//!
//! The forms, each as it was seen: `resets 3:50pm (Europe/Paris)` and `resets Oct 12, 8am (Europe/Paris)` (Claude Code),
//! `usage limit reached|1760000000` (an earlier one), `try again at 3:28 PM` and `try again at Aug 8th, 2026 12:30 PM`
//! and `try again in 3 days 6 hours 57 minutes` (Codex), `reset after 21h53m56s` (Gemini), `regain access on 2026-08-01
//! at 00:00 UTC` (Anthropic's spend limits), `try again in 6.5s` (OpenAI, Groq), `retry in 12.5s` (Google),
//! `please wait 86 seconds` (GitHub Models, Azure).

use std::time::{Duration, SystemTime};

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// What stands in front of a moment.
const UNTIL: [&str; 6] = ["resets at ", "resets on ", "resets ", "try again at ", "try again on ", "regain access on "];

/// What stands in front of a wait.
const WITHIN: [&str; 7] =
    ["reset after ", "reset in ", "resets in ", "try again in ", "retry in ", "retry after ", "please wait "];

/// A longer wait than a year says no more than a year.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long it is until the moment that a sentence names, in milliseconds. A clock without a zone is this machine's.
pub(crate) fn reset_ms(said: &str, now: SystemTime) -> Option<u64> {
    let said = said.to_ascii_lowercase().replace(['\u{202f}', '\u{a0}'], " ");
    let after = |word: &&str| said.rfind(*word).map(|at| &said[at + word.len()..]);
    let wait = WITHIN.iter().find_map(|word| wait(after(word)?));
    let until = || UNTIL.iter().find_map(|word| until(after(word)?, now));
    let wait = wait.or_else(until).or_else(|| until_epoch(&said, now))?;
    u64::try_from(wait.min(LONGEST).as_millis()).ok()
}

/// A number of seconds since 1970 behind a bar.
fn until_epoch(said: &str, now: SystemTime) -> Option<Duration> {
    let digits: String = said.rsplit_once('|')?.1.chars().take_while(char::is_ascii_digit).collect();
    let seconds: u64 = digits.parse().ok().filter(|&seconds| seconds > 1_000_000_000)?;
    (SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).duration_since(now).ok()
}

/// Numbers with units: `3 days 6 hours`, `21h53m56s`, `6.5s`, `20ms`, `1h 2m`.
fn wait(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum: Option<f64> = None;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let Ok(number) = rest[..digits].parse::<f64>() else { break };
        let unit = rest[digits..].trim_start();
        let letters = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let seconds = match &unit[..letters] {
            "ms" | "millisecond" | "milliseconds" => 0.001,
            "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
            "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
            "d" | "day" | "days" => 86_400.0,
            "week" | "weeks" => 604_800.0,
            _ => break,
        };
        sum = Some(sum.unwrap_or(0.0) + number * seconds);
        rest = &unit[letters..];
    }
    sum.and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST.as_secs_f64())).ok())
}

/// A clock time, a date, or both, and a zone.
fn until(text: &str, now: SystemTime) -> Option<Duration> {
    let (moment, zone) = match text.split_once('(') {
        Some((moment, zone)) if moment.len() < 40 => (moment, zone.split(')').next()),
        _ => (text, None),
    };
    let zone = match zone {
        Some(name) => zone_named(name)?,
        None if moment.contains("utc") => TimeZone::UTC,
        None => TimeZone::system(),
    };
    let now = Timestamp::try_from(now).ok()?.to_zoned(zone.clone());
    let (date, time) = read_moment(moment, now.date());
    let at = match (date, time) {
        (Some(date), time) => date.to_datetime(time.unwrap_or(Time::midnight())),
        (None, Some(time)) => next(now.datetime(), time)?,
        (None, None) => return None,
    };
    let at: Zoned = at.to_zoned(zone).ok()?;
    Duration::try_from(at.timestamp().duration_since(now.timestamp())).ok()
}

/// The zone of a name, whatever its case.
fn zone_named(name: &str) -> Option<TimeZone> {
    TimeZone::get(name.trim()).ok()
}

/// Today's time, or tomorrow's where that has passed.
fn next(now: DateTime, time: Time) -> Option<DateTime> {
    let today = now.date().to_datetime(time);
    if today > now { Some(today) } else { today.checked_add(1.day()).ok() }
}

/// The date and the time that the first words of a text are.
fn read_moment(text: &str, today: Date) -> (Option<Date>, Option<Time>) {
    let words: Vec<&str> =
        text.split([' ', ',', '\n']).filter(|word| !word.is_empty() && *word != "at").take(6).collect();
    let (mut month, mut day, mut year, mut date, mut time) = (None, None, None, None, None);
    for (place, word) in words.iter().enumerate() {
        let word = word.trim_end_matches(['.', ';']);
        let half = words
            .get(place + 1)
            .map(|next| next.trim_end_matches(['.', ';']))
            .filter(|next| matches!(*next, "am" | "pm"));
        if let Some(clock) = read_clock(word, half) {
            time = time.or(Some(clock));
        } else if let Ok(whole) = word.parse::<Date>() {
            date = date.or(Some(whole));
        } else if let Some(number) = month_named(word) {
            month = month.or(Some(number));
        } else if let Ok(number) = word.trim_end_matches(|c: char| c.is_ascii_alphabetic()).parse::<i16>() {
            if number > 31 { year = Some(number) } else { day = day.or(Some(number)) }
        } else if !matches!(word, "am" | "pm" | "utc") {
            break;
        }
    }
    let named = month.zip(day.and_then(|day| i8::try_from(day).ok())).and_then(|(month, day)| {
        let this_year = Date::new(year.unwrap_or(today.year()), month, day).ok()?;
        // A date without a year is the next one of its kind.
        if year.is_none() && this_year < today { Date::new(today.year() + 1, month, day).ok() } else { Some(this_year) }
    });
    (date.or(named), time)
}

/// `3:50pm`, `8am`, `3:28` before `pm`, `00:00`.
fn read_clock(word: &str, half: Option<&str>) -> Option<Time> {
    let (digits, half) = match word.strip_suffix("am").map(|d| (d, "am")).or(word.strip_suffix("pm").map(|d| (d, "pm")))
    {
        Some((digits, half)) => (digits, Some(half)),
        None => (word, half),
    };
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) => (hour.parse::<i8>().ok()?, minute.get(..2)?.parse::<i8>().ok()?),
        None => (half.and(digits.parse::<i8>().ok())?, 0),
    };
    let hour = match half {
        Some("pm") if hour < 12 => hour + 12,
        Some("am") if hour == 12 => 0,
        _ => hour,
    };
    Time::new(hour, minute, 0, 0).ok()
}

fn month_named(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let place =
        MONTHS.iter().position(|month| word.starts_with(month) && word.bytes().all(|b| b.is_ascii_alphabetic()))?;
    i8::try_from(place + 1).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_in_which_a_reset_is_written_is_read() {
        let now = SystemTime::from("2026-11-20T09:30:00Z".parse::<Timestamp>().unwrap());
        let (minute, hour) = (60_000, 3_600_000);
        for (said, expected) in [
            ("You've hit your session limit · resets 3:50pm (Europe/Paris)", Some(5 * hour + 20 * minute)),
            ("You've hit your session limit · resets 1am (Europe/Paris)", Some(14 * hour + 30 * minute)),
            ("You've hit your weekly limit · resets Nov 22, 8am (Europe/Paris)", Some(45 * hour + 30 * minute)),
            ("You've hit your limit · resets Jan 2 at 9:30am (UTC)", Some(43 * 24 * hour)),
            ("Claude AI usage limit reached|1795170600", Some(hour)),
            ("Upgrade to Pro or try again in 3 days 6 hours 57 minutes.", Some(78 * hour + 57 * minute)),
            ("try again at Nov 21st, 2026 9:30 AM (UTC).", Some(24 * hour)),
            ("You will regain access on 2026-12-01 at 00:00 UTC.", Some(254 * hour + 30 * minute)),
            (
                "You have exhausted your capacity on this model. Your quota will reset after 21h53m56s.",
                Some(78_836_000),
            ),
            ("Rate limit reached. Please try again in 6.5s. Visit us.", Some(6_500)),
            ("Please try again in 20ms.", Some(20)),
            ("Please retry in 12.5s.", Some(12_500)),
            ("Please wait 86 seconds before retrying.", Some(86_000)),
            ("please wait or upgrade to continue", None),
            ("resets soon", None),
            ("resets 3:50pm (Nowhere/Land)", None),
            ("try again later", None),
            ("", None),
        ] {
            assert_eq!(reset_ms(said, now), expected, "{said}");
        }
        // Without a zone it is this machine's, in which it is at most a day away.
        let own = reset_ms("try again at 3:28 PM.", now).unwrap();
        assert!(own <= 25 * hour, "{own}");
    }
}
