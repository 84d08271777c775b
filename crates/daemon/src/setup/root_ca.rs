//! What the root CA does, where its key is kept: it signs the certificates of issuing CAs, and the list of those that were revoked. No daemon has
//! a part in it (semantics §4.6).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use rustls::pki_types::CertificateDer;
use scalbotics_core::ports::Clock;
use scalbotics_identity::authority::ca::{self, Revoked, Root};
use scalbotics_identity::authority::keystore::{KeyFile, Keystore, Kind, Unlock};
use scalbotics_identity::holder::{certificate, svid};

use super::error::{self, Error};
use crate::config::{self, Config};
use crate::layout;

/// Longest file of a request or a certificate, in bytes.
const FILE_LEN_MAX: u64 = 64 << 10;

/// The root CA, where its key is; needs no daemon.
#[derive(Debug, Clone, Subcommand)]
pub enum RootCa {
    /// Sign the certificate of an issuing CA: answers what `identity ca rotate` asks for.
    #[command(
        before_help = "Example: scalboticsd --config ./box/scalbotics.toml ca sign --request ./request.pem > ./issuing.pem"
    )]
    Sign {
        /// The signing request that `identity ca rotate --request` wrote; `-` reads standard input.
        #[arg(long, value_name = "FILE")]
        request: PathBuf,
        /// Where the root CA's key is.
        #[command(flatten)]
        root: RootKey,
    },
    /// Sign the list of issuing CAs that are revoked: all of them, since it takes the place of the list before.
    #[command(before_help = "Example: scalboticsd --config ./box/scalbotics.toml ca crl --revoked ./old.pem > ./root-crl.pem")]
    Crl {
        /// Certificates of revoked issuing CAs, one or more a file; `-` reads standard input.
        #[arg(long, value_name = "FILE", required = true)]
        revoked: Vec<PathBuf>,
        /// Where the root CA's key is.
        #[command(flatten)]
        root: RootKey,
    },
    /// Lock the root CA's keystore by a passphrase from now on, instead of a key file or another passphrase.
    #[command(
        before_help = "Example: scalboticsd --config ./box/scalbotics.toml ca seal --new-passphrase-env NEW_ROOT_PASSPHRASE"
    )]
    Seal {
        /// The environment variable that holds the new passphrase, 12 bytes or more.
        #[arg(long, value_name = "VARIABLE")]
        new_passphrase_env: String,
        /// Where the root CA's key is.
        #[command(flatten)]
        root: RootKey,
    },
}

/// Where the root CA's key is.
#[derive(Debug, Clone, Args)]
pub struct RootKey {
    /// The root CA's keystore; `keys/root-ca.keystore` beside the configuration where none is named.
    #[arg(long, value_name = "FILE")]
    root_keystore: Option<PathBuf>,
    /// The key file that opens it, which is kept off the daemon's host; `keys/root-ca.key` beside the configuration where nothing else opens it.
    #[arg(long, value_name = "FILE", conflicts_with = "root_passphrase_env")]
    root_key_file: Option<PathBuf>,
    /// The environment variable that holds the passphrase that opens it, where it was sealed by one.
    #[arg(long, value_name = "VARIABLE")]
    root_passphrase_env: Option<String>,
    /// The root's certificate; `keys/root-ca.pem` beside the configuration where none is named.
    #[arg(long, value_name = "FILE")]
    root_certificate: Option<PathBuf>,
}

impl RootKey {
    fn keystore(&self, config: &Config) -> Result<Keystore, Error> {
        let beside = beside(config)?;
        let path = self.root_keystore.clone().unwrap_or_else(|| beside(layout::ROOT_KEYSTORE));
        let unlock = match &self.root_passphrase_env {
            Some(variable) => Unlock::passphrase(&passphrase("--root-passphrase-env", variable)?),
            None => {
                let file = self.root_key_file.clone().unwrap_or_else(|| beside(layout::ROOT_KEYSTORE_KEY));
                Unlock::KeyFile(KeyFile::load(&file).map_err(error::keys("read the root CA's key file"))?)
            }
        };
        Keystore::open(&path, config.installation, &unlock).map_err(error::keys("open the root CA's keystore"))
    }

    fn root(&self, config: &Config) -> Result<Root, Error> {
        let keystore = self.keystore(config)?;
        let pair = keystore.pair(layout::key::ROOT_CA, Kind::RootCa);
        let pair = pair.ok_or(Error::Keys { attempt: "find the root CA's key", source: "it is not in its keystore".into() })?;
        let path = match &self.root_certificate {
            Some(path) => path.clone(),
            None => beside(config)?(layout::ROOT_CERTIFICATE),
        };
        Root::load(one_certificate(&path)?, pair).map_err(error::keys("load the root CA"))
    }
}

impl RootCa {
    /// What is printed.
    ///
    /// # Errors
    /// [`Error::Flag`], [`Error::File`], [`Error::Keys`].
    pub fn run(&self, config: &Config, clock: &dyn Clock) -> Result<String, Error> {
        match self {
            Self::Sign { request, root } => {
                let refused = |reason: String| Error::Flag { flag: "--request", value: request.display().to_string(), reason };
                let der = certificate::request_from_pem(&read(request)?);
                let der = der.map_err(|error| refused(error.to_string()))?;
                let key =
                    ca::read_authority(&der, &config.trust_domain).map_err(|error| refused(scalbotics_core::in_words(&error)))?;
                let signed = root.root(config)?.sign_issuing(&key, clock.now()).map_err(error::keys("sign the issuing CA"))?;
                Ok(certificate::to_pem(&[signed]))
            }
            Self::Crl { revoked, root } => {
                let now = clock.now();
                let mut entries = Vec::with_capacity(revoked.len());
                for path in revoked {
                    for one in certificate::from_pem(&read(path)?).map_err(error::keys("read a revoked certificate"))? {
                        let serial = svid::serial(&one).map_err(error::keys("read a revoked certificate"))?;
                        entries.push(Revoked { serial, at: now });
                    }
                }
                let list = root.root(config)?.sign_crl(&entries, now).map_err(error::keys("sign the list of revoked CAs"))?;
                Ok(certificate::crl_to_pem(&list))
            }
            Self::Seal { new_passphrase_env, root } => {
                let unlock = Unlock::passphrase(&passphrase("--new-passphrase-env", new_passphrase_env)?);
                root.keystore(config)?.relock(&unlock).map_err(error::keys("seal the root CA's keystore"))?;
                Ok("the root CA's keystore opens by the new passphrase alone; a key file that opened it is of no use any more\n"
                    .to_owned())
            }
        }
    }
}

fn passphrase(flag: &'static str, variable: &str) -> Result<String, Error> {
    let refused = || Error::Flag { flag, value: variable.to_owned(), reason: "there is no such environment variable".to_owned() };
    config::passphrase(variable).ok_or_else(refused)
}

fn beside(config: &Config) -> Result<impl Fn(&str) -> PathBuf, Error> {
    let file = std::path::absolute(&config.sources.file).map_err(error::file("resolve", &config.sources.file))?;
    Ok(move |path: &str| file.with_file_name(path))
}

fn read(path: &Path) -> Result<String, Error> {
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(FILE_LEN_MAX).read_to_string(&mut text).map_err(error::file("read", path))?;
        return Ok(text);
    }
    let bytes = scalbotics_identity::private_file::read_public(path, FILE_LEN_MAX).map_err(error::keys("read a file"))?;
    String::from_utf8(bytes.to_vec()).map_err(error::keys("read a file"))
}

fn one_certificate(path: &Path) -> Result<CertificateDer<'static>, Error> {
    let mut found = certificate::from_pem(&read(path)?).map_err(error::keys("read a certificate"))?;
    let one = found.pop().filter(|_| found.is_empty());
    one.ok_or_else(|| Error::Keys {
        attempt: "read a certificate",
        source: format!("`{}` does not hold exactly one", path.display()).into(),
    })
}
