//! Stand-in for the library's.
use lenet::image::{DynamicImage, GrayImage, Luma, imageops};
pub struct Prepared {
    digit: GrayImage,
    input: GrayImage,
}
impl Prepared {
    pub fn new(image: &DynamicImage) -> anyhow::Result<Prepared> {
        let mut gray = image.to_luma8();
        imageops::invert(&mut gray);
        let ink: Vec<_> =
            gray.enumerate_pixels().filter(|p| p.2.0[0] > 64).map(|(x, y, _)| (x, y)).collect();
        anyhow::ensure!(!ink.is_empty(), "the image is blank");
        let l = ink.iter().map(|p| p.0).min().unwrap();
        let r = ink.iter().map(|p| p.0).max().unwrap() + 1;
        let t = ink.iter().map(|p| p.1).min().unwrap();
        let b = ink.iter().map(|p| p.1).max().unwrap() + 1;
        let crop = imageops::crop_imm(&gray, l, t, r - l, b - t).to_image();
        let long = (r - l).max(b - t);
        let s = |v: u32| (v * 20 / long).max(1);
        let small = imageops::resize(&crop, s(r - l), s(b - t), imageops::FilterType::Triangle);
        let (mut m, mut mx, mut my) = (0f32, 0f32, 0f32);
        for (x, y, p) in small.enumerate_pixels() {
            let v = p.0[0] as f32;
            m += v;
            mx += v * x as f32;
            my += v * y as f32;
        }
        let mut digit = GrayImage::from_pixel(28, 28, Luma([0]));
        imageops::replace(
            &mut digit,
            &small,
            (14. - mx / m).round() as i64,
            (14. - my / m).round() as i64,
        );
        let input = imageops::resize(&digit, 32, 32, imageops::FilterType::Triangle);
        Ok(Prepared { digit, input })
    }
    pub fn digit(&self) -> &GrayImage {
        &self.digit
    }
    pub fn input(&self) -> &GrayImage {
        &self.input
    }
}
