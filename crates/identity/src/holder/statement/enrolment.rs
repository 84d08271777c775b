//! Enrolments: an approver-admin key says which key is whose (semantics §5.2 b). The registry's row is only a cache of one.

use scalbotics_core::identity::TrustDomain;
use scalbotics_core::ids::HumanUid;
use scalbotics_core::tenant::TenantId;
use scalbotics_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Error;
use super::approval::message;
use crate::document;
use crate::encoding::{from_base64url, to_base64url};
use crate::holder::key::{Jwk, Pair, Public, SIGNATURE_LEN, Thumbprint};
use crate::holder::trust;

/// Separates enrolments from everything else that an admin's key could sign.
const TAG: &[u8] = b"scalbotics/enrolment/v1\0";

/// The only version of the document.
const VERSION: u32 = 1;

/// Which key is whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The human whose approvals the key signs.
    pub approver: HumanUid,
    /// The human's tenant.
    pub tenant: TenantId,
    /// The installation in which the key counts.
    pub trust_domain: TrustDomain,
    /// The approver's key.
    pub key: Public,
    /// When the admin signed.
    pub issued_at: Timestamp,
}

/// An enrolment as it is kept and handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The canonical JSON bytes of the enrolment.
    pub statement: Vec<u8>,
    /// The admin key that signed.
    pub signer: Thumbprint,
    /// Its Ed25519 signature.
    pub signature: [u8; SIGNATURE_LEN],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    approver: HumanUid,
    issued_at: Timestamp,
    key: Jwk,
    tenant: TenantId,
    thumbprint: Thumbprint,
    trust_domain: TrustDomain,
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    signature: String,
    signer: Thumbprint,
    statement: String,
}

impl Signed {
    /// The canonical JSON text in which it is stored and handed on.
    ///
    /// # Errors
    /// [`Error::Document`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(document::to_bytes(&Envelope {
            signature: to_base64url(self.signature),
            signer: self.signer,
            statement: to_base64url(&self.statement),
        })?)
    }

    /// Parses what [`Signed::to_bytes`] wrote; nothing is verified.
    ///
    /// # Errors
    /// [`Error::Document`], [`Error::Envelope`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let envelope: Envelope = document::from_bytes(bytes)?;
        let statement = from_base64url(&envelope.statement).ok_or(Error::Envelope)?;
        let signature = from_base64url(&envelope.signature).and_then(|bytes| bytes.try_into().ok()).ok_or(Error::Envelope)?;
        Ok(Self { statement, signer: envelope.signer, signature })
    }
}

impl Enrolment {
    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(document::to_bytes(&Document {
            approver: self.approver,
            issued_at: self.issued_at,
            key: Jwk::from(&self.key),
            tenant: self.tenant.clone(),
            thumbprint: self.key.thumbprint(),
            trust_domain: self.trust_domain.clone(),
            version: VERSION,
        })?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let document: Document = document::from_bytes(bytes)?;
        if document.version != VERSION {
            return Err(Error::Version { version: document.version });
        }
        let key = Public::try_from(&document.key)?;
        let held = key.thumbprint();
        if held != document.thumbprint {
            return Err(Error::Thumbprint { named: document.thumbprint, held });
        }
        Ok(Self {
            approver: document.approver,
            tenant: document.tenant,
            trust_domain: document.trust_domain,
            key,
            issued_at: document.issued_at,
        })
    }
}

/// Signs an enrolment with an approver-admin key.
///
/// # Errors
/// [`Error::Algorithm`] when either key is not Ed25519; [`Error::Key`], [`Error::Document`].
pub fn sign_enrolment(admin: &Pair, enrolment: &Enrolment) -> Result<Signed, Error> {
    check_algorithm(&enrolment.key)?;
    let statement = enrolment.to_bytes()?;
    let signature = admin.sign(&message(admin.algorithm(), TAG, &statement)?)?;
    Ok(Signed { statement, signer: admin.thumbprint(), signature })
}

/// Verifies an enrolment against the approver-admin keys and the trust domain of a trust file.
///
/// # Errors
/// [`Error::Signer`] when the trust file does not pin the signer, before the signature is looked at; else any [`Error`].
pub fn verify_enrolment(signed: &Signed, trust: &trust::File) -> Result<Enrolment, Error> {
    let signer = signed.signer;
    let admin = trust.approver_admins.iter().find(|key| key.thumbprint() == signer).ok_or(Error::Signer { signer })?;
    admin.verify(&message(admin.algorithm(), TAG, &signed.statement)?, &signed.signature)?;
    let enrolment = Enrolment::from_bytes(&signed.statement)?;
    check_algorithm(&enrolment.key)?;
    if enrolment.trust_domain != trust.trust_domain {
        return Err(Error::TrustDomain { named: enrolment.trust_domain });
    }
    Ok(enrolment)
}

fn check_algorithm(key: &Public) -> Result<(), Error> {
    use crate::holder::key::Algorithm;
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(()),
        algorithm @ Algorithm::P256 => Err(Error::Algorithm { algorithm }),
    }
}
