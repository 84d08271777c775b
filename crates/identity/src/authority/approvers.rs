//! Whose approvals count: an approver's key is believed for its enrolment statement, never for its row (semantics §5.2).

use scalbotics_core::ports::{EnrolledKey, Human, StatementVerifier, VerifyError};

use crate::holder::key::{Public, Thumbprint};
use crate::holder::statement::{self, Enrolment, Signed, verify_approval, verify_enrolment};
use crate::holder::trust;

/// Why a human's enrolment does not count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The stored enrolment is malformed, or no pinned admin key signed it.
    #[error("stored enrolment does not verify")]
    Statement(#[from] statement::Error),
    /// The enrolment is another human's, or of another tenant.
    #[error("enrolment is of another human or tenant")]
    Foreign,
    /// The enrolled key is the login key (semantics §4.5).
    #[error("enrolled key `{key}` is the login key")]
    LoginKey {
        /// The key.
        key: Thumbprint,
    },
    /// The login key cannot be read, so that nobody can say whether it differs.
    #[error("login key of the human is malformed")]
    MalformedLoginKey,
}

/// Verifies approvers' signatures under the approver-admin keys of a trust file.
#[derive(Debug)]
pub struct Approvers {
    trust: trust::File,
}

impl Approvers {
    /// Believes the approver-admin keys of `trust`.
    #[must_use]
    pub const fn new(trust: trust::File) -> Self {
        Self { trust }
    }

    /// Reads and verifies a human's stored enrolment.
    ///
    /// # Errors
    /// Any [`Error`].
    pub fn enrolment(&self, human: &Human, stored: &[u8]) -> Result<Enrolment, Error> {
        let enrolment = verify_enrolment(&Signed::from_bytes(stored)?, &self.trust)?;
        if enrolment.approver != human.uid || enrolment.tenant != human.tenant {
            return Err(Error::Foreign);
        }
        // Whoever logs in by an outside issuer has no login key that lasts.
        if human.outside.is_some() && human.login_key.is_empty() {
            return Ok(enrolment);
        }
        let login = Public::from_jwk_json(&human.login_key).map_err(|_| Error::MalformedLoginKey)?;
        if login == enrolment.key {
            return Err(Error::LoginKey { key: login.thumbprint() });
        }
        Ok(enrolment)
    }
}

impl StatementVerifier for Approvers {
    fn verify(&self, human: &Human, statement: &[u8], signature: &[u8]) -> Result<String, VerifyError> {
        let stored = human.enrolment.as_deref().ok_or_else(|| not_enrolled(human, None))?;
        let enrolment = self.enrolment(human, stored).map_err(|error| not_enrolled(human, Some(error)))?;
        verify_approval(&enrolment.key, statement, signature)
            .map_err(|_| VerifyError::Signature { human: human.name.clone() })?;
        Ok(enrolment.key.thumbprint().to_string())
    }

    fn enrolled(&self, human: &Human, enrolment: &[u8]) -> Result<EnrolledKey, VerifyError> {
        let enrolment = self.enrolment(human, enrolment).map_err(|error| not_enrolled(human, Some(error)))?;
        Ok(EnrolledKey { thumbprint: enrolment.key.thumbprint().to_string(), issued_at: enrolment.issued_at })
    }
}

fn not_enrolled(human: &Human, source: Option<Error>) -> VerifyError {
    VerifyError::NotEnrolled { human: human.name.clone(), source: source.map(Into::into) }
}

#[cfg(test)]
mod tests {
    use scalbotics_core::agent::Standing;
    use scalbotics_core::identity::TrustDomain;
    use scalbotics_core::ids::HumanUid;
    use scalbotics_core::tenant::{Name, TenantId};
    use scalbotics_core::time::Timestamp;

    use super::*;
    use crate::holder::key::{Algorithm, Pair};
    use crate::holder::statement::{sign_approval, sign_enrolment};

    struct Fixture {
        admin: Pair,
        approver: Pair,
        approvers: Approvers,
        human: Human,
    }

    fn pair() -> Pair {
        Pair::generate(Algorithm::Ed25519).unwrap()
    }

    fn enrolment(approver: &Pair) -> Enrolment {
        Enrolment {
            approver: HumanUid::from_u128(7),
            tenant: TenantId::parse("acme").unwrap(),
            trust_domain: TrustDomain::parse("td.test").unwrap(),
            key: approver.public().clone(),
            issued_at: Timestamp::from_unix_ms(0),
        }
    }

    fn fixture() -> Fixture {
        let (admin, approver, login) = (pair(), pair(), pair());
        let trust = trust::File {
            trust_domain: TrustDomain::parse("td.test").unwrap(),
            log_keys: vec![],
            witness_keys: vec![],
            approver_admins: vec![admin.public().clone()],
            token_keys: vec![],
            ca_bundle_pem: String::new(),
            dev: false,
        };
        let human = Human {
            uid: HumanUid::from_u128(7),
            tenant: TenantId::parse("acme").unwrap(),
            name: Name::parse("anna").unwrap(),
            groups: vec![],
            login_key: login.public().to_jwk_json().unwrap(),
            enrolment: Some(sign_enrolment(&admin, &enrolment(&approver)).unwrap().to_bytes().unwrap()),
            standing: Standing::Active,
            epoch: 0,
            outside: None,
        };
        Fixture { admin, approver, approvers: Approvers::new(trust), human }
    }

    #[test]
    fn an_enrolled_key_signs() {
        let f = fixture();
        let signature = sign_approval(&f.approver, b"{}").unwrap();
        assert_eq!(f.approvers.verify(&f.human, b"{}", &signature).unwrap(), f.approver.thumbprint().to_string());
        assert!(matches!(f.approvers.verify(&f.human, b"{ }", &signature), Err(VerifyError::Signature { .. })));
        let stranger = sign_approval(&pair(), b"{}").unwrap();
        assert!(matches!(f.approvers.verify(&f.human, b"{}", &stranger), Err(VerifyError::Signature { .. })));
        assert!(matches!(f.approvers.verify(&f.human, b"{}", b""), Err(VerifyError::Signature { .. })));
    }

    #[test]
    fn sem_5_2_the_row_is_never_believed() {
        let f = fixture();
        let signature = sign_approval(&f.approver, b"{}").unwrap();
        let stored = |signed: &Signed| Some(signed.to_bytes().unwrap());
        let refused = |what: &str, human: Human| {
            let refusal = f.approvers.verify(&human, b"{}", &signature);
            assert!(matches!(refusal, Err(VerifyError::NotEnrolled { .. })), "{what}: {refusal:?}");
        };
        refused("no enrolment", Human { enrolment: None, ..f.human.clone() });
        refused("garbage", Human { enrolment: Some(b"{}".to_vec()), ..f.human.clone() });
        let key = f.approvers.enrolled(&f.human, f.human.enrolment.as_deref().unwrap()).unwrap();
        assert_eq!(key, EnrolledKey { thumbprint: f.approver.thumbprint().to_string(), issued_at: Timestamp::from_unix_ms(0) });
        assert!(matches!(f.approvers.enrolled(&f.human, b"{}"), Err(VerifyError::NotEnrolled { source: Some(_), .. })));
        let own = sign_enrolment(&f.approver, &enrolment(&f.approver)).unwrap();
        refused("signed by the approver", Human { enrolment: stored(&own), ..f.human.clone() });
        refused("another human's row", Human { uid: HumanUid::from_u128(8), ..f.human.clone() });
        refused("another tenant's row", Human { tenant: TenantId::parse("evil").unwrap(), ..f.human.clone() });
        refused("unreadable login key", Human { login_key: String::new(), ..f.human.clone() });
        let elsewhere = Enrolment { trust_domain: TrustDomain::parse("other.test").unwrap(), ..enrolment(&f.approver) };
        let elsewhere = sign_enrolment(&f.admin, &elsewhere).unwrap();
        refused("another installation", Human { enrolment: stored(&elsewhere), ..f.human.clone() });
    }

    #[test]
    fn sem_4_5_login_and_approval_keys_differ() {
        let f = fixture();
        let human = Human { login_key: f.approver.public().to_jwk_json().unwrap(), ..f.human };
        let stored = human.enrolment.clone().unwrap();
        assert!(matches!(f.approvers.enrolment(&human, &stored), Err(Error::LoginKey { key }) if key == f.approver.thumbprint()));
        let signature = sign_approval(&f.approver, b"{}").unwrap();
        assert!(matches!(f.approvers.verify(&human, b"{}", &signature), Err(VerifyError::NotEnrolled { source: Some(_), .. })));
    }
}
