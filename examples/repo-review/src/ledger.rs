//! The append-only ledger: one file an entry, named by the idempotency key, written once and never again.
//!
//! **Invariant:** an entry is there whole or not at all, and the same key never makes two: the bytes are on disk under
//! another name before a hard link, which fails if the name exists, makes them an entry.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Characters of a key; those of the daemon are shorter.
const KEY_LEN_MAX: usize = 128;

/// An idempotency key that is safe as a file's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// Takes 1 to 128 ASCII letters, digits, `-` and `_`: no separator, no dot.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let fits = (1..=KEY_LEN_MAX).contains(&text.len()) && text.bytes().all(legal);
        fits.then(|| Self(text.to_owned()))
    }
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The commit that was reviewed.
    commit: String,
    /// Lines that look like credentials.
    credentials: u64,
    /// Conflict markers.
    conflict_markers: u64,
    /// The report.
    markdown: String,
}

/// The answer of `publish`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Published {
    /// The entry's file name in the ledger.
    entry: String,
    /// Whether an earlier run had published it already; this one then had no effect.
    existed: bool,
}

/// The answer of `published`.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// Whether the entry is there.
    pub(crate) found: bool,
    /// Its file name in the ledger.
    entry: String,
}

/// Publishes an entry, once for each key.
///
/// Ends the process by a signal when the entry may be there but is not known to be on disk: an exit code would claim that
/// nothing happened.
///
/// # Errors
/// [`Error::KeyReused`] when the key has another entry; [`Error::Ledger`] when the folder cannot be used. Nothing was
/// published then.
pub(crate) fn publish(ledger: &Path, key: &Key, entry: &Entry, linger: Duration) -> Result<Published, Error> {
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Ledger { path, source }
    };
    let folder = File::open(ledger).map_err(failed(ledger))?;
    let lock_path = ledger.join(".lock");
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path).map_err(failed(&lock_path))?;
    // Held to the end of this run: two runs with one key must not share the draft.
    lock.lock().map_err(failed(&lock_path))?;
    let name = file_name(key);
    let path = ledger.join(&name);
    let bytes = text_of(key, entry)?;
    if let Some(old) = read(&path)? {
        return if old == bytes {
            Ok(Published { entry: name, existed: true })
        } else {
            Err(Error::KeyReused { key: key.0.clone() })
        };
    }
    let draft = ledger.join(format!(".{}.draft", key.0));
    write_draft(&draft, &bytes).map_err(failed(&draft))?;
    fs::hard_link(&draft, &path).map_err(failed(&path))?;
    if let Err(error) = folder.sync_all() {
        let _ = writeln!(io::stderr(), "repo-review: the entry may not survive a power loss: {error}");
        std::process::abort();
    }
    // A draft that stays is overwritten by the next run with this key, of which there is none.
    let _ = fs::remove_file(&draft);
    wait(linger);
    Ok(Published { entry: name, existed: false })
}

/// Looks for the entry of a key.
///
/// # Errors
/// [`Error::Ledger`] when the folder cannot be read.
pub(crate) fn find(ledger: &Path, key: &Key) -> Result<Found, Error> {
    let failed = |source| Error::Ledger { path: ledger.to_path_buf(), source };
    // A mistyped folder is a failure, not an answer.
    fs::read_dir(ledger).map_err(failed)?;
    let entry = file_name(key);
    let found = read(&ledger.join(&entry))?.is_some();
    Ok(Found { found, entry })
}

fn file_name(key: &Key) -> String {
    format!("{}.json", key.0)
}

fn text_of(key: &Key, entry: &Entry) -> Result<Vec<u8>, Error> {
    #[derive(Serialize)]
    struct Line<'a> {
        key: &'a str,
        #[serde(flatten)]
        entry: &'a Entry,
    }
    let mut bytes = serde_json::to_vec_pretty(&Line { key: &key.0, entry }).map_err(Error::Encode)?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn read(path: &PathBuf) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Ledger { path: path.clone(), source }),
    }
}

fn write_draft(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What a killed run left goes first, so that no link of an old draft is ever written through.
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Waits on a message that nobody sends.
fn wait(time: Duration) {
    let (_keep, never) = mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::{Entry, Key, Published, find, publish};
    use crate::error::Error;

    /// A folder that goes with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("repo-review-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> BTreeSet<String> {
            let names = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            names.filter(|name| name != ".lock").collect()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn entry(markdown: &str) -> Entry {
        Entry { commit: "c0".to_owned(), credentials: 1, conflict_markers: 2, markdown: markdown.to_owned() }
    }

    fn key(text: &str) -> Key {
        Key::parse(text).unwrap()
    }

    #[test]
    fn keys_cannot_leave_the_folder() {
        assert!(Key::parse("eff_0199-A").is_some());
        for text in ["", "..", "a/b", "a.json", ".lock", "a\0", "é", &"a".repeat(129)] {
            assert_eq!(Key::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_same_key_twice_is_one_entry() {
        let folder = Folder::new("twice");
        let once = |existed| Published { entry: "eff_1.json".to_owned(), existed };
        assert!(!find(&folder.0, &key("eff_1")).unwrap().found);
        assert_eq!(publish(&folder.0, &key("eff_1"), &entry("a"), Duration::ZERO).unwrap(), once(false));
        let before = std::fs::read(folder.0.join("eff_1.json")).unwrap();
        assert_eq!(publish(&folder.0, &key("eff_1"), &entry("a"), Duration::ZERO).unwrap(), once(true));
        assert_eq!(std::fs::read(folder.0.join("eff_1.json")).unwrap(), before);
        assert!(find(&folder.0, &key("eff_1")).unwrap().found);
        assert_eq!(folder.names(), BTreeSet::from(["eff_1.json".to_owned()]));
    }

    #[test]
    fn a_key_is_never_used_for_something_else() {
        let folder = Folder::new("reuse");
        publish(&folder.0, &key("k"), &entry("a"), Duration::ZERO).unwrap();
        let second = publish(&folder.0, &key("k"), &entry("b"), Duration::ZERO);
        assert!(matches!(second, Err(Error::KeyReused { .. })));
        assert!(std::fs::read_to_string(folder.0.join("k.json")).unwrap().contains("\"markdown\": \"a\""));
    }

    #[test]
    fn a_draft_of_a_killed_run_is_no_entry() {
        let folder = Folder::new("draft");
        std::fs::write(folder.0.join(".k.draft"), "{\"half").unwrap();
        assert!(!find(&folder.0, &key("k")).unwrap().found);
        assert!(!publish(&folder.0, &key("k"), &entry("a"), Duration::ZERO).unwrap().existed);
        assert_eq!(folder.names(), BTreeSet::from(["k.json".to_owned()]));
    }

    #[test]
    fn eight_at_once_make_one_entry() {
        let folder = Folder::new("race");
        let fresh = std::thread::scope(|scope| {
            let run = || !publish(&folder.0, &key("k"), &entry("a"), Duration::ZERO).unwrap().existed;
            let runs = (0..8).map(|_| scope.spawn(run)).collect::<Vec<_>>();
            runs.into_iter().map(|run| usize::from(run.join().unwrap())).sum::<usize>()
        });
        assert_eq!(fresh, 1);
        assert_eq!(folder.names().len(), 1);
    }

    #[test]
    fn a_missing_folder_is_a_failure_and_no_answer() {
        let folder = Folder::new("missing");
        let missing = folder.0.join("no");
        assert!(matches!(find(&missing, &key("k")), Err(Error::Ledger { .. })));
        assert!(matches!(publish(&missing, &key("k"), &entry("a"), Duration::ZERO), Err(Error::Ledger { .. })));
    }
}
