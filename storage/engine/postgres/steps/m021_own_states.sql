-- Keep where rules of one's own stand: one row a rule, for all assets at once.

CREATE TABLE own_states (
    rule text COLLATE "C" PRIMARY KEY,
    stands bytea NOT NULL
);

CREATE TABLE own_assets (
    number bigint PRIMARY KEY,
    asset text COLLATE "C" NOT NULL UNIQUE
);
