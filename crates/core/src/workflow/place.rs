//! Which mounts a workflow's file steps name in the file itself, before any run.

use serde_json::Value;

use super::Workflow;
use super::parse::Step;
use super::template::{Piece, Template};
use crate::tenant::Name;
use crate::tool::Builtin;

/// Where a file step goes, as far as the workflow's file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenPlace<'a> {
    /// The step's id.
    pub step: &'a str,
    /// The tool.
    pub tool: &'a Name,
    /// The path's first name, which has to be a mount; none where the path leads nowhere: it is absolute or climbs by `..`.
    pub mount: Option<&'a str>,
    /// Whether the step changes what is there.
    pub writes: bool,
}

impl Workflow {
    /// The places of the steps whose path, or its beginning, is written out; what references give is known at run time only.
    #[must_use]
    pub fn written_places(&self) -> Vec<WrittenPlace<'_>> {
        self.steps.iter().filter_map(place).collect()
    }
}

fn place(step: &Step) -> Option<WrittenPlace<'_>> {
    let builtin = Builtin::of(&step.tool)?;
    let Template::Object(args) = &step.args else { return None };
    let mount = match args.get(if builtin == Builtin::ProcessRun { "directory" } else { "path" })? {
        Template::Literal(Value::String(path)) => first_name(path, true)?,
        Template::Text(pieces) => match pieces.first()? {
            Piece::Plain(start) => first_name(start, false)?,
            Piece::Reference(_) => return None,
        },
        Template::Literal(_) | Template::Reference(_) | Template::List(_) | Template::Object(_) => return None,
    };
    Some(WrittenPlace { step: &step.id, tool: &step.tool, mount, writes: builtin == Builtin::FsWrite })
}

/// The first name of a path, or of the beginning of one; the outer nothing where it is not known, the inner where there is none.
fn first_name(path: &str, whole: bool) -> Option<Option<&str>> {
    if path.starts_with('/') {
        return Some(None);
    }
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            _ if !whole && parts.peek().is_none() => return None,
            "" | "." => {}
            _ if part == ".." || path.split('/').any(|part| part == "..") => return Some(None),
            name => return Some(Some(name)),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::first_name;

    #[test]
    fn first_names() {
        for (path, whole, expected) in [
            ("repo/src", true, Some(Some("repo"))),
            ("repo", true, Some(Some("repo"))),
            ("./repo//src", true, Some(Some("repo"))),
            (".", true, None),
            ("", true, None),
            ("/repo", true, Some(None)),
            ("repo/../other", true, Some(None)),
            ("../repo", false, Some(None)),
            ("repo/", false, Some(Some("repo"))),
            ("repo/part-", false, Some(Some("repo"))),
            ("repo-", false, None),
        ] {
            assert_eq!(first_name(path, whole), expected, "{path}");
        }
    }
}
