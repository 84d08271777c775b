-- Who is served here. Rows are never deleted: a tenant's name is never used again. Names are plain, so that they stand in JSON as they are.

CREATE TABLE tenant (
    id     TEXT PRIMARY KEY,
    tenant BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- The tenant of a database that had one without registering it: whoever has a log.
INSERT INTO tenant
SELECT tenant, CAST('{"id":"' || tenant || '","standing":"active","created_at":0,"branch":"main"}' AS BLOB)
FROM audit_head WHERE tenant <> 'system';
