use crate::Error;
use tch::TchError;

impl From<TchError> for Error {
    fn from(error: TchError) -> Error {
        // libtorch's messages end in a C++ backtrace; tch's begin with "Internal torch error".
        let said = match &error {
            TchError::Torch(said) => said.clone(),
            other => other.to_string(),
        };
        let message = said.lines().next().unwrap_or_default().trim_end_matches('.').to_owned();
        Error::Torch { message, source: Box::new(error) }
    }
}
