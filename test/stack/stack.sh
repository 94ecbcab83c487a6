# shellcheck shell=bash
# stack.sh - what all commands of the private stack share: where it lives, its
# settings file DIR/env, and how a part (postgres, rabbitmq, mongod, consumer, smtp,
# mailer, postgrest, nginx) is found and waited for. Sourced by up, down, kill, start and stop.
#
# Must never touch a directory that `up` did not make, nor a process that was not
# started by this stack.

STACK_HOME=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
REPOSITORY=$(realpath "$STACK_HOME/../..")
STACK_TIMEOUT=${CAMPAIGN_STACK_TIMEOUT:-120}
# With a folder for the marks of lib/program/sometimes.h, what is tested is built with them.
STACK_BUILD=$REPOSITORY/build${SOMETIMES_DIR:+/sometimes}

# A caller's own PostgreSQL settings would send our clients to another server.
unset PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGPASSWORD PGPASSFILE PGSERVICE PGOPTIONS PGDATA

# shellcheck source=test/stack/process.sh
. "$STACK_HOME/process.sh"
# shellcheck source=test/stack/ports.sh
. "$STACK_HOME/ports.sh"
# shellcheck source=test/stack/pgroot.sh
. "$STACK_HOME/pgroot.sh"
# shellcheck source=test/stack/postgres.sh
. "$STACK_HOME/postgres.sh"
# shellcheck source=test/stack/rabbitmq.sh
. "$STACK_HOME/rabbitmq.sh"
# shellcheck source=test/stack/mongod.sh
. "$STACK_HOME/mongod.sh"
# shellcheck source=test/stack/consumer.sh
. "$STACK_HOME/consumer.sh"
# shellcheck source=test/stack/smtp.sh
. "$STACK_HOME/smtp.sh"
# shellcheck source=test/stack/mailer.sh
. "$STACK_HOME/mailer.sh"
# shellcheck source=test/stack/postgrest.sh
. "$STACK_HOME/postgrest.sh"
# shellcheck source=test/stack/nginx.sh
. "$STACK_HOME/nginx.sh"

STACK_PARTS="postgres, worker, rabbitmq, mongod, consumer, smtp, mailer, postgrest or nginx"

die()
{
	echo "stack: $*" >&2
	exit 1
}

usage_error()
{
	echo "stack: $*" >&2
	exit 2
}

# The directory that a command acts on: its argument, else the stack whose env
# the caller has sourced, else .stack in the repository. Absolute, no symlinks.
stack_directory()
{
	STACK_DIR=$(realpath -m -- "${1:-${STACK_DIR:-$REPOSITORY/.stack}}")
}

# Whether STACK_DIR was made by `up`: only then may files in it be removed.
stack_is_ours()
{
	[ -f "$STACK_DIR/.campaign-stack" ]
}

# The directory whose settings are in a file.
stack_of()
(
	# shellcheck disable=SC1090
	. "$1"
	printf '%s' "$STACK_DIR"
)

# Reads the settings of a stack, also of one that is only half up. Those of another one, whose directory was moved or
# copied to here, are not taken: its processes would be killed, and its files removed.
stack_load()
{
	local file owner

	for file in "$STACK_DIR/env" "$STACK_DIR/env.partial"
	do
		[ -f "$file" ] || continue
		owner=$(stack_of "$file")
		if [ "$owner" != "$STACK_DIR" ]
		then
			echo "stack: $file is of a stack in $owner: it is not used" >&2
			return 1
		fi
		# shellcheck disable=SC1090
		. "$file"
		return 0
	done
	return 1
}

stack_need()
{
	stack_directory "${1:-}"
	stack_load || die "no stack in $STACK_DIR (test/stack/up starts one)"
}

# The python that has the client modules: the distribution's, or the caller's own.
stack_python()
{
	local python

	for python in /usr/bin/python3 python3
	do
		if "$python" -c 'import pymongo, pika, psycopg2' 2>/dev/null
		then
			echo "$python"
			return 0
		fi
	done
	die "python3 has no pymongo, pika or psycopg2: run test/stack/install"
}

# Waits until a part answers, or fails as soon as its process is gone.
# Usage: probe PART ARGUMENT
probe()
{
	local python pid

	python=$(stack_python)
	pid=$(part_pid "$1") || die "$1 ended at once: see $STACK_DIR/$1.log"
	"$python" "$STACK_HOME/probe.py" --timeout "$STACK_TIMEOUT" --pid "$pid" "$1" "$2"
}

# One shell assignment a line, in single quotes: the form every reader understands.
env_line()
{
	printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
}

# Refuses a NAME that is no part; `worker` lives inside PostgreSQL.
part_check()
{
	case "${1:-}" in
		postgres | worker | rabbitmq | mongod | consumer | smtp | mailer | postgrest | nginx) ;;
		'') usage_error "a name is needed: $STACK_PARTS" ;;
		*) usage_error "there is no part $1: $STACK_PARTS" ;;
	esac
}
