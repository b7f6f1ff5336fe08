use super::Dataset;

/// A set to train on and one to test with. [`NamedSet`](super::NamedSet) reads those that have names;
/// [`from_folder`](Sets::from_folder) reads folders of pictures.
#[derive(Debug, Clone)]
pub struct Sets {
    /// The images to train on.
    pub train: Dataset,
    /// The images to test with.
    pub test: Dataset,
}
