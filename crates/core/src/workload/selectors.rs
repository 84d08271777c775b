//! Selectors of `agents/<id>.yaml`, and what of a process they look at.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// Longest path of a selector, in bytes; the kernel's.
pub const PATH_LEN_MAX: usize = 4_096;

/// Longest name of a unit, in bytes; systemd's.
pub const UNIT_LEN_MAX: usize = 255;

/// What a process of this host must be to get the agent's identity over the Workload API: everything that is named must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Workload")]
pub struct Selectors {
    /// What the kernel says of the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unix: Option<Unix>,
    /// What systemd started it as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub systemd: Option<Systemd>,
}

/// User, group and program of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Unix {
    /// Its effective user, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Its effective group, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The absolute path of its program, as the daemon sees the file system: without links on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The SHA-256 of its program's file, in lower-case hexadecimal, as `sha256sum` prints it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9a-f]{64}$"))]
    pub sha256: Option<Digest>,
}

/// The unit of a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Systemd {
    /// The system's unit, with its ending: `worker.service`, or `run-1.scope`.
    pub unit: String,
}

/// What was seen of a process. What could not be looked at is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// Its effective user when it connected.
    pub uid: u32,
    /// Its effective group when it connected.
    pub gid: u32,
    /// Where its program is, if the daemon finds the same file there.
    pub path: Option<String>,
    /// The digest of its program's file.
    pub sha256: Option<Digest>,
    /// The system's unit that it belongs to.
    pub unit: Option<String>,
}

/// What of a process has to be looked at beside its user and group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Where its program is.
    pub path: bool,
    /// The digest of its program.
    pub sha256: bool,
    /// Its unit.
    pub unit: bool,
}

/// Why selectors are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SelectorsFault {
    /// Every process would match.
    #[error("it names nothing, and every process would be the agent")]
    Empty,
    /// The path is not absolute, or has parts that lead elsewhere.
    #[error("the path is not absolute and plain, or is longer than 4096 bytes")]
    Path,
    /// It is not the name of a unit that has processes.
    #[error("the unit is not a name that ends in .service or .scope")]
    Unit,
}

impl Selectors {
    /// Why these selectors are refused, if they are.
    #[must_use]
    pub fn fault(&self) -> Option<SelectorsFault> {
        let unix = self.unix.clone().unwrap_or_default();
        if unix == Unix::default() && self.systemd.is_none() {
            return Some(SelectorsFault::Empty);
        }
        if unix.path.as_deref().is_some_and(|path| !is_plain(path)) {
            return Some(SelectorsFault::Path);
        }
        self.systemd.as_ref().filter(|systemd| !is_unit(&systemd.unit)).map(|_| SelectorsFault::Unit)
    }

    /// Whether a process of this user and group may still match, before more of it is looked at.
    #[must_use]
    pub fn may_match(&self, uid: u32, gid: u32) -> bool {
        let (wanted_uid, wanted_gid) = self.unix.as_ref().map_or((None, None), |unix| (unix.uid, unix.gid));
        wanted_uid.is_none_or(|wanted| wanted == uid) && wanted_gid.is_none_or(|wanted| wanted == gid)
    }

    /// What has to be looked at to know whether a process matches.
    #[must_use]
    pub fn wanted(&self) -> Wanted {
        let unix = self.unix.as_ref();
        Wanted {
            path: unix.is_some_and(|unix| unix.path.is_some()),
            sha256: unix.is_some_and(|unix| unix.sha256.is_some()),
            unit: self.systemd.is_some(),
        }
    }

    /// Whether the process is the agent: everything that is named was seen, and is so.
    #[must_use]
    pub fn matches(&self, seen: &Seen) -> bool {
        let path = self.unix.as_ref().and_then(|unix| unix.path.as_ref());
        let sha256 = self.unix.as_ref().and_then(|unix| unix.sha256.as_ref());
        let unit = self.systemd.as_ref().map(|systemd| &systemd.unit);
        self.fault().is_none()
            && self.may_match(seen.uid, seen.gid)
            && path.is_none_or(|wanted| seen.path.as_ref() == Some(wanted))
            && sha256.is_none_or(|wanted| seen.sha256.as_ref() == Some(wanted))
            && unit.is_none_or(|wanted| seen.unit.as_ref() == Some(wanted))
    }
}

impl Wanted {
    /// What either wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { path: self.path || other.path, sha256: self.sha256 || other.sha256, unit: self.unit || other.unit }
    }

    /// Whether the program has to be looked at, which needs a capability where it is another user's.
    #[must_use]
    pub const fn is_of_program(self) -> bool {
        self.path || self.sha256
    }
}

fn is_plain(path: &str) -> bool {
    let parts = path.strip_prefix('/').unwrap_or_default();
    path.len() <= PATH_LEN_MAX
        && !path.chars().any(char::is_control)
        && parts.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Whether a name is that of a unit which can have processes.
pub(super) fn is_unit(name: &str) -> bool {
    let stem = name.strip_suffix(".service").or_else(|| name.strip_suffix(".scope"));
    let spelled = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'_' | b'.' | b'\\' | b'@');
    name.len() <= UNIT_LEN_MAX && stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(spelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selectors(text: &str) -> Selectors {
        serde_json::from_str(text).unwrap()
    }

    fn worker() -> Seen {
        let (path, unit) = (Some("/usr/bin/worker".to_owned()), Some("worker.service".to_owned()));
        Seen { uid: 1_000, gid: 100, path, sha256: Some(Digest::of_bytes(b"worker")), unit }
    }

    #[test]
    fn everything_that_is_named_must_match() {
        let digest = Digest::of_bytes(b"worker");
        let all = format!(
            r#"{{"unix": {{"uid": 1000, "gid": 100, "path": "/usr/bin/worker", "sha256": "{digest}"}}, "systemd": {{"unit": "worker.service"}}}}"#
        );
        let selectors = selectors(&all);
        assert_eq!(selectors.fault(), None);
        assert!(selectors.matches(&worker()));
        let other = |change: fn(&mut Seen)| {
            let mut seen = worker();
            change(&mut seen);
            seen
        };
        for (what, seen) in [
            ("user", other(|seen| seen.uid = 1_001)),
            ("group", other(|seen| seen.gid = 101)),
            ("path", other(|seen| seen.path = Some("/tmp/worker".to_owned()))),
            ("digest", other(|seen| seen.sha256 = Some(Digest::of_bytes(b"other")))),
            ("unit", other(|seen| seen.unit = Some("other.service".to_owned()))),
            ("no path", other(|seen| seen.path = None)),
            ("no digest", other(|seen| seen.sha256 = None)),
            ("no unit", other(|seen| seen.unit = None)),
        ] {
            assert!(!selectors.matches(&seen), "{what}");
        }
    }

    #[test]
    fn each_selector_alone_looks_at_nothing_else() {
        let digest = Digest::of_bytes(b"worker");
        let none = Wanted::default();
        for (text, wanted) in [
            (r#"{"unix": {"uid": 1000}}"#.to_owned(), none),
            (r#"{"unix": {"gid": 100}}"#.to_owned(), none),
            (r#"{"unix": {"path": "/usr/bin/worker"}}"#.to_owned(), Wanted { path: true, ..none }),
            (format!(r#"{{"unix": {{"sha256": "{digest}"}}}}"#), Wanted { sha256: true, ..none }),
            (r#"{"systemd": {"unit": "worker.service"}}"#.to_owned(), Wanted { unit: true, ..none }),
        ] {
            let one = selectors(&text);
            assert!(one.matches(&worker()), "{text}");
            assert_eq!(one.wanted(), wanted, "{text}");
            assert!(!one.matches(&Seen { uid: 9, gid: 9, ..Seen::default() }), "{text}");
        }
    }

    #[test]
    fn what_would_match_too_much_or_nothing_is_refused() {
        for (text, fault) in [
            (r"{}", SelectorsFault::Empty),
            (r#"{"unix": {}}"#, SelectorsFault::Empty),
            (r#"{"unix": {"path": ""}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "worker"}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "/"}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "/usr/../bin/worker"}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "/usr//worker"}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "/usr/bin/"}}"#, SelectorsFault::Path),
            (r#"{"unix": {"path": "/usr/bin/a\u0000b"}}"#, SelectorsFault::Path),
            (r#"{"systemd": {"unit": ""}}"#, SelectorsFault::Unit),
            (r#"{"systemd": {"unit": ".service"}}"#, SelectorsFault::Unit),
            (r#"{"systemd": {"unit": "worker"}}"#, SelectorsFault::Unit),
            (r#"{"systemd": {"unit": "system.slice"}}"#, SelectorsFault::Unit),
            (r#"{"systemd": {"unit": "a/b.service"}}"#, SelectorsFault::Unit),
        ] {
            assert_eq!(selectors(text).fault(), Some(fault), "{text}");
            assert!(!selectors(text).matches(&worker()), "{text}");
        }
        let long = format!(r#"{{"unix": {{"path": "/{}"}}}}"#, "a".repeat(PATH_LEN_MAX));
        assert_eq!(selectors(&long).fault(), Some(SelectorsFault::Path));
        for bad in
            [r#"{"unix": {"uid": -1}}"#, r#"{"unix": {"uid": 4294967296}}"#, r#"{"unix": {"sha256": "AB"}}"#, r#"{"pid": 1}"#]
        {
            assert!(serde_json::from_str::<Selectors>(bad).is_err(), "{bad}");
        }
    }
}
