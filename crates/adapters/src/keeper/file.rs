//! A file, such as one on a share of another host: it holds the newest checkpoint, and never goes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use scalbotics_core::audit::checkpoint::NOTE_LEN_MAX;
use scalbotics_core::audit::proof_text::AddCheckpoint;
use scalbotics_core::ports::{CheckpointKeeper, KeepError, Kept};
use scalbotics_core::time::Span;
use tokio::sync::Mutex;

use super::judge;

/// A file.
#[derive(Debug)]
pub struct File {
    name: String,
    path: PathBuf,
    /// Held by the thread that writes: a share that hangs has one of them, however often it is tried again.
    turn: Arc<Mutex<()>>,
}

impl File {
    /// The file at this path; its directory must be there.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { name: format!("file {}", path.display()), path, turn: Arc::default() }
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
        let under_way = |_| KeepError::Unreachable { source: "the one before is being written still".into() };
        let turn = Arc::clone(&self.turn).try_lock_owned().map_err(under_way)?;
        let (path, given) = (self.path.clone(), checkpoint.clone());
        let write = move || {
            let _turn = turn;
            keep(&path, &given)
        };
        let kept = tokio::task::spawn_blocking(write).await;
        kept.unwrap_or_else(|panicked| Err(KeepError::Unreachable { source: Box::new(panicked) }))
    }
}

fn keep(path: &Path, given: &AddCheckpoint) -> Result<Kept, KeepError> {
    let io = |source: std::io::Error| KeepError::Unreachable { source: source.into() };
    match read(path) {
        Ok(old) => judge(Some(&old), given)?,
        Err(error) if error.kind() == ErrorKind::NotFound => judge(None, given)?,
        Err(error) => return Err(io(error)),
    }
    replace(path, given.note.as_bytes()).map(|()| Kept::Stored).map_err(io)
}

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(NOTE_LEN_MAX as u64).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes beside the file, onto the disk, and renames.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // The whole name and more: nobody else's file, nor that of a second checkpoint beside it.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
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
    use scalbotics_core::audit::merkle::{consistency_proof, leaf_hash, root};

    use super::*;

    /// The checkpoint of a log with so many leaves, which begin with `first`, and the proof from `old_size`.
    fn given(origin: &str, (size, first): (u8, u8), old_size: usize) -> AddCheckpoint {
        let leaves: Vec<_> = (0..size).map(|leaf| leaf_hash(&[leaf, first])).collect();
        let checkpoint = Checkpoint { origin: origin.to_owned(), size: u64::from(size), root: root(&leaves) };
        let note = format!("{}\n\u{2014} {origin} AAAAAAAAAAAA\n", checkpoint.text());
        AddCheckpoint { old_size: old_size as u64, proof: consistency_proof(&leaves, old_size).unwrap_or_default(), note }
    }

    #[tokio::test]
    async fn a_share_that_hangs_has_one_thread() {
        let dir = tempfile::tempdir().unwrap();
        let file = File::new(dir.path().join("checkpoint"));
        let hangs = file.turn.lock().await;
        assert!(matches!(file.keep(&given("o", (5, 0), 0)).await, Err(KeepError::Unreachable { .. })));
        drop(hangs);
        assert_eq!(file.keep(&given("o", (5, 0), 0)).await.unwrap(), Kept::Stored);
    }

    #[test]
    fn a_file_never_goes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("acme.checkpoint");
        let others = dir.path().join("acme.new");
        std::fs::write(&others, "somebody's").unwrap();
        let give = |given: &AddCheckpoint| keep(&path, given).map_err(|error| error.to_string());
        assert_eq!(give(&given("o", (5, 0), 0)), Ok(Kept::Stored));
        assert_eq!(give(&given("o", (5, 0), 0)), Ok(Kept::Stored), "twice");
        let newest = given("o", (9, 0), 5);
        assert_eq!(give(&newest), Ok(Kept::Stored));
        for (bad, why) in [
            (given("o", (8, 0), 5), "it knows the log at size 9"),
            (given("o", (9, 1), 5), "it knows another history of the log"),
            (given("o", (12, 1), 9), "it knows another history of the log"),
            (given("other", (10, 0), 9), "the place holds a checkpoint of another log"),
            (AddCheckpoint { note: "nonsense".to_owned(), ..newest.clone() }, "checkpoint is not a signed note"),
        ] {
            assert_eq!(give(&bad), Err(why.to_owned()), "{bad:?}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), newest.note);
        }
        let ten = given("o", (10, 0), 9);
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(give(&ten), Err("the place holds something else than a checkpoint".to_owned()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine", "what somebody else wrote stays");
        assert_eq!(std::fs::read_to_string(&others).unwrap(), "somebody's");
        let absent = dir.path().join("absent").join("checkpoint");
        assert!(matches!(keep(&absent, &ten), Err(KeepError::Unreachable { .. })));
    }
}
