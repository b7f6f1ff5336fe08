use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, sync::Arc};

/// Classes of every set: the network's last layer has so many outputs.
pub(crate) const CLASSES: usize = 10;

/// The longest name, in bytes: that of a folder.
const LONGEST: usize = 255;

/// The names of the ten classes that labels stand for: the digits, where nothing else is said.
///
/// There are always ten, because ten outputs are part of the network, of its files of weights and of its kernels.
///
/// ```
/// use lenet::{Dataset, data::Classes};
///
/// let letters = Classes::new(["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])?;
/// let data = Dataset::from_pixels(vec![0; 2 * 32 * 32], vec![1, 0])?;
/// assert_eq!(data.classes().name(data.label_bytes()[0]), "1");
/// let data = data.with_classes(letters);
/// assert_eq!(data.classes().name(data.label_bytes()[0]), "b");
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Classes(Arc<[String; CLASSES]>);

impl Classes {
    /// Ten names, in the order of the labels.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] where there are not ten, or two are the same, or one is empty, longer than 255 bytes, or has a line
    /// break or another control character.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Result<Classes> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let expected = format!("{CLASSES} names, as the network has {CLASSES} outputs");
        let wrong = |got| Err(Error::invalid("classes", expected, got));
        let bad = |name: &&String| {
            name.is_empty() || name.len() > LONGEST || name.chars().any(char::is_control)
        };
        if let Some(name) = names.iter().find(bad) {
            return wrong(format!("the name {:?}", name.chars().take(40).collect::<String>()));
        }
        if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
            return wrong(format!("a name twice: {}", names.join(", ")));
        }
        match names.try_into() {
            Ok(names) => Ok(Classes(Arc::new(names))),
            Err(names) => wrong(format!("{}: {}", names.len(), listed(&names))),
        }
    }

    /// The name of a label's class; empty for a label above 9, which stands for none.
    pub fn name(&self, label: u8) -> &str {
        self.0.get(usize::from(label)).map_or("", String::as_str)
    }

    /// All names, in the order of the labels.
    pub fn names(&self) -> &[String; 10] {
        &self.0
    }

    /// Whether they are the digits, each of which is its own label.
    pub fn are_digits(&self) -> bool {
        *self == Classes::default()
    }
}

/// The first names of many.
fn listed(names: &[String]) -> String {
    match names.get(..CLASSES) {
        Some(first) if names.len() > CLASSES => format!("{}, …", first.join(", ")),
        _ => names.join(", "),
    }
}

impl Default for Classes {
    /// The digits.
    fn default() -> Classes {
        Classes(Arc::new(std::array::from_fn(|digit| digit.to_string())))
    }
}

impl TryFrom<Vec<String>> for Classes {
    type Error = Error;

    fn try_from(names: Vec<String>) -> Result<Classes> {
        Classes::new(names)
    }
}

impl From<Classes> for Vec<String> {
    fn from(classes: Classes) -> Vec<String> {
        classes.0.to_vec()
    }
}
