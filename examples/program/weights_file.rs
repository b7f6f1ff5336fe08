//! The file that weights go to after a run.

use anyhow::{Result, bail};
use lenet::weights::Form;
use std::path::Path;

/// Refuses, before any training, a file that can't be written after it; `option` is what named it.
pub fn check(option: &str, path: &Path) -> Result<()> {
    Form::of_path(path)?;
    if path.is_dir() {
        bail!("{option} {}: that is a folder", path.display());
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        bail!("{option} {}: there is no folder {}", path.display(), folder.display());
    }
    Ok(())
}
