# shellcheck shell=bash
# mongod.sh - the MongoDB of a stack: a replica set of one node, or a member of a larger one (test/cluster).
#
# Must never listen beyond loopback: it asks for no password.

# What the user has in PATH, else what test/stack/install fetched.
mongod_program()
{
	local program

	for program in "$(command -v mongod || true)" \
		"${CAMPAIGN_TOOLS:-$REPOSITORY/.tools}/bin/mongod"
	do
		if [ -x "$program" ]
		then
			echo "$program"
			return 0
		fi
	done
	return 1
}

mongod_prepare()
{
	mkdir -p "$STACK_DIR/mongod"
}

# The probe also makes the replica set if this is its first start.
mongod_start()
{
	launch mongod "$(mongod_program)" --dbpath "$STACK_DIR/mongod" --port "$MONGODB_PORT" \
		--bind_ip "${MEMBER_ADDRESS:-127.0.0.1}" --nounixsocket --replSet rs0 --wiredTigerCacheSizeGB 2 \
		--setParameter diagnosticDataCollectionEnabled=false
	probe mongod "${MEMBER_ADDRESS:-127.0.0.1}:$MONGODB_PORT${MEMBER_ADDRESS:+/member}"
}

mongod_stop()
{
	part_end mongod TERM "$STACK_TIMEOUT"
}

mongod_kill()
{
	part_end mongod KILL 10
}
