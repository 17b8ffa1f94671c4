//! Times on the wire: RFC 3339, written in UTC and always with milliseconds, read with any offset.

use std::fmt;

use serde::{Serialize, Serializer};
use tollgate_domain::Timestamp;

/// A time as `2026-01-15T10:30:00.000Z`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rfc3339(pub(crate) Timestamp);

/// A day of the proleptic Gregorian calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CivilDate {
    pub(crate) year: u64,
    /// 1 to 12.
    pub(crate) month: u64,
    /// 1 to 31.
    pub(crate) day: u64,
}

const MILLIS_PER_DAY: u64 = 86_400_000;

impl CivilDate {
    /// The day, in UTC, on which `time` lies.
    pub(crate) fn of(time: Timestamp) -> Self {
        // Days are counted from 0000-03-01, so that a leap day ends its year; 719,468 days lie
        // between that day and 1970-01-01. An era of 400 years has 146,097 days.
        let days = time.as_millis() / MILLIS_PER_DAY + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months from March on have 31, 30, 31, 30, 31 days, twice over, so 153 days in five.
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { year, month, day }
    }

    /// The same day so many months later, or the last day of that month where it is shorter.
    pub(crate) fn months_later(self, months: u64) -> Self {
        let month = self.month - 1 + months;
        let (year, month) = (self.year + month / 12, month % 12 + 1);
        let last = match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _long => 31,
        };
        Self { year, month, day: self.day.min(last) }
    }

    /// The first moment, in UTC, of the month that follows month `month` of `year`; no earlier than
    /// 1970.
    pub(crate) fn first_of_month_after(year: u64, month: u64) -> Timestamp {
        let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
        // Years and months from March on, as above.
        let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let day_of_year = (153 * month + 2) / 5;
        let days = 365 * year + year / 4 - year / 100 + year / 400 + day_of_year;
        Timestamp::from_millis(days.saturating_sub(719_468) * MILLIS_PER_DAY)
    }
}

/// Reads a time: `2026-01-15T10:30:00Z` or `2026-01-15T16:00:00+05:30`, with or without a fraction of a
/// second, of which milliseconds count. `None` where it is no such time, or before 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    if let Some(text) = text.strip_suffix('Z') {
        return parse_local(text);
    }
    let place = text.len().checked_sub("+00:00".len())?;
    let (local, offset) = text.split_at_checked(place)?;
    let (local, offset) = (parse_local(local)?, Offset::parse(offset)?);
    offset.to_utc(local)
}

/// How far a clock is from UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Offset {
    is_ahead: bool,
    minutes: u64,
}

impl Offset {
    /// Not at all.
    pub(crate) const UTC: Self = Self { is_ahead: true, minutes: 0 };

    /// Reads `+05:30` or `-08:00`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (is_ahead, text) = match text.split_at_checked(1)? {
            ("+", text) => (true, text),
            ("-", text) => (false, text),
            _other => return None,
        };
        let (hours, minutes) = text.split_once(':')?;
        let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let (hours, minutes) =
            (digits(hours).then_some(hours)?, digits(minutes).then_some(minutes)?);
        let (hours, minutes) = (hours.parse::<u64>().ok()?, minutes.parse::<u64>().ok()?);
        (hours < 24 && minutes < 60).then_some(Self { is_ahead, minutes: hours * 60 + minutes })
    }

    /// The time that a clock with this offset shows so; `None` before 1970.
    pub(crate) fn to_utc(self, local: Timestamp) -> Option<Timestamp> {
        let (local, offset) = (local.as_millis(), self.minutes * 60_000);
        let utc = if self.is_ahead { local.checked_sub(offset) } else { local.checked_add(offset) };
        utc.map(Timestamp::from_millis)
    }
}

/// A time without its offset from UTC, as if there was none.
fn parse_local(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    let well_formed = whole.len() == 19
        && separators.iter().all(|(place, sign)| whole.as_bytes().get(*place) == Some(sign))
        && !fraction.is_empty()
        && digits(fraction);
    if !well_formed {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<u64> {
        whole.get(from..to).filter(|part| digits(part))?.parse().ok()
    };
    let date = CivilDate { year: number(0, 4)?, month: number(5, 7)?, day: number(8, 10)? };
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if date.year < 1970 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Years begin in March here, so that the day of a month follows from the months before it.
    let (year, month) =
        if date.month > 2 { (date.year, date.month - 3) } else { (date.year - 1, date.month + 9) };
    let day_of_year = (153 * month + 2) / 5 + date.day.checked_sub(1)?;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468;
    let padded: String = fraction.chars().chain("00".chars()).take(3).collect();
    let millis = ((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000;
    let time = Timestamp::from_millis(millis + padded.parse::<u64>().ok()?);
    // A day or month that does not exist comes out as another.
    (CivilDate::of(time) == date).then_some(time)
}

/// As `2026-01-15`.
impl Serialize for CivilDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { year, month, day } = self;
        serializer.collect_str(&format_args!("{year:04}-{month:02}-{day:02}"))
    }
}

impl fmt::Display for Rfc3339 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CivilDate { year, month, day } = CivilDate::of(self.0);
        let millis = self.0.as_millis() % MILLIS_PER_DAY;
        let (hour, minute) = (millis / 3_600_000, millis / 60_000 % 60);
        let (second, millis) = (millis / 1_000 % 60, millis % 1_000);
        // The whole text at once: this is written three times for each payment.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        for (place, width, value) in [
            (0, 4, year),
            (5, 2, month),
            (8, 2, day),
            (11, 2, hour),
            (14, 2, minute),
            (17, 2, second),
            (20, 3, millis),
        ] {
            let mut rest = value;
            for digit in text[place..place + width].iter_mut().rev() {
                *digit = b"0123456789"[usize::try_from(rest % 10).unwrap_or(0)];
                rest /= 10;
            }
        }
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_later_is_the_same_day_or_the_last_one() {
        for ((year, month, day), months, expected) in [
            ((2026, 1, 15), 1, "\"2026-02-15\""),
            ((2026, 1, 31), 1, "\"2026-02-28\""),
            ((2028, 1, 31), 1, "\"2028-02-29\""),
            ((2099, 12, 31), 2, "\"2100-02-28\""),
            ((2026, 12, 31), 4, "\"2027-04-30\""),
            ((2026, 11, 30), 24, "\"2028-11-30\""),
            ((2026, 12, 1), 0, "\"2026-12-01\""),
        ] {
            let date = CivilDate { year, month, day }.months_later(months);
            assert_eq!(serde_json::to_string(&date).unwrap(), expected);
        }
    }

    #[test]
    fn a_month_ends_when_the_next_begins() {
        for (year, month, next) in [
            (2026, 12, "2027-01-01T00:00:00.000Z"),
            (2028, 1, "2028-02-01T00:00:00.000Z"),
            (2028, 2, "2028-03-01T00:00:00.000Z"),
            (2030, 11, "2030-12-01T00:00:00.000Z"),
            (1969, 11, "1970-01-01T00:00:00.000Z"),
            (1969, 12, "1970-01-01T00:00:00.000Z"),
        ] {
            let first = CivilDate::first_of_month_after(year, month);
            assert_eq!(Rfc3339(first).to_string(), next, "{year}-{month}");
        }
        for year in 1970..2400 {
            for month in 1..=12 {
                let date = CivilDate::of(CivilDate::first_of_month_after(year, month));
                let next = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                assert_eq!((date.year, date.month, date.day), (next.0, next.1, 1));
            }
        }
    }

    #[test]
    fn days_of_all_kinds_are_right() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_768_473_000_007, "2026-01-15T10:30:00.007Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Rfc3339(Timestamp::from_millis(millis)).to_string(), text);
            assert_eq!(parse_rfc3339(text), Some(Timestamp::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn times_are_read_with_their_offset_and_days_must_exist() {
        let read = |text| parse_rfc3339(text).map(Timestamp::as_millis);
        assert_eq!(read("1970-01-01T00:00:01Z"), Some(1_000));
        assert_eq!(read("1970-01-01T00:00:01.5Z"), Some(1_500));
        assert_eq!(read("1970-01-01T00:00:01.123456Z"), Some(1_123));
        assert_eq!(read("1970-01-01T05:30:01.5+05:30"), Some(1_500));
        assert_eq!(read("1969-12-31T16:00:01-08:00"), None, "its own day is before 1970");
        assert_eq!(read("1970-01-01T00:00:00-08:00"), Some(8 * 3_600_000));
        for wrong in [
            "",
            "Z",
            "2026-01-15",
            "2026-01-15T10:30:00",
            "2026-01-15T10:30:00+5:30",
            "2026-01-15T10:30:00+24:00",
            "2026-01-15T10:30:00+05:60",
            "2026-01-15T10:30:00 05:30",
            "2026-01-15T10:30:00+05:30Z",
            "1970-01-01T05:29:59+05:30",
            "\u{e9}\u{e9}\u{e9}\u{e9}",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-15T24:00:00Z",
            "2026-01-15T10:60:00Z",
            "1969-12-31T23:59:59Z",
            "2026-01-15T10:30:00.Z",
            "+026-01-15T10:30:00Z",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
