//! Resource names: `tenants/acme/tasks/task_…`.
//!
//! **Invariant:** a tenant inside of a name is compared with the caller's and never used (architecture, rule 8).

use std::str::FromStr;

use scalbotics_core::tenant::{Name, TenantId};

use super::failure::Failure;

/// Longest resource name, in bytes: three names and their words.
const LEN_MAX: usize = 256;

/// An object named by a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named<Id> {
    /// Its id within the tenant.
    pub id: Id,
    /// The name as it was given, for answers.
    pub text: String,
    /// Whether it is another tenant's, and so does not exist for the caller.
    pub foreign: bool,
}

/// Parses `tenants/<tenant>/<collection>/<id>`.
///
/// # Errors
/// INVALID_ARGUMENT when the text is not such a name.
pub(crate) fn parse<Id: FromStr>(field: &str, collection: &str, text: &str, own: &TenantId) -> Result<Named<Id>, Failure> {
    let shape = || Failure::invalid(field, format!("it is not `tenants/<tenant>/{collection}/<id>`"));
    let rest = (text.len() <= LEN_MAX).then_some(text).and_then(|text| text.strip_prefix("tenants/")).ok_or_else(shape)?;
    let (tenant, rest) = rest.split_once('/').ok_or_else(shape)?;
    let (found, id) = rest.split_once('/').ok_or_else(shape)?;
    let tenant = TenantId::parse(tenant).map_err(|_| shape())?;
    if found != collection {
        return Err(shape());
    }
    let id = id.parse().map_err(|_| shape())?;
    Ok(Named { id, text: text.to_owned(), foreign: tenant != *own })
}

/// Parses `tenants/<tenant>`, or nothing for the caller's; answers whether it is foreign.
///
/// # Errors
/// INVALID_ARGUMENT when the text is neither.
pub(crate) fn parse_parent(field: &str, text: &str, own: &TenantId) -> Result<Named<()>, Failure> {
    let shape = || Failure::invalid(field, "it is not `tenants/<tenant>`");
    let foreign = if text.is_empty() {
        false
    } else {
        let tenant = text.strip_prefix("tenants/").ok_or_else(shape)?;
        TenantId::parse(tenant).map_err(|_| shape())? != *own
    };
    Ok(Named { id: (), text: text.to_owned(), foreign })
}

/// Parses `tenants/<tenant>`, of any tenant: for the verbs that are about tenants.
///
/// # Errors
/// INVALID_ARGUMENT when the text is not such a name.
pub(crate) fn tenant(field: &str, text: &str) -> Result<TenantId, Failure> {
    let id = text.strip_prefix("tenants/").and_then(|text| TenantId::parse(text).ok());
    id.ok_or_else(|| Failure::invalid(field, "it is not `tenants/<tenant>`"))
}

/// Parses `tenants/<tenant>/repository`, or nothing for the caller's.
///
/// # Errors
/// INVALID_ARGUMENT when the text is neither.
pub(crate) fn parse_repository(field: &str, text: &str, own: &TenantId) -> Result<Named<()>, Failure> {
    let parent = if text.is_empty() {
        text
    } else {
        text.strip_suffix("/repository").ok_or_else(|| Failure::invalid(field, "it is not `tenants/<tenant>/repository`"))?
    };
    Ok(Named { text: text.to_owned(), ..parse_parent(field, parent, own)? })
}

/// `tenants/<tenant>/<collection>/<id>`.
#[must_use]
pub(crate) fn name(tenant: &TenantId, collection: &str, id: &dyn std::fmt::Display) -> String {
    format!("tenants/{tenant}/{collection}/{id}")
}

/// Parses a bare name such as a tool's in a request.
///
/// # Errors
/// INVALID_ARGUMENT.
pub(crate) fn bare(field: &str, text: &str) -> Result<Name, Failure> {
    Name::parse(text).map_err(|error| Failure::invalid(field, error.to_string()))
}

#[cfg(test)]
mod tests {
    use scalbotics_core::ids::TaskId;

    use super::*;

    fn acme() -> TenantId {
        TenantId::parse("acme").unwrap()
    }

    #[test]
    fn names() {
        let id = TaskId::from_u128(7);
        let text = name(&acme(), "tasks", &id);
        let named: Named<TaskId> = parse("name", "tasks", &text, &acme()).unwrap();
        assert_eq!((named.id, named.foreign), (id, false));
        let foreign: Named<TaskId> = parse("name", "tasks", &text.replace("acme", "other"), &acme()).unwrap();
        assert!(foreign.foreign);
        for bad in [
            "",
            "tenants",
            "tenants/acme/tasks",
            "tenants/acme/tasks/",
            &text.replace("tasks", "agents"),
            &text.replace("acme", "ACME"),
            &text.replace("acme", ""),
            &text.replace("acme", "a/b"),
            &format!("{text}/x"),
            &format!("/{text}"),
            &format!("tenants/{}/tasks/{id}", "a".repeat(300)),
        ] {
            assert!(parse::<TaskId>("name", "tasks", bad, &acme()).is_err(), "{bad}");
        }
    }

    #[test]
    fn parents() {
        for (text, foreign) in [("", false), ("tenants/acme", false), ("tenants/other", true)] {
            assert_eq!(parse_parent("parent", text, &acme()).unwrap().foreign, foreign, "{text}");
        }
        for (text, foreign) in [("", false), ("tenants/acme/repository", false), ("tenants/other/repository", true)] {
            assert_eq!(parse_repository("name", text, &acme()).unwrap().foreign, foreign, "{text}");
        }
        assert!(parse_parent("parent", "acme", &acme()).is_err() && parse_repository("name", "tenants/acme", &acme()).is_err());
    }
}
