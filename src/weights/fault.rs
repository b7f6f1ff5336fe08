use std::fmt;

/// Why bytes cannot be read: the `reason` of an [`Error::Malformed`](crate::Error::Malformed) whose path and form are
/// known only further up.
#[derive(Debug)]
pub(super) struct Fault(pub(super) String);

/// What a reader of untrusted bytes returns.
pub(super) type Parsed<T> = std::result::Result<T, Fault>;

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

impl From<tch::TchError> for Fault {
    fn from(error: tch::TchError) -> Fault {
        // libtorch's messages carry a C++ backtrace after the first line.
        Fault(error.to_string().lines().next().unwrap_or_default().to_owned())
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
