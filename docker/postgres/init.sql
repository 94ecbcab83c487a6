-- init.sql - what a new database gets: the extension, and the role with which PostgREST logs in, to become
-- one of the three that requests have.
CREATE EXTENSION campaign;
CREATE ROLE campaign_authenticator NOINHERIT;
GRANT campaign_anon, campaign_user, campaign_app TO campaign_authenticator;
