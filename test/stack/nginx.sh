# shellcheck shell=bash
# nginx.sh - the nginx of a stack, with the configuration that is shipped.
#
# Must never read the system's configuration, nor leave a process behind: it is one
# process only, as nginx writes over the mark in the environment of its children.

# Debian has it where only root looks.
nginx_program()
{
	local program

	for program in "$(command -v nginx || true)" /usr/sbin/nginx
	do
		if [ -x "$program" ]
		then
			echo "$program"
			return 0
		fi
	done
	return 1
}

nginx_prepare()
{
	local home=$STACK_DIR/nginx name text

	mkdir -p "$home"
	declare -A value=(
		[NGINX_DIRECTORY]=$home
		[NGINX_LISTEN]=127.0.0.1:$HTTP_PORT
		[NGINX_MAX_BODY]=64m
		[NGINX_LOGIN_RATE]=${CAMPAIGN_LOGIN_RATE:-10r/s}
		[NGINX_CONNECTIONS]=${CAMPAIGN_CONNECTIONS:-500}
		[NGINX_ORIGINS]=${CAMPAIGN_ORIGINS-*}
		[NGINX_PAGE]=$REPOSITORY/page
		[POSTGREST_ADDRESS]=127.0.0.1:$POSTGREST_PORT
	)
	text=$(<"$REPOSITORY/docker/nginx.conf")
	for name in "${!value[@]}"
	do
		text=${text//"\${$name}"/"${value[$name]}"}
	done
	printf '%s\n' "$text" >"$home/nginx.conf"
	"$(nginx_program)" -t -q -p "$home" -c "$home/nginx.conf" >>"$STACK_DIR/nginx.log" 2>&1 ||
		die "docker/nginx.conf is refused: $(tail -n 2 "$STACK_DIR/nginx.log")"
}

nginx_start()
{
	launch nginx "$(nginx_program)" -p "$STACK_DIR/nginx" -c "$STACK_DIR/nginx/nginx.conf" \
		-g 'daemon off; master_process off;'
	probe nginx "$HTTP_URL/"
}

nginx_stop()
{
	part_end nginx QUIT "$STACK_TIMEOUT"
}

nginx_kill()
{
	part_end nginx KILL 10
}
