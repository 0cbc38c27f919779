BEGIN TRANSACTION;
CREATE TABLE acknowledged (
	id INTEGER NOT NULL, 
	revision BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "acknowledged" VALUES(1,1);
CREATE TABLE changes (
	revision BIGINT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	"before" TEXT, 
	"after" TEXT, 
	PRIMARY KEY (revision, kind, "key")
);
INSERT INTO "changes" VALUES(1,'tenant','red',NULL,'{"name":"red","kind":"tenant"}');
INSERT INTO "changes" VALUES(1,'vpc','red/prod',NULL,'{"tenant":"red","name":"prod","kind":"vpc"}');
INSERT INTO "changes" VALUES(2,'tenant','red','{"name":"red","kind":"tenant"}','{"name":"red","description":"changed","kind":"tenant"}');
CREATE TABLE controllers (
	name TEXT NOT NULL, 
	instance TEXT NOT NULL, 
	url TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	expires_us BIGINT NOT NULL, 
	compiled_revision BIGINT NOT NULL, 
	down_links TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE election_ids (
	switch TEXT NOT NULL, 
	last BIGINT NOT NULL, 
	PRIMARY KEY (switch)
);
INSERT INTO "election_ids" VALUES('leaf1',1);
CREATE TABLE identifier_changes (
	revision BIGINT NOT NULL, 
	pool TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	number BIGINT, 
	PRIMARY KEY (revision, pool, owner)
);
INSERT INTO "identifier_changes" VALUES(1,'vrf','red/prod',1);
CREATE TABLE identifiers (
	pool TEXT NOT NULL, 
	number BIGINT NOT NULL, 
	owner TEXT NOT NULL, 
	allocated BIGINT NOT NULL, 
	retired BIGINT, 
	PRIMARY KEY (pool, number)
);
INSERT INTO "identifiers" VALUES('vrf',1,'red/prod',1,NULL);
CREATE TABLE leases (
	switch TEXT NOT NULL, 
	owner TEXT, 
	epoch BIGINT NOT NULL, 
	is_unreachable INTEGER NOT NULL, 
	PRIMARY KEY (switch)
);
CREATE TABLE objects (
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	body TEXT NOT NULL, 
	revision BIGINT NOT NULL, 
	created BIGINT NOT NULL, 
	PRIMARY KEY (kind, "key")
);
INSERT INTO "objects" VALUES('tenant','red','{"name":"red","description":"changed","kind":"tenant"}',2,1);
INSERT INTO "objects" VALUES('vpc','red/prod','{"tenant":"red","name":"prod","kind":"vpc"}',1,1);
CREATE TABLE reports (
	switch TEXT NOT NULL, 
	controller TEXT NOT NULL, 
	serial BIGINT NOT NULL, 
	body TEXT NOT NULL, 
	PRIMARY KEY (switch)
);
CREATE TABLE revisions (
	number BIGINT NOT NULL, 
	time_us BIGINT NOT NULL, 
	who TEXT NOT NULL, 
	summary TEXT NOT NULL, 
	PRIMARY KEY (number)
);
INSERT INTO "revisions" VALUES(1,1795914482727001,'api','2 objects');
INSERT INTO "revisions" VALUES(2,1795914482739253,'api','update tenant red');
CREATE TABLE schema_info (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_info" VALUES(3);
CREATE TABLE tokens (
	name TEXT NOT NULL, 
	digest TEXT NOT NULL, 
	role TEXT NOT NULL, 
	tenant TEXT, 
	created_us BIGINT NOT NULL, 
	created_by TEXT NOT NULL, 
	revoked_us BIGINT, 
	revoked_by TEXT, 
	PRIMARY KEY (name), 
	UNIQUE (digest)
);
CREATE INDEX changes_of_object ON changes (kind, "key", revision);
CREATE INDEX identifiers_of_owner ON identifiers (pool, owner);
CREATE INDEX identifiers_retired ON identifiers (retired);
CREATE INDEX reports_serial ON reports (serial);
COMMIT;
