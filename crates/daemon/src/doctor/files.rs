//! Files and directories: there, owned, closed to others, and with room.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use scalbotics_core::agent::Standing;

use super::finding::Finding;
use super::run::Patient;
use crate::config::UnlockBy;
use crate::layout;

/// Free bytes below which nothing should be begun: what the store keeps free for outcomes, several times.
const ROOM_MIN: u64 = 64 << 20;

/// Free bytes below which somebody should look for more: some days of a busy installation.
const ROOM_LOW: u64 = 1 << 30;

/// Most files that are looked at in `people/`.
const PEOPLE_MAX: usize = 10_000;

/// Mode of directories that only the daemon's user may enter.
const CLOSED: u32 = 0o700;

/// Mode of files that only the daemon's user may read.
const SECRET: u32 = 0o600;

pub(super) fn check(patient: &Patient<'_>) -> Vec<Finding> {
    let mut findings = vec![data_directory(patient), key_files(patient)];
    if patient.config.data_dir.is_dir() {
        findings.push(writable(patient));
        findings.push(room(&patient.config.data_dir));
    }
    findings.push(workspace_roots(patient));
    findings.extend(tenant_folders(patient));
    findings.push(off_host(patient));
    findings
}

fn data_directory(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "data directory";
    let dir = &patient.config.data_dir;
    let shown = dir.display();
    match std::fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let lost = "it is not there; without a backup the next start begins with nothing";
            // An empty one that nobody asked for would hide that everything is gone.
            Finding::fail(CHECK, format!("{shown}: {lost}"), "put back the directory, or restore a backup")
                .mended(patient.fix, || make_directory(dir).map(|()| format!("made an empty {shown}, mode 0700")))
        }
        Err(error) => Finding::error(CHECK, &error, format!("check who owns {shown}")),
        Ok(found) if found.mode() & 0o077 != 0 => {
            let detail = format!("{shown} has mode {:04o}: others may enter it", found.mode() & 0o7777);
            Finding::fail(CHECK, detail, format!("chmod 700 {shown}"))
                .mended(patient.fix, || set_mode(dir, CLOSED).map(|()| format!("chmod 700 {shown}")))
        }
        Ok(_) => Finding::ok(CHECK, shown.to_string()),
    }
}

/// Everything that holds a private key.
fn secret_files(patient: &Patient<'_>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        [layout::ROOT_KEYSTORE, layout::ROOT_KEYSTORE_KEY, layout::ADMIN_KEYSTORE, layout::ADMIN_KEYSTORE_KEY]
            .iter()
            .map(|path| patient.base.join(path))
            .collect();
    files.push(patient.config.keystore.clone());
    if let UnlockBy::KeyFile(path) = &patient.config.unlock_by {
        files.push(path.clone());
    }
    let people = std::fs::read_dir(patient.base.join(layout::PEOPLE)).into_iter().flatten().flatten();
    let folders = people.filter_map(|entry| std::fs::read_dir(entry.path()).ok()).flatten().flatten();
    files.extend(
        folders.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "pem")).take(PEOPLE_MAX),
    );
    files
}

fn key_files(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "key files";
    let files = secret_files(patient);
    let there: Vec<(PathBuf, u32)> =
        files.into_iter().filter_map(|path| std::fs::metadata(&path).ok().map(|found| (path, found.mode() & 0o7777))).collect();
    let open: Vec<&(PathBuf, u32)> = there.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    if open.is_empty() {
        return Finding::ok(CHECK, format!("{} files, each readable by its owner alone", there.len()));
    }
    let shown: Vec<String> = open.iter().map(|(path, mode)| format!("{} has mode {mode:04o}", path.display())).collect();
    let names: Vec<String> = open.iter().map(|(path, _)| path.display().to_string()).collect();
    let command = format!("chmod 600 {}", names.join(" "));
    Finding::fail(CHECK, format!("{}: others may read it", shown.join(", ")), command.clone()).mended(patient.fix, || {
        open.iter().try_for_each(|(path, _)| set_mode(path, SECRET))?;
        Ok(command)
    })
}

/// Whether this user may write what the daemon writes; root may everything, and then the owner is compared.
fn writable(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "data is ours";
    let dir = &patient.config.data_dir;
    let us = rustix::process::geteuid().as_raw();
    let owners = [dir.clone(), dir.join("core.db")];
    let foreign = owners.iter().find_map(|path| {
        let owner = std::fs::metadata(path).ok()?.uid();
        (owner != us).then(|| (path.clone(), owner))
    });
    if let Some((path, owner)) = foreign {
        let detail = format!("{} belongs to user {owner}, and this is user {us}", path.display());
        return Finding::fail(
            CHECK,
            detail,
            format!("run the daemon and this as user {owner}, or `chown -R {us} {}`", dir.display()),
        );
    }
    match rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => Finding::ok(CHECK, format!("user {us} owns and may write {}", dir.display())),
        Err(error) => {
            let detail = format!("{} cannot be written: {error}", dir.display());
            Finding::fail(CHECK, detail, format!("mount it for writing, and `chmod 700 {}`", dir.display()))
        }
    }
}

fn room(dir: &Path) -> Finding {
    const CHECK: &str = "disk space";
    let found = match rustix::fs::statvfs(dir) {
        Ok(found) => found,
        Err(error) => return Finding::fail(CHECK, format!("{}: {error}", dir.display()), "check the file system"),
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let detail = format!("{} MiB free at {}", free >> 20, dir.display());
    let next = "free space there; effects stop before outcomes could not be written any more";
    match free {
        0..ROOM_MIN => Finding::fail(CHECK, format!("{detail}, less than {} MiB", ROOM_MIN >> 20), next),
        ROOM_MIN..ROOM_LOW => Finding::warn(CHECK, detail, next),
        ROOM_LOW.. => Finding::ok(CHECK, detail),
    }
}

fn workspace_roots(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "workspace roots";
    let roots = &patient.config.settings.workspaces.allowed_roots;
    let lost: Vec<&PathBuf> = roots.iter().filter(|root| !root.is_dir()).collect();
    if lost.is_empty() {
        return Finding::ok(CHECK, format!("{} directories", roots.len()));
    }
    let names: Vec<String> = lost.iter().map(|path| path.display().to_string()).collect();
    let next = format!("mkdir -p {}", names.join(" "));
    let missing = Finding::fail(CHECK, format!("{} is not there, so agents cannot work in it", names.join(", ")), next);
    missing.mended(patient.fix, || {
        lost.iter().try_for_each(|path| make_directory(path))?;
        Ok(format!("made {}, mode 0700", names.join(", ")))
    })
}

/// The folders of other tenants that are not suspended: there, and closed to everybody else. `None` where there is no such tenant.
fn tenant_folders(patient: &Patient<'_>) -> Option<Finding> {
    const CHECK: &str = "tenant folders";
    let config = patient.config;
    let active = patient.others().into_iter().filter(|tenant| tenant.standing == Standing::Active);
    let folders: Vec<PathBuf> = active.map(|tenant| config.tenant_dir(&tenant.id)).collect();
    if folders.is_empty() {
        return None;
    }
    let all = folders.iter().flat_map(|dir| [dir.clone(), dir.join(layout::TENANT_FILES)]);
    let all: Vec<PathBuf> = [config.data_dir.join(layout::TENANTS)].into_iter().chain(all).collect();
    let mode_of = |path: &PathBuf| std::fs::metadata(path).ok().map(|found| found.mode() & 0o7777);
    let lost: Vec<&PathBuf> = all.iter().filter(|path| mode_of(path).is_none()).collect();
    let open: Vec<&PathBuf> = all.iter().filter(|path| mode_of(path).is_some_and(|mode| mode & 0o077 != 0)).collect();
    let names = |paths: &[&PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    let finding = if let Some(first) = lost.first() {
        let detail = format!("{} folders are not there, so agents cannot work in them: {}", lost.len(), first.display());
        Finding::fail(CHECK, detail, format!("mkdir -m 700 -p {}", names(&lost)))
    } else if let Some(first) = open.first() {
        let detail = format!("{} folders, others may enter them: {}", open.len(), first.display());
        Finding::fail(CHECK, detail, format!("chmod 700 {}", names(&open)))
    } else {
        return Some(Finding::ok(CHECK, format!("{} tenants, each with folders of its own", folders.len())));
    };
    Some(finding.mended(patient.fix, || {
        lost.iter().try_for_each(|path| make_directory(path))?;
        open.iter().try_for_each(|path| set_mode(path, CLOSED))?;
        Ok(format!("made {} folders, and closed {}", lost.len(), open.len()))
    }))
}

/// Keys that are never needed to run should not lie where the daemon runs.
fn off_host(patient: &Patient<'_>) -> Finding {
    const CHECK: &str = "keys off this host";
    let kept = [layout::ROOT_KEYSTORE_KEY, layout::ADMIN_KEYSTORE_KEY].map(|path| patient.base.join(path));
    let here: Vec<String> = kept.iter().filter(|path| path.is_file()).map(|path| path.display().to_string()).collect();
    if here.is_empty() || patient.config.settings.installation.dev {
        return Finding::ok(CHECK, "none that must not be here");
    }
    let detail = format!("{} lie beside the keystores that they open", here.join(" and "));
    Finding::warn(CHECK, detail, "move them off this host; they are never needed to run")
}

fn make_directory(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(CLOSED).create(path)
}

fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, Permissions::from_mode(mode))
}
