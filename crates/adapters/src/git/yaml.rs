//! YAML within a budget: one document, no anchors, no aliases, no merge keys, no tags, no doubled keys.

use scalbotics_core::desired::{AgentFile, FILE_LEN_MAX, Format, OverlayFile, SkillFile, Syntax, TeamFile};
use scalbotics_core::egress::Destination;
use scalbotics_core::model;
use scalbotics_core::tool::Manifest;
use scalbotics_core::workflow;
use serde::de::DeserializeOwned;
use serde_saphyr::Options;
use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};

/// Deepest nesting; a workflow's arguments reach about 10.
const DEPTH_MAX: usize = 48;

/// Most nodes of one document; the longest workflow has a few thousand.
const NODES_MAX: usize = 50_000;

/// Most parser events of one document: at most two a node, and those that open and close the stream.
const EVENTS_MAX: usize = 2 * NODES_MAX + 16;

/// Longest reason that is passed on, in characters; the library's may quote a line of the file.
const REASON_LEN_MAX: usize = 300;

/// YAML 1.2 as desired state uses it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Yaml;

impl Yaml {
    /// Reads one document.
    ///
    /// Any text of [`FILE_LEN_MAX`] bytes is answered within 100 ms and 64 MiB (security row 21).
    ///
    /// # Errors
    /// [`Syntax`], with the line where it is known.
    pub fn read<T: DeserializeOwned>(self, text: &str) -> Result<T, Syntax> {
        if text.len() > FILE_LEN_MAX {
            return Err(Syntax { line: None, reason: format!("it has {} bytes, more than {FILE_LEN_MAX}", text.len()) });
        }
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| refuse(&error))
    }
}

fn options() -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        flow_nesting_limit: DEPTH_MAX,
        max_nodes: NODES_MAX,
        max_events: EVENTS_MAX,
        max_documents: 1,
        max_anchors: 0,
        max_aliases: 0,
        max_merge_keys: 0,
        max_inclusion_depth: 0,
        max_total_scalar_bytes: FILE_LEN_MAX,
        max_total_comment_bytes: FILE_LEN_MAX,
    };
    serde_saphyr::options! {
        budget: budget,
        emit_comments: false,
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        reject_unsupported_tags: true,
        reject_tagged_field_names: true,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    }
}

fn refuse(error: &serde_saphyr::Error) -> Syntax {
    let line = error.location().map(|location| location.line()).filter(|line| *line > 0);
    let text = error.without_snippet().to_string();
    let reason: String = text.lines().next().unwrap_or("it is no YAML").chars().take(REASON_LEN_MAX).collect();
    Syntax { line, reason }
}

impl Format for Yaml {
    fn team(&self, text: &str) -> Result<TeamFile, Syntax> {
        self.read(text)
    }

    fn agent(&self, text: &str) -> Result<AgentFile, Syntax> {
        self.read(text)
    }

    fn model(&self, text: &str) -> Result<model::File, Syntax> {
        self.read(text)
    }

    fn destination(&self, text: &str) -> Result<Destination, Syntax> {
        self.read(text)
    }

    fn tool(&self, text: &str) -> Result<Manifest, Syntax> {
        self.read(text)
    }

    fn workflow(&self, text: &str) -> Result<workflow::File, Syntax> {
        self.read(text)
    }

    fn overlay(&self, text: &str) -> Result<OverlayFile, Syntax> {
        self.read(text)
    }

    fn skill(&self, text: &str) -> Result<SkillFile, Syntax> {
        self.read(text)
    }
}
