//! The module that reads digits: what `static/network.js` calls.
//!
//! Functions that give `false` have left their reason in `text`. Those that give a place in the module's memory say what is there
//! until the next reading; it is null where there is nothing yet.

mod exchange;
mod network;
mod parameters;
mod reader;
mod why;

use exchange::{taken, told};
use lenet::Result;
use reader::Reader;
use std::{cell::RefCell, ptr};

thread_local! {
    static READER: RefCell<Option<Reader>> = RefCell::default();
}

fn step(step: impl FnOnce(&mut Reader) -> Result<()>) -> bool {
    READER.with_borrow_mut(|reader| match reader {
        Some(reader) => told(step(reader)),
        None => told(Err("no network yet: start it")),
    })
}

fn place<T>(of: impl FnOnce(&Reader) -> Option<&[T]>) -> *const T {
    READER.with_borrow(|reader| reader.as_ref().and_then(of).map_or(ptr::null(), <[T]>::as_ptr))
}

/// Starts, with the [`parameters`] in the room. Where they are refused, the network that was there stays.
#[unsafe(no_mangle)]
extern "C" fn start() -> bool {
    told(Reader::new(parameters::taken()).map(|reader| READER.set(Some(reader))))
}

/// Reads the drawing in the room: how much ink each pixel has, 0 to 255, by rows.
#[unsafe(no_mangle)]
extern "C" fn read_drawing(width: u32, height: u32) -> bool {
    step(|reader| reader.read_drawing(width, height, taken()))
}

/// Reads the digit in the room: 28x28 bytes as MNIST's files have them, 255 is ink.
#[unsafe(no_mangle)]
extern "C" fn read_digit() -> bool {
    step(|reader| reader.read_digit(taken()))
}

/// Switches a map of a layer off, or on, from the next reading on.
#[unsafe(no_mangle)]
extern "C" fn switch_map(layer: usize, map: usize, on: bool) -> bool {
    step(|reader| reader.switch(layer, map, on))
}

/// Says why it is `digit` and not `towards`: in [`ink`], [`units`] and [`bias`].
#[unsafe(no_mangle)]
extern "C" fn explain(digit: usize, towards: usize) -> bool {
    step(|reader| reader.explain(digit, towards))
}

/// The digit as MNIST's are: 28x28 bytes.
#[unsafe(no_mangle)]
extern "C" fn digit() -> *const u8 {
    place(|reader| reader.image().map(|image| image.digit().as_raw().as_slice()))
}

/// The network's input: 32x32 bytes.
#[unsafe(no_mangle)]
extern "C" fn input() -> *const u8 {
    place(|reader| reader.image().map(|image| image.input().as_raw().as_slice()))
}

/// The output of a layer, 0 to 6, map by map; that of the last are the logits.
#[unsafe(no_mangle)]
extern "C" fn output(layer: usize) -> *const f32 {
    place(|reader| reader.stages().get(layer).map(|stage| stage.values.as_slice()))
}

/// Ten probabilities.
#[unsafe(no_mangle)]
extern "C" fn probabilities() -> *const f32 {
    place(|reader| Some(reader.probabilities()))
}

/// The same with all maps on.
#[unsafe(no_mangle)]
extern "C" fn whole_probabilities() -> *const f32 {
    place(|reader| Some(reader.whole_probabilities()))
}

/// How likely what was read is no digit; NaN where the weights do not tell.
#[unsafe(no_mangle)]
extern "C" fn no_digit() -> f32 {
    READER.with_borrow(|reader| reader.as_ref().map_or(f32::NAN, Reader::no_digit))
}

/// By how much the lead of the digit changes with ink at a pixel: 32x32.
#[unsafe(no_mangle)]
extern "C" fn ink() -> *const f32 {
    place(|reader| Some(&reader.why().ink))
}

/// What each of F6's units adds to that lead.
#[unsafe(no_mangle)]
extern "C" fn units() -> *const f32 {
    place(|reader| Some(&reader.why().units))
}

/// What the biases of the two classes add to it.
#[unsafe(no_mangle)]
extern "C" fn bias() -> f32 {
    READER.with_borrow(|reader| reader.as_ref().map_or(0.0, |reader| reader.why().bias))
}

/// The filters of C1: six of 5x5 weights.
#[unsafe(no_mangle)]
extern "C" fn filters() -> *const f32 {
    place(|reader| Some(reader.filters()))
}
