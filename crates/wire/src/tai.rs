//! TAI64 and TAI64N time stamps.
//!
//! A TAI64 label counts seconds from 2^62 at 1970-01-01 00:00:00 TAI, leap seconds included: TAI was 10 s ahead
//! of UTC when they began in 1972, and is one more with each.  A moment within a leap second has no Unix time;
//! that of the second before stands for it.  The packed form of a TAI64N:
//!
//! | bytes | what |
//! |---|---|
//! | 0–7 | TAI64 seconds, big-endian |
//! | 8–11 | nanoseconds, big-endian, below 10^9 |
//!
//! The printed form is `@` and the 24 lower-case hexadecimal digits of the packed form.

/// Seconds between the TAI64 label of a moment before 1972 and its Unix time.
const OFFSET: u64 = (1 << 62) + 10;

/// The Unix times right after leap seconds, as the IERS announced them.
const LEAPS: [i64; 27] = [
    78_796_800,
    94_694_400,
    126_230_400,
    157_766_400,
    189_302_400,
    220_924_800,
    252_460_800,
    283_996_800,
    315_532_800,
    362_793_600,
    394_329_600,
    425_865_600,
    489_024_000,
    567_993_600,
    631_152_000,
    662_688_000,
    709_948_800,
    741_484_800,
    773_020_800,
    820_454_400,
    867_715_200,
    915_148_800,
    1_136_073_600,
    1_230_768_000,
    1_341_100_800,
    1_435_708_800,
    1_483_228_800,
];

/// Nanoseconds below 10^9 as nine digits.
#[must_use]
pub fn nine_digits(mut nanos: u32) -> [u8; 9] {
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        *digit += (nanos % 10) as u8;
        nanos /= 10;
    }
    digits
}

/// Length of a packed time stamp in bytes.
pub const PACKED: usize = 12;

/// A moment: TAI64 seconds and nanoseconds.  Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tai64n {
    /// The TAI64 label.
    pub seconds: u64,
    /// Nanoseconds, below 10^9.
    pub nanos: u32,
}

impl Tai64n {
    /// From Unix time.
    #[must_use]
    pub fn from_unix(seconds: i64, nanos: u32) -> Self {
        let leaps = LEAPS.partition_point(|leap| *leap <= seconds) as u64;
        Self { seconds: OFFSET.wrapping_add_signed(seconds).wrapping_add(leaps), nanos }
    }

    /// The Unix time in seconds.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        let seconds = self.seconds.wrapping_sub(OFFSET).cast_signed();
        // The n-th leap second is n - 1 seconds later on this scale than on that of its neighbours.
        let leaps = (0_i64..).zip(LEAPS).take_while(|(n, leap)| leap + n <= seconds).count();
        seconds.wrapping_sub_unsigned(leaps as u64)
    }

    /// Whether this is within a leap second; [`Tai64n::unix_seconds`] is that of the second before it.
    #[must_use]
    pub fn is_leap_second(self) -> bool {
        let seconds = self.seconds.wrapping_sub(OFFSET).cast_signed();
        (0_i64..).zip(LEAPS).any(|(n, leap)| leap + n == seconds)
    }

    /// The packed form.
    #[must_use]
    pub fn pack(self) -> [u8; PACKED] {
        let mut out = [0; PACKED];
        let (s, n) = out.split_at_mut(8);
        s.copy_from_slice(&self.seconds.to_be_bytes());
        n.copy_from_slice(&self.nanos.to_be_bytes());
        out
    }

    /// From the packed form; `None` if the length is wrong or the nanoseconds are out of range.
    #[must_use]
    pub fn unpack(bytes: &[u8]) -> Option<Self> {
        let (s, n) = bytes.split_at_checked(8)?;
        let (seconds, nanos) =
            (u64::from_be_bytes(s.try_into().ok()?), u32::from_be_bytes(n.try_into().ok()?));
        (nanos < 1_000_000_000).then_some(Self { seconds, nanos })
    }

    /// The printed form: `@` and 24 hexadecimal digits.
    #[must_use]
    pub fn label(self) -> [u8; 25] {
        let mut out = [b'@'; 25];
        let (_, digits) = out.split_at_mut(1);
        for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(self.pack()) {
            *pair = [byte >> 4, byte & 15].map(|n| if n < 10 { b'0' + n } else { b'a' + n - 10 });
        }
        out
    }

    /// From the printed form at the start of `text`; lower or upper case.
    #[must_use]
    pub fn from_label(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(b"@")?.get(..2 * PACKED)?;
        let mut packed = [0; PACKED];
        for (slot, pair) in packed.iter_mut().zip(digits.as_chunks::<2>().0) {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            *slot = u8::try_from(high? << 4 | low?).ok()?;
        }
        Self::unpack(&packed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_labels() {
        let t = Tai64n::from_unix(0, 0);
        assert_eq!(&t.label(), b"@400000000000000a00000000");
        assert_eq!(Tai64n::from_label(b"@400000000000000A00000000 rest"), Some(t));
    }

    #[test]
    fn nanoseconds_have_nine_digits() {
        for nanos in [0, 7, 120_000_034, 123_456_789, 999_999_999] {
            assert_eq!(nine_digits(nanos), format!("{nanos:09}").as_bytes());
        }
    }

    #[test]
    fn leap_seconds_are_known() {
        // 2016-12-31 23:59:60, as the leap second list of the IERS has it.
        let last = Tai64n::from_unix(LEAPS[26] - 1, 0).seconds;
        let is_leap = [0, 1, 2].map(|n| Tai64n { seconds: last + n, nanos: 0 }.is_leap_second());
        assert_eq!(is_leap, [false, true, false]);
    }

    #[test]
    fn leap_seconds_count() {
        let t = Tai64n::from_label(b"@4000000065937a7f00000000").unwrap();
        assert_eq!(t.unix_seconds(), 1_704_163_930);
        assert_eq!(Tai64n::from_unix(1_704_163_930, 0), t);
        let last = LEAPS[26];
        let labels = [last - 1, last].map(|s| Tai64n::from_unix(s, 0).seconds);
        assert_eq!(labels[1] - labels[0], 2);
        let within = Tai64n { seconds: labels[0] + 1, nanos: 0 };
        assert_eq!(within.unix_seconds(), last - 1);
        for s in LEAPS.into_iter().flat_map(|leap| leap - 2..leap + 2) {
            assert_eq!(Tai64n::from_unix(s, 0).unix_seconds(), s);
        }
    }

    /// The months of the IERS's Bulletin C, each of which began right after a leap second.
    #[test]
    fn leap_seconds_end_months_of_the_bulletins() {
        let months = LEAPS.map(|leap| {
            let date = crate::calendar::utc(leap).unwrap();
            assert_eq!((date.day, date.hour, date.minute, date.second), (1, 0, 0, 0), "{leap}");
            format!("{}-{:02}", date.year, date.month)
        });
        assert_eq!(
            months.join(" "),
            "1972-07 1973-01 1974-01 1975-01 1976-01 1977-01 1978-01 1979-01 1980-01 1981-07 1982-07 1983-07 \
             1985-07 1988-01 1990-01 1991-01 1992-07 1993-07 1994-07 1996-01 1997-07 1999-01 2006-01 2009-01 \
             2012-07 2015-07 2017-01"
        );
        let ahead = |unix| Tai64n::from_unix(unix, 0).seconds - (1 << 62) - unix.cast_unsigned();
        assert_eq!([0, 1_483_228_799, 1_483_228_800].map(ahead), [10, 36, 37]);
    }

    #[test]
    fn packs_both_ways() {
        let t = Tai64n::from_unix(1_700_000_000, 999_999_999);
        assert_eq!(Tai64n::unpack(&t.pack()), Some(t));
        assert_eq!(t.unix_seconds(), 1_700_000_000);
    }

    #[test]
    fn refuses_damage() {
        assert_eq!(Tai64n::unpack(&[0xff; 12]), None);
        assert_eq!(Tai64n::unpack(&[0; 11]), None);
        assert_eq!(Tai64n::from_label(b"@4000"), None);
        assert_eq!(Tai64n::from_label(b"@400000000000000a0000000g"), None);
        assert_eq!(Tai64n::from_label(b"@400000000000000a3b9aca00"), None);
        // No digit may be another byte, a sign least of all.
        let whole = b"@4000000065937a7f0000000f";
        for at in 0..whole.len() {
            for byte in (0..=255_u8).filter(|b| !b.is_ascii_hexdigit() && *b != b'@') {
                let mut bad = *whole;
                bad[at] = byte;
                assert_eq!(Tai64n::from_label(&bad), None, "{at} {byte}");
            }
            assert_eq!(Tai64n::from_label(&whole[..at]), None);
        }
    }

    #[test]
    fn the_ends_of_the_scale_do_not_overflow() {
        for seconds in [0, 1, 9, 10, OFFSET - 1, OFFSET, 1 << 63, u64::MAX] {
            let t = Tai64n { seconds, nanos: 999_999_999 };
            assert_eq!(Tai64n::from_label(&t.label()), Some(t));
            // The conversion doesn't overflow, whatever the result.
            let _ = t.unix_seconds();
        }
        for unix in [i64::MIN, -1, 0, i64::MAX] {
            let _ = Tai64n::from_unix(unix, 0).unix_seconds();
        }
        assert_eq!(Tai64n::from_unix(-1, 0).unix_seconds(), -1);
    }
}
