//! A file, such as one on a share of another host: it holds the newest checkpoint, and never goes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use scalbotics_core::audit::checkpoint::NOTE_LEN_MAX;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept};
use scalbotics_core::time::Span;

use super::judge;

/// A file.
#[derive(Debug)]
pub struct File {
    name: String,
    path: PathBuf,
}

impl File {
    /// The file at this path; its directory must be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { name: format!("file {}", path.display()), path }
    }
}

#[async_trait]
impl CheckpointKeeper for File {
    fn name(&self) -> &str {
        &self.name
    }

    fn is_witness(&self) -> bool {
        false
    }

    fn apart(&self) -> Span {
        Span::from_ms(0)
    }

    async fn keep(&self, checkpoint: &AddCheckpoint) -> Result<Kept, KeepError> {
        let (path, note) = (self.path.clone(), checkpoint.note.clone());
        let kept = tokio::task::spawn_blocking(move || keep(&path, &note)).await;
        kept.unwrap_or_else(|panicked| Err(KeepError::Unreachable { source: Box::new(panicked) }))
    }
}

fn keep(path: &Path, note: &str) -> Result<Kept, KeepError> {
    let io = |source: std::io::Error| KeepError::Unreachable { source: source.into() };
    match read(path) {
        Ok(old) => judge(Some(&old), note)?,
        Err(error) if error.kind() == ErrorKind::NotFound => judge(None, note)?,
        Err(error) => return Err(io(error)),
    }
    replace(path, note.as_bytes()).map(|()| Kept::Stored).map_err(io)
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(NOTE_LEN_MAX as u64).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes beside the file, onto the disk, and renames.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use scalbotics_core::audit::checkpoint::Checkpoint;
    use scalbotics_core::digest::Digest;

    use super::*;

    fn note(origin: &str, size: u64, root: &[u8]) -> String {
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root: Digest::of_bytes(root) };
        format!("{}\n\u{2014} {origin} AAAAAAAAAAAA\n", checkpoint.text())
    }

    #[test]
    fn a_file_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let give = |note: &str| keep(&path, note).map_err(|error| error.to_string());
        assert_eq!(give(&note("o", 5, b"five")), Ok(Kept::Stored));
        assert_eq!(give(&note("o", 5, b"five")), Ok(Kept::Stored), "twice");
        assert_eq!(give(&note("o", 9, b"nine")), Ok(Kept::Stored));
        for (bad, why) in [
            (note("o", 8, b"eight"), "it knows the log at size 8"),
            (note("o", 9, b"other"), "it knows another history of the log"),
            (note("other", 10, b"ten"), "the place holds a checkpoint of another log"),
            ("nonsense".to_owned(), "checkpoint is not a signed note"),
        ] {
            assert_eq!(give(&bad), Err(why.replace("size 8", "size 9")), "{bad}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), note("o", 9, b"nine"));
        }
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(give(&note("o", 10, b"ten")), Err("the place holds something else than a checkpoint".to_owned()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine", "what somebody else wrote stays");
        let absent = dir.path().join("absent").join("checkpoint");
        assert!(matches!(keep(&absent, &note("o", 1, b"one")), Err(KeepError::Unreachable { .. })));
    }
}
