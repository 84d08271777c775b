//! A workspace of several directories, each under a name: paths are `mount/relative/path`.

use std::path::Path;

use serde_json::Value;

use super::path::{RelPath, prefixed};
use super::tool::parse;
use super::write::Verdict;
use super::{Error, Output, Tool, Workspace, list, read, search};

/// A directory under a name.
#[derive(Debug)]
pub struct Mount {
    /// The name; no `/` in it.
    pub name: String,
    /// The directory.
    pub workspace: Workspace,
    /// Whether `fs.write` may write there.
    pub write: bool,
}

/// Directories under names.
#[derive(Debug)]
pub struct Mounts {
    /// Sorted by name.
    mounts: Vec<Mount>,
}

impl Mounts {
    /// Puts the directories together; of two with one name the first counts.
    #[must_use]
    pub fn new(mut mounts: Vec<Mount>) -> Self {
        mounts.sort_by(|a, b| a.name.cmp(&b.name));
        mounts.dedup_by(|later, first| later.name == first.name);
        Self { mounts }
    }

    /// As [`Workspace::call`], with the first name of a path choosing the mount. Without a path, `fs.list` lists the mounts and
    /// `fs.search` searches all of them.
    ///
    /// # Errors
    /// As [`Workspace::call`]; [`Error::NotFound`] for an unknown mount, [`Error::ReadOnly`].
    pub fn call(&self, tool: Tool, arguments: &Value, cancelled: &dyn Fn() -> bool) -> Result<Output, Error> {
        match (tool, self.target(arguments)?) {
            (Tool::List, None) => list::mounts(&parse(tool, arguments)?, self.mounts.iter().map(|mount| mount.name.as_str())),
            (Tool::Search, target) => {
                let starts = match target {
                    Some((mount, path)) => vec![start(mount, path)],
                    None => {
                        self.mounts.iter().map(|mount| Ok(start(mount, RelPath::parse(".")?))).collect::<Result<_, Error>>()?
                    }
                };
                search::run(&starts, &parse(tool, arguments)?, cancelled)
            }
            (Tool::Write, Some((mount, _))) if !mount.write => Err(Error::ReadOnly { mount: mount.name.clone() }),
            (Tool::List | Tool::Read | Tool::Write, Some((mount, path))) => {
                let mut output = mount.workspace.call(tool, &with_path(arguments, path.as_str()), cancelled)?;
                output.value = with_path(&output.value, &prefixed(&mount.name, path.as_str()));
                Ok(output)
            }
            // No path, or the top: let the tool say what is wrong with its arguments, over no directory at all.
            (Tool::Read | Tool::Write, None) => Err(Error::Argument { name: "path", reason: "does not name a file of a mount" }),
        }
    }

    /// Opens the directories and reads a piece of a file, as [`Mounts::call`] of [`Tool::Read`] does, where that takes no wait
    /// for a disk and no time; nothing otherwise, and nothing where it would be refused.
    #[must_use]
    pub fn read_at_once(places: &[(&str, &Path)], arguments: &Value) -> Option<Output> {
        let path = RelPath::parse(arguments.get("path")?.as_str()?).ok()?;
        let (name, beneath) = path.split_first()?;
        let (_, place) = places.iter().find(|(known, _)| *known == name)?;
        let args = parse(Tool::Read, &with_path(arguments, beneath.as_str())).ok()?;
        let mut output = read::at_once(&Workspace::open_at_once(place)?, &args)?;
        output.value = with_path(&output.value, &prefixed(name, beneath.as_str()));
        Some(output)
    }

    /// As [`Workspace::verify_write`].
    ///
    /// # Errors
    /// As [`Mounts::call`].
    pub fn verify_write(&self, arguments: &Value) -> Result<Verdict, Error> {
        match self.target(arguments)? {
            Some((mount, path)) => match mount.workspace.verify_write(&with_path(arguments, path.as_str()))? {
                Verdict::Landed { result } => {
                    Ok(Verdict::Landed { result: with_path(&result, &prefixed(&mount.name, path.as_str())) })
                }
                Verdict::NotLanded => Ok(Verdict::NotLanded),
            },
            None => Err(Error::Argument { name: "path", reason: "does not name a file of a mount" }),
        }
    }

    /// The mount and the path in it, or nothing where the arguments name the top.
    fn target(&self, arguments: &Value) -> Result<Option<(&Mount, RelPath)>, Error> {
        let Some(text) = arguments.get("path").and_then(Value::as_str) else { return Ok(None) };
        let path = RelPath::parse(text)?;
        let Some((name, beneath)) = path.split_first() else { return Ok(None) };
        match self.mounts.iter().find(|mount| mount.name == name) {
            Some(mount) => Ok(Some((mount, beneath))),
            None => Err(Error::NotFound { path }),
        }
    }
}

fn start(mount: &Mount, path: RelPath) -> search::Start<'_> {
    search::Start { prefix: &mount.name, workspace: &mount.workspace, path }
}

/// The object with another `path`.
fn with_path(object: &Value, path: &str) -> Value {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.insert("path".to_owned(), path.into());
    }
    object
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mounts(dir: &Path) -> Mounts {
        let mount = |name: &str, write| {
            std::fs::create_dir_all(dir.join(name)).unwrap();
            std::fs::write(dir.join(name).join("file"), format!("needle in {name}\n")).unwrap();
            Mount { name: name.to_owned(), workspace: Workspace::open(&dir.join(name)).unwrap(), write }
        };
        Mounts::new(vec![mount("src", false), mount("out", true)])
    }

    #[test]
    fn the_first_name_chooses_the_mount() {
        let dir = tempfile::tempdir().unwrap();
        let mounts = mounts(dir.path());
        let call = |tool, args: Value| mounts.call(tool, &args, &|| false);
        let top = call(Tool::List, json!({})).unwrap();
        let rows = json!([{ "name": "out", "kind": "directory" }, { "name": "src", "kind": "directory" }]);
        assert_eq!(top.value, json!({ "path": ".", "entries": rows }));
        let page = call(Tool::List, json!({ "path": ".", "limit": 1 })).unwrap();
        let rest = call(Tool::List, json!({ "cursor": page.value["next_cursor"] })).unwrap();
        assert_eq!((page.truncated, rest.truncated, &rest.value["entries"]), (true, false, &json!([rows[1]])));
        assert_eq!(call(Tool::List, json!({ "path": "src" })).unwrap().value["path"], "src");
        let read = call(Tool::Read, json!({ "path": "src/file" })).unwrap().value;
        assert_eq!((&read["path"], &read["content"]), (&json!("src/file"), &json!("needle in src\n")));
        let paths =
            |found: Output| found.value["matches"].as_array().unwrap().iter().map(|row| row["path"].clone()).collect::<Vec<_>>();
        assert_eq!(paths(call(Tool::Search, json!({ "pattern": "needle" })).unwrap()), ["out/file", "src/file"]);
        assert_eq!(paths(call(Tool::Search, json!({ "pattern": "needle", "path": "src/file" })).unwrap()), ["src/file"]);
        let cut = call(Tool::Search, json!({ "pattern": "needle", "max_matches": 1 })).unwrap();
        assert!(cut.truncated);
        let written = json!({ "path": "out/new", "content": "x" });
        assert_eq!(mounts.verify_write(&written).unwrap(), Verdict::NotLanded);
        let result = call(Tool::Write, written.clone()).unwrap().value;
        assert_eq!(result["path"], "out/new");
        assert_eq!(mounts.verify_write(&written).unwrap(), Verdict::Landed { result });
    }

    #[test]
    fn what_is_read_at_once_is_what_a_thread_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mounts = mounts(dir.path());
        let place = |name: &str| dir.path().join(name);
        std::fs::write(place("src/long"), "x".repeat(100_000)).unwrap();
        std::fs::write(place("src/cut"), "äöü").unwrap();
        let (src, out) = (place("src"), place("out"));
        let places = [("out", out.as_path()), ("src", src.as_path())];
        for args in [
            json!({ "path": "src/file" }),
            json!({ "path": "out/./file", "offset": 3, "length": 4 }),
            json!({ "path": "src/file", "offset": 1000 }),
            json!({ "path": "src/cut", "length": 3 }),
            json!({ "path": "src/long", "offset": 90_000, "length": 1_000 }),
        ] {
            // A file system that does not say what it has in memory leaves it to a thread.
            if let Some(output) = Mounts::read_at_once(&places, &args) {
                assert_eq!(output, mounts.call(Tool::Read, &args, &|| false).unwrap(), "{args}");
            }
        }
        std::os::unix::fs::symlink("../src/file", place("out/link")).unwrap();
        std::fs::hard_link(place("src/cut"), place("out/second")).unwrap();
        let refused = ["out/link", "out/second", "out/../src/file", "none/file", "src/none", "src", ".", "", "/src/file"];
        let refused = refused.into_iter().map(|path| json!({ "path": path }));
        let others = [
            json!({}),
            json!({ "path": "src/file", "more": 1 }),
            json!({ "path": "src/file", "length": 0 }),
            json!({ "path": "src/long" }),
        ];
        for args in refused.chain(others) {
            assert_eq!(Mounts::read_at_once(&places, &args), None, "{args}");
        }
    }

    #[test]
    fn no_path_leaves_its_mount() {
        let dir = tempfile::tempdir().unwrap();
        let mounts = mounts(dir.path());
        std::os::unix::fs::symlink("../src/file", dir.path().join("out/link")).unwrap();
        let refused = [
            (Tool::Write, json!({ "path": "src/file", "content": "x" })),
            (Tool::Write, json!({ "path": "out", "content": "x" })),
            (Tool::Write, json!({ "path": "new", "content": "x" })),
            (Tool::Write, json!({ "path": "out/../src/file", "content": "x" })),
            (Tool::Read, json!({ "path": "out/link" })),
            (Tool::Read, json!({ "path": "none/file" })),
            (Tool::Read, json!({ "path": "." })),
            (Tool::Read, json!({})),
            (Tool::Read, json!({ "path": "src/file", "more": 1 })),
            (Tool::List, json!({ "more": 1 })),
            (Tool::List, json!({ "path": 1 })),
            (Tool::Search, json!({ "path": "none", "pattern": "x" })),
        ];
        for (tool, args) in refused {
            assert!(mounts.call(tool, &args, &|| false).is_err(), "{} {args}", tool.id());
        }
        assert_eq!(std::fs::read_to_string(dir.path().join("src/file")).unwrap(), "needle in src\n");
    }
}
