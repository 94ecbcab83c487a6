# shellcheck shell=bash
# smtp.sh - the SMTP server of a stack: Exim, with STARTTLS and TLS from the start, that
# takes mail only after a login and puts all of it into one Maildir.
#
# Must never read the system's configuration of Exim, nor send a mail anywhere: every
# address is delivered here.

# What the machine has, else what test/stack/install unpacked.
smtp_program()
{
	local program

	for program in "$(command -v exim4 || true)" /usr/sbin/exim4 \
		"${CAMPAIGN_TOOLS:-$REPOSITORY/.tools}/exim/usr/sbin/exim4"
	do
		if [ -x "$program" ]
		then
			realpath "$program"
			return 0
		fi
	done
	return 1
}

# A certificate for 127.0.0.1 and localhost, signed by an authority of this stack's own.
smtp_certificate()
{
	local home=$1

	[ ! -f "$home/server.pem" ] || return 0
	{
		openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=campaign stack" \
			-keyout "$home/ca.key" -out "$SMTP_CA_FILE"
		openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" \
			-keyout "$home/server.key" -out "$home/server.csr"
		openssl x509 -req -in "$home/server.csr" -CA "$SMTP_CA_FILE" -CAkey "$home/ca.key" \
			-CAcreateserial -days 30 -out "$home/server.pem" \
			-extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost")
	} >>"$STACK_DIR/smtp.log" 2>&1
}

# Exim insists on a user Debian-exim. Here, that is another name of the one it runs as.
smtp_users()
{
	local home=$1 uid gid

	uid=$(as_postgres id -u)
	gid=$(as_postgres id -g)
	printf 'root:x:0:0::/:/bin/false\nDebian-exim:x:%s:%s::/:/bin/false\n' "$uid" "$gid" \
		>"$home/passwd"
	printf 'root:x:0:\nDebian-exim:x:%s:\n' "$gid" >"$home/group"
	printf '%s: %s\n' "$SMTP_USER" "$SMTP_PASSWORD" "other@campaign.test" "another password" \
		>"$home/logins"
}

smtp_configure()
{
	local home=$1

	cat >"$home/exim.conf" <<-END
		primary_hostname = mail.campaign.test
		spool_directory = $home/spool
		log_file_path = $home/%s.log
		pid_file_path = $home/exim.pid
		local_interfaces = 127.0.0.1
		daemon_smtp_ports = $SMTP_PORT : $SMTPS_PORT
		tls_on_connect_ports = $SMTPS_PORT
		tls_advertise_hosts = *
		tls_certificate = $home/server.pem
		tls_privatekey = $home/server.key
		auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
		smtputf8_advertise_hosts = *
		acl_smtp_rcpt = check_rcpt
		acl_smtp_data = accept
		host_lookup =
		message_size_limit = 1M
		smtp_accept_max = 100
		smtp_accept_queue_per_connection = 0
		deliver_drop_privilege
		keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP : $STACK_MARK

		begin acl
		check_rcpt:
		  deny    !authenticated = *
		          message = log in first
		  deny    local_parts = nobody
		          message = no such user here
		  accept

		begin routers
		everybody:
		  driver = accept
		  transport = maildir

		begin transports
		maildir:
		  driver = appendfile
		  directory = $MAIL_DIR
		  maildir_format
		  mode = 0644
		  envelope_to_add
		  return_path_add

		begin authenticators
		plain:
		  driver = plaintext
		  public_name = PLAIN
		  server_prompts = :
		  server_condition = \${if eq{\$auth3}{\${lookup{\$auth2}lsearch{$home/logins}{\$value}fail}}}
		  server_set_id = \$auth2
		login:
		  driver = plaintext
		  public_name = LOGIN
		  server_prompts = Username:: : Password::
		  server_condition = \${if eq{\$auth2}{\${lookup{\$auth1}lsearch{$home/logins}{\$value}fail}}}
		  server_set_id = \$auth1
	END
}

# All in PG_HOME, which PostgreSQL's user can reach: Exim runs as that one, too. A copy of
# the program has no privileges, and needs none.
smtp_prepare()
{
	local home=$PG_HOME/smtp

	mkdir -p "$home"
	smtp_certificate "$home"
	smtp_users "$home"
	smtp_configure "$home"
	install -m 755 "$(smtp_program)" "$home/exim4"
	if [ "$(id -u)" -eq 0 ]
	then
		chown -R "$(postgres_user)" "$home"
	fi
}

# `launch` begins as root, and the wrapper must not be loaded before the user has changed.
smtp_start()
{
	local home=$PG_HOME/smtp

	postgres_prefix
	launch smtp "${AS_POSTGRES[@]}" env LD_PRELOAD=libnss_wrapper.so \
		"NSS_WRAPPER_PASSWD=$home/passwd" "NSS_WRAPPER_GROUP=$home/group" \
		"$home/exim4" -C "$home/exim.conf" -bdf -q10s
	probe smtp "127.0.0.1:$SMTP_PORT"
}

# All processes that run this stack's copy of Exim: those that serve a connection outlive
# the one that listens.
smtp_pids()
{
	local link

	for link in /proc/[0-9]*/exe
	do
		if [ "$(readlink "$link" 2>/dev/null || true)" = "$(realpath "$PG_HOME/smtp/exim4")" ]
		then
			link=${link#/proc/}
			echo "${link%/exe}"
		fi
	done
}

smtp_has_processes()
{
	[ -n "$(smtp_pids)" ]
}

smtp_end()
{
	part_end smtp "$1" "$2" || return 1
	# shellcheck disable=SC2046
	kill "-$1" $(smtp_pids) 2>/dev/null || true
	wait_while "$2" smtp_has_processes
}

smtp_stop()
{
	smtp_end TERM "$STACK_TIMEOUT"
}

smtp_kill()
{
	smtp_end KILL 10
}
