//! Counting fsyncs: a small library in C is preloaded into the daemon and writes a line for each call.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::place::Place;
use crate::cargo;

/// The library's source.
const SOURCE: &str = include_str!("syncs.c");

/// The library, and the file that it writes.
#[derive(Debug)]
pub(super) struct Counter {
    /// To be preloaded.
    pub(super) preload: PathBuf,
    /// What it writes.
    pub(super) file: PathBuf,
}

impl Counter {
    /// Compiles the library with the machine's C compiler, which the build needs anyway.
    pub(super) fn build(place: &Place) -> Result<Self> {
        let counter = Self { preload: place.path("syncs.so"), file: place.path("syncs.txt") };
        let source = place.path("syncs.c");
        std::fs::write(&source, SOURCE).context("cannot write the library's source")?;
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&counter.preload).arg(&source);
        cargo::output(&mut command)?;
        Ok(counter)
    }

    /// How often each file was synced so far, by the file's name.
    pub(super) fn counts(&self) -> Result<BTreeMap<String, u64>> {
        Ok(parse(&std::fs::read_to_string(&self.file).context("the preloaded library wrote nothing")?))
    }
}

fn parse(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in text.lines() {
        let path = line.split_once(' ').map_or("", |(_, path)| path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let count: &mut u64 = counts.entry(name.to_owned()).or_default();
        *count += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn calls_are_counted_by_file() {
        let counts = parse("fdatasync /a/core.db-wal\nfsync /a/core.db-wal\nfdatasync /a/core.db\nmsync \n");
        let counts: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(counts, [("", 1), ("core.db", 1), ("core.db-wal", 2)]);
    }
}
