//! The tools that the daemon brings: `fs.list`, `fs.read`, `fs.search`, `fs.write`, `http.fetch`, `process.run`, and `model.call`,
//! which no file names.
//!
//! The schemas state what the file tools of the adapters take and give; paths are `mount/relative/path`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde_json::{Value, json};

use crate::digest::Digest;
use crate::egress::{self, Method};
use crate::tenant::Name;
use crate::time::Span;
use crate::tool::schema::{self, Schema};
use crate::tool::{BUILTIN_TAG, Builtin, Definition, EffectClass, Kind, Tier};

/// Wall-clock limit of a built-in tool, in milliseconds; a search of 512 MiB takes a few seconds.
const TIMEOUT_MS: u64 = 60_000;

/// Wall-clock limit of a program that `process.run` starts, in milliseconds; builds and test suites take minutes.
const RUN_TIMEOUT_MS: u64 = 300_000;

/// Longest path argument, in characters; the kernel's `PATH_MAX`.
const PATH_LEN_MAX: u64 = 4_096;

/// Most arguments of a program that `process.run` starts.
const RUN_ARGS_MAX: u64 = 256;

/// Longest argument of such a program, in characters; all of them together are bounded by the sandbox.
const RUN_ARG_LEN_MAX: u64 = 65_536;

/// Longest standard input of such a program, in characters; a quarter of what arguments may be together.
const RUN_STDIN_LEN_MAX: u64 = 1 << 20;

static BUILTINS: LazyLock<BTreeMap<Name, Arc<Definition>>> = LazyLock::new(|| {
    let defined = Builtin::ALL.into_iter().filter_map(|builtin| define(builtin).ok()).map(Arc::new);
    defined.chain(crate::model::call::definition().cloned()).map(|definition| (definition.id.clone(), definition)).collect()
});

/// The built-in tools, by id.
#[must_use]
pub fn builtins() -> BTreeMap<Name, Arc<Definition>> {
    BUILTINS.clone()
}

/// A built-in tool.
pub(super) fn builtin(id: &Name) -> Option<&'static Arc<Definition>> {
    BUILTINS.get(id)
}

/// A tenant's own tools and the built-in ones, which win: no own tool can stand for one of them.
#[must_use]
pub fn with_builtins(own: &BTreeMap<Name, Arc<Definition>>) -> BTreeMap<Name, Arc<Definition>> {
    let mut tools = own.clone();
    tools.extend(builtins());
    tools
}

/// Why a built-in tool cannot be defined; a test sees to it that this never happens.
#[derive(Debug, thiserror::Error)]
enum DefineError {
    #[error("name of a built-in tool is refused")]
    Name(#[from] crate::tenant::NameError),
    #[error("schema of a built-in tool is refused")]
    Schema(#[from] schema::Error),
    #[error("definition of a built-in tool has no canonical form")]
    Canonical(#[from] crate::json::Error),
}

fn define(builtin: Builtin) -> Result<Definition, DefineError> {
    let (description, input, output) = match builtin {
        Builtin::FsList => ("Lists one page of a directory of the workspace, in order of name.", list_input(), list_output()),
        Builtin::FsRead => ("Reads a piece of a file of the workspace.", read_input(), read_output()),
        Builtin::FsSearch => ("Finds lines that match a pattern in the files of the workspace.", search_input(), search_output()),
        Builtin::FsWrite => {
            ("Replaces a file of the workspace as a whole, or leaves it as it was.", write_input(), write_output())
        }
        Builtin::HttpFetch => {
            let input = egress::fetch_input(&[Method::Get, Method::Head], egress::BYTES_MAX);
            ("Reads what is at an https address of the public internet.", input, egress::fetch_output())
        }
        Builtin::ProcessRun => {
            ("Runs a program that the agent's file allows, in the sandbox, on the agent's workspace.", run_input(), run_output())
        }
    };
    let (tier, effect) = match builtin {
        Builtin::FsList | Builtin::FsRead | Builtin::FsSearch => (Tier::Read, EffectClass::Pure),
        Builtin::FsWrite => (Tier::Change, EffectClass::Verifiable),
        Builtin::HttpFetch => (Tier::Risky, EffectClass::Pure),
        Builtin::ProcessRun => (Tier::Risky, EffectClass::Opaque),
    };
    let identity = json!({
        "id": builtin.id(), "description": description, "input": input, "output": output, "tier": tier, "effect": effect,
    });
    let bytes = crate::json::canonical(&identity)?;
    Ok(Definition {
        id: Name::parse(builtin.id())?,
        description: description.to_owned(),
        tier,
        effect,
        input: Schema::parse_input(&input)?,
        output: Some(Schema::parse(&output)?),
        // No key is used, and a rename on the local file system has landed when it returns.
        key_ttl: Span::from_ms(0),
        settle_after: Span::from_ms(0),
        timeout: Span::from_ms(if builtin == Builtin::ProcessRun { RUN_TIMEOUT_MS } else { TIMEOUT_MS }),
        kind: Kind::Builtin(builtin),
        digest: Digest::of_parts(BUILTIN_TAG, &[&bytes]),
        text: String::from_utf8_lossy(&bytes).into(),
    })
}

fn path(description: &str) -> Value {
    json!({ "type": "string", "description": description, "minLength": 1, "maxLength": PATH_LEN_MAX })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn list_input() -> Value {
    json!({ "type": "object", "properties": {
        "path": path("The directory, as mount/relative/path; without it the list of mounts."),
        "cursor": { "type": "string", "description": "next_cursor of the page before.", "maxLength": 512 },
        "limit": { "type": "integer", "description": "Entries in the page.", "minimum": 1, "maximum": 1_000 },
    } })
}

fn list_output() -> Value {
    json!({ "type": "object", "required": ["path", "entries"], "properties": {
        "path": { "type": "string" },
        "entries": { "type": "array", "maxItems": 1_000, "items": { "type": "object", "required": ["name", "kind"], "properties": {
            "name": { "type": "string" },
            "name_base64": { "type": "string", "description": "The name's bytes where they are no UTF-8." },
            "kind": { "type": "string", "enum": ["file", "directory", "symlink", "fifo", "socket", "device", "unknown"] },
            "size": count(),
        } } },
        "next_cursor": { "type": "string", "description": "Set when a page follows." },
    } })
}

fn read_input() -> Value {
    json!({ "type": "object", "required": ["path"], "properties": {
        "path": path("The file, as mount/relative/path."),
        "offset": { "type": "integer", "description": "First byte to return.", "minimum": 0 },
        "length": { "type": "integer", "description": "Bytes to return at most.", "minimum": 1, "maximum": 1_048_576 },
    } })
}

fn read_output() -> Value {
    json!({ "type": "object", "required": ["path", "offset", "length", "size", "encoding", "content"], "properties": {
        "path": { "type": "string" },
        "offset": count(),
        "length": count(),
        "size": count(),
        "encoding": { "type": "string", "enum": ["utf8", "base64"] },
        "content": { "type": "string" },
    } })
}

fn search_input() -> Value {
    let names = |description: &str| json!({ "type": "array", "description": description, "maxItems": 100, "items": { "type": "string", "minLength": 1, "maxLength": 255 } });
    json!({ "type": "object", "required": ["pattern"], "properties": {
        "pattern": { "type": "string", "description": "A literal text, or a regular expression.", "minLength": 1, "maxLength": 1_024 },
        "path": path("The file or directory, as mount/relative/path; without it every mount."),
        "regex": { "type": "boolean", "description": "Whether pattern is a regular expression." },
        "ignore_case": { "type": "boolean" },
        "suffixes": names("Only files whose names end in one of these."),
        "exclude": names("Names of directories that are not entered, beside .git."),
        "max_matches": { "type": "integer", "minimum": 1, "maximum": 1_000 },
    } })
}

fn search_output() -> Value {
    let skipped = ["binary", "large", "links", "special", "unreadable", "deep"];
    let counts: serde_json::Map<String, Value> = skipped.iter().map(|name| ((*name).to_owned(), count())).collect();
    json!({ "type": "object", "required": ["matches", "files", "bytes", "skipped"], "properties": {
        "matches": { "type": "array", "maxItems": 1_000, "items": {
            "type": "object", "required": ["path", "line", "column", "text"], "properties": {
                "path": { "type": "string" },
                "line": { "type": "integer", "minimum": 1 },
                "column": { "type": "integer", "minimum": 1 },
                "text": { "type": "string" },
                "cut": { "type": "boolean" },
            },
        } },
        "files": count(),
        "bytes": count(),
        "skipped": { "type": "object", "required": skipped, "properties": counts },
    } })
}

fn write_input() -> Value {
    json!({ "type": "object", "required": ["path", "content"], "properties": {
        "path": path("The file, as mount/relative/path."),
        "content": { "type": "string", "description": "The whole new content.", "maxLength": 4_194_304 },
        "encoding": { "type": "string", "enum": ["utf8", "base64"] },
        "create_dirs": { "type": "boolean", "description": "Whether missing directories are made." },
    } })
}

fn write_output() -> Value {
    json!({ "type": "object", "required": ["path", "bytes", "sha256"], "properties": {
        "path": { "type": "string" },
        "bytes": count(),
        "sha256": { "type": "string", "minLength": 64, "maxLength": 64 },
    } })
}

fn run_input() -> Value {
    json!({ "type": "object", "required": ["program"], "properties": {
        "program": { "type": "string", "description": "Absolute path of the program, as the agent's file has it.", "minLength": 1, "maxLength": PATH_LEN_MAX },
        "args": { "type": "array", "description": "Its arguments; no shell reads them.", "maxItems": RUN_ARGS_MAX,
                  "items": { "type": "string", "maxLength": RUN_ARG_LEN_MAX } },
        "stdin": { "type": "string", "description": "Its standard input.", "maxLength": RUN_STDIN_LEN_MAX },
        "directory": path("Where it starts, as mount/relative/path; without it an empty folder of its own."),
    } })
}

fn run_output() -> Value {
    let stream = || {
        json!({ "type": "object", "required": ["encoding", "content", "bytes", "truncated"], "properties": {
        "encoding": { "type": "string", "enum": ["utf8", "base64"] },
        "content": { "type": "string" },
        "bytes": count(),
        "truncated": { "type": "boolean" },
    } })
    };
    json!({ "type": "object", "required": ["exit_code", "stdout", "stderr"], "properties": {
        "exit_code": { "type": "integer", "minimum": 0, "maximum": 255 },
        "stdout": stream(),
        "stderr": stream(),
    } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_defined_and_differ() {
        for builtin in Builtin::ALL {
            define(builtin).unwrap();
        }
        let tools = builtins();
        assert_eq!(tools.len(), Builtin::ALL.len() + 1, "and `model.call`");
        let digests: std::collections::BTreeSet<Digest> = tools.values().map(|tool| tool.digest).collect();
        assert_eq!(digests.len(), tools.len());
    }
}
