//! Dates as an engine writes them, from seconds of the simulated calendar.

use std::time::Duration;

/// What the calendar of the simulated engine shows when the simulation begins, in seconds since 1970.
const BEGINNING: Duration = Duration::from_secs(1_800_000_000);

/// The engine's calendar when the simulation is `now` old.
pub(super) fn wall(now: Duration) -> Duration {
    BEGINNING + now
}

/// As in the head of an answer: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http(wall: Duration) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Date { year, month, day, weekday, clock: (hour, minute, second) } = date(wall);
    let (weekday, month) = (DAYS[weekday], MONTHS[month - 1]);
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

/// As in a document: `1994-11-06T08:49:37.000000000Z`.
pub(super) fn rfc3339(wall: Duration) -> String {
    let Date { year, month, day, clock: (hour, minute, second), .. } = date(wall);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", wall.subsec_nanos())
}

struct Date {
    year: u64,
    month: usize,
    day: u64,
    weekday: usize,
    clock: (u64, u64, u64),
}

fn date(wall: Duration) -> Date {
    let seconds = wall.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= if is_leap(year) { 366 } else { 365 } {
        left -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 0;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        month += 1;
        if left < length {
            break;
        }
        left -= length;
    }
    let weekday = usize::try_from(days % 7).expect("a week has seven days");
    Date { year, month, day: left + 1, weekday, clock: (rest / 3_600, rest / 60 % 60, rest % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_engine_writes_them() {
        let then = Duration::new(784_111_777, 5);
        assert_eq!(http(then), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(rfc3339(then), "1994-11-06T08:49:37.000000005Z");
        assert_eq!(http(Duration::ZERO), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(http(Duration::from_secs(1_709_251_199)), "Thu, 29 Feb 2024 23:59:59 GMT");
        assert_eq!(http(Duration::from_secs(1_709_251_200)), "Fri, 01 Mar 2024 00:00:00 GMT");
    }
}
