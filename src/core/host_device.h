// Arithmetic that a CPU loop and a CUDA kernel share carries this mark: what CI proves on the CPU is
// what the GPU runs. Such functions avoid std:: calls without a device version and never contract
// a*b+c differently: targets that use them are compiled with -ffp-contract=off and --fmad=false.
#pragma once

#if defined(__CUDACC__)
#define PEREGRINE_HD __host__ __device__ __forceinline__
#else
#define PEREGRINE_HD inline
#endif
