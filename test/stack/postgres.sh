# shellcheck shell=bash
# postgres.sh - the PostgreSQL of a stack: its data directory, its start and end,
# and the background worker inside it.
#
# Must never run the server as root (it refuses), nor wait longer than told for a server
# that hangs.

# PostgreSQL's files belong to this user when root calls us.
postgres_user()
{
	local user

	for user in postgres nobody
	do
		if id "$user" >/dev/null 2>&1
		then
			echo "$user"
			return 0
		fi
	done
	die "PostgreSQL refuses to run as root and there is no user postgres or nobody"
}

# Sets AS_POSTGRES, the words before a command that is to run as that user.
postgres_prefix()
{
	local user

	AS_POSTGRES=(env -C /)
	if [ "$(id -u)" -eq 0 ]
	then
		user=$(postgres_user)
		AS_POSTGRES+=(setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --)
	fi
}

as_postgres()
{
	postgres_prefix
	"${AS_POSTGRES[@]}" "$@"
}

# Makes PG_HOME, the server's directory: DIR/postgres, or a link from there to a
# place in /tmp when the server's user cannot reach DIR (a clone in /root).
postgres_home()
{
	local user

	PG_HOME=$STACK_DIR/postgres
	mkdir -p "$PG_HOME"
	if [ "$(id -u)" -ne 0 ]
	then
		return 0
	fi
	user=$(postgres_user)
	if ! as_postgres test -x "$PG_HOME"
	then
		rmdir "$PG_HOME"
		PG_HOME=$(mktemp -d /tmp/campaign-postgres.XXXXXXXX)
		chmod 755 "$PG_HOME"
		ln -s "$PG_HOME" "$STACK_DIR/postgres"
	fi
	chown "$user" "$PG_HOME"
}

# Removes what postgres_home made outside DIR.
postgres_remove()
{
	local target

	if [ -L "$STACK_DIR/postgres" ]
	then
		target=$(readlink "$STACK_DIR/postgres")
		case "$target" in
			/tmp/campaign-postgres.????????) rm -rf -- "$target" ;;
		esac
	fi
}

# A server that was killed leaves its System V segment behind; nobody else removes it.
postgres_remove_segment()
{
	local key segment

	if [ -n "${PGDATA:-}" ] && [ -f "$PGDATA/postmaster.pid" ]
	then
		read -r key segment < <(sed -n 7p "$PGDATA/postmaster.pid") || true
		if [ -n "${key:-}" ] && [ -n "${segment:-}" ]
		then
			ipcrm -m "$segment" 2>/dev/null || true
		fi
	fi
}

# Writes postgresql.conf; the arguments are further lines, name=value.
postgres_configure()
{
	local setting sockets=$PG_HOME/socket

	# The kernel's limit for the path of a socket is 107 bytes.
	if [ ${#sockets} -gt 85 ]
	then
		sockets=
	fi
	cat >"$PGDATA/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		port = $PGPORT
		unix_socket_directories = '$sockets'
		max_connections = 100
		shared_buffers = 256MB
		dynamic_shared_memory_type = mmap
		max_wal_size = 4GB
		wal_level = replica
		fsync = on
		synchronous_commit = on
		jit = off
		timezone = 'UTC'
		log_timezone = 'UTC'
		lc_messages = 'C'
		log_checkpoints = off
		log_line_prefix = '%m [%p] %a '
		campaign.database = 'campaign'
		campaign.amqp_url = '$AMQP_URL'
		campaign.jwt_secret = '$JWT_SECRET'
		campaign.require_verified_email = off
	END
	if [ "$STACK_EXTENSION" = yes ]
	then
		echo "shared_preload_libraries = 'campaign'" >>"$PGDATA/postgresql.conf"
	fi
	for setting in "$@"
	do
		printf "%s = '%s'\n" "${setting%%=*}" "$(sed "s/'/''/g" <<<"${setting#*=}")" \
			>>"$PGDATA/postgresql.conf"
	done
}

# Only the superuser is trusted: a wrong password of any other role must be refused.
postgres_allow()
{
	cat >"$PGDATA/pg_hba.conf" <<-END
		local all,replication postgres              trust
		host  all,replication postgres 127.0.0.1/32 trust
		local all             all                   scram-sha-256
		host  all             all      127.0.0.1/32 scram-sha-256
	END
}

# Makes the private installation and an empty cluster with the database `campaign`.
postgres_prepare()
{
	local locale=C

	if locale -a 2>/dev/null | grep -qix 'C\.utf-\?8'
	then
		locale=C.UTF-8
	fi
	pgroot_build
	if [ "$STACK_EXTENSION" = yes ]
	then
		pgroot_add_extension
	fi
	as_postgres mkdir -p "$PG_HOME/socket"
	as_postgres "$PG_BIN/initdb" --pgdata "$PGDATA" --username postgres --encoding UTF8 \
		--locale "$locale" --auth trust --no-sync >>"$STACK_DIR/postgres.log" 2>&1
	# Made before the first start: the worker expects the database it is to serve.
	as_postgres "$PG_BIN/postgres" --single -D "$PGDATA" postgres \
		<<<"CREATE DATABASE campaign TEMPLATE template0" >>"$STACK_DIR/postgres.log" 2>&1
	postgres_configure "$@"
	postgres_allow
}

postgres_sql()
{
	"$PG_BIN/psql" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname "$DATABASE_URL" >/dev/null
}

# Creates the extension and gives the programs' roles the passwords in their URLs.
postgres_extend()
{
	local consumer=${CONSUMER_DATABASE_URL#*:*:} mailer=${MAILER_DATABASE_URL#*:*:}
	local monitor=${MONITOR_DATABASE_URL#*:*:}

	postgres_sql <<-END
		CREATE EXTENSION campaign;
		ALTER ROLE campaign_consumer LOGIN PASSWORD '${consumer%%@*}';
		ALTER ROLE campaign_mailer LOGIN PASSWORD '${mailer%%@*}';
		ALTER ROLE campaign_monitor LOGIN PASSWORD '${monitor%%@*}';
	END
}

# After kill -9 the dead postmaster may still be a zombie that nobody has collected,
# and a new one would take it for alive.
postgres_remove_locks()
{
	! postgres_has_processes || die "a postgres of this stack still runs"
	postgres_remove_segment
	rm -f "$PGDATA/postmaster.pid" "$PG_HOME/socket/.s.PGSQL.$PGPORT.lock"
}

postgres_start()
{
	postgres_remove_locks
	postgres_prefix
	launch postgres "${AS_POSTGRES[@]}" env ${CAMPAIGN_POSTGRES_PRELOAD:+LD_PRELOAD="$CAMPAIGN_POSTGRES_PRELOAD"} \
		"$PG_BIN/postgres" -D "$PGDATA"
	probe postgres "$DATABASE_URL"
}

postgres_stop()
{
	part_end postgres INT "$STACK_TIMEOUT" && wait_while 10 postgres_has_processes
}

# Kills the postmaster. Its children notice and end by themselves; one that hangs
# would keep the shared memory and so forbid a new start.
postgres_kill()
{
	part_end postgres KILL 10
	if ! wait_while 5 postgres_has_processes
	then
		# shellcheck disable=SC2046
		kill -9 $(postgres_pids) 2>/dev/null || true
		wait_while 10 postgres_has_processes
	fi
}

# All processes that run this stack's private server program.
postgres_pids()
{
	local link

	[ -n "${PG_BIN:-}" ] || return 0
	for link in /proc/[0-9]*/exe
	do
		case "$(readlink "$link" 2>/dev/null || true)" in
			"$PG_BIN/postgres" | "$PG_BIN/postgres (deleted)")
				link=${link#/proc/}
				echo "${link%/exe}"
				;;
		esac
	done
}

postgres_has_processes()
{
	[ -n "$(postgres_pids)" ]
}

# Pids of the background worker, by title: this works when the server hangs too.
worker_pids()
{
	local pid title

	for pid in $(postgres_pids)
	do
		title=$({ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null || true)
		if [[ $title =~ ^postgres:\ (.*:\ )?campaign\ worker ]]
		then
			echo "$pid"
		fi
	done
}

worker_absent()
{
	[ -z "$(worker_pids)" ]
}

# PostgreSQL starts its worker by itself; this waits for that.
worker_start()
{
	part_alive postgres || die "postgres does not run"
	wait_while "$STACK_TIMEOUT" worker_absent || die "no campaign worker: see $POSTGRES_LOG"
}

# Signals the workers there are now and waits until those have gone; PostgreSQL
# starts another one.
worker_end()
{
	local signal=$1 pid start started=()

	for pid in $(worker_pids)
	do
		start=$(process_stat "$pid") || continue
		started+=("$pid ${start#* }")
	done
	[ ${#started[@]} -gt 0 ] || die "no campaign worker runs"
	for start in "${started[@]}"
	do
		kill "-$signal" "${start% *}" 2>/dev/null || true
	done
	for start in "${started[@]}"
	do
		# shellcheck disable=SC2086
		wait_while "$STACK_TIMEOUT" process_alive $start
	done
}

worker_stop()
{
	worker_end TERM
}

worker_kill()
{
	worker_end KILL
}
