//! Times on the wire: RFC 3339, UTC, always with milliseconds.

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
        }
    }
}
