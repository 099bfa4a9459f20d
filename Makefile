# SPDX-License-Identifier: GPL-2.0
# caps: ports for Linux. "make help" says what there is to make.
#
# KDIR=DIRECTORY   build the module for another kernel than the running one
# prefix=PATH      where "make install" puts the library (/usr/local)
# DESTDIR=PATH     a staging root for "make install", for packagers

KDIR ?= /lib/modules/$(shell uname -r)/build
prefix ?= /usr/local
build := $(CURDIR)/build
CMAKE_FLAGS ?= -DCMAKE_BUILD_TYPE=RelWithDebInfo

manuals := $(patsubst docs/%.scd,$(build)/docs/%,$(wildcard docs/*.scd))

.DEFAULT_GOAL := all

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

# --- to build ---

# The library comes along where its build system is there.
all: $(if $(shell command -v cmake),lib) module ## the module for the running kernel, and the library

module: ## kmod/caps.ko for the running kernel
	@[ -e $(KDIR)/Makefile ] || scripts/load --why
	$(MAKE) -C $(KDIR) M=$(CURDIR)/kmod modules

# Configured each time: what was missing before may have been installed.
lib: ## the library, its tests and examples, in build/userlib
	@mkdir -p $(build)
	flock $(build) cmake -S userlib -B $(build)/userlib $(CMAKE_FLAGS) \
		-DCMAKE_INSTALL_PREFIX=$(prefix)
	flock $(build) cmake --build $(build)/userlib -j 2

selftests: ## the kernel's selftests, in build/selftests
	@mkdir -p $(build)
	+flock $(build) $(MAKE) -C selftests install INSTALL_PATH=$(build)/selftests

$(build)/tally: scripts/tally.cpp
	@mkdir -p $(@D)
	$(CXX) -std=c++20 -O1 -Wall -Wextra -o $@ $<

$(build)/docs/%: docs/%.scd
	@mkdir -p $(@D)
	scdoc <$< >$@

docs: ## the manual pages, in build/docs
	@scripts/deps docs
	@$(MAKE) --no-print-directory $(manuals)

# --- to run ---

load: ## load the module here and open /dev/caps to group caps
	@scripts/load

unload: ## unload it
	@scripts/unload

shell: ## a prompt in a small virtual machine with the module (KERNEL=6.1)
	@scripts/shell $(KERNEL)

demo: ## the demonstration, in a virtual machine (HERE=1: on this one)
	@HERE=$(HERE) scripts/demo

# --- to test ---

check: ## every test on the stock kernels 6.1 and 6.12
	@scripts/check $(KERNELS)

check-style: ## what can be said about the sources without running them
	@scripts/check-style

check-debug: ## every test on a kernel that checks itself (KERNELS=debug-6.1)
	@scripts/check-debug $(KERNELS)

check-mutants: ## does a test notice when a check in the module is missing?
	@scripts/check-mutants

bench: ## every figure of docs/performance.md again
	@scripts/bench

ci: ## check, check-style and check-debug, with one sum
	@scripts/ci

# --- to install ---

# Not by kbuild's modules_install: it tries to sign with a key that only the
# distributor has, and names another directory in each series.
release = $(shell cat $(KDIR)/include/config/kernel.release)

install: module lib docs ## module, library, manual pages, udev rule, group
	install -Dm644 kmod/caps.ko \
		$(DESTDIR)/lib/modules/$(release)/extra/caps.ko
	cmake --install $(build)/userlib --prefix $(prefix)
	install -Dm644 scripts/60-caps.rules \
		$(DESTDIR)$(prefix)/lib/udev/rules.d/60-caps.rules
	install -Dm644 scripts/caps.sysusers \
		$(DESTDIR)$(prefix)/lib/sysusers.d/caps.conf
	install -Dm644 scripts/caps.modules-load \
		$(DESTDIR)$(prefix)/lib/modules-load.d/caps.conf
	for page in $(manuals); do \
		install -Dm644 $$page $(DESTDIR)$(prefix)/share/man/man$${page##*.}/$${page##*/} || \
		exit; \
	done
ifeq ($(DESTDIR),)
	depmod $(release)
	ldconfig
	systemd-sysusers $(prefix)/lib/sysusers.d/caps.conf
	-udevadm control --reload
	@echo 'Installed. To load it now: modprobe caps. To use it: usermod -aG caps USER'
endif

clean: ## remove what was built (the cache of kernels stays)
	rm -rf $(build)
	find kmod -name '*.o' -delete -o -name '*.ko' -delete -o \
		-name '*.mod' -delete -o -name '*.mod.c' -delete -o \
		-name '.*.cmd' -delete -o -name modules.order -delete -o \
		-name Module.symvers -delete

.PHONY: help all module lib selftests docs load unload shell demo check \
	check-style check-debug check-mutants bench ci install clean
