//! The module that finds digits in pictures, and reads several at a time.

mod exchange;
mod parameters;

use exchange::{invalid, taken, told};
use lenet::{
    Classifier, Prepared, Result,
    image::{DynamicImage, RgbaImage},
};
use std::cell::RefCell;

thread_local! {
    static CLASSIFIER: RefCell<Option<Classifier>> = RefCell::default();
    static DIGIT: RefCell<Vec<u8>> = RefCell::default();
    static READINGS: RefCell<Vec<f32>> = RefCell::default();
}

/// Starts, with the parameters in the room: f32, in the order of the `state_dict`.
#[unsafe(no_mangle)]
extern "C" fn start() -> bool {
    let classifier = parameters::classifier(&parameters::taken());
    told(classifier.map(|classifier| CLASSIFIER.set(Some(classifier))))
}

/// Finds the one digit of the picture in the room: RGBA, by rows.
#[unsafe(no_mangle)]
extern "C" fn prepare(width: u32, height: u32) -> bool {
    let prepared = picture(width, height).and_then(|picture| Prepared::new(&picture));
    told(prepared.map(|prepared| DIGIT.set(prepared.digit().as_raw().clone())))
}

/// What [`prepare`] has found: 28x28 bytes.
#[unsafe(no_mangle)]
extern "C" fn digit() -> *const u8 {
    DIGIT.with_borrow(|digit| digit.as_ptr())
}

/// Reads all digits of the picture in the room, line by line.
#[unsafe(no_mangle)]
extern "C" fn read(width: u32, height: u32) -> bool {
    told(picture(width, height).and_then(|picture| read_all(&picture)))
}

/// Of each digit that [`read`] has found: what it is, its probability, and left, top, width and height in pixels.
#[unsafe(no_mangle)]
extern "C" fn readings() -> *const f32 {
    READINGS.with_borrow(|readings| readings.as_ptr())
}

/// How many numbers [`readings`] has.
#[unsafe(no_mangle)]
extern "C" fn readings_length() -> usize {
    READINGS.with_borrow(Vec::len)
}

fn picture(width: u32, height: u32) -> Result<DynamicImage> {
    let pixels = taken();
    let bytes = pixels.len();
    let image = RgbaImage::from_raw(width, height, pixels).ok_or_else(|| {
        invalid("picture", format!("RGBA of {width}x{height}"), format!("{bytes} bytes"))
    })?;
    Ok(image.into())
}

fn read_all(picture: &DynamicImage) -> Result<()> {
    CLASSIFIER.with_borrow(|classifier| {
        let Some(classifier) = classifier else {
            return Err(invalid("network", "one that was started", "none"));
        };
        let numbers = classifier.read(picture)?.into_iter().flat_map(|reading| {
            let digit = reading.prediction.digit;
            let probability = reading.prediction.probabilities[usize::from(digit)];
            let [left, top, width, height] = reading.bounds.map(|length| length as f32);
            [f32::from(digit), probability, left, top, width, height]
        });
        READINGS.set(numbers.collect());
        Ok(())
    })
}
