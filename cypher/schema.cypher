// The schema of the account network. Applied at every start; each statement changes nothing where it holds already.
// Identifier nodes carry degree (accounts linked to them) and weight_bits; times are epoch milliseconds.

CREATE CONSTRAINT account_id IF NOT EXISTS FOR (n:Account) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT email_id IF NOT EXISTS FOR (n:Email) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT mail_domain_id IF NOT EXISTS FOR (n:MailDomain) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT phone_id IF NOT EXISTS FOR (n:Phone) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT device_id IF NOT EXISTS FOR (n:Device) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT tls_id IF NOT EXISTS FOR (n:Tls) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT instrument_id IF NOT EXISTS FOR (n:Instrument) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT bin_id IF NOT EXISTS FOR (n:Bin) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT ip_id IF NOT EXISTS FOR (n:Ip) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT subnet_id IF NOT EXISTS FOR (n:Subnet) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT asn_id IF NOT EXISTS FOR (n:Asn) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT org_id IF NOT EXISTS FOR (n:Org) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT referral_code_id IF NOT EXISTS FOR (n:ReferralCode) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT api_key_id IF NOT EXISTS FOR (n:ApiKey) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT conversation_id IF NOT EXISTS FOR (n:Conversation) REQUIRE n.id IS UNIQUE;
CREATE CONSTRAINT prompt_family_id IF NOT EXISTS FOR (n:PromptFamily) REQUIRE n.id IS UNIQUE;

// Identifiers of the caller's own kinds share one label, so the type is part of their key.
CREATE CONSTRAINT identifier_type_id IF NOT EXISTS FOR (n:Identifier) REQUIRE (n.type, n.id) IS UNIQUE;

CREATE CONSTRAINT cluster_id IF NOT EXISTS FOR (n:Cluster) REQUIRE n.id IS UNIQUE;

// How far the graph has followed the ledger; written in the same transaction as the rows it speaks of.
CREATE CONSTRAINT projection_name IF NOT EXISTS FOR (n:Projection) REQUIRE n.name IS UNIQUE;

CREATE INDEX account_status IF NOT EXISTS FOR (n:Account) ON (n.status);
CREATE INDEX account_verdict IF NOT EXISTS FOR (n:Account) ON (n.verdict);
CREATE INDEX cluster_probability IF NOT EXISTS FOR (n:Cluster) ON (n.probability);
CREATE INDEX instrument_degree IF NOT EXISTS FOR (n:Instrument) ON (n.degree);
