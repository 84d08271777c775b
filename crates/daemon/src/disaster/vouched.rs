//! Humans whom the operator vouches for, where nobody remembers whether they may act.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use scalbotics_core::tenant::{Name, NameError, TenantId};

/// A human who is named: by the name alone one of the tenant that operates the installation, and one of another as `TENANT/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vouched {
    tenant: Option<TenantId>,
    name: Name,
}

impl Vouched {
    /// This human of this tenant.
    pub(super) fn of(tenant: &TenantId, name: &Name, operating: &TenantId) -> Self {
        Self { tenant: (tenant != operating).then(|| tenant.clone()), name: name.clone() }
    }

    /// Whose human it is.
    pub(super) fn tenant<'a>(&'a self, operating: &'a TenantId) -> &'a TenantId {
        self.tenant.as_ref().unwrap_or(operating)
    }

    /// The name, among the humans of that tenant.
    pub(super) const fn name(&self) -> &Name {
        &self.name
    }
}

impl FromStr for Vouched {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (tenant, name) = match text.split_once('/') {
            Some((tenant, name)) => (Some(TenantId::parse(tenant)?), name),
            None => (None, text),
        };
        Ok(Self { tenant, name: Name::parse(name)? })
    }
}

impl fmt::Display for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tenant {
            Some(tenant) => write!(f, "{tenant}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Names of those who are of this tenant.
pub(super) fn of_tenant(keep: &BTreeSet<Vouched>, tenant: &TenantId, operating: &TenantId) -> BTreeSet<Name> {
    keep.iter().filter(|human| human.tenant(operating) == tenant).map(|human| human.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_human_is_one_of_the_operating_tenant_unless_another_is_named() {
        let tenant = |name: &str| TenantId::parse(name).unwrap();
        let (acme, beta) = (tenant("acme"), tenant("beta"));
        let keep: BTreeSet<Vouched> = ["ann", "beta/carol", "acme/bob"].map(|text| text.parse().unwrap()).into();
        let names = |of: &TenantId| of_tenant(&keep, of, &acme).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        assert_eq!((names(&acme).as_str(), names(&beta).as_str()), ("ann bob", "carol"));
        for text in ["ann", "beta/carol"] {
            assert_eq!(text.parse::<Vouched>().unwrap().to_string(), text);
        }
        assert_eq!(Vouched::of(&acme, &Name::parse("ann").unwrap(), &acme).to_string(), "ann");
        assert_eq!(Vouched::of(&beta, &Name::parse("ann").unwrap(), &acme).to_string(), "beta/ann");
        for text in ["", "/", "/ann", "beta/", "beta/carol/dora", "Beta/carol", "beta carol"] {
            assert!(text.parse::<Vouched>().is_err(), "{text}");
        }
    }
}
