# make demo | test | build | release | bench | soak | install PREFIX=... | bundle | fuzz | tensorrt-8 | clean
#   CUDA=auto|on|off   the GPU engine; auto: on where a driver or a CUDA 13 toolkit is found
SHELL := /bin/bash
CUDA ?= auto
PREFIX ?= /usr/local
BUILD ?= build
JOBS ?= $(shell nproc)

cuda_found := $(shell [ -e /dev/nvidiactl ] || command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ] && echo ON || echo OFF)
cuda := $(if $(filter auto,$(CUDA)),$(cuda_found),$(if $(filter on,$(CUDA)),ON,OFF))

.PHONY: build configure release setup test demo benchmarks bench soak install bundle fuzz gpu-soak tensorrt-8 clean
# The command, the library and what they carry; `make test` builds the tests.
build: configure
	@cmake --build $(BUILD) -j $(JOBS) --target product

configure: setup
	@cmake --preset release -B $(BUILD) -DPEREGRINE_CUDA=$(cuda) $(CMAKE_FLAGS) --log-level=WARNING

setup:
	@tools/setup/setup.sh openvino $(if $(filter ON,$(cuda)),cuda)

test:
	@tools/ci/test.sh

demo: build
	@tools/demo/run.sh $(BUILD)/bin/peregrine

benchmarks: build
	@cmake --build $(BUILD) -j $(JOBS) --target benchmarks

bench: benchmarks
	@bench/run.sh $(BUILD)/bin/peregrine

# What make test has no time for: SOAK_MINUTES of random commands behind 200 kills of builds and store operations, 100 of migrations and rollbacks; PEREGRINE_SOAK_WEIGHTS: a folder of m-size checkpoints;
# then all tests under the sanitizers, ten minutes a fuzz target, clang-tidy on every source
soak: build
	@nice -n 19 python3 bench/soak.py --peregrine $(BUILD)/bin/peregrine --minutes $${SOAK_MINUTES:-60} \
	  --json bench/results/$$(date -u +%F)-soak.json
	@WHOLE=1 FUZZ_SECONDS=$${FUZZ_SECONDS:-600} nice -n 19 tools/ci/test.sh setup sanitizers fuzz tidy

install: build
	@cmake --install $(BUILD) --prefix $(PREFIX)

# For every GPU from Ampere on, with PTX for later ones; `make build` compiles for one architecture.
release:
	@tools/setup/setup.sh openvino cuda
	@cmake --preset all-gpus $(CMAKE_FLAGS) --log-level=WARNING
	@cmake --build build-all-gpus -j $(JOBS)

bundle:
	@tools/setup/setup.sh cuda
	@tools/bundle/make_bundle.sh

fuzz:
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-3600} tools/ci/test.sh setup fuzz

# Ten minutes of random sizes, batches and damaged JPEGs in two threads; device memory must stay flat. Needs a GPU.
gpu-soak: benchmarks
	@$(BUILD)/bin/gpu_soak --seconds $${SOAK_SECONDS:-600} models/demo/demo-detect.pt $(wildcard models/demo/scenes/val2017/*.jpg)

# The real TensorRT 8.5.3 (1.7 GB of wheels, pinned and hashed): what needs no GPU, and with one an engine that is built and run.
tensorrt-8: build
	@tools/setup/setup.sh tensorrt-8
	@tools/ci/tensorrt_8.sh $(BUILD)/bin/peregrine

clean:
	rm -rf $(BUILD)
