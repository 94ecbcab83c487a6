# shellcheck shell=bash
# ports.sh - the ports of a stack. Sourced by up and down.
#
# A stack claims a row of ports by a file with its directory in it, and gives it back when it is down:
# one that starts at the same time, or while a part of this one is down for a moment, never takes them.
# They are below the range from which the kernel takes the ports of outgoing connections, which could
# sit on the port of such a part.

PORTS_CLAIMED=/tmp/campaign-ports.$UID
PORTS_FIRST=10240
PORTS_ROWS=1400
PORTS_ROW=16

# The file of a row that a stack left which is gone is removed after ten minutes.
ports_claim_row()
{
	local file=$PORTS_CLAIMED/$1 owner

	(set -o noclobber && echo "$STACK_DIR" >"$file") 2>/dev/null && return 0
	owner=$(cat "$file" 2>/dev/null) || return 1
	[ -e "$owner/.campaign-stack" ] || find "$file" -mmin +10 -delete 2>/dev/null
	return 1
}

# Usage: ports_are_free FIRST COUNT
ports_are_free()
{
	python3 - "$@" <<-'END'
		import socket, sys
		first, count = map(int, sys.argv[1:])
		for port in range(first, first + count):
		    with socket.socket() as one:
		        try:
		            one.bind(("127.0.0.1", port))
		        except OSError:
		            sys.exit(1)
	END
}

# Prints so many ports. Usage: ports_claim COUNT
ports_claim()
{
	local first tries

	mkdir -p "$PORTS_CLAIMED" || return 1
	for ((tries = 0; tries < PORTS_ROWS; tries++))
	do
		first=$((PORTS_FIRST + RANDOM % PORTS_ROWS * PORTS_ROW))
		ports_claim_row "$first" || continue
		if ports_are_free "$first" "$1"
		then
			seq -s ' ' "$first" $((first + $1 - 1))
			return 0
		fi
		rm -f "$PORTS_CLAIMED/$first"
	done
	echo "stack: no row of $1 ports is free: see $PORTS_CLAIMED" >&2
	return 1
}

ports_release()
{
	local file

	for file in "$PORTS_CLAIMED"/*
	do
		[ "$(cat "$file" 2>/dev/null)" != "$STACK_DIR" ] || rm -f "$file"
	done
}
