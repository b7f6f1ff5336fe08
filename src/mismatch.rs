use std::{fmt, path::PathBuf};

/// How a file's tensors differ from the model's: what [`Error::StateDict`](crate::Error::StateDict) carries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StateDictMismatch {
    /// The file.
    pub path: PathBuf,
    /// Names that the model has and the file lacks.
    pub missing: Vec<String>,
    /// Names that the file has and the model lacks.
    pub unexpected: Vec<String>,
    /// Name, expected and got of each tensor whose shape or dtype does not fit.
    pub unfit: Vec<(String, String, String)>,
    /// How many names both have, whether or not their shapes fit.
    pub shared: usize,
}

impl fmt::Display for StateDictMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        if let (0, [missing, ..], [unexpected, ..]) =
            (self.shared, &*self.missing, &*self.unexpected)
        {
            return write!(
                f,
                "{path} has another network's weights: {} tensors such as {unexpected}, where the model, which is \
                 unchanged, has {} such as {missing}",
                self.unexpected.len(),
                self.missing.len()
            );
        }
        write!(f, "{path} does not fit the model, which is unchanged")?;
        self.differences().iter().try_for_each(|difference| write!(f, "; {difference}"))
    }
}

impl StateDictMismatch {
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.unfit.is_empty()
    }

    /// The lists, as messages have them.
    pub(crate) fn differences(&self) -> Vec<String> {
        let lists = [("missing", &self.missing), ("unexpected", &self.unexpected)];
        let lists = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let lists = lists.map(|(title, names)| format!("{title}: {}", names.join(", ")));
        let unfit = self.unfit.iter();
        let unfit =
            unfit.map(|(name, expected, got)| format!("{name}: expected {expected}, got {got}"));
        lists.chain(unfit).collect()
    }
}
