-- passwords.sql - gives the roles the passwords in the environment. A statement that fails must not
-- leave one in the log.
SET log_min_error_statement = panic;
SET log_statement = none;
SET log_min_duration_statement = -1;
\getenv consumer CONSUMER_PASSWORD
\getenv mailer MAILER_PASSWORD
\getenv monitor MONITOR_PASSWORD
\getenv authenticator AUTHENTICATOR_PASSWORD
BEGIN;
ALTER ROLE campaign_consumer LOGIN PASSWORD :'consumer';
ALTER ROLE campaign_mailer LOGIN PASSWORD :'mailer';
ALTER ROLE campaign_monitor LOGIN PASSWORD :'monitor';
ALTER ROLE campaign_authenticator LOGIN PASSWORD :'authenticator';
COMMIT;
