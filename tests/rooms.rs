//! The layout's rules, over the source itself: libtorch is one room, `unsafe` is in one and two files, and the crate's root stays
//! a map that is read at a glance.

use std::{fs, path::Path};

/// The files of `src/` by their paths within it.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], vec![]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
    files.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect()
}

/// Without comments and documentation.
fn code(source: &str) -> impl Iterator<Item = &str> {
    source.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Whether code has this word. Strings do not count.
fn names(source: &str, word: &str) -> bool {
    let code = code(source).flat_map(|line| line.split('"').step_by(2));
    let mut words = code.flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_'));
    words.any(|other| other == word)
}

/// The files that have this word outside of where it belongs.
fn outside<'a>(files: &'a [(String, String)], word: &str, rooms: &[&str]) -> Vec<&'a str> {
    let breaks = |(path, source): &&(String, String)| {
        !rooms.iter().any(|room| path.starts_with(room)) && names(source, word)
    };
    files.iter().filter(breaks).map(|(path, _)| path.as_str()).collect()
}

/// What `lib.rs` exports: its public modules, and each name of its `pub use`.
fn exports(lib: &str) -> usize {
    let code: String = code(lib).collect();
    let items = code.split(';').flat_map(|item| item.split_once("pub ").map(|(_, item)| item));
    let count = |item: &str| match item.split_once('{') {
        Some((_, names)) => names.split([',', '}']).filter(|name| !name.trim().is_empty()).count(),
        None => 1,
    };
    items.map(count).sum()
}

const TCH: &[&str] = &["torch/", "lib.rs"];
const UNSAFE: &[&str] = &["kernels/", "torch/slices.rs", "torch/context.rs"];

#[test]
fn libtorch_is_one_room() {
    assert_eq!(outside(&sources(), "tch", TCH), [""; 0]);
}

#[test]
fn what_is_unsafe_is_in_the_kernels_and_two_files() {
    assert_eq!(outside(&sources(), "unsafe", UNSAFE), [""; 0]);
}

#[test]
fn the_root_exports_few_names() {
    let (_, lib) = sources().into_iter().find(|(path, _)| path == "lib.rs").unwrap();
    let count = exports(&lib);
    assert!((10..=50).contains(&count), "{count} names");
}

#[test]
fn each_rule_can_be_broken() {
    let file = |path: &str, source: &str| (path.to_owned(), source.to_owned());
    let broken = [
        file("data/idx.rs", "use tch::Tensor; // unsafe"),
        file("torch/lenet.rs", "use tch::nn;\nlet watch = unsafe { *pointer };"),
        file("kernels/vector.rs", "/// Not of tch.\nunsafe { load(at) } // \"tch\""),
        file("error.rs", "Error::new(\"tch is unsafe\");"),
    ];
    assert_eq!(outside(&broken, "tch", TCH), ["data/idx.rs"]);
    assert_eq!(outside(&broken, "unsafe", UNSAFE), ["torch/lenet.rs"]);
    let lib = "mod a;\npub mod b; // pub mod c;\npub use b::{\n    C, D,\n};\npub use e;\n";
    assert_eq!(exports(lib), 4);
}

/// Where the network comes from is said where it is described.
#[test]
fn the_paper_is_named() {
    for page in ["README.md", "docs/paper.md", "src/tutorial.rs"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        assert!(text.contains("https://doi.org/10.1109/5.726791"), "{page}");
    }
}

/// On a phone rustdoc breaks a name that is longer than a line in mid-word. Tables scroll, examples too.
#[test]
fn names_in_the_documentation_fit_on_a_phone() {
    const MOST: usize = 28;
    // What no page of the documentation has.
    let private = ["generator.rs", "weights/forms/"];
    for (path, source) in sources() {
        let (mut in_example, mut long) = (false, vec![]);
        let documented = source.lines().take_while(|line| *line != "mod tests {");
        for line in documented.map(str::trim_start) {
            let Some(text) = line.strip_prefix("///").or(line.strip_prefix("//!")) else {
                in_example = false;
                continue;
            };
            in_example ^= text.trim_start().starts_with("```");
            if !in_example && !text.trim_start().starts_with('|') {
                let code = text.split('`').skip(1).step_by(2);
                let words = code.flat_map(|code| code.split([' ', '/', '-']));
                long.extend(words.filter(|word| word.len() > MOST).map(String::from));
            }
        }
        assert!(
            private.iter().any(|it| path.starts_with(it)) || long.is_empty(),
            "{path}: {long:?}"
        );
    }
}
