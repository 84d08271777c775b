//! What an own tool's call depends on beside its arguments: the program, and every file that its command line names.
//!
//! Bound are the elements of `argv` and `verify` that are absolute paths without a place in them and name a regular file. See
//! decisions/0012 for what is not.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use scalbotics_core::digest::Digest;
use scalbotics_core::time::Timestamp;
use scalbotics_core::tool::{Call, Manifest, NotDone, ResolvedInput, Tier};

use crate::tool::process::{Opened, PINNED_BYTES_MAX, Pinned, hash_into, open_regular};

/// Files whose digests are remembered: more than the tools of one installation, and some kilobytes.
const REMEMBERED_MAX: usize = 1_024;

/// Age of a file's last change before its digest is remembered, in milliseconds. A younger one may change again within one tick
/// of the file system's clock, and so without a trace.
const QUIET_MS: u64 = 2_000;

/// Digests of files that were hashed before.
#[derive(Debug, Clone, Default)]
pub(super) struct Hasher {
    known: Arc<Mutex<HashMap<Version, Digest>>>,
}

/// One content of one file, as far as the file system tells: `ctime` cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Version {
    dev: u64,
    ino: u64,
    size: u64,
    mtime_ns: i128,
    ctime_ns: i128,
}

impl Version {
    fn of(opened: &Opened) -> io::Result<Self> {
        let stat = opened.file.metadata()?;
        let ns = |seconds: i64, ns: i64| i128::from(seconds) * 1_000_000_000 + i128::from(ns);
        Ok(Self {
            dev: stat.dev(),
            ino: stat.ino(),
            size: stat.size(),
            mtime_ns: ns(stat.mtime(), stat.mtime_nsec()),
            ctime_ns: ns(stat.ctime(), stat.ctime_nsec()),
        })
    }

    fn is_quiet(&self, now: Timestamp) -> bool {
        let before_ms = i128::from(now.unix_ms()) - i128::from(QUIET_MS);
        self.ctime_ns.max(self.mtime_ns) < before_ms * 1_000_000
    }
}

impl Hasher {
    /// Resolves the inputs of a tool; blocks while files are read.
    pub(super) fn resolve(&self, manifest: &Manifest, now: Timestamp) -> Result<Vec<ResolvedInput>, NotDone> {
        let (mut inputs, mut left) = (Vec::<ResolvedInput>::new(), PINNED_BYTES_MAX);
        for (argument, path) in command_lines(manifest).flat_map(files) {
            let name = name(argument, path);
            if inputs.iter().any(|known| known.name == name) {
                continue;
            }
            match self.hash(Path::new(path), left, now) {
                Ok((digest, size)) => {
                    left = left.saturating_sub(size);
                    inputs.push(ResolvedInput { name, digest });
                }
                // An argument may name what is to be made, or a directory.
                Err(error) if argument > 0 && is_no_file(&error) => {}
                Err(error) => return Err(NotDone::Unavailable { reason: format!("{name}: {error}") }),
            }
        }
        Ok(inputs)
    }

    /// Hashes a program.
    ///
    /// # Errors
    /// [`NotDone::Unavailable`] when it is no regular file, or too large.
    pub(super) fn program(&self, path: &str, now: Timestamp) -> Result<ResolvedInput, NotDone> {
        let name = name(0, path);
        match self.hash(Path::new(path), PINNED_BYTES_MAX, now) {
            Ok((digest, _)) => Ok(ResolvedInput { name, digest }),
            Err(error) => Err(NotDone::Unavailable { reason: format!("{name}: {error}") }),
        }
    }

    fn hash(&self, path: &Path, bytes_max: u64, now: Timestamp) -> io::Result<(Digest, u64)> {
        self.hash_opened(open_regular(path)?, bytes_max, now)
    }

    /// Hashes a file that is open, unless this content was hashed before.
    pub(super) fn hash_opened(&self, mut opened: Opened, bytes_max: u64, now: Timestamp) -> io::Result<(Digest, u64)> {
        let version = Version::of(&opened)?;
        if version.size > bytes_max {
            let words =
                format!("the program and files of a tool have more than {PINNED_BYTES_MAX} bytes, which are copied for a run");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, words));
        }
        if let Some(digest) = self.lock().get(&version) {
            return Ok((*digest, version.size));
        }
        let (digest, size) = hash_into(&mut opened.file, &mut io::sink(), bytes_max)?;
        if Version::of(&opened)? == version && version.is_quiet(now) {
            let mut known = self.lock();
            // Rare enough that which are forgotten does not matter.
            if known.len() >= REMEMBERED_MAX {
                known.clear();
            }
            known.insert(version, digest);
        }
        Ok((digest, size))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Version, Digest>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of `argv` a run has to find as it was when the call was decided.
///
/// # Errors
/// [`NotDone::Changed`] when the command line names a file now that was not among the inputs.
pub(super) fn pinned(call: &Call, argv: &[String]) -> Result<Vec<Pinned>, NotDone> {
    let mut pinned = Vec::new();
    for (argument, path) in files(argv) {
        let name = name(argument, path);
        match call.inputs.iter().find(|input| input.name == name) {
            Some(input) => pinned.push(Pinned { argument, digest: input.digest }),
            None if call.tier != Tier::Risky => {}
            None if argument > 0 && open_regular(Path::new(path)).is_err_and(|error| is_no_file(&error)) => {}
            None => return Err(NotDone::Changed { input: name }),
        }
    }
    Ok(pinned)
}

/// The name of the input of a call that lies at this path.
pub(super) fn name_at(call: &Call, path: &Path) -> String {
    let path = path.to_string_lossy();
    let named = call.inputs.iter().find(|input| input.name.split_once(' ').is_some_and(|(_, named)| named == path));
    named.map_or_else(|| format!("file {path}"), |input| input.name.clone())
}

fn command_lines(manifest: &Manifest) -> impl Iterator<Item = &[String]> {
    [Some(manifest.argv.as_slice()), manifest.verify.as_deref()].into_iter().flatten()
}

/// The elements that are whole paths, each with its place.
fn files(argv: &[String]) -> impl Iterator<Item = (usize, &str)> {
    let elements = argv.iter().map(String::as_str).enumerate();
    elements.filter(|(argument, element)| *argument == 0 || (element.starts_with('/') && !element.contains("{{")))
}

fn name(argument: usize, path: &str) -> String {
    format!("{} {path}", if argument == 0 { "program" } else { "file" })
}

fn is_no_file(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidInput)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn manifest(argv: &Value, verify: &Value) -> Manifest {
        let manifest = json!({
            "id": "own", "description": "A test.", "argv": argv, "verify": verify, "tier": 2, "effect": "verifiable",
            "input": { "type": "object", "properties": {} },
        });
        serde_json::from_value(manifest).unwrap()
    }

    /// Long after every file of these tests.
    const LATE: Timestamp = Timestamp::from_unix_ms(1 << 50);

    #[test]
    fn every_file_of_the_command_lines_is_an_input_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        for name in ["program", "script", "config"] {
            std::fs::write(path(name), name).unwrap();
        }
        std::os::unix::fs::symlink("script", path("link")).unwrap();
        let argv = json!([
            path("program"),
            path("link"),
            "{{args.x}}",
            format!("--config={}", path("config")),
            path("none"),
            "script",
            dir.path(),
            format!("{}{{{{args.x}}}}", path("config")),
            path("link"),
        ]);
        let verify = json!([path("program"), path("config")]);
        let inputs = Hasher::default().resolve(&manifest(&argv, &verify), LATE).unwrap();
        let want = [("program", "program", "program"), ("file", "link", "script"), ("file", "config", "config")];
        let want = want.map(|(kind, name, content)| ResolvedInput {
            name: format!("{kind} {}", path(name)),
            digest: Digest::of_bytes(content.as_bytes()),
        });
        assert_eq!(inputs, want);
    }

    #[test]
    fn a_program_that_is_no_regular_file_resolves_to_nothing() {
        let dir = tempfile::tempdir().unwrap();
        for program in [dir.path().to_str().unwrap(), "/none", "/dev/null", "/dev/zero"] {
            let resolved = Hasher::default().resolve(&manifest(&json!([program]), &Value::Null), LATE);
            let Err(NotDone::Unavailable { reason }) = resolved else { panic!("{program}") };
            assert!(reason.starts_with(&format!("program {program}: ")), "{reason}");
        }
        let large = dir.path().join("large");
        std::fs::File::create(&large).unwrap().set_len(PINNED_BYTES_MAX + 1).unwrap();
        let resolved = Hasher::default().resolve(&manifest(&json!([large]), &Value::Null), LATE);
        assert!(matches!(resolved, Err(NotDone::Unavailable { .. })));
    }

    #[test]
    fn a_digest_is_remembered_until_the_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, "first").unwrap();
        let hasher = Hasher::default();
        let hash = |now| hasher.hash(&path, 100, now).unwrap().0;
        let remembered = || hasher.lock().len();
        let first = hash(Timestamp::from_unix_ms(0));
        assert_eq!(remembered(), 0, "a file that may still change within its tick");
        assert_eq!((hash(LATE), remembered()), (first, 1));
        // What is remembered is what is answered.
        hasher.lock().values_mut().for_each(|digest| *digest = Digest::of_bytes(b"remembered"));
        assert_eq!(hash(LATE), Digest::of_bytes(b"remembered"));
        let times = std::fs::metadata(&path).unwrap().modified().unwrap();
        std::fs::write(&path, "other").unwrap();
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
        assert_eq!(hash(LATE), Digest::of_bytes(b"other"), "the same size and time of change, set back");
        for number in 0..REMEMBERED_MAX as u64 + 10 {
            let version = Version { dev: 0, ino: number, size: 0, mtime_ns: 0, ctime_ns: 0 };
            if remembered() < REMEMBERED_MAX {
                hasher.lock().insert(version, first);
            }
        }
        std::fs::write(dir.path().join("new"), "x").unwrap();
        hasher.hash(&dir.path().join("new"), 100, LATE).unwrap();
        assert_eq!(remembered(), 1);
    }
}
