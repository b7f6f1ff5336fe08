use tch::TchError;

/// What tch's operators do with an error, as [`nn::Module`](tch::nn::Module) has no place for one.
pub(super) fn panicking<T>(result: Result<T, TchError>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
