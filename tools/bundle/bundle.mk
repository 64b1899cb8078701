# make gpu-test | gpu-sanitize | gpu-bench MODELS="a.pt b.pt"      inside an unpacked bundle, on a machine with a GPU
#   PEREGRINE_TEST_DATA=FOLDER adds the checks on real weights
export LD_LIBRARY_PATH := $(CURDIR)/lib:$(LD_LIBRARY_PATH)
export PEREGRINE_SOURCE_DIR := $(CURDIR)/source
SHELL := /bin/bash
BATCHES ?= 1,16
SANITIZED ?= test_cuda_runtime test_preprocess_cuda test_postprocess_cuda

gpu-test:
	@failed=0; for test in bin/test_*; do echo "== $$test"; $$test --gtest_brief=1 || failed=1; done; exit $$failed

gpu-sanitize:
	@for tool in memcheck racecheck initcheck; do for test in $(SANITIZED); do \
	  [ -x bin/$$test ] || continue; echo "== $$tool $$test"; \
	  compute-sanitizer --tool $$tool --error-exitcode 9 bin/$$test --gtest_brief=1 || exit 1; done; done

gpu-bench:
	@bin/engine_bench $(MODELS)

.PHONY: gpu-test gpu-sanitize gpu-bench
