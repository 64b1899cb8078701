# Vendor libraries: Debian packages, and native libraries carried by pinned PyPI wheels, which tools/setup unpacks here.
set(PEREGRINE_DEPS ${CMAKE_SOURCE_DIR}/.deps)

find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)
# Debian's libzip-config.cmake asks for tools that are packaged elsewhere.
find_library(PEREGRINE_LIBZIP zip REQUIRED)

find_package(Protobuf REQUIRED)
find_path(PEREGRINE_ONNX_PROTO onnx/onnx.proto REQUIRED)

if(PEREGRINE_VIDEO)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(FFMPEG REQUIRED IMPORTED_TARGET GLOBAL libavformat libavcodec libavutil libswscale)
  set(PEREGRINE_FFMPEG PkgConfig::FFMPEG)
endif()

if(PEREGRINE_HTTP)
  find_package(CURL 7.85 REQUIRED)
  set(PEREGRINE_CURL CURL::libcurl)
endif()

if(PEREGRINE_OPENVINO)
  find_package(OpenVINO REQUIRED COMPONENTS Runtime PATHS ${PEREGRINE_DEPS}/openvino/cmake NO_DEFAULT_PATH)
endif()

if(PEREGRINE_CUDA)
  # An installed CUDA 13 where there is one, the wheels' otherwise (PEREGRINE_SYSTEM_CUDA=OFF in the environment hides the first).
  find_program(PEREGRINE_NVCC nvcc HINTS /usr/local/cuda/bin)
  if((NOT PEREGRINE_NVCC OR "$ENV{PEREGRINE_SYSTEM_CUDA}" STREQUAL "OFF") AND EXISTS ${PEREGRINE_DEPS}/nvidia/cu13/bin/nvcc)
    set(CMAKE_CUDA_COMPILER ${PEREGRINE_DEPS}/nvidia/cu13/bin/nvcc)
    set(CUDAToolkit_ROOT ${PEREGRINE_DEPS}/nvidia/cu13)
  elseif(PEREGRINE_NVCC AND NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER ${PEREGRINE_NVCC})
  endif()
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90a)
  endif()
  enable_language(CUDA)
  # CMake 3.25 does not know that nvcc speaks C++20.
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  add_compile_options($<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
  find_package(CUDAToolkit 13 REQUIRED)
  # Headers only: these libraries are loaded at run time.
  find_path(PEREGRINE_CUDNN_INCLUDE cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${PEREGRINE_DEPS}/nvidia/cudnn/include REQUIRED)
  find_path(PEREGRINE_CUDNN_FRONTEND_INCLUDE cudnn_frontend.h HINTS ${PEREGRINE_DEPS}/include REQUIRED)
  find_path(PEREGRINE_CUTLASS_INCLUDE cutlass/cutlass.h HINTS ${PEREGRINE_DEPS}/cutlass_library/source/include REQUIRED)
  find_path(PEREGRINE_CUTLASS_UTIL_INCLUDE cutlass/util/packed_stride.hpp
            HINTS ${PEREGRINE_DEPS}/cutlass_library/source/tools/util/include REQUIRED)
  find_path(PEREGRINE_NVJPEG_INCLUDE nvjpeg.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${PEREGRINE_DEPS}/nvidia/cu13/include REQUIRED)
  find_path(PEREGRINE_NVTX_INCLUDE nvtx3/nvToolsExt.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${PEREGRINE_DEPS}/nvidia/cu13/include REQUIRED)
  find_path(PEREGRINE_CUPTI_INCLUDE cupti.h HINTS ${CUDAToolkit_INCLUDE_DIRS} ${CUDAToolkit_LIBRARY_ROOT}/extras/CUPTI/include
                                             ${PEREGRINE_DEPS}/nvidia/cu13/include REQUIRED)
endif()

if(PEREGRINE_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
