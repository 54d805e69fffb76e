//! A container for tests and for `xtask run`: fresh namespaces on a copy-on-write view of a root file system.
