//! Where a test lets a fault strike while a journal is written.

use std::cell::Cell;

thread_local! {
    static HOOK: Cell<Option<&'static dyn Fn()>> = const { Cell::new(None) };
}

/// What is called from now on.
pub(crate) fn set(hook: &'static dyn Fn()) {
    HOOK.set(Some(hook));
}

/// Calls it.
pub(super) fn call() {
    if let Some(hook) = HOOK.get() {
        hook();
    }
}
