//! The identity provider of a context, as flags.

use std::path::PathBuf;

use clap::Args;

use crate::context::{Issuer, Shown, Store};
use crate::failure::Failure;
use crate::issuer::Address;

/// Longest of the texts that the issuer gave out or reads, in bytes.
const TEXT_LEN_MAX: usize = 512;

/// Flags about the issuer.
#[derive(Debug, Args)]
#[command(next_help_heading = "Identity provider")]
pub(crate) struct IssuerArgs {
    /// Address of the identity provider that says who somebody is, as its tokens name it.
    #[arg(long, value_name = "URL", requires = "client_id")]
    issuer: Option<String>,
    /// The public client that is registered with it for this program.
    #[arg(long, value_name = "ID", requires = "issuer")]
    client_id: Option<String>,
    /// Scopes, joined by blanks; else `openid`, and `offline_access` where it is offered.
    #[arg(long, value_name = "SCOPES", requires = "issuer")]
    scopes: Option<String>,
    /// For whom its access token shall be, where it wants that said.
    #[arg(long, value_name = "AUDIENCE", requires = "issuer")]
    audience: Option<String>,
    /// Which of its tokens the daemon is shown: id, or access, where that is a JWT for the daemon.
    #[arg(long, value_name = "TOKEN", requires = "issuer", value_enum, hide_possible_values = true, default_value = "id")]
    issuer_token: Shown,
    /// Authorities that are believed about it beside the system's, a PEM file.
    #[arg(long, value_name = "FILE", requires = "issuer")]
    issuer_ca: Option<PathBuf>,
    /// Port of 127.0.0.1 to which the browser comes back, where it must be a registered one.
    #[arg(long, value_name = "PORT", requires = "issuer", value_parser = clap::value_parser!(u16).range(1..))]
    redirect_port: Option<u16>,
    /// Where the refresh token of a login is kept: file, or keyring, that of the desktop.
    #[arg(long, value_name = "STORE", requires = "issuer", value_enum, hide_possible_values = true, default_value = "file")]
    store: Store,
}

impl IssuerArgs {
    /// The issuer, if one is named.
    pub(super) fn issuer(&self) -> Result<Option<Issuer>, Failure> {
        let (Some(url), Some(client_id)) = (&self.issuer, &self.client_id) else { return Ok(None) };
        let wrong = |flag: &str, why: &str| {
            Failure::usage(format!("{flag} is not usable")).why(why).next("scalbotics context add --help")
        };
        Address::of_issuer(url).map_err(|why| wrong("--issuer", why))?;
        for (flag, text) in
            [("--client-id", Some(client_id)), ("--scopes", self.scopes.as_ref()), ("--audience", self.audience.as_ref())]
        {
            if text.is_some_and(|text| text.trim().is_empty() || text.len() > TEXT_LEN_MAX || text.chars().any(char::is_control))
            {
                return Err(wrong(flag, "it is empty, longer than 512 bytes, or holds what is no text"));
            }
        }
        let ca_file = self.issuer_ca.as_ref().map(std::path::absolute).transpose();
        Ok(Some(Issuer {
            url: url.clone(),
            client_id: client_id.clone(),
            scopes: self.scopes.clone(),
            audience: self.audience.clone(),
            token: self.issuer_token,
            ca_file: ca_file.map_err(|error| wrong("--issuer-ca", &error.to_string()))?,
            redirect_port: self.redirect_port,
            store: self.store,
        }))
    }
}
