//! Twins of flags in the environment: `SCALBOTICS_`, the verb and the flag, as `SCALBOTICS_INITIALIZE_LISTEN`.

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Command};

/// The verbs that a person runs through the command line, whose flags all have twins there too.
const VERBS: [&str; 2] = ["initialize", "dev"];

/// The tree with a twin for every flag of these verbs that has none yet. Flags of the daemon itself are keys of its configuration,
/// with variables of their own.
#[must_use]
pub fn with_twins(tree: Command) -> Command {
    VERBS.into_iter().fold(tree, |tree, verb| tree.mut_subcommand(verb, |command| of_verb(command, verb)))
}

fn of_verb(command: Command, verb: &str) -> Command {
    command.mut_args(|arg| {
        let long = arg.get_long().map(|long| format!("SCALBOTICS_{verb}_{long}").to_uppercase().replace('-', "_"));
        let is_own = arg.get_env().is_none() && !["help", "version"].contains(&arg.get_id().as_str());
        let Some(twin) = long.filter(|_| is_own) else { return arg };
        // A variable that is 1, or empty, would be refused otherwise.
        let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
        let arg = if is_switch { arg.value_parser(FalseyValueParser::new()) } else { arg };
        arg.env(twin).hide_env_values(true)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::{VERBS, with_twins};
    use crate::program::Arguments;

    #[test]
    fn every_flag_of_these_verbs_has_a_twin() {
        let tree = with_twins(Arguments::command());
        let mut twins = Vec::new();
        for verb in VERBS {
            let command = tree.find_subcommand(verb).unwrap();
            for arg in command.get_arguments().filter(|arg| arg.get_long().is_some() && arg.get_id() != "help") {
                let twin = arg.get_env().unwrap_or_else(|| panic!("{verb} --{} has none", arg.get_id()));
                twins.push(twin.to_str().unwrap().to_owned());
            }
        }
        for name in ["SCALBOTICS_INITIALIZE_LISTEN", "SCALBOTICS_INITIALIZE_DRY_RUN", "SCALBOTICS_DEV_PORT", "SCALBOTICS_DIR"] {
            assert!(twins.iter().any(|twin| twin == name), "{name}: {twins:?}");
        }
    }
}
