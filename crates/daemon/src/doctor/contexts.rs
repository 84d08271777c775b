//! Contexts of the command line for the people whose keys lie in the installation.

use std::path::PathBuf;

use scalbotics_core::ids::HumanUid;
use scalbotics_core::in_words;
use scalbotics_store::open_read_only;

use super::finding::Finding;
use super::run::Patient;
use crate::setup::contexts::{self, Entrance};
use crate::setup::people::Person;

/// What this check is called.
const CHECK: &str = "contexts";

pub(super) fn check(patient: &Patient<'_>, config_dir: Option<PathBuf>) -> Finding {
    let Some(directory) = config_dir else {
        return Finding::warn(CHECK, "not checked: the environment names no home", "set HOME or SCALBOTICS_CONFIG_DIR");
    };
    let config = patient.config;
    let entrance = Entrance {
        base: patient.base.to_owned(),
        server: format!("https://{}", config.settings.server.listen),
        trust_file: config.trust_file.clone(),
        tenant: config.tenant.clone(),
        sign_in: None,
        dev: config.settings.installation.dev,
    };
    let humans = match open_read_only(&config.data_dir).and_then(|store| store.humans(&config.tenant)) {
        Ok(humans) => humans,
        Err(error) => return Finding::warn(CHECK, format!("not checked: {}", in_words(&error)), "see the check of the database"),
    };
    let people: Vec<(Person, HumanUid)> = humans
        .into_iter()
        .filter(|human| entrance.folder(&human.name).login_key.is_file())
        .map(|human| (Person { name: human.name, groups: &[], approves: human.enrolment.is_some() }, human.uid))
        .collect();
    match contexts::missing(&entrance, &directory, &people) {
        Ok(missing) if missing.is_empty() => Finding::ok(CHECK, format!("{} people have one", people.len())),
        Ok(missing) => {
            let names = missing.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
            let people: Vec<_> = missing.iter().map(|(_, person)| person.clone()).collect();
            Finding::fail(
                CHECK,
                format!("{names} is not in {} or leads elsewhere", directory.join("contexts.toml").display()),
                "run doctor with --fix, which adds it",
            )
            .mended(patient.fix, || {
                let mut report = crate::setup::Report::default();
                contexts::make(&entrance, &directory, &people, &mut report)
                    .map_err(|error| std::io::Error::other(in_words(&error)))?;
                Ok(format!("added {names}"))
            })
        }
        Err(error) => Finding::fail(CHECK, in_words(&error), "mend the file, or move it away and run doctor with --fix"),
    }
}
