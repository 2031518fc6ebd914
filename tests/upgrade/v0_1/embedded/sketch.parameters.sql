PRAGMA journal_mode = wal;
BEGIN;
CREATE TABLE earlier_version (
        name TEXT NOT NULL, version INTEGER NOT NULL, kind TEXT NOT NULL, tier TEXT NOT NULL,
        description TEXT NOT NULL, modified_at TEXT NOT NULL, value TEXT, secret TEXT,
        PRIMARY KEY (name, version)
    ) WITHOUT ROWID;
CREATE TABLE parameter (
        name TEXT PRIMARY KEY, version INTEGER NOT NULL, kind TEXT NOT NULL, tier TEXT NOT NULL,
        description TEXT NOT NULL, modified_at TEXT NOT NULL, value TEXT, secret TEXT, tags TEXT NOT NULL
    ) WITHOUT ROWID;
INSERT INTO "parameter" ("name", "version", "kind", "tier", "description", "modified_at", "value", "secret", "tags") VALUES ('/sketch/fleet/home/config', 1, 'String', 'Standard', '{"karma":1,"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/fleet/home/config.json"}', '2026-11-30T07:09:31.235933Z', '{"ships":["one","two"],"zone":"public"}', NULL, '');
INSERT INTO "parameter" ("name", "version", "kind", "tier", "description", "modified_at", "value", "secret", "tags") VALUES ('/sketch/hosted-zone/public/config', 1, 'String', 'Standard', '{"karma":1,"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/hosted-zone/public/config.json"}', '2026-11-30T07:09:31.235933Z', '{"zone_name":"example.org"}', NULL, '');
INSERT INTO "parameter" ("name", "version", "kind", "tier", "description", "modified_at", "value", "secret", "tags") VALUES ('/sketch/lookup/www/config', 1, 'String', 'Standard', '{"karma":1,"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/lookup/www/config.json"}', '2026-11-30T07:09:31.235933Z', '{"zone_name":"example.org."}', NULL, '');
INSERT INTO "parameter" ("name", "version", "kind", "tier", "description", "modified_at", "value", "secret", "tags") VALUES ('/sketch/network/core/config', 1, 'String', 'Standard', '{"karma":1,"commit":"f418f8edffe4545f482e9bd8ab8f0ea7af97b843","path":"iac/sketch/network/core/config.json"}', '2026-11-30T07:09:31.235933Z', '{"cidr":"10.2.0.0/16","dns_servers":["10.2.0.2"]}', NULL, '');
CREATE TABLE store (id TEXT NOT NULL, writes INTEGER NOT NULL);
INSERT INTO "store" ("id", "writes") VALUES ('8865457c1a058a9a0e7d9f4cd79cc3ca', 1);
PRAGMA user_version = 4;
COMMIT;
