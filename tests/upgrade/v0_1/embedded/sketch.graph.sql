PRAGMA journal_mode = wal;
BEGIN;
CREATE TABLE build (
    environment TEXT, id INTEGER, body BLOB NOT NULL, PRIMARY KEY (environment, id)
) WITHOUT ROWID;
INSERT INTO "build" ("environment", "id", "body") VALUES ('sketch', 1, CAST('{"id":1,"environment":"sketch","created_at":"2026-11-30T07:09:32.077567Z","digest":"sha256:8323315a036d505dff14d030a9933abaa95483f5d520c73270be761383d30cbf","inputs":"sha256:6c9fceb568c5aff8922759bc548c74b56c8c60475f981b56f2b5a5f8e07a00fc","components":6,"dependencies":2,"added":6,"changed":0,"removed":0,"findings":[],"snapshot":"sketch/graph/00000001-a9ed9f99168d7282.graph","base":null}' AS BLOB));
CREATE TABLE change (
    environment TEXT, id TEXT, body BLOB NOT NULL, PRIMARY KEY (environment, id)
) WITHOUT ROWID;
CREATE TABLE edge (
    environment TEXT, source TEXT, target TEXT, kind TEXT, body BLOB NOT NULL,
    PRIMARY KEY (environment, source, target, kind)
) WITHOUT ROWID;
INSERT INTO "edge" ("environment", "source", "target", "kind", "body") VALUES ('sketch', 'fleet/home', 'hosted-zone/public', 'consumes_runtime_from', CAST('{"source":"fleet/home","target":"hosted-zone/public","kind":"consumes_runtime_from","via":["module"],"pointers":["main.tf:14"],"keys":["zone_id"]}' AS BLOB));
INSERT INTO "edge" ("environment", "source", "target", "kind", "body") VALUES ('sketch', 'fleet/home', 'hosted-zone/public', 'depends_on', CAST('{"source":"fleet/home","target":"hosted-zone/public","kind":"depends_on","via":["module"],"pointers":["main.tf:14"],"keys":null}' AS BLOB));
INSERT INTO "edge" ("environment", "source", "target", "kind", "body") VALUES ('sketch', 'fleet/home', 'ship/one', 'emits_runtime_to', CAST('{"source":"fleet/home","target":"ship/one","kind":"emits_runtime_to","via":["module"],"pointers":["main.tf:22"],"keys":null}' AS BLOB));
INSERT INTO "edge" ("environment", "source", "target", "kind", "body") VALUES ('sketch', 'fleet/home', 'ship/two', 'emits_runtime_to', CAST('{"source":"fleet/home","target":"ship/two","kind":"emits_runtime_to","via":["module"],"pointers":["main.tf:22"],"keys":null}' AS BLOB));
INSERT INTO "edge" ("environment", "source", "target", "kind", "body") VALUES ('sketch', 'lookup/www', 'hosted-zone/public', 'depends_on', CAST('{"source":"lookup/www","target":"hosted-zone/public","kind":"depends_on","via":["lookup"],"pointers":["main.tf:5"],"keys":null}' AS BLOB));
CREATE TABLE environment (
    name TEXT PRIMARY KEY, token INTEGER NOT NULL DEFAULT 0, build INTEGER
) WITHOUT ROWID;
INSERT INTO "environment" ("name", "token", "build") VALUES ('sketch', 2, 1);
CREATE TABLE node (
    environment TEXT, address TEXT, body BLOB NOT NULL, PRIMARY KEY (environment, address)
) WITHOUT ROWID;
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'fleet/home', CAST('{"address":"fleet/home","type":"fleet","nickname":"home","environment":"sketch","status":"absent","config_path":"/sketch/fleet/home/config","config_version":1,"config_digest":"sha256:43753f4f9ffa2f4d51a5e4d995e2154d0e0c0bd566acf12f01c742088f9592b7","runtime_path":"/sketch/fleet/home/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":{"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/fleet/home/config.json","dirty":false,"change":null}}' AS BLOB));
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'hosted-zone/public', CAST('{"address":"hosted-zone/public","type":"hosted-zone","nickname":"public","environment":"sketch","status":"absent","config_path":"/sketch/hosted-zone/public/config","config_version":1,"config_digest":"sha256:29f4c5163535e96b3967b2e901e46d24f5dff0465b5a223c786eda356b43acbd","runtime_path":"/sketch/hosted-zone/public/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":{"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/hosted-zone/public/config.json","dirty":false,"change":null}}' AS BLOB));
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'lookup/www', CAST('{"address":"lookup/www","type":"lookup","nickname":"www","environment":"sketch","status":"absent","config_path":"/sketch/lookup/www/config","config_version":1,"config_digest":"sha256:4bbcdc4135af95bfaf71031f2401b9f1bf3efa2f71cdb4af741c037db1969562","runtime_path":"/sketch/lookup/www/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":{"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/lookup/www/config.json","dirty":false,"change":null}}' AS BLOB));
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'network/core', CAST('{"address":"network/core","type":"network","nickname":"core","environment":"sketch","status":"absent","config_path":"/sketch/network/core/config","config_version":1,"config_digest":"sha256:6a98ac75410e4211a8360ed7e37ad0c62a2ed6c35e72e741629d593b1b0bf3d4","runtime_path":"/sketch/network/core/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":{"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/network/core/config.json","dirty":false,"change":null}}' AS BLOB));
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'ship/one', CAST('{"address":"ship/one","type":"ship","nickname":"one","environment":"sketch","status":"absent","config_path":null,"config_version":null,"config_digest":null,"runtime_path":"/sketch/ship/one/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":null}' AS BLOB));
INSERT INTO "node" ("environment", "address", "body") VALUES ('sketch', 'ship/two', CAST('{"address":"ship/two","type":"ship","nickname":"two","environment":"sketch","status":"absent","config_path":null,"config_version":null,"config_digest":null,"runtime_path":"/sketch/ship/two/runtime","runtime_version":null,"runtime_digest":null,"applied_fingerprint":null,"provenance":null}' AS BLOB));
PRAGMA user_version = 2;
COMMIT;
