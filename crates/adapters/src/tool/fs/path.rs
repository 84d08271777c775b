//! Names inside a workspace.

use std::fmt;

use super::Error;
use super::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// A relative path that is textually beneath the workspace: no `..`, no leading `/`, no NUL; `.` is the workspace itself.
///
/// **Invariant:** what links do to it is the kernel's business (`RESOLVE_BENEATH`), never this type's.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RelPath(String);

impl RelPath {
    /// Parses untrusted text; `./a//b/` becomes `a/b`, and the empty text is refused.
    ///
    /// # Errors
    /// [`Error::Argument`] when the text is empty, absolute, too long, too deep, or has `..` or NUL.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |reason| Err(Error::Argument { name: "path", reason });
        if text.is_empty() {
            return refuse("is empty; `.` is the workspace itself");
        }
        if text.len() > PATH_BYTES_MAX {
            return refuse("is longer than 4096 bytes");
        }
        if text.contains('\0') {
            return refuse("contains a NUL byte");
        }
        if text.starts_with('/') {
            return refuse("is absolute; paths are relative to the workspace");
        }
        let mut parts = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => return refuse("contains `..`"),
                part => parts.push(part),
            }
        }
        if parts.len() > PATH_DEPTH_MAX {
            return refuse("has more than 128 components");
        }
        if parts.is_empty() {
            return Ok(Self(".".to_owned()));
        }
        Ok(Self(parts.join("/")))
    }

    /// The path's text; `.` for the workspace itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The components, none for the workspace itself.
    pub(super) fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| *part != ".")
    }

    /// The first name and what is beneath it, or nothing for the workspace itself.
    pub(super) fn split_first(&self) -> Option<(&str, Self)> {
        match self.0.split_once('/') {
            Some((first, rest)) => Some((first, Self(rest.to_owned()))),
            None if self.0 == "." => None,
            None => Some((&self.0, Self(".".to_owned()))),
        }
    }

    /// The directory part and the last name, or nothing for the workspace itself.
    pub(super) fn split_last(&self) -> Option<(Self, &str)> {
        match self.0.rsplit_once('/') {
            Some((parent, name)) => Some((Self(parent.to_owned()), name)),
            None if self.0 == "." => None,
            None => Some((Self(".".to_owned()), &self.0)),
        }
    }

    /// The path of an entry that the kernel listed in this directory; for messages and results only.
    pub(super) fn entry(&self, name: &str) -> Self {
        if self.0 == "." { Self(name.to_owned()) } else { Self(format!("{}/{name}", self.0)) }
    }
}

/// A path as results show it: behind the name of its mount.
pub(super) fn prefixed(mount: &str, path: &str) -> String {
    match (mount, path) {
        ("", path) => path.to_owned(),
        (mount, ".") => mount.to_owned(),
        (mount, path) => format!("{mount}/{path}"),
    }
}

impl fmt::Display for RelPath {
    /// Escapes control characters and characters that reorder text, so that a name cannot forge the line it stands in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            if c.is_control() || reorders {
                write!(f, "{}", c.escape_unicode())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelPath({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<&str>) {
        assert_eq!(RelPath::parse(text).ok().as_ref().map(RelPath::as_str), want, "{text:?}");
    }

    #[test]
    fn only_paths_beneath_the_root_parse() {
        check(".", Some("."));
        check("./", Some("."));
        check("a", Some("a"));
        check("./a//b/", Some("a/b"));
        check("a/./b", Some("a/b"));
        check("..a/b..", Some("..a/b.."));
        check("", None);
        check("/", None);
        check("/etc/passwd", None);
        check("..", None);
        check("a/../b", None);
        check("a/..", None);
        check("a\0b", None);
        check(&"a/".repeat(129), None);
        check(&"a".repeat(4097), None);
    }

    #[test]
    fn display_escapes_what_could_fool_an_eye() {
        let shown = RelPath::parse("a\n\u{202e}b\u{1b}[2J").unwrap().to_string();
        assert_eq!(shown, r"a\u{a}\u{202e}b\u{1b}[2J");
    }

    #[test]
    fn splits_into_parent_and_name() {
        let split = |text: &str| {
            let path = RelPath::parse(text).unwrap();
            path.split_last().map(|(parent, name)| (parent.as_str().to_owned(), name.to_owned()))
        };
        assert_eq!(split("."), None);
        assert_eq!(split("a"), Some((".".into(), "a".into())));
        assert_eq!(split("a/b/c"), Some(("a/b".into(), "c".into())));
    }
}
