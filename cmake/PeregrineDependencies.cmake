# Vendor libraries: Debian packages, and native libraries carried by pinned PyPI wheels under
# PEREGRINE_DEPS (tools/setup fetches them; default: .deps in the checkout).
set(PEREGRINE_DEPS ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "Where the wheels' native libraries lie")

find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(Threads REQUIRED)

if(PEREGRINE_OPENVINO)
  find_package(OpenVINO REQUIRED COMPONENTS Runtime PATHS ${PEREGRINE_DEPS}/openvino/cmake NO_DEFAULT_PATH)
endif()

if(PEREGRINE_CUDA)
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES 90a)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  enable_language(CUDA)
  find_package(CUDAToolkit 13 REQUIRED)
endif()

if(PEREGRINE_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
