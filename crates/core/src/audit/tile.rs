//! A log as files that any web server can serve: tiles of hashes and bundles of entries (C2SP tlog-tiles).
//!
//! **Invariant:** a full tile never changes; a partial one is that of exactly one size.

use super::merkle::Frontier;
use crate::digest::Digest;

/// Hashes of a full tile, and entries of a full bundle.
pub const WIDTH: u64 = 256;

/// What a file of a tiled log holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Hashes of this level, from 0, the leaves' own.
    Hashes(u8),
    /// Entries, each behind its length.
    Entries,
}

/// Which file of a tiled log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// What it holds.
    pub content: Content,
    /// Which of its level, from 0.
    pub index: u64,
    /// How many items, 1 to [`WIDTH`].
    pub width: u64,
}

impl Name {
    /// The path below the log's prefix: `tile/0/x001/234`, `tile/entries/000.p/7`.
    #[must_use]
    pub fn path(&self) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1_000)];
        let mut rest = self.index / 1_000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1_000));
            rest /= 1_000;
        }
        groups.reverse();
        let level = match self.content {
            Content::Hashes(level) => level.to_string(),
            Content::Entries => "entries".to_owned(),
        };
        let partial = if self.width < WIDTH { format!(".p/{}", self.width) } else { String::new() };
        format!("tile/{level}/{}{partial}", groups.join("/"))
    }

    /// Whether it will never change.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == WIDTH
    }
}

/// Cuts a log into tiles and bundles, entry by entry.
#[derive(Debug, Default)]
pub struct Tiler {
    size: u64,
    /// The hashes of each level that are in no full tile yet.
    levels: Vec<Vec<Digest>>,
    bundle: Vec<u8>,
}

impl Tiler {
    /// The tiler of an empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next entry by its bytes, at most 65 535 of them, and its leaf hash; answers the files that it made full.
    pub fn push(&mut self, entry: &[u8], hash: Digest) -> Vec<(Name, Vec<u8>)> {
        let len = u16::try_from(entry.len()).unwrap_or(u16::MAX);
        self.bundle.extend_from_slice(&len.to_be_bytes());
        self.bundle.extend(entry.iter().take(usize::from(len)));
        self.size += 1;
        let mut full = Vec::new();
        if self.size.is_multiple_of(WIDTH) {
            let name = Name { content: Content::Entries, index: self.size / WIDTH - 1, width: WIDTH };
            full.push((name, std::mem::take(&mut self.bundle)));
        }
        self.push_hash(0, hash, &mut full);
        full
    }

    fn push_hash(&mut self, level: u8, hash: Digest, full: &mut Vec<(Name, Vec<u8>)>) {
        let at = usize::from(level);
        if self.levels.len() <= at {
            self.levels.push(Vec::new());
        }
        let Some(hashes) = self.levels.get_mut(at) else { return };
        hashes.push(hash);
        if hashes.len() as u64 == WIDTH {
            let whole = std::mem::take(hashes);
            let index = (self.size >> (8 * (u32::from(level) + 1))).saturating_sub(1);
            full.push((Name { content: Content::Hashes(level), index, width: WIDTH }, concatenated(&whole)));
            let mut tree = Frontier::new();
            whole.into_iter().for_each(|hash| tree.push(hash));
            self.push_hash(level + 1, tree.root(), full);
        }
    }

    /// The files at the right edge, which are not full at this size.
    #[must_use]
    pub fn partial(&self) -> Vec<(Name, Vec<u8>)> {
        let mut files = Vec::new();
        let mut index = self.size;
        for (level, hashes) in (0..).zip(&self.levels) {
            index /= WIDTH;
            if !hashes.is_empty() {
                let name = Name { content: Content::Hashes(level), index, width: hashes.len() as u64 };
                files.push((name, concatenated(hashes)));
            }
        }
        if !self.bundle.is_empty() {
            let (index, width) = (self.size / WIDTH, self.size % WIDTH);
            files.push((Name { content: Content::Entries, index, width }, self.bundle.clone()));
        }
        files
    }
}

fn concatenated(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::merkle::{leaf_hash, root};
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        for (content, index, width, path) in [
            (Content::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (Content::Hashes(0), 0, 256, "tile/0/000"),
            (Content::Hashes(3), 999, 1, "tile/3/999.p/1"),
            (Content::Hashes(63), 1_000, 255, "tile/63/x001/000.p/255"),
            (Content::Entries, 1_000_000, 112, "tile/entries/x001/x000/000.p/112"),
        ] {
            assert_eq!(Name { content, index, width }.path(), path);
        }
    }

    /// All files of a log of this size.
    fn files(size: u64) -> BTreeMap<String, Vec<u8>> {
        let mut tiler = Tiler::new();
        let mut all = BTreeMap::new();
        for n in 0..size {
            let entry = n.to_string();
            let full = tiler.push(entry.as_bytes(), leaf_hash(entry.as_bytes()));
            assert!(full.iter().all(|(name, _)| name.is_full()));
            all.extend(full);
        }
        all.extend(tiler.partial());
        all.into_iter().map(|(name, bytes)| (name.path(), bytes)).collect()
    }

    #[test]
    fn the_tiles_of_the_example_in_the_standard() {
        let files = files(70_000);
        let count = |prefix: &str| files.keys().filter(|path| path.starts_with(prefix)).count();
        assert_eq!((count("tile/0/"), count("tile/1/"), count("tile/2/"), count("tile/3/")), (274, 2, 1, 0));
        for (path, hashes) in
            [("tile/0/272", 256), ("tile/0/273.p/112", 112), ("tile/1/000", 256), ("tile/1/001.p/17", 17), ("tile/2/000.p/1", 1)]
        {
            assert_eq!(files[path].len(), hashes * 32, "{path}");
        }
        assert_eq!(count("tile/entries/"), 274);
        assert!(files["tile/entries/273.p/112"].ends_with(b"\x00\x0569999"));
        let hash = |path: &str, at: usize| files[path][at * 32..][..32].to_vec();
        let leaves: Vec<Digest> = (0..70_000).map(|n: u32| leaf_hash(n.to_string().as_bytes())).collect();
        assert_eq!(hash("tile/0/003", 7), leaves[3 * 256 + 7].as_bytes());
        assert_eq!(hash("tile/1/001.p/17", 2), root(&leaves[258 * 256..259 * 256]).as_bytes());
        assert_eq!(hash("tile/2/000.p/1", 0), root(&leaves[..65_536]).as_bytes());
    }

    #[test]
    fn there_are_no_empty_tiles() {
        for (size, paths) in [
            (0, vec![]),
            (1, vec!["tile/0/000.p/1", "tile/entries/000.p/1"]),
            (256, vec!["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]),
            (257, vec!["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/1"]),
        ] {
            let files = files(size);
            assert_eq!(files.keys().map(String::as_str).collect::<Vec<_>>(), paths, "{size}");
        }
    }
}
