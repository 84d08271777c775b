//! Writing files of desired state, and waiting until they are in force.

use std::path::PathBuf;

use clap::Args;
use scalbotics_proto::v1;
use scalbotics_proto::v1::repository_service_client::RepositoryServiceClient;
use serde_json::{Value, json};

use super::git::{Branch, File};
use super::membership::{self, Move};
use crate::codes;
use crate::failure::{Exit, Failure};
use crate::output::{Printer, column};
use crate::session::Session;

/// The copy of a remote repository, beside the trust file that `initialize` wrote.
const REPOSITORY: &str = "desired.git";

/// Where desired state is written.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The tenant's repository, a directory of this machine; in the installation whose trust file is used where nothing is said. Where
    /// the daemon follows a remote repository: your clone of it, from which your own git pushes.
    #[arg(long, value_name = "DIRECTORY")]
    repository: Option<PathBuf>,
    /// The branch that the daemon follows.
    #[arg(long, default_value = "main")]
    branch: String,
    /// Only show the files that would be committed.
    #[arg(long)]
    dry_run: bool,
}

impl Place {
    /// Whether the files are only shown.
    pub(crate) const fn is_dry_run(&self) -> bool {
        self.dry_run
    }
}

/// What is written.
#[derive(Debug)]
pub(crate) struct Written<'a> {
    /// `agent` or `team`.
    pub(crate) kind: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
    /// The command that shows it.
    pub(crate) look: String,
    /// What becomes of the repository.
    pub(crate) change: Change,
}

/// What becomes of the repository.
#[derive(Debug)]
pub(crate) enum Change {
    /// New files, path and text of each; the first one must not be there yet.
    Add(Vec<(String, String)>),
    /// A field of a file gets this name.
    Set {
        /// The file.
        path: String,
        /// The field.
        field: &'static str,
        /// The name.
        value: String,
    },
    /// An agent goes into another team, unless it leads its own.
    Move(Move),
    /// These files and folders go; the first one must be there.
    Remove(Vec<String>),
}

/// Commits a change; returns when the commit is in force. One that is refused is taken back.
pub(crate) async fn put(session: &Session, place: &Place, written: &Written<'_>, printer: &Printer) -> Result<(), Failure> {
    show(&commit(session, place, written).await?, printer)
}

/// The same, and answers what there is to show.
pub(crate) async fn commit(session: &Session, place: &Place, written: &Written<'_>) -> Result<Value, Failure> {
    let Written { kind, name, .. } = written;
    let branch = open(session, place).await?;
    let parent = branch.head()?;
    let (files, message) = files(&branch, &parent, written)?;
    let paths: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
    let shown = |commit: &str| json!({ "name": name, "kind": kind, "commit": commit, "files": paths });
    if place.dry_run {
        return Ok(shown(""));
    }
    // Who may not put a commit in force leaves none behind.
    let before = reload(session).await?;
    if !before.remote.is_empty() {
        if place.repository.is_none() {
            return Err(only_a_copy(&before.remote, written));
        }
        let commit = branch.loose(&parent, &files, &message)?;
        branch.push(&before.remote, &commit)?;
        let seen = reload(session).await?;
        return if seen.commit == commit { Ok(shown(&commit)) } else { Err(refused(&seen, &commit, "; it stays pushed")) };
    }
    let commit = branch.commit(&parent, &files, &message)?;
    let seen = reload(session).await?;
    if seen.commit == commit {
        return Ok(shown(&commit));
    }
    // A good commit of somebody else may stand on it by now; then it stays, and so does what is wrong with it.
    let taken_back = branch.move_to(&parent, &commit).is_ok();
    if taken_back {
        reload(session).await?;
    }
    Err(refused(&seen, &commit, if taken_back { "; the commit was taken back" } else { "; the commit is still there" }))
}

/// Why a commit is not in force, and what became of it.
fn refused(seen: &v1::Repository, commit: &str, end: &str) -> Failure {
    let finding = seen.findings.first().map(|finding| format!("{}: {}: {}", finding.file, finding.what, finding.why));
    Failure::new(Exit::Conflict, codes::DESIRED_STATE_REFUSED, format!("commit {commit} is refused"))
        .why(finding.unwrap_or_else(|| "the daemon follows another repository or branch".to_owned()) + end)
        .next("scalbotics repo status")
}

/// Refuses to write into the daemon's copy of a remote repository: the next fetch would take it away. The daemon's own token never
/// leaves it, so that a person pushes with theirs.
fn only_a_copy(remote: &str, Written { kind, name, .. }: &Written<'_>) -> Failure {
    Failure::new(Exit::Failed, codes::REPOSITORY, format!("{kind} {name} is not written here"))
        .why(format!("the daemon follows {remote}, of which the local repository is only a copy"))
        .next("clone it with your own git, and run the same command again with `--repository CLONE`, which commits there and pushes")
}

/// The files of the commit, and its message.
fn files(branch: &Branch, parent: &str, written: &Written<'_>) -> Result<(Vec<File>, String), Failure> {
    let Written { kind, name, look, change } = written;
    match change {
        Change::Add(files) => {
            let first = files.first().map(|(path, _)| path.as_str()).unwrap_or_default();
            if branch.has(parent, first)? {
                return Err(Failure::new(Exit::Conflict, codes::REPOSITORY, format!("there is {kind} {name} already"))
                    .why(format!("{first} is in commit {parent}"))
                    .next(look.clone()));
            }
            let files = files.iter().map(|(path, text)| (path.clone(), Some(text.clone()))).collect();
            Ok((files, format!("Add {kind} {name}")))
        }
        Change::Set { path, field, value } => {
            if !branch.has(parent, path)? {
                return Err(absent(path, parent, look));
            }
            let text = with_field(&branch.text(parent, path)?, field, value)?;
            Ok((vec![(path.clone(), Some(text))], format!("Set {field} of {path} to {value}")))
        }
        Change::Move(wanted) => {
            let (path, text) = membership::file(branch, parent, wanted)?;
            let text = with_field(&text, "team", wanted.to.as_str())?;
            Ok((vec![(path, Some(text))], format!("Move agent {name} to team {}", wanted.to)))
        }
        Change::Remove(paths) => {
            let mut files: Vec<File> = Vec::new();
            for path in paths {
                files.extend(branch.below(parent, path)?.into_iter().map(|found| (found, None)));
                if files.is_empty() {
                    return Err(absent(path, parent, look));
                }
            }
            Ok((files, format!("Remove {kind} {name}")))
        }
    }
}

fn absent(path: &str, parent: &str, look: &str) -> Failure {
    Failure::new(Exit::NotFound, codes::NOT_FOUND, format!("there is no {path}"))
        .why(format!("commit {parent} does not have it"))
        .next(look)
}

/// The text with a field set to a name: only its line is touched, so that everything else stays as somebody wrote it.
fn with_field(text: &str, field: &str, value: &str) -> Result<String, Failure> {
    let line = format!("{field}: \"{value}\"");
    let own = |found: &str| found.strip_prefix(field).is_some_and(|rest| rest.trim_start().starts_with(':'));
    if text.trim_start().starts_with('{') {
        // Written as JSON: there are no comments to keep.
        let mut file: Value =
            serde_json::from_str(text).map_err(|error| Failure::internal("the file is no JSON object", &error))?;
        if let Value::Object(map) = &mut file {
            map.insert(field.to_owned(), json!(value));
        }
        return Ok(format!("{file:#}\n"));
    }
    if text.lines().any(own) {
        return Ok(text.lines().map(|found| if own(found) { format!("{line}\n") } else { format!("{found}\n") }).collect());
    }
    let end = if text.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{text}{end}{line}\n"))
}

async fn open(session: &Session, place: &Place) -> Result<Branch, Failure> {
    let repository = match &place.repository {
        Some(repository) => Some(repository.clone()),
        None => installed(session).await?,
    };
    let repository = repository.filter(|directory| directory.is_dir());
    let repository = repository.ok_or_else(|| {
        Failure::usage("the repository of the installation is not on this machine")
            .why("desired state is written where its repository is: --repository")
            .next("name its directory with --repository, or commit to it with git and run `scalbotics repo apply`")
    })?;
    Ok(Branch::open(&repository, &place.branch, session.person.name.as_str()))
}

/// The repository of the tenant where its daemon says that it is, if that is in the installation whose trust file is used: the same path of
/// another machine is another repository.
async fn installed(session: &Session) -> Result<Option<PathBuf>, Failure> {
    let mut client = RepositoryServiceClient::new(session.channel.clone());
    let repository = client.get_repository(session.request(v1::GetRepositoryRequest::default())?).await?.into_inner();
    let folder = session.context.trust_file.parent().and_then(|folder| folder.canonicalize().ok());
    if !repository.remote.is_empty() {
        // It is refused with the reason once something would be written.
        return Ok(session.context.trust_file.parent().map(|folder| folder.join(REPOSITORY)));
    }
    let directory = PathBuf::from(repository.directory).canonicalize().ok();
    Ok(directory.zip(folder).filter(|(directory, folder)| directory.starts_with(folder)).map(|(directory, _)| directory))
}

async fn reload(session: &Session) -> Result<v1::Repository, Failure> {
    let mut client = RepositoryServiceClient::new(session.channel.clone());
    let request = session.request(v1::ReloadRepositoryRequest::default())?;
    Ok(client.reload_repository(request).await?.into_inner())
}

fn show(value: &Value, printer: &Printer) -> Result<(), Failure> {
    let columns = [column("name", "/name"), column("kind", "/kind"), column("commit", "/commit"), column("files", "/files")];
    printer.one(value, &columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_line_of_the_field_is_touched() {
        for (text, wanted) in [
            ("id: a\nteam: ops # why\n# end\n", "id: a\nteam: \"new\"\n# end\n"),
            ("id: a", "id: a\nteam: \"new\"\n"),
            ("id: a\nnested:\n  team: x\nteams: y\n", "id: a\nnested:\n  team: x\nteams: y\nteam: \"new\"\n"),
        ] {
            assert_eq!(with_field(text, "team", "new").unwrap(), wanted);
        }
        let written: Value = serde_json::from_str(&with_field("{ \"id\": \"a\" }", "team", "new").unwrap()).unwrap();
        assert_eq!(written, json!({ "id": "a", "team": "new" }));
        assert!(with_field("{ id: a", "team", "new").is_err());
    }
}
