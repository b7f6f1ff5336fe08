use crate::{canvas::Canvas, pictures::Random};
use ab_glyph::{
    Font, FontVec,
    OutlineCurve::{Cubic, Line, Quad},
    Point,
};
use ab_glyph_rasterizer::Rasterizer;
use anyhow::{Context, Result};
use lenet::image::DynamicImage;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where Debian's packages of fonts put them.
const ROOT: &str = "/usr/share/fonts";

/// Folders of families that the weights are trained on. All are under free licences: SIL OFL, GPL with the exception for fonts,
/// LPPL, Bitstream Vera's or public domain.
pub const TRAINING: &[&str] = &[
    "opentype/bebas-neue",
    "opentype/cabin",
    "opentype/cantarell",
    "opentype/comic-neue",
    "opentype/courier-prime",
    "opentype/didot",
    "opentype/dosis",
    "opentype/fonts-prociono",
    "opentype/inter",
    "opentype/joscelyn",
    "opentype/junction",
    "opentype/junicode",
    "opentype/jura",
    "opentype/kaushanscript",
    "opentype/le-murmure",
    "opentype/lobster",
    "opentype/neohellenic",
    "opentype/opendyslexic",
    "opentype/play",
    "opentype/quattrocento",
    "opentype/radisnoir",
    "opentype/sortsmill",
    "opentype/stix-word",
    "opentype/yanone-kaffeesatz",
    "truetype/adf",
    "truetype/agave",
    "truetype/andika",
    "truetype/anonymous-pro",
    "truetype/averia-gwf",
    "truetype/blankenburg",
    "truetype/cardo",
    "truetype/charis",
    "truetype/comfortaa",
    "truetype/crosextra",
    "truetype/dustin",
    "truetype/ecolier-court",
    "truetype/essays1743",
    "truetype/fanwood",
    "truetype/femkeklaver",
    "truetype/firacode",
    "truetype/fonts-georgewilliams",
    "truetype/fonts-oldstandard",
    "truetype/freefont",
    "truetype/hack",
    "truetype/humor-sans",
    "truetype/isabella",
    "truetype/jetbrains-mono",
    "truetype/karla",
    "truetype/klaudia-berenika",
    "truetype/kristi",
    "truetype/lato",
    "truetype/leckerli-one",
    "truetype/monofur",
    "truetype/okolaks",
    "truetype/open-sans",
    "truetype/quicksand",
    "truetype/tomsontalks",
    "truetype/tuffy",
    "truetype/vollkorn",
];

/// Folders of families that are kept out, to compare with.
pub const KEPT_OUT: &[&str] = &[
    "opentype/b612",
    "opentype/ebgaramond",
    "opentype/league-spartan",
    "opentype/linux-libertine",
    "opentype/ocr-b",
    "opentype/sora",
    "truetype/beteckna",
    "truetype/breip",
    "truetype/dejavu",
    "truetype/fonts-century-catalogue",
    "truetype/gentiumplus",
    "truetype/hermit",
    "truetype/inconsolata",
    "truetype/liberation2",
    "truetype/lindenhill",
    "truetype/mononoki",
    "truetype/oxygen",
    "truetype/roboto/unhinted",
    "truetype/rufscript",
];

/// Of a family that comes in many weights and widths.
const MOST_FACES: usize = 6;

/// The faces of some folders, in the order of their names.
pub fn faces(folders: &[&str]) -> Result<Vec<Face>> {
    let mut faces = vec![];
    for folder in folders {
        let folder = Path::new(ROOT).join(folder);
        let listed = || -> Result<Vec<PathBuf>> {
            fs::read_dir(&folder)?.map(|entry| Ok(entry?.path())).collect()
        };
        let missing = || format!("{}: install the fonts as scripts/reader does", folder.display());
        let mut paths = listed().with_context(missing)?;
        paths.sort();
        let read = paths.iter().filter_map(|path| Face::read(path));
        let mut read: Vec<_> = read.collect();
        if read.is_empty() {
            eprintln!("{}: no face", folder.display());
            continue;
        }
        let step = read.len().div_ceil(MOST_FACES);
        read = read.into_iter().step_by(step).collect();
        faces.append(&mut read);
    }
    Ok(faces)
}

/// One face of a family, that has digits and letters.
pub struct Face {
    font: FontVec,
}

impl Face {
    fn read(path: &Path) -> Option<Face> {
        let name = path.file_stem()?.to_str()?;
        let extension = path.extension()?.to_str()?;
        if !["ttf", "otf"].contains(&extension)
            || ["Math", "Symbol", "Ornament", "Initials"].iter().any(|not| name.contains(not))
        {
            return None;
        }
        let font = FontVec::try_from_vec(fs::read(path).ok()?).ok()?;
        let drawn = |c| {
            Some(font.glyph_id(c)).filter(|id| id.0 > 0).and_then(|id| font.outline(id)).is_some()
        };
        let whole = ('0'..='9').chain('A'..='Z').all(drawn);
        whole.then(|| Face { font })
    }

    /// A character as a picture: of any size, a little turned and slanted.
    pub fn picture(&self, character: char, random: &mut Random) -> Option<DynamicImage> {
        let id = Some(self.font.glyph_id(character)).filter(|id| id.0 > 0)?;
        let outline = self.font.outline(id)?;
        let unit = outline.bounds.height().abs().max(outline.bounds.width().abs());
        let height = random.between(30.0, 66.0);
        let (angle, slant) = (random.between(-0.12, 0.12), random.between(-0.12, 0.12));
        let (sin, cos) = angle.sin_cos();
        let middle = (
            (outline.bounds.min.x + outline.bounds.max.x) / 2.0,
            (outline.bounds.min.y + outline.bounds.max.y) / 2.0,
        );
        let mut canvas = Canvas::new(160);
        let centre = canvas.side() as f32 / 2.0;
        let place = |point: Point| -> ab_glyph_rasterizer::Point {
            let (x, y) =
                ((point.x - middle.0) * height / unit, (middle.1 - point.y) * height / unit);
            let x = x - slant * y;
            ab_glyph_rasterizer::point(centre + cos * x + sin * y, centre + cos * y - sin * x)
        };
        let mut rasterizer = Rasterizer::new(canvas.side(), canvas.side());
        for curve in &outline.curves {
            match *curve {
                Line(a, b) => rasterizer.draw_line(place(a), place(b)),
                Quad(a, b, c) => rasterizer.draw_quad(place(a), place(b), place(c)),
                Cubic(a, b, c, d) => rasterizer.draw_cubic(place(a), place(b), place(c), place(d)),
            }
        }
        rasterizer.for_each_pixel_2d(|x, y, ink| canvas.darken(x.into(), y.into(), ink));
        Some(canvas.picture(random))
    }
}
