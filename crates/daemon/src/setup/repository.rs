//! The desired-state repository: bare, with a first commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use scalbotics_core::desired::FOLDERS;
use scalbotics_core::in_words;
use scalbotics_core::ports::RawFiles;
use scalbotics_runtime::reconcile::Compiler as _;

use super::error::{self, Error};
use super::report::{Change, Report};
use super::upstream::Seen;
use super::{Plan, starter};
use crate::compiler::LocalCompiler;
use crate::layout;
use crate::places::Places;

/// Most files that are taken from `--desired`; a first commit is small.
const FILES_MAX: usize = 10_000;

/// Runs `git` without any configuration but ours, and without hooks.
fn git(attempt: &'static str, directory: &Path, arguments: &[&str]) -> Result<String, Error> {
    let output = Command::new("git")
        .args(["-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "init.defaultBranch=main"])
        .args(["-c", "user.name=scalbotics", "-c", "user.email=scalbotics@localhost"])
        .args(arguments)
        .current_dir(directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        // A repository around the directory is not meant.
        .env("GIT_CEILING_DIRECTORIES", directory.parent().unwrap_or(directory))
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .output();
    let output = output.map_err(|error| Error::Git { attempt, said: format!("the program does not start: {error}") })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
    Err(Error::Git { attempt, said })
}

/// Magic numbers of file systems that hold what the kernel shows, and take no repository.
const KERNEL: [i64; 2] = [0x9fa0, 0x6265_6572];

/// Refuses a place that can hold no repository, before anything is made.
fn check_place(plan: &Plan) -> Result<(), Error> {
    use rustix::fs::{Access, access, statfs};
    let place = plan.repository.as_path();
    if has_commit(place) {
        return Ok(());
    }
    let stands = place.ancestors().find(|folder| folder.symlink_metadata().is_ok()).unwrap_or(place);
    if !stands.is_dir() {
        return Err(no_place(plan, format!("{} is no directory", stands.display())));
    }
    let said = |error: rustix::io::Errno| no_place(plan, format!("{}: {error}", stands.display()));
    access(stands, Access::WRITE_OK | Access::EXEC_OK).map_err(said)?;
    if KERNEL.contains(&statfs(stands).map_err(said)?.f_type) {
        return Err(no_place(plan, format!("{} is shown by the kernel, and holds no files", stands.display())));
    }
    if stands == place && !place.join("HEAD").is_file() && std::fs::read_dir(place).is_ok_and(|mut files| files.next().is_some())
    {
        return Err(no_place(plan, "it is a directory with other files, and no repository".to_owned()));
    }
    Ok(())
}

fn no_place(plan: &Plan, reason: String) -> Error {
    Error::Flag { flag: "--git", value: format!("local:{}", plan.repository.display()), reason }
}

/// The directory of the repository, made before everything that an earlier run would be bound to.
pub(super) fn make_place(plan: &Plan) -> Result<(), Error> {
    std::fs::create_dir_all(&plan.repository).map_err(|error| no_place(plan, error.to_string()))
}

/// What [`make`] would note.
pub(super) fn preview(plan: &Plan, seen: &Seen, report: &mut Report) {
    let place = plan.repository.display().to_string();
    let change = if has_commit(&plan.repository) { Change::Unchanged } else { Change::Created };
    let is_fetched = plan.upstream.is_some() && matches!(seen, Seen::At(_));
    report.note("repository", change, place);
    note_model(plan, change, is_fetched, report);
}

/// Notes the first agent's model, which is among the starter's files.
fn note_model(plan: &Plan, change: Change, is_fetched: bool, report: &mut Report) {
    if let Some(model) = plan.model.as_ref().filter(|_| change == Change::Unchanged || !is_fetched) {
        report.note("model", change, model.shown());
    }
}

/// Refuses files that would be no desired state, before anything is made.
pub(super) fn check(plan: &Plan) -> Result<(), Error> {
    check_place(plan)?;
    let Some(directory) = plan.desired.as_ref().filter(|_| !has_commit(&plan.repository)) else { return Ok(()) };
    let files = RawFiles { commit: "0".repeat(40), files: read_files(directory)? };
    let places = Arc::new(Places::of_plan(plan));
    let compiled = LocalCompiler::new(plan.tenant.clone(), places, None).compile(files);
    compiled.map(drop).map_err(|findings| Error::Desired { directory: directory.clone(), findings })
}

/// The commit that the local repository, or copy, stands at; `None` where it has none.
pub(super) fn head(plan: &Plan) -> Option<String> {
    scalbotics_adapters::git::Source::new(&plan.repository).read_head().ok()
}

/// Whether the files of this directory are those of the repository's first commit, as far as they are desired state.
///
/// # Errors
/// [`Error::File`] when the directory cannot be read, [`Error::Git`] when the commit cannot be found.
pub(super) fn began_with(plan: &Plan, directory: &Path) -> Result<bool, Error> {
    let attempt = "find the first commit";
    let first = git(attempt, &plan.repository, &["rev-list", "--max-parents=0", "refs/heads/main"])?;
    let source = scalbotics_adapters::git::Source::new(&plan.repository);
    let committed = source.read_files(&first).map_err(|error| Error::Git { attempt, said: in_words(&error) })?.files;
    let mut given = read_files(directory)?;
    given.retain(|path, _| FOLDERS.iter().any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))));
    Ok(given == committed)
}

/// Makes the repository where it is missing; the copy of a remote that has commits already is fetched.
pub(super) fn make(plan: &Plan, seen: &Seen, report: &mut Report) -> Result<(), Error> {
    let place = plan.repository.display().to_string();
    if has_commit(&plan.repository) {
        report.note("repository", Change::Unchanged, place);
        note_model(plan, Change::Unchanged, false, report);
        return Ok(());
    }
    if let (Some(upstream), Seen::At(_)) = (&plan.upstream, seen) {
        create(&plan.repository)?;
        super::upstream::fetch(plan, upstream)?;
        report.note("repository", Change::Created, format!("{place} (fetched)"));
        return Ok(());
    }
    let files = match &plan.desired {
        Some(directory) => read_files(directory)?,
        None => starter::files(plan),
    };
    found(&plan.repository, &plan.path(layout::DATA).join("first-commit"), &files)?;
    report.note("repository", Change::Created, place);
    note_model(plan, Change::Created, false, report);
    Ok(())
}

/// A bare repository whose first commit has these files, which are put together in `tree` meanwhile; one that has a commit stays as it is.
///
/// # Errors
/// [`Error::File`], [`Error::Git`].
pub(crate) fn found(repository: &Path, tree: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    if has_commit(repository) {
        return Ok(());
    }
    create(repository)?;
    write_files(tree, files)?;
    let (git_dir, work_tree) = (format!("--git-dir={}", repository.display()), format!("--work-tree={}", tree.display()));
    git("add the first files", tree, &[&git_dir, &work_tree, "add", "--all", "--force", "."])?;
    git(
        "commit the first files",
        tree,
        &[&git_dir, &work_tree, "commit", "--quiet", "--message", "First team, agent and policies"],
    )?;
    std::fs::remove_dir_all(tree).map_err(error::file("remove", tree))
}

/// An empty bare repository; one that is there stays as it is.
///
/// # Errors
/// [`Error::File`], [`Error::Git`].
pub(crate) fn create(repository: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(repository).map_err(error::file("create", repository))?;
    git("create the repository", repository, &["init", "--quiet", "--bare", "."]).map(drop)
}

fn has_commit(repository: &Path) -> bool {
    let arguments = ["rev-parse", "--quiet", "--verify", "refs/heads/main"];
    repository.is_dir() && git("look for a commit", repository, &arguments).is_ok()
}

fn write_files(tree: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), Error> {
    if tree.is_dir() {
        std::fs::remove_dir_all(tree).map_err(error::file("remove", tree))?;
    }
    for (path, bytes) in files {
        let path = tree.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(error::file("create", folder))?;
        }
        std::fs::write(&path, bytes).map_err(error::file("write", &path))?;
    }
    Ok(())
}

/// The files under `directory`, by relative path.
fn read_files(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>, Error> {
    let mut files = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).map_err(error::file("read", &folder))? {
            let entry = entry.map_err(error::file("read", &folder))?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(error::file("look at", &folder))?);
            if kind.is_dir() {
                open.push(path);
            } else {
                let relative = path.strip_prefix(directory).unwrap_or(&path).to_string_lossy().into_owned();
                let bytes = std::fs::read(&path).map_err(error::file("read", &path))?;
                files.insert(relative, bytes);
            }
            if files.len() > FILES_MAX {
                let value = directory.display().to_string();
                return Err(Error::Flag { flag: "--desired", value, reason: format!("it holds more than {FILES_MAX} files") });
            }
        }
    }
    Ok(files)
}
