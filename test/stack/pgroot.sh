# shellcheck shell=bash
# pgroot.sh - a private PostgreSQL installation for one stack. PostgreSQL finds its
# share and lib directories relative to its own program, so copies of the programs
# beside a farm of symlinks behave as an installation of their own, to which our
# extension is added.
#
# Must never write into the system's installation.

PG_PROGRAMS="postgres initdb pg_ctl pg_controldata pg_isready psql pg_dump pg_dumpall pg_restore
	pg_basebackup pg_upgrade pg_resetwal pgbench vacuumdb"

# The longest directory that contains both paths. Usage: common_directory A B
common_directory()
{
	local common=$1

	while [ "${2#"$common"/}" = "$2" ] && [ "$common" != "$2" ]
	do
		common=${common%/*}
	done
	echo "$common"
}

# Reads where PG_CONFIG's PostgreSQL lives and where our copy of it will.
# Sets PG_MAJOR and the PG_* and ROOT_* directories.
pgroot_locate()
{
	local common version

	version=$("$PG_CONFIG" --version)
	PG_MAJOR=$(sed -E 's/^[^0-9]*([0-9]+).*/\1/' <<<"$version")
	PG_BINDIR=$("$PG_CONFIG" --bindir)
	PG_SHAREDIR=$("$PG_CONFIG" --sharedir)
	PG_PKGLIBDIR=$("$PG_CONFIG" --pkglibdir)
	# Programs may look for libraries beside their installation: keep two levels above it.
	common=$(common_directory "$(common_directory "$PG_BINDIR" "$PG_SHAREDIR")" "$PG_PKGLIBDIR")
	PG_ABOVE=${common%/*}
	PG_ABOVE=${PG_ABOVE%/*}
	ROOT_BIN=$PG_HOME/root${PG_BINDIR#"$PG_ABOVE"}
	ROOT_SHARE=$PG_HOME/root${PG_SHAREDIR#"$PG_ABOVE"}
	ROOT_LIB=$PG_HOME/root${PG_PKGLIBDIR#"$PG_ABOVE"}
}

# Symlinks where the server's user may follow them, else copies.
pgroot_farm()
{
	local from=$1 to=$2 link=--symbolic-link

	mkdir -p "$to"
	as_postgres test -r "$from" || link=--recursive
	find "$from" -mindepth 1 -maxdepth 1 ! -name bitcode ! -name pgxs ! -name man -print0 |
		xargs -0 cp --recursive "$link" --target-directory "$to"
}

# Builds the private installation of PG_CONFIG's PostgreSQL in PG_HOME/root.
pgroot_build()
{
	local program

	mkdir -p "$ROOT_BIN"
	for program in $PG_PROGRAMS
	do
		if [ -x "$PG_BINDIR/$program" ]
		then
			cp "$PG_BINDIR/$program" "$ROOT_BIN/"
		fi
	done
	pgroot_farm "$PG_SHAREDIR" "$ROOT_SHARE"
	pgroot_farm "$PG_PKGLIBDIR" "$ROOT_LIB"
	pgroot_add_libraries
	pgroot_add_pgtap
}

# A self-contained PostgreSQL finds libpq and friends relative to its programs; a
# distribution's are found by the loader.
pgroot_add_libraries()
{
	local library real

	for library in $(cd "$PG_BINDIR" && ldd initdb psql pg_dump postgres 2>/dev/null |
		sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | sort -u)
	do
		real=$(realpath "$library")
		case "$real" in
			/lib* | /usr/lib*) ;;
			"$PG_ABOVE"/*) install -D -m 755 "$real" "$PG_HOME/root${real#"$PG_ABOVE"}" ;;
		esac
	done
}

# pgTAP is plain SQL: the distribution's copy serves any PostgreSQL.
pgroot_add_pgtap()
{
	local file

	for file in /usr/share/postgresql/*/extension/pgtap*
	do
		if [ -f "$file" ] && [ ! -e "$ROOT_SHARE/extension/${file##*/}" ]
		then
			cp "$file" "$ROOT_SHARE/extension/"
		fi
	done
}

# Adds our extension, as built by make, to the private installation.
pgroot_add_extension()
{
	local library=$STACK_BUILD/pg$PG_MAJOR/campaign.so script found=

	[ -f "$library" ] || die "make did not build $library"
	install -m 755 "$library" "$ROOT_LIB/campaign.so"
	install -m 644 "$REPOSITORY/campaign.control" "$ROOT_SHARE/extension/"
	for script in "$REPOSITORY"/sql/campaign--*.sql "$STACK_BUILD/pg$PG_MAJOR"/campaign--*.sql
	do
		if [ -f "$script" ]
		then
			install -m 644 "$script" "$ROOT_SHARE/extension/"
			found=yes
		fi
	done
	[ -n "$found" ] || die "make did not build any campaign--*.sql"
}
