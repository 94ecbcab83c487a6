# campaign: the extension (PGXS), the consumer, the mailer, and everything around them.
#
#   make            extension, consumer and mailer into build/
#   make demo       sets a bare machine up and runs the main job
#   make test       sets a bare machine up and runs every test
#   make test-debian12, test-debian13    the same on that Debian, in a folder of its own
#   make install    the extension into the PostgreSQL of PG_CONFIG, the programs into PREFIX
#
# PGXS is only included where it exists: `make demo` must work before pg_config is installed.

PG_CONFIG ?= pg_config
PREFIX ?= /usr/local
DESTDIR ?=

VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" campaign.control)
PG_MAJOR := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

BUILD := build
PG_BUILD := $(BUILD)/pg$(PG_MAJOR)
SHARED_SOURCES := error message broker broker_topology broker_url
CONSUMER_SOURCES := $(basename $(notdir $(wildcard consumer/*.c)))
MAILER_SOURCES := $(basename $(notdir $(wildcard mailer/*.c)))
# What the mailer has from the consumer.
PROGRAM_SOURCES := dotenv health layers log option postgres program retry stop urls verdict

.DEFAULT_GOAL := all
.PHONY: all extension consumer mailer install setup demo test unit fuzz sql e2e fault bench \
	test-debian12 test-debian13 portability sanitize lint clean

all: extension consumer mailer

setup:
	@test/stack/install

demo: setup
	@$(MAKE) --no-print-directory -s all
	@test/demo

test:
	@test/stack/install fuzz pg16 pg18
	@$(MAKE) --no-print-directory -s all
	@test/run

unit fuzz sql e2e fault bench:
	@test/stack/install fuzz
	@$(MAKE) --no-print-directory -s all
	@test/run $@

test-debian12 test-debian13:
	@test/debian $(@:test-debian%=%) make test WERROR="$(WERROR)"

# What may differ from one Debian to the other; CI runs it on the one that it is not on.
portability: setup
	@$(MAKE) --no-print-directory -s all
	@SQL_VERSIONS=own E2E_TESTS="contract flow recovery redelivery" test/run demo sql e2e

# The programs with AddressSanitizer and UBSan, through the end-to-end tests.
sanitize: setup
	@$(MAKE) --no-print-directory -s extension
	@$(MAKE) --no-print-directory -s consumer mailer BUILD=build/sanitize \
		SANITIZE="-fsanitize=address,undefined -fno-omit-frame-pointer"
	@CAMPAIGN_CONSUMER=$(CURDIR)/build/sanitize/campaign-consumer \
		CAMPAIGN_MAILER=$(CURDIR)/build/sanitize/campaign-mailer test/run e2e

lint:
	@test/stack/install lint
	@test/lint

clean:
	rm -rf $(BUILD)

# The extension ------------------------------------------------------------------------------

ifneq ($(wildcard $(PGXS)),)

PGXS_MAKE = $(MAKE) -C $(PG_BUILD) -f $(CURDIR)/src/pgxs.mk VPATH=$(CURDIR) \
	PG_CONFIG="$(PG_CONFIG)" with_llvm=no WERROR="$(WERROR)"

extension:
	@mkdir -p $(PG_BUILD)/src
	+$(PGXS_MAKE) all

install: all
	+$(PGXS_MAKE) install
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(BUILD)/campaign-consumer "$(DESTDIR)$(PREFIX)/bin/campaign-consumer"
	install -m 755 $(BUILD)/campaign-mailer "$(DESTDIR)$(PREFIX)/bin/campaign-mailer"
	install -d "$(DESTDIR)$(PREFIX)/share/campaign/templates"
	install -m 644 $(MAILER_TEMPLATES) "$(DESTDIR)$(PREFIX)/share/campaign/templates"

else

extension install:
	@echo "$(PG_CONFIG) or the PostgreSQL server headers are missing: run 'make setup', or set PG_CONFIG" >&2
	@exit 1

endif

# The consumer -------------------------------------------------------------------------------

CONSUMER_OBJECTS := $(addprefix $(BUILD)/consumer/,$(addsuffix .o,$(CONSUMER_SOURCES) $(SHARED_SOURCES)))
CONSUMER_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra $(WERROR) $(SANITIZE)
CONSUMER_PACKAGES := libmongoc-1.0 libpq

consumer: $(BUILD)/campaign-consumer

$(BUILD)/consumer/%.o: consumer/%.c $(wildcard consumer/*.h src/*.h) Makefile campaign.control
	@mkdir -p $(@D)
	$(CC) $(CONSUMER_CFLAGS) -DCAMPAIGN_VERSION='"$(VERSION)"' -D_GNU_SOURCE -Isrc -Iconsumer \
		$$(pkg-config --cflags $(CONSUMER_PACKAGES)) -c -o $@ $<

$(BUILD)/consumer/%.o: src/%.c $(wildcard src/*.h) Makefile
	@mkdir -p $(@D)
	$(CC) $(CONSUMER_CFLAGS) -D_GNU_SOURCE -Isrc -c -o $@ $<

$(BUILD)/campaign-consumer: $(CONSUMER_OBJECTS)
	$(CC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs $(CONSUMER_PACKAGES)) -lrabbitmq -lssl -lcrypto -lpthread

# The mailer ---------------------------------------------------------------------------------

# The objects have folders of their own: both programs have a main.c and a config.c.
MAILER_OBJECTS := $(addprefix $(BUILD)/mailer/,$(addsuffix .o,$(MAILER_SOURCES))) \
	$(addprefix $(BUILD)/consumer/,$(addsuffix .o,$(PROGRAM_SOURCES) error))
MAILER_TEMPLATES := $(wildcard mailer/templates/*)
MAILER_PACKAGES := libcurl libpq

mailer: $(BUILD)/campaign-mailer

$(BUILD)/mailer/%.o: mailer/%.c $(wildcard mailer/*.h consumer/*.h src/*.h) Makefile campaign.control
	@mkdir -p $(@D)
	$(CC) $(CONSUMER_CFLAGS) -DCAMPAIGN_VERSION='"$(VERSION)"' -D_GNU_SOURCE \
		$$(pkg-config --cflags $(MAILER_PACKAGES)) -c -o $@ $<

$(BUILD)/campaign-mailer: $(MAILER_OBJECTS) $(MAILER_TEMPLATES)
	@mkdir -p $(BUILD)/templates
	cp $(MAILER_TEMPLATES) $(BUILD)/templates
	$(CC) $(SANITIZE) -o $@ $(MAILER_OBJECTS) $$(pkg-config --libs $(MAILER_PACKAGES)) -lm -lpthread
