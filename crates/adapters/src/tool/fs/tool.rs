//! Dispatch by tool id, and what every file tool answers.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::path::RelPath;
use super::{Error, Workspace, list, read, search, write};

/// A file tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// `fs.list`: tier 0, pure.
    List,
    /// `fs.read`: tier 0, pure.
    Read,
    /// `fs.search`: tier 0, pure.
    Search,
    /// `fs.write`: tier 1, verifiable; the same bytes may be written again, and `verify` reads them back.
    Write,
}

impl Tool {
    /// Every file tool.
    pub const ALL: [Self; 4] = [Self::List, Self::Read, Self::Search, Self::Write];

    /// The id under which the tool is registered.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::List => "fs.list",
            Self::Read => "fs.read",
            Self::Search => "fs.search",
            Self::Write => "fs.write",
        }
    }

    /// The tool of exactly this id; case and look-alikes matter.
    #[must_use]
    pub fn of_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.id() == id)
    }
}

/// A file tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The result, of the tool's own shape.
    pub value: Value,
    /// Whether a limit cut the result short.
    pub truncated: bool,
}

impl Workspace {
    /// Runs a file tool to its end; blocking, so it belongs on a thread that may block.
    ///
    /// `cancelled` is asked between files and blocks of work, at least every few milliseconds of work.
    ///
    /// # Errors
    /// [`Error::Arguments`] or [`Error::Argument`] before anything is touched; [`Error::Cancelled`] when `cancelled` said so;
    /// any other variant as its text says. A failed `fs.write` left the old content in place, except
    /// [`Error::Io`] with operation `sync`, after which the new content may or may not survive a power loss.
    pub fn call(&self, tool: Tool, arguments: &Value, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
        match tool {
            Tool::List => list::run(self, &parse(tool, arguments)?, cancelled),
            Tool::Read => read::run(self, &parse(tool, arguments)?, cancelled),
            Tool::Search => {
                let args: search::Args = parse(tool, arguments)?;
                let path = RelPath::parse(args.path.as_deref().unwrap_or("."))?;
                search::run(&[search::Start { prefix: "", workspace: self, path }], &args, cancelled)
            }
            Tool::Write => write::run(self, &parse(tool, arguments)?, cancelled),
        }
    }

    /// Whether the file now has exactly the content of these `fs.write` arguments.
    ///
    /// # Errors
    /// As [`Workspace::call`]; a missing file is not an error but [`write::Verdict::NotLanded`].
    pub fn verify_write(&self, arguments: &Value) -> Result<write::Verdict, Error> {
        write::verify(self, &parse(Tool::Write, arguments)?)
    }
}

pub(super) fn parse<T: DeserializeOwned>(tool: Tool, arguments: &Value) -> Result<T, Error> {
    T::deserialize(arguments).map_err(|source| Error::Arguments { tool: tool.id(), source })
}
