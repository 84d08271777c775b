//! The work tree of a repository that has one: what is written there and not committed is not in force.

use std::collections::BTreeSet;
use std::path::Path;

use scalbotics_core::desired::{FILE_LEN_MAX, FILES_MAX, FOLDERS, Place};
use scalbotics_core::ports::RawFiles;

use super::finding::Finding;

/// What this check is called.
const CHECK: &str = "work tree";

/// Names that are shown; the rest is counted.
const SHOWN_MAX: usize = 5;

/// Folders that are looked into; each may be empty, so that files alone would not bound the walk.
const WALKED_MAX: usize = FILES_MAX;

/// Compares the work tree, if there is one, with the files of the newest commit.
pub(super) fn check(root: &Path, committed: &RawFiles) -> Option<Finding> {
    if !root.join(".git").try_exists().unwrap_or(false) {
        return None;
    }
    let differing = differing(root, committed);
    if differing.is_empty() {
        return Some(Finding::ok(CHECK, format!("{} is as commit {}", root.display(), committed.commit)));
    }
    let mut shown = differing.iter().take(SHOWN_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    if differing.len() > SHOWN_MAX {
        shown.push_str(&format!(" and {} more", differing.len() - SHOWN_MAX));
    }
    let detail = format!("{shown}, other than in commit {}; what is not committed is not in force", committed.commit);
    Some(Finding::warn(CHECK, detail, format!("look with `git -C {} status`, and commit or take back", root.display())))
}

/// Paths with what is with them: those of the commit, and those that would be desired state if they were committed.
fn differing(root: &Path, committed: &RawFiles) -> Vec<String> {
    let state = |(path, bytes): (&String, &Vec<u8>)| match std::fs::symlink_metadata(root.join(path)) {
        Err(_) => Some(format!("{path} is gone")),
        Ok(found) if found.is_file() && is_same(&root.join(path), found.len(), bytes) => None,
        Ok(_) => Some(format!("{path} is changed")),
    };
    let mut differing: Vec<String> = committed.files.iter().filter_map(state).collect();
    let there = there(root);
    let new = there.iter().filter(|path| !committed.files.contains_key(*path) && matters(path));
    differing.extend(new.map(|path| format!("{path} is new")));
    differing
}

/// Whether a file of this path would say something if it were committed.
fn matters(path: &str) -> bool {
    Place::of(path).is_ok_and(|place| place != Place::Note)
}

fn is_same(path: &Path, len: u64, bytes: &[u8]) -> bool {
    len == bytes.len() as u64 && len <= FILE_LEN_MAX as u64 && std::fs::read(path).is_ok_and(|found| found == bytes)
}

/// Everything but folders below the folders of desired state; links are not followed.
fn there(root: &Path) -> BTreeSet<String> {
    let mut folders: Vec<String> = FOLDERS.iter().map(|folder| (*folder).to_owned()).collect();
    let (mut files, mut walked) = (BTreeSet::new(), 0);
    while let Some(folder) = folders.pop().filter(|_| walked < WALKED_MAX && files.len() < FILES_MAX) {
        walked += 1;
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let (Ok(kind), Some(name)) = (entry.file_type(), entry.file_name().to_str().map(str::to_owned)) else { continue };
            let path = format!("{folder}/{name}");
            if kind.is_dir() {
                folders.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use scalbotics_core::ports::RawFiles;

    use super::check;
    use crate::doctor::Outcome;

    #[test]
    fn what_is_not_committed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let names = ["agents/a.yaml", "teams/ops.yaml", "tools/x.yaml"];
        let files: BTreeMap<_, _> = names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
        let committed = RawFiles { commit: "c0ffee".to_owned(), files };
        names.iter().for_each(|name| write(name, name));
        assert_eq!(check(folder.path(), &committed), None, "a bare repository has no work tree");
        write(".git/HEAD", "ref: refs/heads/main\n");
        // What is no desired state does not count: notes of an editor, other folders.
        write("agents/a.yaml~", "");
        write("notes/todo.yaml", "");
        assert_eq!(check(folder.path(), &committed).unwrap().outcome, Outcome::Ok);

        write("agents/a.yaml", "agents/b.yaml");
        std::fs::remove_file(folder.path().join("teams/ops.yaml")).unwrap();
        write("models/new.yaml", "");
        let found = check(folder.path(), &committed).unwrap();
        assert_eq!(found.outcome, Outcome::Warn);
        let words = "agents/a.yaml is changed, teams/ops.yaml is gone, models/new.yaml is new, other than in commit c0ffee";
        assert!(found.detail.starts_with(words), "{}", found.detail);
        // A link in place of a file is another thing, whatever it leads to.
        std::fs::remove_file(folder.path().join("tools/x.yaml")).unwrap();
        write("elsewhere", "tools/x.yaml");
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("tools/x.yaml")).unwrap();
        (0..9).for_each(|n| write(&format!("tools/t{n}.yaml"), ""));
        let found = check(folder.path(), &committed).unwrap().detail;
        assert!(found.contains("tools/x.yaml is changed") && found.contains(" and 8 more"), "{found}");
    }
}
