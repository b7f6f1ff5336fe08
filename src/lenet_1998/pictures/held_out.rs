/// The images that a network is judged by as it is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldOut {
    /// Those that nothing is chosen by.
    Test,
    /// Training images that were kept out, to choose by.
    Validation,
}

impl HeldOut {
    /// As a line of a picture is named: as [`Report`](crate::Report)'s are.
    pub(crate) fn name(self) -> &'static str {
        match self {
            HeldOut::Test => "test",
            HeldOut::Validation => "val",
        }
    }
}
