//! The schema: whose database this is, which version it has, and the way to the newest.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use scalbotics_core::failpoint;

use super::OpenError;
use super::connect::engine;

/// Marks a database as ours (`SBOT`), so that `file` and the next open know it.
const APPLICATION_ID: i64 = 0x5342_4F54;

/// The steps, in order; the version of a database is the number of steps that it has had.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_core.sql"),
    include_str!("migrations/0002_secrets.sql"),
    include_str!("migrations/0003_services.sql"),
    include_str!("migrations/0004_privacy.sql"),
    include_str!("migrations/0005_svids.sql"),
    include_str!("migrations/0006_outside.sql"),
    include_str!("migrations/0007_tenants.sql"),
];

/// The newest version.
pub(super) const LATEST: i64 = 7;

/// Checks whose database this is, and brings it to the newest schema. All steps together are one transaction.
pub(super) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let found = check(conn, path)?;
    if found == LATEST {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(engine(path, "migrate"))?;
    for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        tx.execute_batch(step).map_err(engine(path, "migrate"))?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID).map_err(engine(path, "migrate"))?;
    tx.pragma_update(None, "user_version", LATEST).map_err(engine(path, "migrate"))?;
    failpoint!("commit.before");
    tx.commit().map_err(engine(path, "migrate"))?;
    failpoint!("commit.after");
    Ok(())
}

/// The version of a database that is ours; 0 for an empty file.
pub(super) fn check(conn: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |name| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(engine(path, "read"));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(engine(path, "read"))?;
    if application != APPLICATION_ID && (application, version, tables) != (0, 0, 0) {
        return Err(OpenError::Foreign { path: path.to_owned() });
    }
    if version > LATEST {
        return Err(OpenError::Newer { path: path.to_owned(), found: version, known: LATEST });
    }
    if version < 0 || (version > 0 && tables == 0) {
        return Err(OpenError::Corrupt { path: path.to_owned(), what: format!("schema {version} and {tables} tables") });
    }
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_the_first_version_keeps_what_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.db");
        let mut conn = Connection::open(&path).unwrap();
        conn.execute_batch(MIGRATIONS[0]).unwrap();
        conn.execute_batch("INSERT INTO agent VALUES (x'01', 'acme', 'clerk', 'active', 3)").unwrap();
        for (log, tenant) in [(1, "system"), (2, "acme")] {
            let head = "INSERT INTO audit_head (log, tenant, size, frontier, root, last_at) VALUES (?1, ?2, 0, x'', x'', 0)";
            conn.execute(head, (log, tenant)).unwrap();
        }
        conn.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        conn.pragma_update(None, "user_version", 1).unwrap();
        migrate(&mut conn, &path).unwrap();
        assert_eq!(check(&conn, &path).unwrap(), LATEST);
        let tenants = super::super::tenants::all(&conn).unwrap();
        assert_eq!(tenants.len(), 1, "who had a log is a tenant: {tenants:?}");
        assert_eq!((tenants[0].id.as_str(), tenants[0].branch.as_str()), ("acme", "main"));
        let kept: i64 = conn.query_row("SELECT epoch FROM agent", [], |row| row.get(0)).unwrap();
        let new: i64 = conn
            .query_row("SELECT (SELECT count(*) FROM secret) + (SELECT count(*) FROM service)", [], |row| row.get(0))
            .unwrap();
        assert_eq!((kept, new), (3, 0));
        migrate(&mut conn, &path).unwrap();
    }

    /// A backup of an older version is read before it is brought up to date: its tenants are those that will be registered.
    #[test]
    fn the_tenants_of_a_database_without_a_registry_are_those_that_have_a_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("core.db");
        let mut conn = Connection::open(&path).unwrap();
        MIGRATIONS.iter().take(6).for_each(|step| conn.execute_batch(step).unwrap());
        let heads = "INSERT INTO audit_head VALUES (1, 'acme', 2, x'', x'', 1), (2, 'system', 1, x'', x'', 1)";
        conn.execute_batch(heads).unwrap();
        conn.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        conn.pragma_update(None, "user_version", 6).unwrap();
        let registered = || crate::open_read_only(dir.path()).unwrap().registered().unwrap();
        let before = registered();
        assert_eq!(before.iter().map(|tenant| tenant.id.as_str()).collect::<Vec<_>>(), ["acme"]);
        migrate(&mut conn, &path).unwrap();
        assert_eq!(registered(), before);
    }

    #[test]
    fn the_newest_version_is_the_number_of_steps() {
        assert_eq!(LATEST, i64::try_from(MIGRATIONS.len()).unwrap());
    }
}
