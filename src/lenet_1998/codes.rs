/// The width of a digit's bitmap, in pixels.
pub const CODE_WIDTH: usize = 7;
/// The height of a digit's bitmap, in pixels.
pub const CODE_HEIGHT: usize = 12;

/// The digits as this crate draws them, 0 to 9 from left to right: the paper shows its own (figure 3), and does not print
/// them. Those that look alike have codes that are alike, which is what the paper wants of them.
const DIGITS: [&str; CODE_HEIGHT] = [
    "..###.. ...##.. .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.",
    ".##.##. ..###.. ##...## ##...## ...###. ##..... .##.... .....## ##...## ##...##",
    "##...## .####.. .....## .....## ...###. ##..... ##..... .....## ##...## ##...##",
    "##...## ...##.. .....## .....## ..####. ##..... ##..... ....##. ##...## ##...##",
    "##...## ...##.. .....## .....## .##.##. ######. ##..... ....##. .##.##. ##...##",
    "##...## ...##.. ....##. ..####. .##.##. ##...## ######. ...##.. ..###.. ##...##",
    "##...## ...##.. ...##.. .....## ##..##. .....## ##...## ...##.. .##.##. .######",
    "##...## ...##.. ..##... .....## ####### .....## ##...## ..##... ##...## .....##",
    "##...## ...##.. .##.... .....## ....##. .....## ##...## ..##... ##...## .....##",
    "##...## ...##.. ##..... .....## ....##. .....## ##...## ..##... ##...## .....##",
    ".##.##. ...##.. ##..... ##...## ....##. ##...## ##...## .##.... ##...## ....##.",
    "..###.. .###### ####### .#####. ....##. .#####. .#####. .##.... .#####. .####..",
];

/// What the ten radial basis units compare the 84 outputs of F6 with: for each digit its bitmap, row by row, 1 where there is
/// ink and -1 where there is none. Fixed: never trained.
///
/// ```
/// let codes = lenet::lenet_1998::codes();
/// assert_eq!(codes[1][..7], [-1.0, -1.0, -1.0, 1.0, 1.0, -1.0, -1.0]); // the tip of the 1
/// ```
///
/// Source: the paper's section II.B, output layer.
pub fn codes() -> [[f32; CODE_WIDTH * CODE_HEIGHT]; 10] {
    let mut codes = [[-1.0; CODE_WIDTH * CODE_HEIGHT]; 10];
    for (y, line) in DIGITS.iter().enumerate() {
        for (code, row) in codes.iter_mut().zip(line.split(' ')) {
            for (x, _) in row.match_indices('#') {
                code[y * CODE_WIDTH + x] = 1.0;
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::{CODE_WIDTH, DIGITS, codes};
    use sha2::{Digest, Sha256};

    #[test]
    fn every_line_has_a_row_of_each_digit() {
        for line in DIGITS {
            let rows: Vec<_> = line.split(' ').collect();
            assert_eq!(rows.len(), 10);
            assert!(rows.iter().all(|row| row.len() == CODE_WIDTH), "{line}");
            assert!(line.bytes().all(|byte| b"#. ".contains(&byte)), "{line}");
        }
    }

    /// A network that was trained with them is worth nothing with others, and its file does not have them.
    #[test]
    fn they_are_what_they_were() {
        let rows: Vec<_> = codes()
            .concat()
            .chunks(CODE_WIDTH)
            .map(|row| row.iter().fold(0, |bits, &pixel| 2 * bits + u8::from(pixel == 1.0)))
            .collect();
        let digest: String =
            Sha256::digest(rows)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, "886440f8132c3bdd");
    }

    /// The penalty of a digit's own code for another digit is twice the number of pixels in which they differ.
    #[test]
    fn no_two_digits_are_much_alike() {
        let codes = codes();
        let mut least = usize::MAX;
        for (i, one) in codes.iter().enumerate() {
            for other in &codes[..i] {
                least = least.min(one.iter().zip(other).filter(|(a, b)| a != b).count());
            }
        }
        assert_eq!(least, 19);
    }
}
