# shellcheck shell=bash
# consumer.sh - the consumer of a stack. CAMPAIGN_CONSUMER names another build of it
# (with sanitizers, say); other CAMPAIGN_* settings of the caller reach it.
#
# Must never run in the repository, where it would read a developer's .env.

consumer_program()
{
	local program=${CAMPAIGN_CONSUMER:-$STACK_BUILD/campaign-consumer}

	[ -x "$program" ] || return 1
	realpath "$program"
}

consumer_prepare()
{
	mkdir -p "$STACK_DIR/consumer"
}

# Consuming is seen in RabbitMQ; without one there is only the process to look at.
consumer_start()
{
	local program url=

	program=$(consumer_program) || die "$STACK_BUILD/campaign-consumer is not built: run make"
	# Our own settings are not the consumer's: it warns of those it does not know.
	launch consumer env -C "$STACK_DIR/consumer" -u CAMPAIGN_CONSUMER -u CAMPAIGN_MAILER \
		-u CAMPAIGN_TOOLS \
		-u CAMPAIGN_STACK_TIMEOUT "AMQP_URL=$AMQP_URL" "MONGODB_URI=$MONGODB_URI" \
		"DATABASE_URL=$CONSUMER_DATABASE_URL" "$program"
	if part_alive rabbitmq
	then
		url=$AMQP_URL
	fi
	probe consumer "$url"
}

consumer_stop()
{
	part_end consumer TERM 30
}

consumer_kill()
{
	part_end consumer KILL 10
}
