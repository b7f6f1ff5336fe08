/// How far the download of a file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DownloadProgress {
    /// The file's name, without `.gz`.
    pub file: &'static str,
    /// Bytes that are there, those of an earlier call included. Falls back to little where a mirror has to start over.
    pub received: u64,
    /// Bytes of the whole, where the mirror tells.
    pub total: Option<u64>,
    /// Whether another process or thread downloads into the folder, and this call waits for it: the figures are the other's.
    pub waiting: bool,
}
