//! The module that reads files of weights, of all forms that lenet reads.

mod exchange;

use lenet::{Result, network::LAYERS, weights::StateDict};
use std::cell::RefCell;

thread_local! {
    static PARAMETERS: RefCell<Vec<f32>> = RefCell::default();
}

/// Reads the file that the page has written to the room.
#[unsafe(no_mangle)]
extern "C" fn read() -> bool {
    let read = parameters(&exchange::taken());
    exchange::told(read.map(|parameters| PARAMETERS.set(parameters)))
}

/// All parameters, in the order of the `state_dict`; after them, where the weights have them, the temperature and the numbers that tell
/// what is no digit.
#[unsafe(no_mangle)]
extern "C" fn values() -> *const f32 {
    PARAMETERS.with_borrow(|parameters| parameters.as_ptr())
}

/// How many [`values`] there are.
#[unsafe(no_mangle)]
extern "C" fn values_length() -> usize {
    PARAMETERS.with_borrow(Vec::len)
}

fn parameters(file: &[u8]) -> Result<Vec<f32>> {
    let weights = StateDict::from_bytes(file)?;
    weights.check_lenet()?;
    if let Some(tensor) = weights.non_finite().first() {
        let got = format!("{}: {} NaN, {} infinite", tensor.name, tensor.nan, tensor.infinite);
        return Err(exchange::invalid("weights", "finite numbers", got));
    }
    let tensors = LAYERS.iter().flat_map(|layer| layer.tensors());
    let arrays = tensors.filter_map(|(name, _)| weights.get(&name));
    let mut values: Vec<f32> = arrays.flat_map(|array| array.values()).copied().collect();
    let numbers = |key, text: &str| -> Result<Vec<f32>> {
        let numbers: std::result::Result<Vec<_>, _> =
            text.split_ascii_whitespace().map(str::parse).collect();
        let numbers = numbers.ok().filter(|numbers| !numbers.is_empty());
        numbers.ok_or_else(|| exchange::invalid(key, "numbers with spaces between them", text))
    };
    let (temperature, no_digit) =
        (weights.metadata.get("temperature"), weights.metadata.get("no_digit"));
    if temperature.is_some() || no_digit.is_some() {
        let text = temperature.map_or("1", String::as_str);
        match numbers("temperature", text)?[..] {
            [temperature] => values.push(temperature),
            _ => return Err(exchange::invalid("temperature", "one number", text)),
        }
    }
    if let Some(text) = no_digit {
        values.extend(numbers("no_digit", text)?);
    }
    Ok(values)
}
