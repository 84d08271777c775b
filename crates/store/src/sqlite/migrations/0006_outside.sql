-- Who somebody is at an outside issuer: a digest of issuer and subject, or nothing for who logs in by a key.
ALTER TABLE human ADD COLUMN person BLOB;
CREATE UNIQUE INDEX human_person ON human (tenant, person) WHERE person IS NOT NULL;
