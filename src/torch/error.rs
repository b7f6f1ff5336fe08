use crate::Error;
use tch::TchError;

impl From<TchError> for Error {
    fn from(error: TchError) -> Error {
        // libtorch's messages end in a C++ backtrace.
        let message = error.to_string().lines().next().unwrap_or_default().to_owned();
        Error::Torch { message, source: Box::new(error) }
    }
}
