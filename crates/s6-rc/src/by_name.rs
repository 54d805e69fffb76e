//! Sorting by name.

/// How many bytes of a name are compared at once.
const PREFIX: usize = size_of::<u128>();

/// The first bytes of a name, such that names are in the order of these numbers where these differ.
fn prefix(name: &[u8]) -> u128 {
    let mut bytes = [0; PREFIX];
    for (to, from) in bytes.iter_mut().zip(name) {
        *to = *from;
    }
    u128::from_be_bytes(bytes)
}

/// The places of names in the order of the names' bytes; equal names stay in the order that they are given in.
pub(crate) fn by_name(names: &[&[u8]]) -> Vec<usize> {
    if names.is_sorted() {
        return (0..names.len()).collect();
    }
    let mut order: Vec<_> = names.iter().enumerate().map(|(at, name)| (prefix(name), at)).collect();
    order.sort_by(|(a, at), (b, other)| a.cmp(b).then_with(|| names.get(*at).cmp(&names.get(*other))));
    order.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::by_name;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_order_is_that_of_the_bytes(names in prop::collection::vec("[a-c]{0,2}x{15,17}|[a-c]{0,3}", 0..40)) {
            let order = by_name(&names.iter().map(String::as_bytes).collect::<Vec<_>>());
            let mut expected: Vec<usize> = (0..names.len()).collect();
            expected.sort_by_key(|at| &names[*at]);
            prop_assert_eq!(order, expected);
        }
    }
}
