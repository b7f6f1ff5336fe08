//! A file that is there whole or not at all: written under another name in the same folder, synced, then renamed.

use crate::{Error, Result};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// Writes `bytes` to `path`. Whatever stops this half-way leaves `path` as it was. An error leaves no file lying beside it; a
/// kill may leave one `.lenet-*.tmp`.
///
/// A symbolic link to a file is followed, so that the file is replaced and not the link. A device, a pipe or a socket is not
/// replaced: root would be left without `/dev/null`.
///
/// # Errors
///
/// [`Error::Io`], with `path` and what could not be done.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    place(path)
        .and_then(|(target, folder)| replace(&target, &folder, bytes))
        .map_err(Error::io("write", path))
}

/// Whether [`write`] could write to `path`, as far as can be told without the bytes: a temporary file can be made beside it.
///
/// # Errors
///
/// [`Error::Io`], with `path` and what could not be done.
pub(crate) fn check(path: &Path) -> Result<()> {
    place(path)
        .and_then(|(_, folder)| temporary_file(&folder).map(drop))
        .map_err(Error::io("write", path))
}

/// The file that `path` leads to, and its folder.
fn place(path: &Path) -> io::Result<(PathBuf, PathBuf)> {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => {
            return Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder"));
        }
        Ok(there) if !there.is_file() => {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        _ => (),
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    // Of a bare file name the parent is "", which no call takes for the current folder.
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    if !folder.is_dir() {
        let reason = format!("there is no folder {}", folder.display());
        return Err(io::Error::new(ErrorKind::NotFound, reason));
    }
    Ok((target, folder))
}

/// Removes what killed writes left in a folder in which nothing else is being written.
///
/// # Errors
///
/// [`Error::Io`], with what could not be done.
pub(crate) fn remove_leftovers(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// What the temporary files are called.
const PREFIX: &str = ".lenet-";
const SUFFIX: &str = ".tmp";

fn replace(target: &Path, folder: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = temporary_file(folder)?;
    file.as_file_mut().write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    sync(folder) // only then is the rename itself on disk
}

fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // A temporary file is its owner's alone; what is saved is to be read by whom the umask lets.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));

    // Errors of this wrapper name the temporary file, which nobody asked for.
    builder.tempfile_in(folder).map_err(|error| io::Error::from(error.kind()))
}

/// Makes a folder, where it is missing, and sees to it that it is on disk.
///
/// # Errors
///
/// [`Error::Io`], with `folder` and what could not be done.
pub(crate) fn create_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)
        .and_then(|()| sync(&folder.join("..")))
        .map_err(Error::io("create", folder))
}

/// Has a folder's entries written to disk, where that can be done: not every file system can, and a folder that may be
/// written to may not be open to reading.
fn sync(folder: &Path) -> io::Result<()> {
    use ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if matches!(error.kind(), InvalidInput | PermissionDenied | Unsupported) => {
            Ok(())
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.bin");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failed_write_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        fs::create_dir_all(path.join("inside")).unwrap();
        assert!(matches!(write(&path, b"x"), Err(Error::Io { action: "write", .. })));
        assert!(path.join("inside").is_dir());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_does_not_name_the_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("none").join("file"), b"x").unwrap_err();
        let Error::Io { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), ErrorKind::NotFound);
        let expected = format!("there is no folder {}", folder.path().join("none").display());
        assert_eq!(source.to_string(), expected);
    }

    #[test]
    fn a_check_finds_what_would_fail_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        check(&folder.path().join("new")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        for bad in [folder.path().into(), folder.path().join("none/file"), "/proc/file".into()] {
            assert!(check(&bad).is_err(), "{}", bad.display());
        }
    }

    #[cfg(unix)]
    #[test]
    fn replaces_nothing_but_files() {
        use std::os::unix::{fs::FileTypeExt, net::UnixListener};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _socket = UnixListener::bind(&path).unwrap();
        assert!(matches!(write(&path, b"x"), Err(Error::Io { action: "write", .. })));
        assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    }

    #[cfg(unix)]
    #[test]
    fn follows_a_link_and_keeps_to_the_umask() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        File::create(folder.path().join("plain")).unwrap();
        write(&file, b"one").unwrap();
        symlink(&file, &link).unwrap();
        write(&link, b"two").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&file), mode(&folder.path().join("plain")));
    }
}
