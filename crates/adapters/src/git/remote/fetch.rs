//! A remote's branch, fetched into the local copy.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gix::bstr::BStr;
use gix::protocol::transport::client::blocking_io::http::Options;
use gix::protocol::transport::client::blocking_io::http::options::FollowRedirects;
use gix::protocol::transport::client::blocking_io::http::reqwest::Options as Backend;
use gix::remote::{Direction, fetch::Tags};

use super::{Error, Remote};
use crate::build::certificates;
use crate::git::{BoxError, source};

/// Time for one request of a fetch: a first fetch of a large history over a slow line.
const REQUEST_MAX: Duration = Duration::from_secs(120);

impl Remote {
    /// Fetches a branch into the bare repository at `copy`, whose branch of that name then stands where the remote's does.
    ///
    /// Blocking, as long as the network takes; at most some minutes.
    ///
    /// # Errors
    /// [`Error::Fetch`]; the copy's branch stands where it stood then.
    pub fn fetch(&self, copy: &Path, reference: &str) -> Result<(), Error> {
        self.try_fetch(copy, reference).map_err(|source| Error::Fetch { address: self.address.to_string(), source })
    }

    fn try_fetch(&self, copy: &Path, reference: &str) -> Result<(), BoxError> {
        let repository = source::open(copy)?;
        let refspec = format!("+{reference}:{reference}");
        let remote = repository.remote_at(self.address.as_str())?.with_fetch_tags(Tags::None);
        let remote = remote.with_refspecs([<&BStr>::from(refspec.as_str())], Direction::Fetch)?;
        let connection = remote.connect(Direction::Fetch)?;
        // What the header does not open, nobody is asked for.
        let connection = connection.with_credentials(|_| Ok(None)).with_transport_options(Box::new(self.options()?));
        let fetch = connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
        fetch.receive(gix::progress::Discard, &AtomicBool::new(false))?;
        Ok(())
    }

    fn options(&self) -> Result<Options, BoxError> {
        let roots = certificates(&self.roots)?;
        let backend = Backend {
            configure_client: Some(Box::new(move |client| {
                Ok(client.no_proxy().timeout(REQUEST_MAX).tls_certs_merge(roots.clone()))
            })),
            configure_request: None,
        };
        Ok(Options {
            extra_headers: self.authorization().iter().map(|text| format!("Authorization: {}", text.as_str())).collect(),
            follow_redirects: FollowRedirects::None,
            backend: Some(Arc::new(Mutex::new(backend))),
            ..Options::default()
        })
    }
}
