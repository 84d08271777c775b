//! `scalboticsd issuer`: whom the configuration trusts about people. The file is the one place where it stands (decisions/0042).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Args, Subcommand};
use scalbotics_adapters::issuer::discover;
use scalbotics_core::in_words;
use scalbotics_core::tenant::Name;
use scalbotics_identity::authority::outside::Trusted;
use scalbotics_identity::private_file;
use scalbotics_store::open_read_only;
use serde::Serialize;
use serde_json::json;

use super::error::{self, Error};
use crate::config::{Config, IssuerClaims, TrustedIssuer, edit};
use crate::program::Format;
use crate::{issuer_keys, roots};

/// Verbs.
#[derive(Debug, Subcommand)]
pub enum Trusting {
    /// Trust an issuer: its documents are judged, then it is written into the configuration; it counts from the next start on.
    #[command(
        before_help = "Example: scalboticsd --config ./box/scalbotics.toml issuer add https://id.acme.example --audience scalbotics --tenants acme --groups platform=admins"
    )]
    Add(Box<Add>),
    /// List whom the configuration trusts.
    #[command(before_help = "Example: scalboticsd --config ./box/scalbotics.toml issuer list")]
    List,
    /// Trust an issuer no more; from the next start on nobody logs in by it.
    #[command(before_help = "Example: scalboticsd --config ./box/scalbotics.toml issuer remove https://id.acme.example")]
    Remove {
        /// The issuer, as `issuer list` prints it.
        url: String,
    },
}

/// Arguments of `issuer add`.
#[derive(Debug, Args)]
pub struct Add {
    /// The issuer, exactly as its tokens name it.
    url: String,
    #[command(flatten)]
    terms: Terms,
    /// Judge it and say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// What an issuer is trusted with.
#[derive(Debug, Clone, Args)]
pub struct Terms {
    /// For whom its tokens are: the `aud` that they have.
    #[arg(long, value_name = "AUDIENCE")]
    audience: String,
    /// What it says of tenants, and which tenant here that is; one word where both are the same.
    #[arg(long, value_name = "WORD=TENANT", value_delimiter = ',', required = true, value_parser = pair)]
    tenants: Vec<(String, Name)>,
    /// What it calls groups, and which groups here they are; one word where both are the same. What is not said gives no right.
    #[arg(long, value_name = "WORD=GROUP", value_delimiter = ',', value_parser = pair)]
    groups: Vec<(String, Name)>,
    /// Its claim with the tenant; a name, or a JSON pointer that begins with `/`.
    #[arg(long, value_name = "CLAIM", default_value = "tenant")]
    tenant_claim: String,
    /// Its claim with the groups.
    #[arg(long, value_name = "CLAIM", default_value = "groups")]
    groups_claim: String,
    /// Its claim with what people are called.
    #[arg(long, value_name = "CLAIM", default_value = "preferred_username")]
    name_claim: String,
    /// Algorithms by which it may sign, as RS256; all that are no weaker where nothing is said.
    #[arg(long, value_name = "ALGORITHM", value_delimiter = ',')]
    algorithms: Vec<String>,
}

/// `WORD=NAME`, split at the last `=`; one word stands for both.
pub(super) fn pair(text: &str) -> Result<(String, Name), String> {
    let (word, name) = text.rsplit_once('=').unwrap_or((text, text));
    let name = Name::parse(name).map_err(|error| error.to_string())?;
    if word.is_empty() { Err("there is nothing before the `=`".to_owned()) } else { Ok((word.to_owned(), name)) }
}

impl Terms {
    fn of(&self, url: &str) -> TrustedIssuer {
        TrustedIssuer {
            url: url.to_owned(),
            audience: self.audience.clone(),
            tenants: self.tenants.iter().cloned().collect(),
            groups: self.groups.iter().cloned().collect(),
            claims: IssuerClaims {
                tenant: self.tenant_claim.clone(),
                groups: self.groups_claim.clone(),
                name: self.name_claim.clone(),
            },
            algorithms: self.algorithms.clone(),
        }
    }
}

impl Trusting {
    /// Does it; answers what to print.
    ///
    /// # Errors
    /// [`Error::Flag`] for terms that a start would refuse, [`Error::Issuer`], [`Error::File`], [`Error::Keys`].
    pub async fn run(&self, config: &Config, output: Format) -> Result<String, Error> {
        match self {
            Self::Add(add) => add.run(config, output).await,
            Self::List => Ok(list(&config.settings.issuer.trusted, output)),
            Self::Remove { url } => remove(config, url),
        }
    }
}

impl Add {
    async fn run(&self, config: &Config, output: Format) -> Result<String, Error> {
        let issuer = self.terms.of(&self.url);
        let (file, text) = read(config)?;
        let edited = edit::with_issuer(&text, &issuer);
        let after = [config.settings.issuer.trusted.clone(), vec![issuer.clone()]].concat();
        let trusted = check(config, &edited, &after).map_err(|reason| refused("issuer add", &self.url, reason))?;
        let believed = roots::read(config.ca_bundle.as_deref());
        let believed = believed.map_err(|error| refused("egress.ca_bundle", "", in_words(error.as_ref())))?;
        let unusable = |source| Error::Issuer { source };
        let found = discover(&self.url, &believed).await.map_err(unusable)?;
        let algorithms = trusted.iter().find(|trusted| trusted.url == self.url).map(|trusted| trusted.algorithms.as_slice());
        let keys = issuer_keys::usable(&found, algorithms.unwrap_or_default()).map_err(unusable)?;
        let warnings = warnings(&absent(config, &issuer), file);
        if self.dry_run {
            return Ok(match output {
                Format::Json => format!("{}\n", json!([Shown { issuer: &issuer, warnings: &warnings }])),
                Format::Table => format!("{}{}", list(&[issuer], output), texts(&warnings)),
            });
        }
        write(file, &edited)?;
        let first = config.settings.issuer.trusted.is_empty() && !config.settings.issuer.break_glass;
        let note = if first {
            "from then on people log in by it, and by keys of their own no more: `break_glass = true` under [issuer] lets them"
        } else {
            "who is suspended here stays so, whatever it says"
        };
        Ok(match output {
            Format::Json => {
                format!("{}\n", json!({"issuer": self.url, "keys": keys, "restart": true, "warnings": warnings}))
            }
            Format::Table => {
                format!("issuer  {} ({keys} keys)\nrestart the daemon; {note}\n{}", self.url, texts(&warnings))
            }
        })
    }
}

/// Something that may be meant so, and is a mistake more often.
#[derive(Debug, Serialize)]
struct Warning {
    what: String,
    why: String,
    next: String,
}

/// An issuer that would be written, with what is to be said of it.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    issuer: &'a TrustedIssuer,
    warnings: &'a [Warning],
}

/// Tenants that an issuer speaks for and that are not registered; none where the database cannot be read, of which the next start tells.
fn absent(config: &Config, issuer: &TrustedIssuer) -> BTreeSet<Name> {
    let Ok(registered) = open_read_only(&config.data_dir).and_then(|store| store.registered()) else { return BTreeSet::new() };
    let is_there = |name: &Name| registered.iter().any(|tenant| tenant.id.as_str() == name.as_str());
    issuer.tenants.values().filter(|name| !is_there(name)).cloned().collect()
}

/// An issuer may speak for a tenant that is still to come, so nothing is refused.
fn warnings(absent: &BTreeSet<Name>, file: &Path) -> Vec<Warning> {
    let one = |name: &Name| Warning {
        what: format!("there is no tenant `{name}`"),
        why: "until one is added under this name, nobody logs in by the word that stands for it".to_owned(),
        next: format!(
            "compare with `scalbotics tenant list`; where the name is mistyped, mend it under [[issuer.trusted]] in {} before the restart",
            file.display()
        ),
    };
    absent.iter().map(one).collect()
}

fn texts(warnings: &[Warning]) -> String {
    warnings.iter().map(|Warning { what, why, next }| format!("warning: {what}\n  why: {why}\n next: {next}\n")).collect()
}

fn remove(config: &Config, url: &str) -> Result<String, Error> {
    let (file, text) = read(config)?;
    let mut after = config.settings.issuer.trusted.clone();
    after.retain(|issuer| issuer.url != url);
    if after.len() == config.settings.issuer.trusted.len() {
        return Err(refused("issuer remove", url, "the configuration does not trust it".to_owned()));
    }
    let by_hand =
        || format!("its block is written in another way than this verb writes; take it out of {} by hand", file.display());
    let edited = edit::without_issuer(&text, url).ok_or_else(|| refused("issuer remove", url, by_hand()))?;
    check(config, &edited, &after).map_err(|_| refused("issuer remove", url, by_hand()))?;
    write(file, &edited)?;
    Ok(format!(
        "issuer  {url} is trusted no more\nrestart the daemon; who came by it keeps their token for ten minutes at most\n"
    ))
}

/// Whether a start takes the file, and finds in it who is to be trusted; answers them as it would use them.
fn check(config: &Config, edited: &str, after: &[TrustedIssuer]) -> Result<Vec<Trusted>, String> {
    let fresh = Config::parse(config.sources.clone(), edited).map_err(|error| in_words(&error))?;
    let same = fresh.settings.issuer.trusted == after;
    if same {
        Ok(fresh.trusted)
    } else {
        Err("something over the file, in the environment or behind --set, says another thing".to_owned())
    }
}

fn read(config: &Config) -> Result<(&Path, String), Error> {
    let file = config.sources.file.as_path();
    Ok((file, std::fs::read_to_string(file).map_err(error::file("read", file))?))
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    private_file::replace(file, text.as_bytes(), private_file::PUBLIC_MODE).map_err(error::keys("write the configuration"))
}

fn list(issuers: &[TrustedIssuer], output: Format) -> String {
    match output {
        Format::Json => format!("{}\n", json!(issuers)),
        Format::Table if issuers.is_empty() => "nobody is trusted: people log in by keys of their own\n".to_owned(),
        Format::Table => issuers.iter().map(lines).collect::<Vec<_>>().join("\n"),
    }
}

fn lines(issuer: &TrustedIssuer) -> String {
    let pairs = |map: &BTreeMap<String, Name>| {
        let pairs: Vec<String> = map.iter().map(|(word, name)| format!("{}={name}", word.escape_debug())).collect();
        if pairs.is_empty() { "none".to_owned() } else { pairs.join(", ") }
    };
    format!(
        "issuer    {}\naudience  {}\ntenants   {}\ngroups    {}\n",
        issuer.url,
        issuer.audience.escape_debug(),
        pairs(&issuer.tenants),
        pairs(&issuer.groups),
    )
}

fn refused(flag: &'static str, value: &str, reason: String) -> Error {
    Error::Flag { flag, value: value.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::pair;

    #[test]
    fn words_and_names() {
        let name = |text: &str| scalbotics_core::tenant::Name::parse(text).unwrap();
        assert_eq!(pair("acme"), Ok(("acme".to_owned(), name("acme"))));
        assert_eq!(pair("a=b=acme"), Ok(("a=b".to_owned(), name("acme"))));
        for bad in ["", "=acme", "x=", "x=Acme"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
    }
}
