//! The example predict, as a user runs it.

#![cfg(feature = "report")] // as predict is

use lenet::{
    image::{self, GrayImage, Luma},
    lenet_1998::{LeNet1998TrainConfig, LeNet1998Trainer},
};
use program::run;
use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

#[allow(dead_code)] // what the training's tests are given
mod program;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// In the folder of the samples.
fn predict() -> Command {
    let mut command = program::example("predict");
    command.current_dir(Path::new(ROOT).join("examples/images"));
    command
}

#[test]
fn prints_a_line_for_each_image() {
    let (output, out, err) = run(predict().args(["3-marker.png", "7-photo.jpg"]));
    assert!(output.status.success() && err.is_empty(), "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert_eq!(lines.len(), 2, "{out}");
    assert!(lines[0].starts_with("3-marker.png: 3 (3 "), "{out}");
    assert!(lines[1].starts_with("7-photo.jpg: 7 (7 ") && lines[1].ends_with(" %)"), "{out}");
    assert_eq!(lines[0].matches('%').count(), 3, "{out}");
    let (_, out, _) = run(predict().args(["--top", "1", "3-marker.png"]));
    assert_eq!(out.matches('%').count(), 1, "{out}");
}

#[test]
fn prints_json() {
    let (output, out, _) = run(predict().args(["--json", "3-marker.png", "none.png"]));
    assert_eq!(output.status.code(), Some(1));
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&objects[0]["image"], &objects[0]["digit"]), (&"3-marker.png".into(), &3.into()));
    let probabilities = objects[0]["probabilities"].as_array().unwrap();
    let sum: f64 = probabilities.iter().map(|p| p.as_f64().unwrap()).sum();
    assert!(probabilities.len() == 10 && (sum - 1.0).abs() < 1e-5, "{out}");
    assert_eq!(objects[1]["image"], "none.png");
    assert!(objects[1]["error"].as_str().unwrap().contains("No such file"), "{out}");
}

#[test]
fn says_what_is_no_digit() {
    let (output, out, err) = run(predict().args(["others/K.png", "3-marker.png"]));
    assert!(output.status.success() && err.is_empty(), "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert!(
        lines[0].starts_with("others/K.png: no digit (") && lines[0].contains(" %; else "),
        "{out}"
    );
    let (_, out, _) = run(predict().args(["--json", "others/K.png", "3-marker.png"]));
    let objects: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let no_digit = |i: usize| objects[i]["no_digit"].as_f64().unwrap();
    assert!(no_digit(0) >= 0.5 && no_digit(1) < 0.5, "{out}");
    let weights = "../../weights/mnist.safetensors";
    let (_, out, _) = run(predict().args(["--json", "--weights", weights, "others/K.png"]));
    assert!(
        serde_json::from_str::<serde_json::Value>(&out).unwrap()["no_digit"].is_null(),
        "{out}"
    );
}

#[test]
fn reads_folders_and_standard_input() {
    let (output, out, err) = run(predict().arg("."));
    assert!(output.status.success(), "{err}");
    assert_eq!(out.lines().count(), 80);
    assert!(out.starts_with("./0-breip.png: 0 "), "{out}");

    let file = File::open(Path::new(ROOT).join("examples/images/5-chalk.jpg")).unwrap();
    let (output, out, err) = run(predict().arg("-").stdin(file));
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with("-: 5 "), "{out}");
}

#[test]
fn says_what_is_wrong_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    GrayImage::from_pixel(40, 30, Luma([255])).save(file("blank.png")).unwrap();
    fs::write(file("text.png"), "not a picture").unwrap();
    let marker = fs::read(Path::new(ROOT).join("examples/images/3-marker.png")).unwrap();
    fs::write(file("cut.png"), &marker[..200]).unwrap();
    // Headers that promise more than there is.
    fs::write(file("huge.pgm"), "P5 4000000000 4000000000 255\n").unwrap();
    fs::write(file("large.pgm"), "P5 30000 30000 255\n").unwrap();
    fs::write(file("deep.ppm"), "P6 16000 16000 65535\n").unwrap();
    fs::create_dir(file("folder")).unwrap();
    let bad = [
        "blank.png",
        "text.png",
        "cut.png",
        "huge.pgm",
        "large.pgm",
        "deep.ppm",
        "folder",
        "none.png",
    ]
    .map(file);
    let (output, out, err) = run(predict().args(&bad).arg("3-marker.png"));
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(out.starts_with("3-marker.png: 3 ") && out.lines().count() == 1, "{out}");
    assert_eq!(err.lines().count(), bad.len(), "{err}");
    assert!(err.contains("nothing to read in the image (40x30)"), "{err}");
    assert!(err.contains("text.png: image: expected a PNG, JPEG, BMP or PNM"), "{err}");
    assert!(
        err.contains("deep.ppm: ")
            && err.contains("16000x16000 pixels take 1464 MiB, more than 512"),
        "{err}"
    );
    assert!(err.contains("folder: no images"), "{err}");
    assert!(!err.contains("panicked"), "{err}");

    let empty = tempfile::tempdir().unwrap();
    let (output, _, err) = run(predict().arg(empty.path()));
    assert!(output.status.code() == Some(1) && err.contains("no images"), "{err}");
    let (output, _, err) = run(predict().args(["--weights", "none.pt", "3-marker.png"]));
    assert!(output.status.code() == Some(1) && err.contains("none.pt"), "{err}");
}

/// Nobody takes half of a name for a line of its own, or has the terminal obey it.
#[cfg(unix)]
#[test]
fn a_name_stays_on_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let marker = Path::new(ROOT).join("examples/images/3-marker.png");
    fs::copy(marker, folder.path().join("a\n9: 9 (9\x1b[2J.png")).unwrap();
    fs::write(folder.path().join("b\n.png"), "not a picture").unwrap();
    let (_, out, err) = run(predict().arg(folder.path()));
    assert!(out.contains("/a\\n9: 9 (9\\u{1b}[2J.png: 3 (3 ") && out.lines().count() == 1, "{out}");
    assert!(err.contains("/b\\n.png: image: expected a PNG") && err.lines().count() == 1, "{err}");
}

#[test]
fn a_jpeg_that_was_cut_off_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let photo = fs::read(Path::new(ROOT).join("examples/images/7-photo.jpg")).unwrap();
    let path = folder.path().join("7.jpg");
    fs::write(&path, &photo[..photo.len() / 5]).unwrap();
    let (output, out, err) = run(predict().arg(&path));
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.is_empty() && err.contains("before its picture does"), "{out}{err}");
}

/// What is not read is told with what is.
#[test]
fn other_forms_of_pictures_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, form) in [
        ("a.webp", &b"RIFF\x24\0\0\0WEBPVP8 "[..], "WebP"),
        ("b.gif", b"GIF89a\x01\0\x01\0", "Gif"),
        ("c.tiff", b"II*\0\x08\0\0\0", "Tiff"),
        (
            "d.HEIC",
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
            "a HEIC photograph, which is not read: save it as JPEG or PNG",
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let (output, _, err) = run(predict().arg(&path));
        assert_eq!(output.status.code(), Some(1), "{name}");
        let message =
            format!("{name}: image: expected a PNG, JPEG, BMP or PNM that can be read, got ");
        assert!(err.contains(&message) && err.contains(form), "{err}");
        let path = lenet::Classifier::pretrained().unwrap().classify_file(&path).unwrap_err();
        assert!(path.to_string().contains(form), "{path}");
    }
    // In a folder none is passed over.
    let (output, _, err) = run(predict().arg(folder.path()));
    assert_eq!((output.status.code(), err.lines().count()), (Some(1), 4), "{err}");
}

#[test]
fn tells_wrong_usage_from_failure() {
    for usage in [&["--top", "0", "3-marker.png"][..], &["--top", "11", "3-marker.png"], &[]] {
        assert_eq!(run(predict().args(usage)).0.status.code(), Some(2), "{usage:?}");
    }
    let (output, _, err) = run(predict().args(["--explain", "x.png", "."]));
    assert!(output.status.code() == Some(2) && err.contains("one image"), "{err}");
    let (output, _, err) = run(predict().args(["--explain", "x.jpg", "3-marker.png"]));
    assert!(
        output.status.code() == Some(2) && err.contains("x.jpg: the picture is a PNG"),
        "{err}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("3.png");
    fs::copy(Path::new(ROOT).join("examples/images/3-marker.png"), &path).unwrap();
    let before = fs::read(&path).unwrap();
    let (output, _, err) = run(predict().arg(&path).arg("--explain").arg(&path));
    assert!(output.status.code() == Some(2) && err.contains("is the image itself"), "{err}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let (output, help, _) = run(predict().arg("--help"));
    assert!(output.status.success() && help.contains("Exit codes: 0"), "{help}");
}

#[test]
fn turns_photos_upright() {
    // EXIF's orientation 6: to be turned by a quarter.
    let upright =
        image::open(Path::new(ROOT).join("examples/images/2-marker.png")).unwrap().to_luma8();
    let lying = image::imageops::rotate270(&upright);
    let mut jpeg = vec![];
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&lying).unwrap();
    let exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    jpeg.splice(2..2, exif.iter().copied());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lying.jpg");
    fs::write(&path, jpeg).unwrap();
    let (output, out, err) = run(predict().arg(&path));
    assert!(output.status.success(), "{err}");
    assert!(out.contains(": 2 (2 "), "{out}");
}

/// `predict . | head -1`.
#[test]
fn ends_quietly_when_nobody_reads() {
    let mut command = predict();
    command.arg(".").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert!(child.wait().unwrap().success() && err.is_empty(), "{err}");
}

#[test]
fn another_networks_weights_are_told_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1998.safetensors");
    LeNet1998Trainer::new(LeNet1998TrainConfig::default()).unwrap().save(&path).unwrap();
    let (output, out, err) = run(predict().arg("3-marker.png").arg("--weights").arg(&path));
    assert!(output.status.code() == Some(1) && out.is_empty(), "{out}");
    let err = err.replace(path.to_str().unwrap(), "1998.safetensors");
    assert!(err.starts_with("error: 1998.safetensors has another network's weights: "), "{err}");
    assert!(err.ends_with(", has 14 such as con_sam.0.bias\n") && err.len() < 200, "{err}");
}

#[test]
fn explains_with_weights_of_one_s_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("why.png");
    let weights = Path::new(ROOT).join("weights/mnist.safetensors");
    let mut command = predict();
    command.args(["3-marker.png", "--weights"]).arg(weights).arg("--explain").arg(&path);
    let (output, _, err) = run(&mut command);
    assert!(output.status.success(), "{err}");
    let picture = image::open(path).unwrap().to_rgb8();
    assert!(picture.width() > 2_000 && picture.height() > 500);
    // The input's black, the scale's ends, the probabilities' blue.
    for colour in [[0, 0, 0], [0, 68, 136], [165, 60, 0], [0, 114, 178]] {
        assert!(picture.pixels().any(|pixel| pixel.0 == colour), "{colour:?}");
    }
}
