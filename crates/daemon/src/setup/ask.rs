//! The questions of `initialize`: one for each flag that was not given, asked before anything is looked at or made.

use std::fmt;

use scalbotics_core::identity::TrustDomain;
use scalbotics_core::secret::Secret;
use scalbotics_core::tenant::Name;

use super::arguments::{Initialize, KeyAuthority, Mode, Provider};
use super::{Error, starter};
use scalbotics_adapters::git::remote::Address;

/// A question whose answer is a line.
pub(super) struct Question<'a> {
    /// What is asked.
    pub(super) label: &'a str,
    /// What it means.
    pub(super) help: &'a str,
    /// The answer of the empty line.
    pub(super) default: Option<&'a str>,
    /// What is wrong with an answer; `None` when it can be used.
    pub(super) fault: &'static (dyn Fn(&str) -> Option<String> + Sync),
}

impl fmt::Debug for Question<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Whoever answers; [`Error::Interrupted`] ends the questions.
pub(super) trait Answers {
    /// A line without fault.
    fn line(&mut self, question: &Question<'_>) -> Result<String, Error>;
    /// The number of one of these.
    fn choice(&mut self, label: &str, options: &[&str]) -> Result<usize, Error>;
    /// A line that is not shown.
    fn hidden(&mut self, label: &str, help: &str) -> Result<Secret, Error>;
    /// Shows what will be made.
    fn show(&mut self, text: &str);
    /// Yes or no.
    fn yes(&mut self, label: &str) -> Result<bool, Error>;
}

/// The flags, with an answer for each that a new installation needs or could have and that was not given.
///
/// # Errors
/// [`Error::Interrupted`], [`Error::Terminal`]; nothing was made.
pub(super) fn complete(mut flags: Initialize, answers: &mut dyn Answers) -> Result<Initialize, Error> {
    let mode = match flags.mode {
        Some(mode) => mode,
        None => match answers.choice("Mode", &["local: this machine alone", "enterprise: remote git and an outside issuer"])? {
            0 => Mode::Local,
            _ => Mode::Enterprise,
        },
    };
    flags.mode = Some(mode);
    if flags.trust_domain.is_none() {
        let question = Question {
            label: "Trust domain",
            help: "a DNS name of yours; every identity is below it, and it never changes",
            default: None,
            fault: &|text| TrustDomain::parse(text).err().map(|error| error.to_string()),
        };
        flags.trust_domain = Some(answers.line(&question)?);
    }
    git(&mut flags, mode, answers)?;
    let KeyAuthority::Local = flags.key_authority;
    people(&mut flags, answers)?;
    issuer(&mut flags, mode, answers)?;
    if flags.agent.is_none() && flags.desired.is_none() {
        let help = "it takes stock of one folder and needs no model";
        flags.agent = Some(name(answers, "First agent", help, Some(starter::AGENT))?);
    }
    answers.show(&summary(&flags));
    if answers.yes("Make this installation?")? { Ok(flags) } else { Err(Error::Interrupted) }
}

fn name(answers: &mut dyn Answers, label: &str, help: &str, default: Option<&str>) -> Result<Name, Error> {
    let fault = &|text: &str| Name::parse(text).err().map(|error| error.to_string());
    let text = answers.line(&Question { label, help, default, fault })?;
    Name::parse(&text).map_err(|error| Error::Flag { flag: "--agent", value: text, reason: error.to_string() })
}

fn git(flags: &mut Initialize, mode: Mode, answers: &mut dyn Answers) -> Result<(), Error> {
    if flags.git.is_none() {
        let is_remote = match mode {
            Mode::Enterprise => true,
            Mode::Local => {
                answers.choice("Desired state is kept in", &["a repository on this machine", "a remote repository"])? == 1
            }
        };
        if !is_remote {
            return Ok(());
        }
        let question = Question {
            label: "Address of the empty repository",
            help: "https, without user or token",
            default: None,
            fault: &|text| Address::parse(text).err().map(|error| error.to_string()),
        };
        flags.git = Some(answers.line(&question)?);
    }
    if flags.git.as_deref().is_none_or(|git| git.starts_with("local:")) {
        return Ok(());
    }
    if flags.git_provider.is_none() {
        let providers = [Provider::Github, Provider::Gitlab, Provider::Other];
        let chosen = answers.choice("Provider", &["GitHub", "GitLab", "other"])?;
        flags.git_provider = providers.get(chosen).copied();
    }
    if flags.git_token_file.is_none() && flags.git_token.is_none() {
        flags.git_token = Some(answers.hidden("Token", "may read and write the repository; it goes into the secret store")?);
    }
    Ok(())
}

fn people(flags: &mut Initialize, answers: &mut dyn Answers) -> Result<(), Error> {
    if flags.admin.is_none() {
        flags.admin = Some(name(answers, "Admin", "the human who runs things", None)?);
    }
    while flags.approver.is_none() || flags.approver == flags.admin {
        flags.approver = Some(name(answers, "Approver", "the human who approves; never the admin", None)?);
    }
    Ok(())
}

fn issuer(flags: &mut Initialize, mode: Mode, answers: &mut dyn Answers) -> Result<(), Error> {
    if flags.issuer.is_some() {
        return Ok(());
    }
    let is_outside =
        mode == Mode::Enterprise || answers.choice("People log in with", &["their own keys", "an outside issuer too"])? == 1;
    if is_outside {
        let question = Question {
            label: "Issuer",
            help: "its https address, exactly as its tokens name it; people log in by it once --oidc-audience or `identity issuer add` says for whom",
            default: None,
            fault: &|text| if text.is_empty() { Some("it is empty".to_owned()) } else { None },
        };
        flags.issuer = Some(answers.line(&question)?);
    }
    Ok(())
}

/// What will be made, before it is.
fn summary(flags: &Initialize) -> String {
    let text = |value: &Option<String>, none: &str| value.clone().unwrap_or_else(|| none.to_owned());
    let name = |value: &Option<Name>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    format!(
        "directory      {}\ntrust domain   {}\ntenant         {}\nkeys           local keystores (the only key authority for now)\n\
         repository     {}\nadmin          {}\napprover       {}\nissuer         {}",
        flags.dir.display(),
        text(&flags.trust_domain, ""),
        flags.tenant.as_ref().map_or(super::initialize::TENANT, Name::as_str),
        text(&flags.git, "on this machine"),
        name(&flags.admin),
        name(&flags.approver),
        text(&flags.issuer, "none; people log in with their keys"),
    )
}

#[cfg(test)]
mod tests;
