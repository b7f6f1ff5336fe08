use crate::Error;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How a picture becomes an image of 32x32. Weights that were trained on images of the one kind read pictures made into the same
/// kind: their metadata says which.
///
/// ```
/// use lenet::{data::Preparation, image::{DynamicImage, GrayImage, Luma}};
///
/// // The left half is white.
/// let picture = GrayImage::from_fn(64, 64, |x, _| Luma([if x < 32 { 255 } else { 0 }]));
/// let scaled = Preparation::Scaled.prepare(&DynamicImage::from(picture))?;
/// assert_eq!(scaled.input().dimensions(), (32, 32));
/// assert_eq!((scaled.input().get_pixel(3, 9), scaled.input().get_pixel(30, 9)), (&Luma([255]), &Luma([0])));
/// # Ok::<(), lenet::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preparation {
    /// What is written is found, dark on light or light on dark, cut out, scaled into 20x20 and centred, as MNIST's digits are:
    /// see [`Prepared`](crate::Prepared). For digits, letters and signs.
    #[default]
    Centred,
    /// The whole picture is made grey and scaled, whatever its shape; light stays light. For pictures whose grey levels count,
    /// as Fashion-MNIST's, and for pictures that are prepared already.
    Scaled,
}

impl Preparation {
    /// Its name in metadata and on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Preparation::Centred => "centred",
            Preparation::Scaled => "scaled",
        }
    }
}

impl FromStr for Preparation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Preparation, Error> {
        let all = [Preparation::Centred, Preparation::Scaled];
        let found = all.into_iter().find(|preparation| preparation.name() == name);
        found.ok_or_else(|| Error::invalid("preparation", "centred or scaled", name))
    }
}
