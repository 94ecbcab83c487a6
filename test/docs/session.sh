# shellcheck shell=bash
# session.sh - the shell in which test/docs/run runs the blocks of the documents, and what stands there for
# a reader: who fills in .env, types passwords, reads what a server answers, and ends a program with Ctrl-C.
#
# Must never hide that a command failed: a block ends at the first one that does.

# Sources a block, and says on descriptor 3 how it ended and which database the reader has now.
# Usage: run_block FILE OUTPUT
run_block()
{
	source_block "$1" </dev/null >"$2" 2>&1
	printf '%s\t%s\n' "$?" "${DATABASE_URL:-}" >&3
}

# A `return` in the trap ends the block only, so what it ended with is kept.
source_block()
{
	local status

	trap 'echo "failed: $BASH_COMMAND"; trap - ERR; return 1' ERR
	# shellcheck disable=SC1090
	. "$1"
	status=$?
	trap - ERR
	return "$status"
}

# An answer of 400 or more is a failure, which `curl -s` alone does not say.
curl()
{
	command curl --fail-with-body "$@"
}

sudo()
{
	"$@"
}

# Types a role's password twice where the reader would: that of its URL, once there is one.
psql()
{
	local role url password=chosen

	if [[ $* =~ \\password\ campaign_([a-z]+) ]]
	then
		role=${BASH_REMATCH[1]^^}_DATABASE_URL
		url=${!role:-}
		url=${url#*://*:}
		[ -z "$url" ] || password=${url%%@*}
		printf '%s\n%s\n' "$password" "$password" | command psql --no-psqlrc -v ON_ERROR_STOP=1 "$@"
		return
	fi
	command psql --no-psqlrc -v ON_ERROR_STOP=1 "$@"
}

# `cp .env.example .env      # and fill it in`
cp()
{
	command cp "$@"
	[ "${*: -1}" != .env ] || fill_in <"${*: -2:1}" >.env
}

# What a file of settings has, with the values that they have here; one that has none is a failure.
fill_in()
{
	local line name value

	while IFS= read -r line
	do
		name=${line%%=*}
		if [[ $line == [A-Z]*=* ]]
		then
			[ "$name" != DATABASE_URL ] || name=CONSUMER_DATABASE_URL
			value=${!name:-}
			[ -n "$value" ] || { echo "nobody knows a value for $name" >&2; return 1; }
			line=${line%%=*}=$value
		fi
		printf '%s\n' "$line"
	done
	# Only the system's authorities are trusted without it, and this SMTP server has its own.
	[ -z "${SMTP_CA_FILE:-}" ] || printf '%s\n' "SMTP_CA_FILE=$SMTP_CA_FILE"
}

rabbitmqctl()
{
	"$RABBITMQCTL" "$@"
}

# A program that runs until somebody ends it is ended once it has said something; it must then end well.
# With an option that makes it end by itself, it is waited for.
# Usage: until_ended PROGRAM ARGUMENT...
until_ended()
{
	local said pid

	case " $* " in
		*" --check "* | *" --once "* | *" --verify "*)
			command "$@"
			return
			;;
	esac
	coproc PROGRAM { exec "$@" 2>&1; }
	pid=$PROGRAM_PID
	if ! IFS= read -r -t 30 said <&"${PROGRAM[0]}"
	then
		kill -KILL "$pid" || true
		return 1
	fi
	echo "$said"
	kill -TERM "$pid"
	wait "$pid"
}

build/campaign-consumer()
{
	until_ended "$PWD/build/campaign-consumer" "$@"
}

build/campaign-consumer-go()
{
	until_ended "$PWD/build/campaign-consumer-go" "$@"
}

build/campaign-mailer()
{
	until_ended "$PWD/build/campaign-mailer" "$@"
}

build/campaign-monitor()
{
	until_ended "$PWD/build/campaign-monitor" "$@"
}

# The one that `make install` has installed.
campaign-consumer()
{
	until_ended "$(type -P campaign-consumer)" "$@"
}
