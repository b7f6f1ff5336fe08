//! Asks the server of `examples/draw` as its page does, and as nobody should; then uses the page in a real browser.

#![cfg(unix)]

mod browser;
mod page;
#[path = "../program/mod.rs"]
#[allow(dead_code)] // the small data set is for the others
mod program;
mod server;
