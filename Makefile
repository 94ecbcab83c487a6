# campaign: the extension (PGXS), the consumer, the mailer, and everything around them.
#
#   make            extension, consumer, mailer and monitor into build/
#   make demo       sets up a bare machine and runs a campaign
#   make simulate   sets up a bare machine and runs several simulated senders
#   make test       sets up a bare machine and runs the tests, some in a short form
#   make SOMETIMES=yes    the same as make, into build/sometimes: with the marks of sometimes.h
#   make conformance      tries campaign-consumer and a consumer in Python against docs/contract
#   make consumers  the consumers in Go and in Rust, into build/; make conformance-go, conformance-rust
#   make cluster    nodes of clusters are killed and cut off, and a standby is promoted; needs root
#   make shares     25 senders of different speeds share a campaign of 100,000
#   make mutants    shows that the tests notice mistakes, and that each of these still applies and compiles
#   make countries  writes the numbering plans and their time zones anew, from the Python packages phonenumbers and regex
#   make test-docs  runs the commands that README.md and docs/ show
#   make test-openapi       asks everything that docs/openapi.yaml describes, with schemathesis
#   make test-browser       uses the API from our page and from one of another origin, in headless Chromium
#   make test-containers    builds the images of docker/, runs them with podman and kills them
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

BUILD := $(if $(SOMETIMES),build/sometimes,build)
PG_BUILD := $(BUILD)/pg$(PG_MAJOR)
MARKS := $(if $(SOMETIMES),-DCAMPAIGN_SOMETIMES)

.DEFAULT_GOAL := all
.PHONY: all countries extension consumer mailer monitor install setup demo simulate test unit fuzz sql e2e conformance fault cluster model bench mutants shares \
	consumers consumer-go consumer-rust conformance-go conformance-rust \
	test-docs test-openapi test-browser test-containers test-debian12 test-debian13 portability sanitize lint clean

all: extension consumer mailer monitor

setup:
	@test/stack/install

demo: setup
	@$(MAKE) --no-print-directory -s all
	@test/demo

simulate: setup
	@$(MAKE) --no-print-directory -s all
	@test/simulate

test:
	@test/stack/install fuzz model pg16 pg18
	@$(MAKE) --no-print-directory -s all
	@test/run

unit fuzz sql e2e conformance fault model bench:
	@test/stack/install fuzz model
	@$(MAKE) --no-print-directory -s all
	@test/run $@

# CLUSTER_SHORT=yes make cluster: about five minutes of it. A target of its own: it needs root, and most of the machine.
cluster: setup
	@$(MAKE) --no-print-directory -s all
	@test/cluster/run

# FAULT_SHARES=20000 make shares: fewer messages.
shares: setup
	@$(MAKE) --no-print-directory -s all
	@FAULT_SHARES=$${FAULT_SHARES:-100000} /usr/bin/python3 -B -m pytest -p no:cacheprovider -q -s --tb=short \
		test/fault/test_shares.py

# MUTANTS=12 MUTANTS_SEED=7 make mutants: only twelve of them, chosen by the seed.
mutants:
	@test/stack/install
	@test/mutants/run --check
	@test/mutants/run

# In a virtual environment of its own: nothing else needs the package.
countries:
	python3 -m venv build/countries
	build/countries/bin/pip --quiet install --upgrade phonenumbers regex
	build/countries/bin/python src/upload/countries.py >build/countries/country_table.c
	build/countries/bin/python src/upload/zones.py >build/countries/zone_table.c
	build/countries/bin/python src/upload/zones.py --cases >build/countries/zone_cases.h
	mv build/countries/country_table.c build/countries/zone_table.c src/upload
	mv build/countries/zone_cases.h test/unit

test-debian12 test-debian13:
	@test/debian $(@:test-debian%=%) make test WERROR="$(WERROR)"

# Consumers in other languages, from docs/contract alone. Their tools are not needed for anything else.
consumers: consumer-go consumer-rust

consumer-go:
	cd consumer/go && go build -trimpath -o $(CURDIR)/$(BUILD)/campaign-consumer-go .

consumer-rust:
	cd consumer/rust && CARGO_TARGET_DIR=$(CURDIR)/$(BUILD)/rust cargo build --quiet --locked --release
	cp $(BUILD)/rust/release/campaign-consumer $(BUILD)/campaign-consumer-rust

conformance-go conformance-rust: conformance-%:
	@test/stack/install
	@test/conformance/other $*

# A target of its own: it installs nothing but into a folder in /tmp, and takes most of a minute.
test-docs: setup
	@$(MAKE) --no-print-directory -s all
	@test/run docs
# They have tools of their own, and say so if these cannot be had.
test-openapi test-browser: test-%: setup
	@$(MAKE) --no-print-directory -s all
	@test/$*/run

# A target of its own: it takes minutes, and needs root.
test-containers: setup
	@test/containers/run

# What may differ from one Debian to the other; CI runs it on the other one.
portability: setup
	@$(MAKE) --no-print-directory -s all
	@SQL_VERSIONS=own E2E_TESTS="contract flow recovery redelivery" test/run demo sql e2e conformance

# The programs with AddressSanitizer and UBSan, through the end-to-end tests.
sanitize: setup
	@$(MAKE) --no-print-directory -s extension
	@$(MAKE) --no-print-directory -s consumer mailer monitor SOMETIMES=yes BUILD=build/sanitize \
		SANITIZE="-fsanitize=address,undefined -fno-omit-frame-pointer"
	@CAMPAIGN_CONSUMER=$(CURDIR)/build/sanitize/campaign-consumer \
		CAMPAIGN_MAILER=$(CURDIR)/build/sanitize/campaign-mailer \
		CAMPAIGN_MONITOR=$(CURDIR)/build/sanitize/campaign-monitor test/run e2e conformance

lint:
	@test/stack/install lint
	@test/lint

clean:
	rm -rf $(BUILD)

# The extension ------------------------------------------------------------------------------

ifneq ($(wildcard $(PGXS)),)

PGXS_MAKE = $(MAKE) -C $(PG_BUILD) -f $(CURDIR)/src/pgxs.mk VPATH=$(CURDIR) \
	PG_CONFIG="$(PG_CONFIG)" with_llvm=no WERROR="$(WERROR)" MARKS="$(MARKS)"

extension:
	@mkdir -p $(addprefix $(PG_BUILD)/,$(sort $(dir $(wildcard src/*.c src/*/*.c lib/*/*.c))))
	+$(PGXS_MAKE) all

install: all
	+$(PGXS_MAKE) install
	install -d "$(DESTDIR)$(PREFIX)/bin"
	install -m 755 $(BUILD)/campaign-consumer "$(DESTDIR)$(PREFIX)/bin/campaign-consumer"
	install -m 755 $(BUILD)/campaign-mailer "$(DESTDIR)$(PREFIX)/bin/campaign-mailer"
	install -m 755 $(BUILD)/campaign-monitor "$(DESTDIR)$(PREFIX)/bin/campaign-monitor"
	install -d "$(DESTDIR)$(PREFIX)/share/campaign/templates"
	install -m 644 $(MAILER_TEMPLATES) "$(DESTDIR)$(PREFIX)/share/campaign/templates"
	install -d "$(DESTDIR)$(PREFIX)/share/campaign/gateways"
	install -m 644 consumer/gateways/*.json "$(DESTDIR)$(PREFIX)/share/campaign/gateways"
	install -d "$(DESTDIR)$(PREFIX)/share/campaign/page"
	install -m 644 page/* "$(DESTDIR)$(PREFIX)/share/campaign/page"

else

extension install:
	@echo "$(PG_CONFIG) or the PostgreSQL server headers are missing: run 'make setup', or set PG_CONFIG" >&2
	@exit 1

endif

# The programs -------------------------------------------------------------------------------

PROGRAM_CFLAGS := -std=gnu11 -O2 -g -Wall -Wextra $(WERROR) $(SANITIZE) -MMD -MP
PROGRAM_CPPFLAGS := -D_GNU_SOURCE -DCAMPAIGN_VERSION='"$(VERSION)"' $(MARKS) -Ilib
objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard $(addsuffix /*.c,$(1))))

CONSUMER_OBJECTS := $(call objects,consumer lib/contract lib/program)
CONSUMER_PACKAGES := libmongoc-1.0 libcurl libpq
CONSUMER_LIBS := -lrabbitmq -lssl -lcrypto -lm -lpthread

# The mailer speaks no AMQP: of the contract it links only the errors, and what they need.
MAILER_OBJECTS := $(call objects,mailer lib/program) \
	$(addprefix $(BUILD)/lib/contract/,error.o utf8.o)
MAILER_PACKAGES := libcurl libpq
MAILER_LIBS := -lm -lpthread
MAILER_TEMPLATES := $(wildcard mailer/templates/*)

# The monitor, too, and cuts texts by characters.
MONITOR_OBJECTS := $(call objects,monitor lib/program) \
	$(addprefix $(BUILD)/lib/contract/,error.o utf8.o)
MONITOR_PACKAGES := ncursesw libpq
MONITOR_LIBS := -lm -lpthread

consumer: $(BUILD)/campaign-consumer
mailer: $(BUILD)/campaign-mailer
monitor: $(BUILD)/campaign-monitor

$(BUILD)/lib/%.o: PACKAGES := libpq
$(BUILD)/consumer/%.o: PACKAGES := $(CONSUMER_PACKAGES)
$(BUILD)/mailer/%.o: PACKAGES := $(MAILER_PACKAGES)
$(BUILD)/monitor/%.o: PACKAGES := $(MONITOR_PACKAGES)

$(BUILD)/%.o: %.c Makefile campaign.control
	@mkdir -p $(@D)
	$(CC) $(PROGRAM_CFLAGS) $(PROGRAM_CPPFLAGS) $$(pkg-config --cflags $(PACKAGES)) -c -o $@ $<

$(BUILD)/campaign-consumer: $(CONSUMER_OBJECTS)
	$(CC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs $(CONSUMER_PACKAGES)) $(CONSUMER_LIBS)

$(BUILD)/campaign-mailer: $(MAILER_OBJECTS) $(MAILER_TEMPLATES)
	@mkdir -p $(BUILD)/templates
	cp $(MAILER_TEMPLATES) $(BUILD)/templates
	$(CC) $(SANITIZE) -o $@ $(MAILER_OBJECTS) $$(pkg-config --libs $(MAILER_PACKAGES)) $(MAILER_LIBS)

$(BUILD)/campaign-monitor: $(MONITOR_OBJECTS)
	$(CC) $(SANITIZE) -o $@ $^ $$(pkg-config --libs $(MONITOR_PACKAGES)) $(MONITOR_LIBS)

-include $(sort $(CONSUMER_OBJECTS:.o=.d) $(MAILER_OBJECTS:.o=.d) $(MONITOR_OBJECTS:.o=.d))
