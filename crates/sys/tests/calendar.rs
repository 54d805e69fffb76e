//! `wire::calendar` and the C library's calendar are the same.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::mem::MaybeUninit;
use wire::calendar::{DateTime, utc};

/// gmtime_r(3).
fn reference(unix: i64) -> Option<DateTime> {
    let mut tm = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid; `tm` is read only after a success.
    let tm = unsafe {
        if libc::gmtime_r(&raw const unix, tm.as_mut_ptr()).is_null() {
            return None;
        }
        tm.assume_init()
    };
    let small = |n: libc::c_int| u8::try_from(n).unwrap();
    Some(DateTime {
        year: tm.tm_year.saturating_add(1900),
        month: small(tm.tm_mon + 1),
        day: small(tm.tm_mday),
        hour: small(tm.tm_hour),
        minute: small(tm.tm_min),
        second: small(tm.tm_sec),
    })
}

fn check(unix: i64) {
    assert_eq!(utc(unix), reference(unix), "{unix}");
}

#[test]
fn every_day_of_eight_centuries_and_its_last_second() {
    for day in -150_000..150_000 {
        check(day * 86_400);
        check(day * 86_400 - 1);
    }
}

#[test]
fn moments_of_every_magnitude() {
    // A linear congruential generator: the same moments each time.
    let mut random = 1_u64;
    for round in 0..1_000_000 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bits = round % 57;
        check(random.cast_signed() >> bits);
    }
}

#[test]
fn the_first_and_the_last_year() {
    // The years -2147481748 and 2147485547.
    for edge in [-67_768_040_609_740_800_i64, 67_768_036_191_676_800] {
        assert_ne!(utc(edge - 1).is_some(), utc(edge).is_some(), "{edge}");
        (edge - 1000..edge + 1000).for_each(check);
    }
    [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX].into_iter().for_each(check);
}
