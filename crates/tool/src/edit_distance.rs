//! Which name was probably meant by a misspelt one.

/// The one of these names that differs least from this one, the first in their order if there are several, and by how much: the
/// number of bytes to add, remove or change; letters' cases and separators make no difference.
#[must_use]
pub fn nearest<N: AsRef<[u8]> + Ord>(name: &[u8], names: impl Iterator<Item = N>) -> Option<(usize, N)> {
    names.map(|known| (edit_distance(name, known.as_ref()), known)).min()
}

/// `: did you mean NAME?` if one of these names resembles this one enough, with `prefix` before it; otherwise nothing.
#[must_use]
pub fn did_you_mean<'a>(name: &[u8], names: impl Iterator<Item = &'a str>, prefix: &str) -> String {
    match similar(name, names.map(str::as_bytes)) {
        Some(near) => format!(": did you mean {prefix}{}?", String::from_utf8_lossy(near)),
        None => String::new(),
    }
}

/// The one of these names that was probably meant by another one: one that differs in at most two of five bytes.
#[must_use]
pub fn similar<'n>(name: &[u8], names: impl Iterator<Item = &'n [u8]>) -> Option<&'n [u8]> {
    let near = names.filter(|n| n.len().abs_diff(name.len()) * 5 <= name.len() * 2 + 5);
    nearest(name, near).filter(|(d, _)| d * 5 <= name.len() * 2).map(|(_, n)| n)
}

/// The number of bytes to add, remove or change to make `b` from `a`; letters' cases and separators make no difference.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let plain = |n: &[u8]| -> Vec<u8> {
        n.iter().filter(|b| !b"-_.".contains(b)).map(u8::to_ascii_lowercase).collect()
    };
    let (a, b) = (plain(a), plain(b));
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in (1..).zip(&a) {
        let mut next = vec![i];
        for ((y, above), corner) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or(i);
            next.push((corner + usize::from(x != y)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, edit_distance, nearest, similar};

    #[test]
    fn names_are_near_if_little_separates_them() {
        for (a, b, d) in
            [("", "", 0), ("a", "", 1), ("nginx", "ngnix", 2), ("My_App", "my-app", 0), ("ab", "b", 1)]
        {
            assert_eq!(edit_distance(a.as_bytes(), b.as_bytes()), d, "{a} {b}");
        }
    }

    #[test]
    fn the_nearest_name_is_given_with_its_distance() {
        assert_eq!(nearest(b"wep", ["db", "web", "wet"].iter()), Some((1, &"web")));
        assert_eq!(nearest(b"wep", std::iter::empty::<&str>()), None);
    }

    #[test]
    fn only_a_name_that_resembles_is_suggested() {
        let meant = |name: &str| did_you_mean(name.as_bytes(), ["health", "status"].into_iter(), "");
        assert_eq!((meant("statsu"), meant("stop")), (": did you mean status?".into(), String::new()));
    }

    #[test]
    fn a_similar_name_differs_in_two_of_five_bytes() {
        let of = |name: &str| similar(name.as_bytes(), ["db", "mailer", "web"].iter().map(|n| n.as_bytes()));
        assert_eq!(of("mialer"), Some(&b"mailer"[..]));
        assert_eq!(of("wep"), Some(&b"web"[..]));
        assert_eq!((of("wxy"), of("cron"), of("")), (None, None, None));
    }
}
