-- How many calls a provider takes at once, of all orgs together (20-gateway.md "Providers"); 0: no limit.
ALTER TABLE providers ADD COLUMN max_parallel INTEGER NOT NULL DEFAULT 0 CHECK(max_parallel >= 0);
