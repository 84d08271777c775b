//! The command line: four words, a few flags with one value each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::Error;
use crate::ledger::Key;

/// Shown with every mistake.
pub(crate) const USAGE: &str = "\
usage: repo-review history --repo DIR [--top N]            what changed how often, as JSON
       repo-review report < FINDINGS.json                  a report in Markdown, and its numbers
       repo-review publish --ledger DIR --key KEY [--linger-ms N] < ENTRY.json
       repo-review published --ledger DIR --key KEY        exit 0 if it is there, 1 if not";

/// Files that a history lists when nothing is said; more than a person reads.
const TOP_DEFAULT: usize = 100;

/// The longest time that a published entry's answer is held back, in milliseconds.
const LINGER_MS_MAX: u64 = 60_000;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Reads a repository's history.
    History {
        /// The repository.
        repo: PathBuf,
        /// How many files, riskiest first.
        top: usize,
    },
    /// Composes a report of the findings on standard input.
    Report,
    /// Publishes the entry on standard input.
    Publish {
        /// The ledger's folder.
        ledger: PathBuf,
        /// The idempotency key, which names the entry.
        key: Key,
        /// Time between the effect and the answer: room for an accident, in tests and demonstrations.
        linger: Duration,
    },
    /// Tells whether an entry is there.
    Published {
        /// The ledger's folder.
        ledger: PathBuf,
        /// The idempotency key.
        key: Key,
    },
}

impl Command {
    /// Parses what stands behind the program's name.
    ///
    /// # Errors
    /// [`Error::Usage`] for an unknown word or flag, a flag twice, a missing or wrong value.
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let word = words.next().ok_or_else(|| usage("a command is missing"))?;
        let mut flags = Flags::parse(words)?;
        let command = match word.as_str() {
            "history" => Self::History { repo: flags.path("--repo")?, top: flags.number("--top")?.unwrap_or(TOP_DEFAULT) },
            "report" => Self::Report,
            "publish" => Self::Publish { ledger: flags.path("--ledger")?, key: flags.key()?, linger: flags.linger()? },
            "published" => Self::Published { ledger: flags.path("--ledger")?, key: flags.key()? },
            other => return Err(usage(&format!("there is no command `{}`", other.escape_debug()))),
        };
        flags.done()?;
        Ok(command)
    }
}

fn usage(reason: &str) -> Error {
    Error::Usage(reason.to_owned())
}

/// Flags that were given and not yet taken.
struct Flags(BTreeMap<String, String>);

impl Flags {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Error> {
        let mut flags = BTreeMap::new();
        while let Some(flag) = words.next() {
            let value = words.next().ok_or_else(|| usage(&format!("`{}` needs a value", flag.escape_debug())))?;
            if flags.insert(flag.clone(), value).is_some() {
                return Err(usage(&format!("`{}` stands twice", flag.escape_debug())));
            }
        }
        Ok(Self(flags))
    }

    fn take(&mut self, flag: &str) -> Result<String, Error> {
        self.0.remove(flag).ok_or_else(|| usage(&format!("`{flag}` is missing")))
    }

    fn path(&mut self, flag: &str) -> Result<PathBuf, Error> {
        let path = PathBuf::from(self.take(flag)?);
        if path.is_absolute() { Ok(path) } else { Err(usage(&format!("`{flag}` needs an absolute path"))) }
    }

    fn number<T: std::str::FromStr>(&mut self, flag: &str) -> Result<Option<T>, Error> {
        let Some(text) = self.0.remove(flag) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| usage(&format!("`{flag}` needs a whole number")))
    }

    fn key(&mut self) -> Result<Key, Error> {
        let text = self.take("--key")?;
        Key::parse(&text).ok_or_else(|| usage("`--key` needs 1 to 128 letters, digits, `-` or `_`"))
    }

    fn linger(&mut self) -> Result<Duration, Error> {
        let ms = self.number("--linger-ms")?.unwrap_or(0);
        if ms > LINGER_MS_MAX {
            return Err(usage(&format!("`--linger-ms` is at most {LINGER_MS_MAX}")));
        }
        Ok(Duration::from_millis(ms))
    }

    fn done(self) -> Result<(), Error> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(flag) => Err(usage(&format!("there is no flag `{}` here", flag.escape_debug()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Command;
    use crate::error::Error;

    fn parse(line: &str) -> Result<Command, Error> {
        Command::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn sound_lines() {
        assert_eq!(parse("history --repo /r").unwrap(), Command::History { repo: "/r".into(), top: 100 });
        assert_eq!(parse("history --top 3 --repo /r").unwrap(), Command::History { repo: "/r".into(), top: 3 });
        assert_eq!(parse("report").unwrap(), Command::Report);
        let Command::Publish { linger, .. } = parse("publish --ledger /l --key k --linger-ms 7").unwrap() else { panic!() };
        assert_eq!(linger.as_millis(), 7);
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "histories",
            "history",
            "history --repo",
            "history --repo relative",
            "history --repo /r --repo /r",
            "history --repo /r --top -1",
            "history --repo /r --upload-pack x",
            "report --key k",
            "publish --ledger /l",
            "publish --ledger /l --key ../x",
            "publish --ledger /l --key k --linger-ms 60001",
            "published --key k",
        ] {
            assert!(matches!(parse(line), Err(Error::Usage(_))), "{line}");
        }
    }
}
