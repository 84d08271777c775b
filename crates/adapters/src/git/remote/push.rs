//! A branch of the local copy, pushed to the remote.

use std::path::Path;

use super::{Error, Remote};
use crate::git::program;

/// Seconds after which a push that moves less than a byte a second is given up.
const STALL_SECONDS: &str = "60";

impl Remote {
    /// Pushes a branch of the bare repository at `copy` with the `git` program that is found in `programs` (directories as in `PATH`), which
    /// believes the authorities of the file at `ca_bundle`, or the system's.
    /// The remote's branch of that name only ever moves forward: nothing is forced.
    ///
    /// No configuration of the machine, hooks, helpers, redirects or proxies, and the token on no command line. Blocking, as long as
    /// the network takes; a stalled push is given up after a minute.
    ///
    /// # Errors
    /// [`Error::Push`]; the remote's branch stands where it stood then, or where the push has put it.
    pub fn push(&self, copy: &Path, reference: &str, (programs, ca_bundle): (&str, Option<&Path>)) -> Result<(), Error> {
        let mut settings = vec![
            ("core.hooksPath", "/dev/null".to_owned()),
            ("credential.helper", String::new()),
            ("http.followRedirects", "false".to_owned()),
            ("http.proxy", String::new()),
            ("http.lowSpeedLimit", "1".to_owned()),
            ("http.lowSpeedTime", STALL_SECONDS.to_owned()),
            ("protocol.allow", "never".to_owned()),
            ("protocol.http.allow", "always".to_owned()),
            ("protocol.https.allow", "always".to_owned()),
        ];
        if let Some(path) = ca_bundle {
            settings.push(("http.sslCAInfo", path.display().to_string()));
        }
        if let Some(authorization) = self.authorization() {
            settings.push(("http.extraHeader", format!("Authorization: {}", authorization.as_str())));
        }
        let mut command = program(programs);
        command.arg("--git-dir").arg(copy);
        command.args(["push", "--quiet", "--no-verify", "--", self.address.as_str(), &format!("{reference}:{reference}")]);
        command.env("GIT_CONFIG_COUNT", settings.len().to_string());
        for (at, (key, value)) in settings.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{at}"), key).env(format!("GIT_CONFIG_VALUE_{at}"), value);
        }
        let failed = |said: String| Error::Push { address: self.address.to_string(), said };
        let output = command.output();
        let output = output.map_err(|error| failed(format!("the program does not start: {error}")))?;
        if output.status.success() {
            return Ok(());
        }
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ")))
    }
}
