//! `wire::zone` and the C library have the same local time for rules in POSIX's form.
//!
//! One test: the C library's time zone belongs to the whole process.
#![allow(unsafe_code, clippy::unwrap_used)]

use std::ffi::CString;
use std::mem::MaybeUninit;
use wire::zone::{Named, Zone, named};

unsafe extern "C" {
    fn tzset();
}

/// Rules with changes in every form, in both hemispheres, and beyond the turn of a year.  The C library looks at the
/// changes of one year, that of UTC: rules for which this isn't enough have their values in `wire::zone`'s own tests.
const RULES: &[&str] = &[
    "UTC0",
    "EST5EDT,M3.2.0,M11.1.0",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "EET-2EEST,M3.4.4/50,M10.4.4/50",
    "<+12>-12<+13>,M11.2.0,M1.2.3/99",
    "AAA5:30:15BBB4,J60/1:2:3,J300",
    "AAA0BBB,59,J59/23",
    "AAA0BBB,0/0,365/167",
    "WART4WARST,J1/-3,J365/20",
    "AAA4BBB,J1/-3,J200",
    "AAA10BBB,J10/-100,J365/-30",
];

fn set_zone(rule: &str) {
    let value = CString::new(rule).unwrap();
    // SAFETY: both strings end in a null character; this process has no other thread that uses the environment.
    unsafe {
        assert_eq!(libc::setenv(c"TZ".as_ptr(), value.as_ptr(), 1), 0);
        tzset();
    }
}

/// The offset that localtime_r(3) gives.
fn reference(unix: i64) -> i64 {
    let mut tm = MaybeUninit::<libc::tm>::uninit();
    // SAFETY: both pointers are valid; `tm` is read only after a success.
    unsafe {
        assert!(!libc::localtime_r(&raw const unix, tm.as_mut_ptr()).is_null());
        tm.assume_init().tm_gmtoff
    }
}

#[test]
fn rules_have_the_offsets_of_the_c_library() {
    /// 2023-12-30 to 2028-01-03, hour by hour: two leap years, and years that begin on four days of the week.
    const FROM: i64 = 1_703_894_400;
    const TO: i64 = 1_830_470_400;
    for rule in RULES {
        let Named::Zone(zone) = named(rule.as_bytes()) else { panic!("{rule} is not a rule") };
        assert!(*rule == "UTC0" || zone != Zone::UTC, "{rule} is malformed");
        set_zone(rule);
        let differing = |unix: &i64| zone.offset(*unix) != reference(*unix);
        let found: Vec<i64> = (FROM..TO).step_by(3600).filter(differing).collect();
        assert!(found.is_empty(), "{rule}: {} differ, first at {:?}", found.len(), found.first());
    }
}
