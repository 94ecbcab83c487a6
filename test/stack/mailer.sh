# shellcheck shell=bash
# mailer.sh - the mailer of a stack. CAMPAIGN_MAILER names another build of it (with
# sanitizers, say); MAILER_* settings of the caller reach it.
#
# Must never run in the repository, where it would read a developer's .env.

mailer_program()
{
	local program=${CAMPAIGN_MAILER:-$STACK_BUILD/campaign-mailer}

	[ -x "$program" ] || return 1
	realpath "$program"
}

mailer_prepare()
{
	mkdir -p "$STACK_DIR/mailer"
}

# That it listens is seen in PostgreSQL; without one there is only the process to look at.
mailer_start()
{
	local program url=

	program=$(mailer_program) || die "$STACK_BUILD/campaign-mailer is not built: run make"
	launch mailer env -C "$STACK_DIR/mailer" "MAILER_DATABASE_URL=$MAILER_DATABASE_URL" \
		"SMTP_URL=$SMTP_URL" "SMTP_CA_FILE=$SMTP_CA_FILE" "MAILER_FROM=$MAILER_FROM" \
		"MAILER_TEMPLATES=$REPOSITORY/mailer/templates" "$program"
	if part_alive postgres
	then
		url=$DATABASE_URL
	fi
	probe mailer "$url"
}

mailer_stop()
{
	part_end mailer TERM 30
}

mailer_kill()
{
	part_end mailer KILL 10
}
