//! Conformance and container tests.
