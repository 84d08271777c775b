//! Certificates: the daemon that the evidence is of belongs to the installation whose root the trust file has (semantics §4.1).

use crate::Refusal;
use crate::bundle::Bundle;
use crate::certificate::Certificate;
use crate::fields::shown;
use crate::report::Found;
use crate::trust::Trust;

pub(super) fn check(bundle: &Bundle<'_>, trust: Option<&Trust>) -> Result<Found, Refusal> {
    let refuse = |index: usize, what: &str| Refusal::new("certificate", format!("certificates[{index}]"), what);
    let roots = trust.map_or(&[][..], |trust| trust.roots.as_slice());
    let not_checked = |why: &str| Found { said: String::new(), not_checked: vec![why.to_owned()] };
    let mut chain = Vec::with_capacity(bundle.certificates.len());
    for (index, der) in bundle.certificates.iter().enumerate() {
        let read = Certificate::read(der);
        chain.push(read.ok_or_else(|| refuse(index, "no certificate of P-256 with one SPIFFE ID"))?);
    }
    let (Some(own), Some(last)) = (chain.first(), chain.last()) else {
        return match roots {
            [] => Ok(not_checked("whose daemon it was: there is no certificate and no root")),
            _ => Err(Refusal::new("omitted", "certificates", "the daemon's certificate is missing")),
        };
    };
    let authority = format!("spiffe://{}", bundle.trust_domain);
    let is_daemon = own.uri.strip_prefix(&authority).is_some_and(|path| path.starts_with("/system/daemon/"));
    if own.is_ca || !is_daemon {
        return Err(refuse(0, "it is not that of a daemon of the installation"));
    }
    for (index, (issued, by)) in (1..).zip(chain.iter().zip(chain.iter().skip(1))) {
        if by.uri != authority || !by.issued(issued) {
            return Err(refuse(index, "it is not the CA that issued the one before"));
        }
    }
    if roots.is_empty() {
        return Ok(not_checked("the daemon's certificate: only as told by the daemon"));
    }
    let mut known = roots.iter().filter_map(|root| Certificate::read(root));
    if known.any(|root| root.uri == authority && root.issued(last)) {
        Ok(Found::new(format!("{}, under a root of the trust file", shown(&own.uri))))
    } else {
        Err(refuse(chain.len().saturating_sub(1), "no root of the trust file issued it"))
    }
}
