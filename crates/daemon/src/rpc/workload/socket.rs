//! The socket's file.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};

/// Everybody of the host may ask; who gets anything is decided by what is seen of them.
const MODE: u32 = 0o666;

/// How long somebody who listens there may take to answer.
const ANSWER: Duration = Duration::from_secs(1);

/// Listens at `path`; a socket that a killed daemon left behind makes room, anything else does not.
///
/// # Errors
/// What the system says; `AddrInUse` where somebody listens, or something else lies there.
pub(crate) async fn bind(path: &Path) -> io::Result<UnixListener> {
    let taken = |why: &str| io::Error::new(io::ErrorKind::AddrInUse, why.to_owned());
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(taken("something else than a socket lies there")),
        Ok(_) => match tokio::time::timeout(ANSWER, UnixStream::connect(path)).await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
            Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {}
            Ok(Ok(_) | Err(_)) | Err(_) => return Err(taken("somebody listens there")),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_a_socket_that_nobody_listens_at_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.sock");
        let first = bind(&path).await.unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(bind(&path).await.unwrap_err().kind(), io::ErrorKind::AddrInUse, "somebody listens");
        drop(first);
        drop(bind(&path).await.unwrap());
        let file = dir.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        assert_eq!(bind(&file).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "kept");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(bind(&link).await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(bind(&dir.path().join("none/agent.sock")).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
