use std::fmt;

use crate::Error;

/// Why bytes cannot be read: the `reason` of an [`Error::Malformed`] whose path and form are known only further up.
#[derive(Debug)]
pub(in crate::weights) struct Fault(pub(in crate::weights) String);

/// What a reader of untrusted bytes returns.
pub(in crate::weights) type Parsed<T> = std::result::Result<T, Fault>;

impl Fault {
    /// The same fault, with the place where it was found put before it.
    pub(super) fn at(self, place: impl fmt::Display) -> Fault {
        Fault(format!("{place}: {}", self.0))
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Fault {
        Fault(reason.to_owned())
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Fault {
        Fault(reason)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault(error.to_string())
    }
}

impl From<rawzip::Error> for Fault {
    fn from(error: rawzip::Error) -> Fault {
        Fault(format!("zip: {error}"))
    }
}

impl From<safetensors::SafeTensorError> for Fault {
    fn from(error: safetensors::SafeTensorError) -> Fault {
        Fault(error.to_string())
    }
}
