//! A remote's branch, fetched into the local copy.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gix::bstr::BStr;
use gix::protocol::transport::client::blocking_io::http::options::FollowRedirects;
use gix::protocol::transport::client::blocking_io::http::reqwest::Options as Backend;
use gix::protocol::transport::client::blocking_io::http::reqwest::Remote as Http;
use gix::protocol::transport::client::blocking_io::http::{Options, Transport};
use gix::remote::{Direction, fetch::Tags};

use super::limited::{Allowance, Limited};
use super::{Error, Remote};
use crate::build::certificates;
use crate::git::{BoxError, source};

/// Time for one request of a fetch: a first fetch of a large history over a slow line.
const REQUEST_MAX: Duration = Duration::from_secs(120);

/// Bytes of the answers before the pack: the greeting, and the references that a look has seen already.
const GREETING_LEN_MAX: u64 = 4 << 20;

/// Bytes of a fetch as it is sent, packed: years of desired state have a tenth.
const PACK_LEN_MAX: u64 = 256 << 20;

/// Bytes of one object of a fetch when it is unpacked, in memory: four times the largest that is ever read (`walk.rs`), so that a file
/// beside desired state may be large. What holds the objects of one pack together is under this limit too, enough for 800 000 of them.
const OBJECT_LEN_MAX: u64 = 32 << 20;

impl Remote {
    /// Fetches a branch into the bare repository at `copy`, whose branch of that name then stands where the remote's does.
    ///
    /// Blocking, as long as the network takes; at most some minutes.
    ///
    /// # Errors
    /// [`Error::Fetch`], [`Error::TooLarge`]; the copy's branch stands where it stood then.
    pub fn fetch(&self, copy: &Path, reference: &str) -> Result<(), Error> {
        let allowance = Allowance::of(GREETING_LEN_MAX);
        self.try_fetch(copy, reference, &allowance).map_err(|source| {
            let address = self.address.to_string();
            let is_object = source.downcast_ref::<gix::Error>().is_some_and(|error| error.classify().is_resource_exhausted());
            if allowance.is_spent() {
                let what = format!("more than {PACK_LEN_MAX} bytes of objects, or {GREETING_LEN_MAX} before them");
                Error::TooLarge { address, what }
            } else if is_object {
                let what = format!("an object of more than {OBJECT_LEN_MAX} bytes, or too many objects");
                Error::TooLarge { address, what }
            } else {
                Error::Fetch { address, source }
            }
        })
    }

    fn try_fetch(&self, copy: &Path, reference: &str, allowance: &Allowance) -> Result<(), BoxError> {
        // One thread: each unpacks an object at a time.
        let limits = [format!("gitoxide.objects.allocLimit={OBJECT_LEN_MAX}"), "pack.threads=1".to_owned()];
        let repository = source::open_with(copy, limits)?;
        let refspec = format!("+{reference}:{reference}");
        let remote = repository.remote_at(self.address.as_str())?.with_fetch_tags(Tags::None);
        let remote = remote.with_refspecs([<&BStr>::from(refspec.as_str())], Direction::Fetch)?;
        let (url, version) = remote.sanitized_url_and_version(Direction::Fetch)?;
        let http = Limited::new(Http::default(), allowance.clone());
        let connection = remote.to_connection_with_transport(Transport::new_http(http, url, version, false));
        // What the header does not open, nobody is asked for.
        let connection = connection.with_credentials(|_| Ok(None)).with_transport_options(Box::new(self.options()?));
        let fetch = connection.prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())?;
        allowance.renew(PACK_LEN_MAX);
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

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;
    use crate::git::remote::Address;

    /// A server that lists references for as long as somebody listens; its port.
    fn endless() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let asked = BufReader::new(stream.try_clone().unwrap()).lines();
            let _head = asked.map_while(Result::ok).take_while(|line| !line.is_empty()).count();
            let begin = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nConnection: close\r\n\r\n\
                         001e# service=git-upload-pack\n0000";
            let packed = |line: String| format!("{:04x}{line}", line.len() + 4);
            let first = packed(format!("{} refs/heads/main\0agent=test/1\n", "1".repeat(40)));
            let more = packed(format!("{} refs/heads/more\n", "1".repeat(40))).repeat(1_000);
            let mut open = stream.write_all(format!("{begin}{first}").as_bytes());
            while open.is_ok() {
                open = stream.write_all(more.as_bytes());
            }
        });
        port
    }

    #[test]
    fn a_greeting_without_end_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        gix::init_bare(folder.path()).unwrap();
        let address = Address::parse(&format!("http://127.0.0.1:{}/x.git", endless())).unwrap();
        let refused = Remote::new(address, "git", None).fetch(folder.path(), "refs/heads/main").unwrap_err();
        assert!(matches!(&refused, Error::TooLarge { .. }), "{refused:?}");
        assert!(refused.to_string().contains("sends too much"), "{refused}");
    }
}
