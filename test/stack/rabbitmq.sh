# shellcheck shell=bash
# rabbitmq.sh - the RabbitMQ node of a stack, beside and apart from any other node
# of the machine.
#
# Must never talk to, stop or reconfigure a node that is not this stack's; epmd is
# shared by all nodes.

# Debian's command in PATH changes the user; the script behind it does not.
rabbitmq_program()
{
	local program

	for program in "/usr/lib/rabbitmq/bin/$1" "$(command -v "$1" || true)"
	do
		if [ -x "$program" ]
		then
			echo "$program"
			return 0
		fi
	done
	return 1
}

# Nodes and tools authenticate with the same cookie: the machine's where we may
# read it, so that `rabbitmqctl -n NODE` works as usual, else one of our own.
rabbitmq_cookie()
{
	local cookie=$STACK_DIR/rabbitmq/.erlang.cookie

	if [ ! -f "$cookie" ]
	then
		if [ -n "${RABBITMQ_CLUSTER:-}" ]
		then
			cp "$RABBITMQ_CLUSTER/cookie" "$cookie"
		elif [ -r /var/lib/rabbitmq/.erlang.cookie ]
		then
			cp /var/lib/rabbitmq/.erlang.cookie "$cookie"
		else
			openssl rand -hex 20 >"$cookie"
		fi
		chmod 400 "$cookie"
	fi
}

# A rabbitmqctl that reaches this node whoever calls it and from anywhere.
rabbitmq_tool()
{
	mkdir -p "$STACK_DIR/bin"
	cat >"$RABBITMQCTL" <<-END
		#!/bin/sh
		HOME=$(printf %q "$STACK_DIR/rabbitmq") RABBITMQ_NODENAME=$RABBITMQ_NODENAME
		RABBITMQ_CONF_ENV_FILE=$(printf %q "$STACK_DIR/rabbitmq/env.conf")
		RABBITMQ_CTL_ERL_ARGS="+sbwt none" ERL_INETRC=$(printf %q "${ERL_INETRC:-}")
		export HOME RABBITMQ_NODENAME RABBITMQ_CONF_ENV_FILE RABBITMQ_CTL_ERL_ARGS ERL_INETRC
		[ -n "\$ERL_INETRC" ] || unset ERL_INETRC
		exec $(printf %q "$(rabbitmq_program rabbitmqctl)") "\$@"
	END
	chmod 755 "$RABBITMQCTL"
}

rabbitmq_prepare()
{
	local home=$STACK_DIR/rabbitmq

	mkdir -p "$home/mnesia" "$home/log" "$home/config" "$home/schema"
	rabbitmq_cookie
	rabbitmq_tool
	: >"$home/env.conf"
	echo '[].' >"$home/enabled_plugins"
	echo '[].' >"$home/advanced.config"
	cat >"$home/rabbitmq.conf" <<-END
		listeners.tcp.1 = ${MEMBER_ADDRESS:-127.0.0.1}:$RABBITMQ_PORT
		vm_memory_high_watermark.relative = 0.3
		disk_free_limit.absolute = 200MB
		log.file.level = info
	END
	rabbitmq_deny_deprecated >>"$home/rabbitmq.conf"
	# What the nodes of a cluster (test/cluster) have in common.
	if [ -n "${RABBITMQ_CLUSTER:-}" ]
	then
		cat "$RABBITMQ_CLUSTER/rabbitmq.conf" >>"$home/rabbitmq.conf"
		cp "$RABBITMQ_CLUSTER/advanced.config" "$home/advanced.config"
	fi
}

# Features that RabbitMQ is going to remove are already off, so that nothing comes to need them.
# RabbitMQ 3 would not start with settings that it does not know.
rabbitmq_deny_deprecated()
{
	local feature version

	version=$("$(rabbitmq_program rabbitmqctl)" version) || return 0
	[ "${version%%.*}" -ge 4 ] || return 0
	for feature in amqp_address_v1 classic_queue_mirroring global_qos management_metrics_collection \
		queue_master_locator ram_node_type transient_nonexcl_queues
	do
		echo "deprecated_features.permit.$feature = false"
	done
}

# Started by us, epmd carries our mark in its environment and listens on loopback
# only; started by the node it would carry the node's.
epmd_start()
{
	if ! epmd -names >/dev/null 2>&1
	then
		(
			cd /
			exec </dev/null >/dev/null 2>&1
			close_inherited
			exec setsid env CAMPAIGN_STACK=1 epmd -daemon -address "${MEMBER_ADDRESS:-127.0.0.1}"
		)
	fi
}

# Ends an epmd that a stack has started, once no node is left: it refuses otherwise.
epmd_stop()
{
	local file

	for file in $(grep -lzsxF CAMPAIGN_STACK=1 /proc/[0-9]*/environ || true)
	do
		if [ "$(cat "${file%/environ}/comm" 2>/dev/null || true)" = epmd ]
		then
			epmd -kill >/dev/null 2>&1 || true
		fi
	done
}

# RUNNING_UNDER_SYSTEMD makes the script become the node instead of its parent, so
# that the pid we know is the node's.
rabbitmq_launch()
{
	local home=$STACK_DIR/rabbitmq address=${MEMBER_ADDRESS:-127.0.0.1}

	epmd_start
	launch rabbitmq env -i "PATH=$PATH" "HOME=$home" LANG=C.UTF-8 "$STACK_MARK=$STACK_DIR" \
		CAMPAIGN_STACK=1 \
		${ERL_EPMD_PORT:+"ERL_EPMD_PORT=$ERL_EPMD_PORT"} ${ERL_INETRC:+"ERL_INETRC=$ERL_INETRC"} \
		RUNNING_UNDER_SYSTEMD=true \
		"RABBITMQ_NODENAME=$RABBITMQ_NODENAME" \
		"RABBITMQ_NODE_PORT=$RABBITMQ_PORT" \
		"RABBITMQ_NODE_IP_ADDRESS=$address" \
		"RABBITMQ_DIST_PORT=$RABBITMQ_DIST_PORT" \
		"RABBITMQ_CONF_ENV_FILE=$home/env.conf" \
		"RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" \
		"RABBITMQ_ADVANCED_CONFIG_FILE=$home/advanced.config" \
		"RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins" \
		"RABBITMQ_MNESIA_BASE=$home/mnesia" \
		"RABBITMQ_GENERATED_CONFIG_DIR=$home/config" \
		"RABBITMQ_SCHEMA_DIR=$home/schema" \
		"RABBITMQ_LOG_BASE=$home/log" \
		"RABBITMQ_LOGS=$STACK_DIR/rabbitmq.log" \
		"RABBITMQ_PID_FILE=$home/pid" \
		RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none \
-kernel inet_dist_use_interface {${address//./,}}" \
		"$(rabbitmq_program rabbitmq-server)"
}

# Whether the node has refused to boot, since line $1 of its log, for a reason that will be gone the next time:
# - RabbitMQ 4.0 looks for transient queues, which we deny, while it boots. After a crash its tables may not be loaded by
#   then, and it takes that for a yes.
# - Another stack has ended epmd, because no node was left, between our look at it and the node's.
rabbitmq_may_boot()
{
	! part_alive rabbitmq &&
		tail -n "+$1" "$STACK_DIR/rabbitmq.log" | grep -qE 'failed_to_deny_deprecated_features|no_epmd_port'
}

# Whatever supervises a node starts it again, and so do we.
rabbitmq_start()
{
	local boots=1 seen

	while :
	do
		seen=$(wc -l 2>/dev/null <"$STACK_DIR/rabbitmq.log" || echo 0)
		rabbitmq_launch
		if probe rabbitmq "$AMQP_URL"
		then
			return 0
		fi
		[ "$boots" -lt 3 ] && rabbitmq_may_boot "$((seen + 1))" || return 1
		echo "RabbitMQ did not boot: it is started again" >&2
		boots=$((boots + 1))
	done
}

# RabbitMQ writes down which quorum queues there are half a second after it has declared them. A
# node that is killed before that comes back with queues that have no leader, for ever: a test that
# kills it early would test that.
rabbitmq_settle()
{
	"$RABBITMQCTL" --quiet eval '[dets:sync(Table) || Table <- dets:all()].' >/dev/null
}

rabbitmq_stop()
{
	part_end rabbitmq TERM "$STACK_TIMEOUT"
}

rabbitmq_kill()
{
	part_end rabbitmq KILL 10
}
