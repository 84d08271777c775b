//! Where a person's command line keeps its files, as far as the environment says (XDG base directories).

use std::path::PathBuf;

use clap::Args;

/// Directories of the person who runs the command; clap reads them from the environment.
#[derive(Debug, Clone, Default, Args)]
pub struct Directories {
    /// Configuration directory of the command line.
    #[arg(long, env = "SCALBOTICS_CONFIG_DIR", value_name = "DIR")]
    config_dir: Option<PathBuf>,
    /// State directory of the command line.
    #[arg(long, env = "SCALBOTICS_STATE_DIR", value_name = "DIR")]
    state_dir: Option<PathBuf>,
    #[arg(long, env = "XDG_CONFIG_HOME", hide = true)]
    xdg_config_home: Option<PathBuf>,
    #[arg(long, env = "XDG_STATE_HOME", hide = true)]
    xdg_state_home: Option<PathBuf>,
    #[arg(long, env = "HOME", hide = true)]
    home: Option<PathBuf>,
}

fn pick(own: Option<&PathBuf>, xdg: Option<&PathBuf>, home: Option<&PathBuf>, under_home: &str) -> Option<PathBuf> {
    let absolute = |path: Option<&PathBuf>| path.filter(|path| path.is_absolute()).cloned();
    absolute(own)
        .or_else(|| absolute(xdg).map(|path| path.join("scalbotics")))
        .or_else(|| absolute(home).map(|home| home.join(under_home).join("scalbotics")))
}

impl Directories {
    /// The configuration directory, if the environment names an absolute one.
    #[must_use]
    pub fn config(&self) -> Option<PathBuf> {
        pick(self.config_dir.as_ref(), self.xdg_config_home.as_ref(), self.home.as_ref(), ".config")
    }

    /// The state directory, if the environment names an absolute one.
    #[must_use]
    pub fn state(&self) -> Option<PathBuf> {
        pick(self.state_dir.as_ref(), self.xdg_state_home.as_ref(), self.home.as_ref(), ".local/state")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_then_xdg_then_home() {
        let path = |text: &str| Some(PathBuf::from(text));
        let mut directories = Directories { home: path("/home/ann"), ..Directories::default() };
        assert_eq!(directories.config(), path("/home/ann/.config/scalbotics"));
        assert_eq!(directories.state(), path("/home/ann/.local/state/scalbotics"));
        directories.xdg_config_home = path("/xdg");
        assert_eq!(directories.config(), path("/xdg/scalbotics"));
        directories.xdg_config_home = path("relative");
        assert_eq!(directories.config(), path("/home/ann/.config/scalbotics"));
        directories.config_dir = path("/own");
        assert_eq!(directories.config(), path("/own"));
        assert_eq!(Directories::default().config(), None);
    }
}
