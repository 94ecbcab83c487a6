# shellcheck shell=bash
# process.sh - processes of the stack: started detached, known by pid and start
# time, ended and looked for. Every process carries STACK_OWNER in its
# environment, so that `down` finds what a pid file does not name.
#
# Must never signal a pid without checking that it is still the process we
# started: pids are used again.

STACK_MARK=STACK_OWNER

# State and start time of a process, "S 12345"; fails if there is none.
process_stat()
{
	local line fields

	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra fields <<<"${line##*) }"
	echo "${fields[0]} ${fields[19]}"
}

# The first thread of a killed process may be a zombie while another one still waits for a
# disk write: until that ends, the process holds its files and locks.
has_other_threads()
{
	local tasks

	tasks=(/proc/"$1"/task/*)
	[ "${#tasks[@]}" -gt 1 ]
}

process_alive()
{
	local state start

	read -r state start < <(process_stat "$1") || return 1
	[ "$start" = "$2" ] || return 1
	[ "$state" != Z ] || has_other_threads "$1"
}

# Prints the pid of a part that runs; fails if it does not.
part_pid()
{
	local pid start

	{ read -r pid start <"$STACK_DIR/run/$1.pid"; } 2>/dev/null || return 1
	process_alive "$pid" "$start" || return 1
	echo "$pid"
}

part_alive()
{
	part_pid "$1" >/dev/null
}

# Open files of the caller (a test's pipe, a lock) would be held for ever by a
# server that inherits them.
close_inherited()
{
	local path fd

	for path in /proc/"$BASHPID"/fd/*
	do
		fd=${path##*/}
		if ((fd > 2))
		then
			exec {fd}>&-
		fi
	done
}

# Starts a part in a session of its own, so that neither the caller's Ctrl-C nor
# its end reaches it, and notes its pid. Usage: launch PART COMMAND...
launch()
{
	local part=$1 pid state start

	shift
	(
		cd /
		exec </dev/null >>"$STACK_DIR/$part.log" 2>&1
		close_inherited
		exec setsid env "$STACK_MARK=$STACK_DIR" "$@"
	) &
	pid=$!
	read -r state start < <(process_stat "$pid") || true
	[ -n "${state:-}" ] || die "$part ended at once: see $STACK_DIR/$part.log"
	echo "$pid $start" >"$STACK_DIR/run/$part.pid"
}

# Waits up to SECONDS until the command fails. Usage: wait_while SECONDS COMMAND...
wait_while()
{
	local deadline=$((SECONDS + $1))

	shift
	while "$@"
	do
		((SECONDS < deadline)) || return 1
		sleep 0.05
	done
}

wait_gone()
{
	wait_while "$2" part_alive "$1"
}

# Sends a signal to a part and waits until it is gone. Usage: part_end PART SIGNAL SECONDS
part_end()
{
	local pid

	pid=$(part_pid "$1") || return 0
	kill "-$2" "$pid" 2>/dev/null || true
	wait_gone "$1" "$3" || return 1
	rm -f "$STACK_DIR/run/$1.pid"
}

# Pids of all processes of this stack, whoever started them in its name. PostgreSQL
# overwrites its environment with its title, so it is known by its private program.
# epmd is shared by all Erlang nodes of the machine and is not ours to count.
stack_pids()
{
	local file pid

	for file in $(grep -lzsxF "$STACK_MARK=$STACK_DIR" /proc/[0-9]*/environ || true)
	do
		pid=${file#/proc/}
		pid=${pid%/environ}
		[ "$(cat "/proc/$pid/comm" 2>/dev/null || true)" = epmd ] || echo "$pid"
	done
	postgres_pids
}

stack_has_processes()
{
	[ -n "$(stack_pids)" ]
}

# kill -9 for all that is left; a process may be starting another meanwhile.
stack_sweep()
{
	local deadline=$((SECONDS + 10)) pids

	while pids=$(stack_pids) && [ -n "$pids" ]
	do
		((SECONDS < deadline)) || die "still running: ${pids//$'\n'/ }"
		# shellcheck disable=SC2086
		kill -9 $pids 2>/dev/null || true
		sleep 0.05
	done
}
