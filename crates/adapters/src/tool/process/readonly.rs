//! Everything that a tool may not write becomes read-only as a whole: Landlock has no say about modes, owners, times and
//! extended attributes, which a tool of the daemon's own user could change on any file of that user.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_bind_recursive, mount_remount};

use super::outcome::Refusal;

const NEXT: &str = "allow mounts in user namespaces (AppArmor, container profile), or run no own tools on this host";

/// A line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, PartialEq, Eq)]
struct Mounted {
    point: PathBuf,
    /// Its flags, which a remount has to repeat.
    flags: MountFlags,
}

/// Gives each of `write_paths` a mount of its own, and makes all others read-only. Call it before the sandbox's own mounts.
pub(super) fn seal(write_paths: &[PathBuf]) -> Result<(), Refusal> {
    let table = std::fs::read("/proc/self/mountinfo").map_err(|error| Refusal::new("read the table of mounts", error, NEXT))?;
    let open = roots(write_paths);
    for path in &open {
        mount_bind_recursive(path, path)
            .map_err(|errno| Refusal::new(format!("mount `{}` for writing", path.display()), errno, NEXT))?;
    }
    let sealed = table.split(|byte| *byte == b'\n').filter_map(Mounted::parse);
    for mounted in sealed.filter(|mounted| !open.iter().any(|path| mounted.point.starts_with(path))) {
        match mount_remount(&mounted.point, MountFlags::BIND | MountFlags::RDONLY | mounted.flags, c"") {
            // Another mount lies over it, or over a directory above it: then the tool does not get there either.
            Ok(()) | Err(Errno::INVAL | Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => {}
            Err(errno) => {
                return Err(Refusal::new(format!("make `{}` read-only", mounted.point.display()), errno, NEXT));
            }
        }
    }
    Ok(())
}

/// The paths as they really are, without those beneath another one. What is not there is refused later, with better words.
fn roots(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
    paths.sort();
    paths.dedup_by(|later, first| later.starts_with(first));
    paths
}

impl Mounted {
    /// Parses a line; nothing for one that is read-only already, or is no line.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ').skip(4);
        let (point, options) = (fields.next()?, fields.next()?);
        let mut flags = MountFlags::empty();
        for option in options.split(|byte| *byte == b',') {
            flags |= match option {
                b"ro" => return None,
                b"nosuid" => MountFlags::NOSUID,
                b"nodev" => MountFlags::NODEV,
                b"noexec" => MountFlags::NOEXEC,
                b"noatime" => MountFlags::NOATIME,
                b"nodiratime" => MountFlags::NODIRATIME,
                b"relatime" => MountFlags::RELATIME,
                b"nosymfollow" => MountFlags::NOSYMFOLLOW,
                _ => MountFlags::empty(),
            };
        }
        let atime = MountFlags::NOATIME | MountFlags::RELATIME;
        if !flags.intersects(atime) {
            flags |= MountFlags::STRICTATIME;
        }
        Some(Self { point: unescaped(point), flags })
    }
}

/// A path of the table, in which space, tab, newline and backslash are three octal digits behind a backslash.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let octal = match (first, after) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..]) => Some((a & 3) << 6 | (b & 7) << 3 | c & 7),
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    Path::new(&OsString::from_vec(bytes)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_table() {
        let line = |point: &str, options: &str| format!("36 35 98:0 /mnt1 {point} {options} master:1 - ext3 /dev/root rw");
        let parse = |point: &str, options: &str| Mounted::parse(line(point, options).as_bytes());
        let found = parse("/a\\040b\\134c", "rw,nosuid,nodev,relatime").unwrap();
        assert_eq!(found.point, Path::new("/a b\\c"));
        assert_eq!(found.flags, MountFlags::NOSUID | MountFlags::NODEV | MountFlags::RELATIME);
        assert_eq!(parse("/", "rw").unwrap().flags, MountFlags::STRICTATIME);
        assert_eq!(parse("/x\\", "rw,noatime,nodiratime").unwrap().point, Path::new("/x\\"));
        assert_eq!(parse("/", "ro,relatime"), None);
        assert_eq!(Mounted::parse(b""), None);
    }

    #[test]
    fn what_lies_beneath_another_needs_no_mount_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().canonicalize().unwrap().join(name);
        for name in ["a/b", "ab"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink("a", at("link")).unwrap();
        assert_eq!(roots(&[at("a/b"), at("link"), at("ab"), at("none"), at("a")]), [at("a"), at("ab")]);
    }
}
