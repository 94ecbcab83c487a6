# shellcheck shell=bash
# links.sh - builds a C file of the tests from what it says it is linked with, on a line, or
# several, of its heading:
#     links: src/identity/cuid2.c libcrypto -lm
# that is, sources from the top of the repository, pkg-config names, and flags; pgcommon is what
# PostgreSQL gives to programs outside the server, gateway-http the gateway that sends over HTTP.
# Sourced by the runners of unit, fuzz and bench.

LINKS_GATEWAY_HTTP="consumer/breaker.c consumer/gateway_http.c
	consumer/http_answer.c consumer/http_attribute.c consumer/http_backoff.c consumer/http_fill.c
	consumer/http_outcome.c consumer/http_reader.c consumer/http_request.c consumer/http_request_form.c
	consumer/http_rules.c consumer/http_secrets.c consumer/http_template.c consumer/http_template_load.c
	consumer/http_trouble.c consumer/json.c consumer/json_string.c
	lib/contract/error.c lib/contract/utf8.c lib/program/clock.c libcurl libcrypto -lpthread"

# Prints the words of the links: lines of $1.
links_of()
{
	sed -n 's/^[^[:alnum:]]*links:[[:space:]]*//p' "$1" | sed 's,\*/.*,,' |
		sed "s,gateway-http,${LINKS_GATEWAY_HTTP//[$'\n\t']/ },"
}

# Usage: links_build SOURCE BINARY COMPILER FLAG...
# Says on stderr what went wrong. The objects of sources that several are linked with stay in the folder LINKS_OBJECTS,
# which whoever calls this empties first: what it finds there it takes as it is.
links_build()
{
	local source=$1 binary=$2 compiler=$3 word object defined=
	local -a sources=() objects=() packages=() libraries=() flags=() options=()

	shift 3
	: "${LINKS_OBJECTS:?links_build needs a folder for objects}"
	for word in $(links_of "$source")
	do
		case $word in
			*.c) sources+=("$word") ;;
			pgcommon)
				flags+=("-I$("${PG_CONFIG:-pg_config}" --includedir-server)")
				libraries+=("-L$("${PG_CONFIG:-pg_config}" --pkglibdir)"
					"-L$("${PG_CONFIG:-pg_config}" --libdir)" -lpgcommon -lpgport -lcrypto)
				;;
			-D*)
				flags+=("$word")
				defined+=$word
				;;
			-*) libraries+=("$word") ;;
			*) packages+=("$word") ;;
		esac
	done
	if [ ${#packages[@]} -gt 0 ]
	then
		pkg-config --exists --print-errors "${packages[@]}" || return 1
		read -ra options <<<"$(pkg-config --cflags "${packages[@]}")"
		flags+=("${options[@]}")
		read -ra options <<<"$(pkg-config --libs "${packages[@]}")"
		libraries+=("${options[@]}")
	fi
	flags+=(-std=gnu11 -g -Wall -Wextra -D_GNU_SOURCE -I. -Isrc -Ilib "$@")
	for word in "${sources[@]}"
	do
		object=$LINKS_OBJECTS/${word//\//-}$defined.o
		[ -f "$object" ] || "$compiler" "${flags[@]}" -c -o "$object" "$word" || return 1
		objects+=("$object")
	done
	"$compiler" "${flags[@]}" -o "$binary" "$source" "${objects[@]}" "${libraries[@]}"
}
