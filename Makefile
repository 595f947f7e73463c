# What a newcomer types. Every target works from a fresh clone with Swift 6.3 on the PATH; `make` alone lists them.

SWIFT ?= swift
PROMPT ?= The capital of France is
FORMATTED := $(wildcard Sources Tests Snippets Benchmarks Package.swift)

.DEFAULT_GOAL := help
.PHONY: help run build test deployed neon model mutants format lint bootstrap clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: build ## build, diagnose and run the model in Models/, and contrast it with SmolLM2
	scripts/first-look "$(PROMPT)"

build: bootstrap ## build the command: .build/release/bitnet
	$(SWIFT) build -c release --product bitnet

# In release, so that the tests with a real model take seconds. Nothing here is @testable; without the second flag
# every module would be compiled once more for the tests.
test: bootstrap ## fetch the model and the vocabularies, build, run all tests, the command, the server and the examples
	scripts/fetch-smollm2 >/dev/null
	scripts/fetch-vocabularies >/dev/null
	$(SWIFT) build -c release --product bitnet
	$(SWIFT) test -c release --disable-testable-imports
	scripts/check-cli
	scripts/check-training
	scripts/check-server
	SWIFT="$(SWIFT)" scripts/check-snippets

deployed: build ## check the web page in Chromium and two replicas behind nginx; installs both programs where missing
	scripts/bootstrap chromium nginx
	scripts/fetch-smollm2 >/dev/null
	scripts/check-page
	scripts/check-report
	scripts/check-replicas

neon: ## judge the NEON kernels, on x86-64 Linux under QEMU
	scripts/check-neon

model: build ## make the shipped model from nothing: corpus, vocabulary, training, conversion; takes hours
	scripts/make-model

mutants: build ## break the x86 kernels one by one and see that it is noticed; takes some minutes
	scripts/check-mutations

format: ## format all Swift files in place
	$(SWIFT) format --in-place --recursive $(FORMATTED)

lint: ## check the formatting and the layers
	$(SWIFT) format lint --strict --recursive $(FORMATTED)
	scripts/check-layers

bootstrap: ## install PCRE2, pkg-config and pip where missing
	@scripts/bootstrap

clean: ## remove everything that was built
	rm -rf .build
