# Each target installs what it lacks: Debian packages by apt (sudo when not root), Python packages by hash into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help
NEW_ENOUGH = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
    $$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
BIN := .venv/bin
ON_HOST := -m "not guest and not frr and not image"
SPOKEN := alibaba-dual-egress-bgp alibaba-single-egress-bgp aws-bgp-ecmp aws-ipv6 aws-plus-alibaba aws-tgw-4-tunnels
APT := DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends

.PHONY: help venv lock check test test-image test-containers test-containerlab demo soak bench fuzz guest image labs clean

help:
	@echo "make demo    the main job, shown: a document goes in, encrypted packets come out; no cloud needed"
	@echo "make check   seconds: unit and pipeline tests, formatter, linter, types"
	@echo "make test    everything that proves the product, labs in a guest included; time per group"
	@echo "make soak    the labs again and again (ROUNDS=20), and what must hold for whatever chance finds"
	@echo "make bench   what is promised in figures, ours beside the peers; GOAL=C3 one of them, RECORD=1 keeps it"
	@echo "make fuzz    damaged documents to every parser for MINUTES=10"
	@echo "make labs    every lab's checks"
	@echo "make image   the machine image, into build/image/ (KEY=FILE signs it, LOCK=MANIFEST builds one again)"
	@echo "make test-image  boot that image, by BIOS and by UEFI, against a cloud in a lab guest"
	@echo "make test-containers  the containers in Debian's podman and Docker, in a lab guest"
	@echo "make test-containerlab  the labs as containers, where containerlab and Docker are (LABS=NAME: one)"
	@echo "make guest   build and boot the lab guest (make test and the labs do so by themselves)"
	@echo "make lock    pin the Python packages anew"
	@echo "make clean   end the guest, remove what was built"

venv: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@lacking=$$( \
	    command -v ssh >/dev/null || echo openssh-client; \
	    PATH=$$PATH:/usr/sbin:/sbin command -v ip >/dev/null || echo iproute2; \
	    $(or $(PYTHON),python3) -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv); \
	test -z "$$lacking" || { \
	    echo "+ apt-get install" $$lacking; \
	    $(SUDO) apt-get update -q && $(SUDO) $(APT) $$lacking; }
	@$(or $(PYTHON),python3) -c '$(NEW_ENOUGH)' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	test -x $(BIN)/pip || $(or $(PYTHON),python3) -m venv .venv
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes --only-binary=:all: -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

lock: venv
	$(BIN)/python -m venv build/lock
	build/lock/bin/pip install -q --disable-pip-version-check uv
	build/lock/bin/uv pip compile -q pyproject.toml --extra test --extra speaker --universal --python-version 3.11 \
	    --generate-hashes --no-header --upgrade --output-file requirements.lock

check: venv
	$(BIN)/python -m tests.groups --quick

test: venv
	$(BIN)/python -m tests.groups

demo: venv
	@$(BIN)/python labs/demo.py

soak: venv
	@for round in $$(seq $(or $(ROUNDS),20)); do echo "== round $$round"; $(BIN)/appliance lab run all \
		&& $(BIN)/appliance lab run --speaker exabgp $(SPOKEN) \
		&& HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -q -p no:cacheprovider $(ON_HOST) tests || exit 1; done
	CUTS=50 $(BIN)/python -m pytest -q -p no:cacheprovider -m image tests/image tests/containers

bench: venv
	@$(BIN)/python -m tests.bench $(GOAL) $(if $(RECORD),--record)

fuzz: venv
	@$(BIN)/python -m tests.vendors.fuzz $(or $(MINUTES),10)

labs: venv
	$(BIN)/appliance lab run all

guest: venv
	$(BIN)/python -m tests.lab.in_guest uname -a

image: venv
	$(BIN)/appliance image build $(if $(KEY),--key $(KEY)) $(if $(LOCK),--lock $(LOCK))

test-image: venv
	$(BIN)/python -m tests.side_by_side 2 build/image-tests.xml -q -p no:cacheprovider -m image tests/image

test-containers: venv
	$(BIN)/python -m pytest -q -p no:cacheprovider -m image tests/containers

test-containerlab: venv
	@lacking=$$(for one in containerlab docker; do command -v $$one >/dev/null || echo $$one; done); \
	if [ -n "$$lacking" ]; then echo "test-containerlab: skipped, not installed:" $$lacking; exit 0; fi; \
	set -e; $(BIN)/python images/oci.py build/image; \
	for one in appliance appliance-lab; do docker load -q -i build/image/$$one.oci.tar; done; \
	$(SUDO) $(BIN)/appliance lab run --backend containerlab $(or $(LABS),all)

clean:
	@test ! -x $(BIN)/appliance || $(BIN)/appliance lab down --all || true
	@rm -rf --one-file-system build 2>/dev/null || { \
	    echo "+ $(SUDO) rm -rf build: image roots belong to root"; $(SUDO) rm -rf --one-file-system build; }
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
