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
    let text = |key| weights.metadata.get(key).map(String::as_str);
    let calibration = match (text("temperature"), text("no_digit")) {
        (None, None) => String::new(),
        (temperature, no_digit) => {
            [temperature.unwrap_or("1"), no_digit.unwrap_or_default()].join(" ")
        }
    };
    for number in calibration.split_ascii_whitespace() {
        let got = || exchange::invalid("temperature and no_digit", "numbers", number);
        values.push(number.parse().map_err(|_| got())?);
    }
    Ok(values)
}
