//! Redaction of clean text: bytes of a second of one processor.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use scalbotics_core::redaction::{Detect, Mask};
use serde::Serialize;

use crate::spent::{computed, computed_since, micros};

/// Files that are no text of ours.
const NOT_READ: [&str; 4] = ["target", ".git", "fuzz", "seeds"];

/// Bytes of one text: a long answer of a tool.
const TEXT_LEN: usize = 64 << 10;

/// Which text, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A folder whose Rust and Markdown files are the clean text
    #[arg(long)]
    text: PathBuf,
    /// Rounds over all of it that are measured; one more comes before them
    #[arg(long, default_value_t = 10)]
    rounds: usize,
}

/// What was measured: processor time of each round, in microseconds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Samples {
    /// Bytes of a round.
    bytes: u64,
    /// Looking for secrets.
    secrets_us: Vec<u64>,
    /// Looking for personal data as well.
    personal_us: Vec<u64>,
    /// Places that were covered, of secrets and of either.
    covered: [usize; 2],
}

/// Covers and measures.
///
/// # Errors
/// When there is no text.
pub(crate) fn measure(options: &Options) -> Result<Samples> {
    let mut text = Vec::new();
    gather(&options.text, &mut text)?;
    ensure!(text.len() > TEXT_LEN, "there is little text");
    let masks = [Mask::detecting(Detect::Secrets), Mask::detecting(Detect::SecretsAndPersonalData)];
    let covered = [0, 1].map(|n: usize| masks.get(n).map_or(0, |mask| mask.findings(&text).len()));
    let mut samples = Samples { bytes: text.len() as u64, covered, ..Samples::default() };
    for round in 0..=options.rounds {
        for (mask, times) in masks.iter().zip([&mut samples.secrets_us, &mut samples.personal_us]) {
            let mut spent = Duration::ZERO;
            for part in text.chunks(TEXT_LEN) {
                let mut part = part.to_vec();
                let before = computed();
                mask.apply(&mut part, false);
                spent += computed_since(before);
            }
            if round > 0 {
                times.push(micros(spent));
            }
        }
    }
    Ok(samples)
}

fn gather(folder: &Path, text: &mut Vec<u8>) -> Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !NOT_READ.contains(&name) {
            gather(&path, text)?;
        } else if [".rs", ".md"].iter().any(|end| name.ends_with(end)) {
            text.extend(std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(())
}
