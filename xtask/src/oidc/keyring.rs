//! A desktop without a screen: a session bus and gnome-keyring, which Debian packages bring, and a login that is kept there.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::attempt::{Attempt, opens};
use super::installation::Installation;
use super::renewal::{self, kept};
use crate::daemon::Daemon;
use crate::{cargo, say};

/// The context of this act.
const CONTEXT: &str = "desk";

/// A bus that everybody of this user may use, and that starts nobody: no prompt can come up.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><auth>EXTERNAL</auth><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>
"#;

/// The session of a person.
struct Desk<'a> {
    installation: &'a Installation<'a>,
    folder: PathBuf,
    _bus: Daemon,
    keyring: Option<Daemon>,
}

impl<'a> Desk<'a> {
    /// A session whose keyring is unlocked.
    fn start(installation: &'a Installation<'a>) -> Result<Self> {
        let (folder, socket) = (installation.path("desk"), installation.bus());
        fs::create_dir_all(folder.join("run")).context("cannot make the desk")?;
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(folder.join("run"), closed).context("cannot close the folder of the session")?;
        fs::write(folder.join("bus.conf"), BUS.replace("SOCKET", &socket.display().to_string()))
            .context("cannot write the configuration of the bus")?;
        fs::write(folder.join("password"), "of the keyring").context("cannot write the password")?;
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--nofork", "--nopidfile", "--config-file"]).arg(folder.join("bus.conf")).stdin(Stdio::null());
        let mut bus = Daemon::start(bus, &folder.join("bus.log")).context("the Debian package dbus-daemon is missing")?;
        bus.wait_until("the bus listens", || std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
        let mut desk = Self { installation, folder, _bus: bus, keyring: None };
        desk.restart(true)?;
        Ok(desk)
    }

    /// A program in the session.
    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        command.env("HOME", &self.folder).env("XDG_DATA_HOME", self.folder.join("data"));
        command.env("XDG_RUNTIME_DIR", self.folder.join("run"));
        command.env("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", self.installation.bus().display()));
        command
    }

    /// Starts the keyring anew: unlocked, or as it is until somebody unlocks it.
    fn restart(&mut self, unlocked: bool) -> Result<()> {
        if let Some(keyring) = self.keyring.take() {
            keyring.kill()?;
        }
        let mut command = self.program("gnome-keyring-daemon");
        command.args(["--foreground", "--components=secrets"]);
        if unlocked {
            command.arg("--unlock").stdin(File::open(self.folder.join("password")).context("no password")?);
        }
        let mut keyring =
            Daemon::start(command, &self.folder.join("keyring.log")).context("the Debian package gnome-keyring is missing")?;
        keyring.wait_until("the keyring answers", || self.items().is_ok())?;
        self.keyring = Some(keyring);
        Ok(())
    }

    /// What the keyring has of ours, with its secrets where it is unlocked.
    fn items(&self) -> Result<String> {
        let mut search = self.program("secret-tool");
        cargo::output(search.args(["search", "--all", "application", "scalbotics"]))
    }

    /// The item that is the login.
    fn login(&self) -> Result<String> {
        let mut lookup = self.program("secret-tool");
        cargo::output(lookup.args(["lookup", "application", "scalbotics", "context", CONTEXT, "item", "login"]))
    }

    /// Logs the person in.
    fn logs_in(&self, more: &[&str]) -> Result<()> {
        let mut attempt = Attempt::begin(self.installation, CONTEXT, &[&["--device"], more].concat())?;
        let (address, _) = attempt.address()?;
        opens(self.installation, "u-ann", &address, &[])?;
        attempt.end()?.well()
    }

    /// Where the refresh token is now: in the file, in the keyring.
    fn places(&self) -> Result<(bool, bool)> {
        let text = fs::read_to_string(kept(self.installation, "logins", CONTEXT)).context("no login is kept")?;
        let login: Value = serde_json::from_str(&text).context("the login is no JSON")?;
        let in_file = login.pointer("/refresh_token").is_some_and(Value::is_string);
        Ok((in_file, self.items()?.contains("refresh_token")))
    }
}

/// A login that is kept in the keyring.
pub(super) fn run(installation: &Installation<'_>, issuer: &str) -> Result<()> {
    installation.context(CONTEXT, issuer, &[])?;
    // Before there is a session.
    installation.refused(CONTEXT, &["login", "--device", "--store", "keyring"], 1, "CLI_KEYRING")?;
    let mut desk = Desk::start(installation)?;
    desk.logs_in(&["--store", "keyring"])?;
    ensure!(desk.places()? == (false, true), "the token is not in the keyring alone: {:?}", desk.places()?);
    let shown = installation.asks(CONTEXT, &["login", "--status"])?;
    ensure!(shown.pointer("/store").is_some_and(|store| store == "keyring"), "{shown}");

    let before = desk.login()?;
    renewal::races(installation, CONTEXT)?;
    ensure!(desk.login()? != before && desk.places()? == (false, true), "the token in the keyring did not rotate");

    desk.restart(false)?;
    installation.asks(CONTEXT, &["whoami"]).context("a kept token counts while the keyring is locked")?;
    renewal::age(installation, CONTEXT)?;
    installation.refused(CONTEXT, &["whoami"], 1, "CLI_KEYRING")?;
    installation.refused(CONTEXT, &["login", "--device"], 1, "CLI_KEYRING")?;
    desk.restart(true)?;
    installation.asks(CONTEXT, &["whoami"]).context("the login outlives a locked keyring")?;

    desk.logs_in(&["--store", "file"])?;
    ensure!(desk.places()? == (true, false), "the token is not in the file alone: {:?}", desk.places()?);
    desk.logs_in(&["--store", "keyring"])?;
    ensure!(desk.places()? == (false, true), "the token is not in the keyring alone: {:?}", desk.places()?);

    // A logout while the keyring is locked, and again when it is not.
    desk.restart(false)?;
    installation.refused(CONTEXT, &["logout"], 1, "CLI_KEYRING")?;
    desk.restart(true)?;
    if desk.places().is_ok() {
        bail!("a logout left the file of the login");
    }
    installation.asks_nothing(CONTEXT, &["logout"])?;
    ensure!(desk.items()?.is_empty(), "the keyring still has something after the logout");
    say::line("    in the keyring: kept, renewed, locked and unlocked, taken out by a change and by logout");
    Ok(())
}
