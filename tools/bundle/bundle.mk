# Inside an unpacked bundle, on a machine with a GPU:
#   make gpu-test                            every test; ONLY="test_cuda_kernels test_predictor_gpu" picks some
#   make gpu-sanitize                        compute-sanitizer's memcheck, racecheck and initcheck over the kernels; FAMILIES=conv3x3_sm90, TOOLS=racecheck
#   make gpu-bench MODELS="a.pt b.pt"        latency of the engines, BATCHES="1 16", and of the stages
#   make gpu-soak SOAK_SECONDS=600           random sizes, batches and damaged JPEGs in two threads; MODEL=a.pt PICTURES="a.jpg b.jpg"
# Demo models and scenes come with peregrine-bundle-demo.tar.xz, unpacked over this one.
# PEREGRINE_TEST_DATA=FOLDER adds the checks on real weights.
SHELL := /bin/bash
wheels := $(wildcard /opt/*/.venv/lib/python3*/site-packages/nvidia/*/lib /usr/local/lib/python3*/*-packages/nvidia/*/lib $(VIRTUAL_ENV)/lib/python3*/site-packages/nvidia/*/lib)
empty :=
folders := $(CURDIR)/lib $(wildcard /usr/local/cuda/lib64) $(wheels)
export LD_LIBRARY_PATH := $(subst $(empty) $(empty),:,$(strip $(folders)))$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))
export PEREGRINE_SOURCE_DIR := $(CURDIR)/source
export PATH := $(PATH):/usr/local/cuda/bin
ONLY ?= $(notdir $(wildcard bin/test_*))
BATCHES ?= 1 16

gpu-test:
	@failed=; for test in $(ONLY); do \
	  echo "== $$test"; timeout 600 bin/$$test --gtest_brief=1 || failed="$$failed $$test"; done; \
	[ -z "$$failed" ] && echo "all passed" || { echo "failed:$$failed"; exit 1; }

# Kernels of every stage and family, and a runner that decodes in one thread while another runs; the tools run a program many
# times slower, so not the whole suite, and of the engine's kernels ours alone: cuDNN's take minutes a case.
# PROGRAM, PROGRAM:FILTER or PROGRAM@FAMILY:FILTER. Of SMALL_MAPS racecheck takes minutes for a large map, in which these kernels do
# nothing that they do not do in a small one. What decodes JPEGs is left out of initcheck: it does not see what the decoder engine
# writes, and takes nvJPEG's own kernels that read it for a fault.
FAMILIES ?= conv3x3_sm90 cutlass_implicit_gemm cutlass_gemm gemm direct bottleneck depthwise_pointwise unfused_pair stem depthwise3x3_sm90 depthwise attention plain pool pool_chain \
  global_pool upsample transposed linear matmul softmax instance_norm gate elementwise
SMALL_MAPS = gemm direct
SANITIZED ?= $(filter %_cuda,$(ONLY)) \
  $(if $(filter test_cuda_kernels,$(ONLY)),$(FAMILIES:%=test_cuda_kernels@%:*EveryCandidate*) test_cuda_kernels:*DependentLaunch*Enqueued*) \
  $(if $(filter test_predictor_gpu,$(ONLY)),test_predictor_gpu:*Overlap*)
TOOLS ?= memcheck racecheck initcheck
gpu-sanitize:
	@failed=; for tool in $(TOOLS); do for test in $(SANITIZED); do \
	  echo "== $$tool $$test"; \
	  case $$tool:$$test in initcheck:test_decode_cuda|initcheck:test_predictor_gpu*) continue;; esac; \
	  program=$${test%%[@:]*}; filter=; case $$test in *:*) filter=--gtest_filter=$${test#*:};; esac; \
	  family=; case $$test in *@*) family=$${test#*@}; family=$${family%%:*};; esac; \
	  case "$$tool $(SMALL_MAPS) " in racecheck*" $$family "*) filter=$$filter-*many_tiles*;; esac; \
	  env $${family:+PEREGRINE_TEST_FAMILY=$$family} timeout 600 compute-sanitizer --tool $$tool --error-exitcode 9 \
	    bin/$$program --gtest_brief=1 $$filter || failed="$$failed $$tool:$$test"; \
	done; done; [ -z "$$failed" ] && echo "nothing found" || { echo "failed:$$failed"; exit 1; }

MODELS ?= $(wildcard source/models/demo/*.pt)
comma := ,
gpu-bench:
	@bin/engine_bench --batch $(subst $(empty) $(empty),$(comma),$(strip $(BATCHES))) $(MODELS)
	@bin/stages_bench

MODEL ?= $(firstword $(wildcard source/models/demo/demo-detect.pt))
PICTURES ?= $(wildcard source/models/demo/scenes/val2017/*.jpg)
gpu-soak:
	@[ -n "$(MODEL)" ] && [ -n "$(firstword $(PICTURES))" ] || { echo "no demo models: unpack the demo bundle, or pass MODEL= and PICTURES="; exit 2; }
	@bin/gpu_soak --seconds $${SOAK_SECONDS:-600} $(MODEL) $(PICTURES)

.PHONY: gpu-test gpu-sanitize gpu-bench gpu-soak
