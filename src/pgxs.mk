# The extension, through PGXS. The Makefile runs this in build/pg<major>/, so that builds for
# several PostgreSQL versions stand side by side:
#   make -C build/pg15 -f ../../src/pgxs.mk VPATH=../.. PG_CONFIG=...

MODULE_big = campaign
EXTENSION = campaign
OBJS = $(patsubst $(VPATH)/%.c,%.o,$(sort $(wildcard $(addprefix $(VPATH)/,src/*.c src/*/*.c lib/contract/*.c lib/program/clock.c lib/program/looks.c lib/program/sometimes.c))))
SQL_PARTS = $(sort $(wildcard $(VPATH)/sql/[0-9]*.sql))
CAMPAIGN_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" $(VPATH)/campaign.control)
SCRIPT = campaign--$(CAMPAIGN_VERSION).sql
DATA_built = $(SCRIPT)
# The marks in comments (src/sometimes_sql.h) become statements in a build that has them.
MARK_STATEMENT = \1ASSERT CASE WHEN \3 THEN pg_catalog.set_config('campaign.sometimes', '\2', true) ELSE '' END IS NOT NULL;
SQL_MARKS = $(if $(MARKS),-e "s/^( *)-- SOMETIMES\(([a-z_.]+)\)$$/&: true/" \
	-e "s/^( *)-- SOMETIMES\(([a-z_.]+)\): (.*)$$/$(MARK_STATEMENT)/",-e '')
EXTRA_CLEAN = $(SCRIPT) $(OBJS:.o=.d)

PG_CPPFLAGS = -I$(VPATH)/src -I$(VPATH)/lib -MMD -MP -D_GNU_SOURCE -DCAMPAIGN_VERSION='"$(CAMPAIGN_VERSION)"' $(MARKS)
# Declarations where they belong; PostgreSQL's own flags warn of that.
PG_CFLAGS = -std=gnu11 -Wextra -Wno-declaration-after-statement -Wno-unused-parameter \
	-Wno-sign-compare -Wno-missing-field-initializers $(WERROR)
SHLIB_LINK = -lrabbitmq -largon2 -lgmp -lssl -lcrypto

# The Makefile passes with_llvm=no: bitcode for JIT inlining is of no use to functions like
# these, and needs clang.
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(VPATH)/src/pgxs.mk $(VPATH)/campaign.control
-include $(OBJS:.o=.d)

$(SCRIPT): $(SQL_PARTS) $(VPATH)/campaign.control
	sed -E $(SQL_MARKS) $(SQL_PARTS) > $@
