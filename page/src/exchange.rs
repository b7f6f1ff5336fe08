//! How a module and the page hand each other bytes: through the module's memory.

use lenet::Error;
use std::{cell::RefCell, fmt::Display, mem};

thread_local! {
    static ROOM: RefCell<Vec<u8>> = RefCell::default();
    static TEXT: RefCell<String> = RefCell::default();
}

/// Room for so many bytes, for the page to write to. What was there is gone.
#[unsafe(no_mangle)]
extern "C" fn room(length: usize) -> *mut u8 {
    ROOM.with_borrow_mut(|room| {
        *room = vec![0; length];
        room.as_mut_ptr()
    })
}

/// Why what was asked last did not succeed, in UTF-8.
#[unsafe(no_mangle)]
extern "C" fn text() -> *const u8 {
    TEXT.with_borrow(|text| text.as_ptr())
}

/// The bytes of [`text`].
#[unsafe(no_mangle)]
extern "C" fn text_length() -> usize {
    TEXT.with_borrow(String::len)
}

/// What the page has written.
pub fn taken() -> Vec<u8> {
    ROOM.take()
}

/// Tells the page whether a step succeeded.
pub fn told<E: Display>(result: Result<(), E>) -> bool {
    let text = result.as_ref().err().map(E::to_string).unwrap_or_default();
    drop(TEXT.with_borrow_mut(|old| mem::replace(old, text)));
    result.is_ok()
}

/// An argument that the page should not have given.
pub fn invalid(what: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Error {
    Error::Invalid { what, expected: expected.into(), got: got.into() }
}
