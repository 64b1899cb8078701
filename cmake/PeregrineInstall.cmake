# What a user gets: the command, one shared library with the public headers, and the native libraries that we carry, in
# PREFIX/lib/peregrine, found relative to the executable. Nothing of it refers to the checkout. The build tree has the same
# layout and the same run paths: CMake would leave room for another one, which the loader reads as the working directory.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_property(module_targets GLOBAL PROPERTY PEREGRINE_MODULE_TARGETS)
add_library(peregrine_library SHARED cmake/empty.cpp)
set_target_properties(peregrine_library PROPERTIES
  OUTPUT_NAME peregrine EXPORT_NAME peregrine VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
  LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib INSTALL_RPATH "$ORIGIN/peregrine" BUILD_WITH_INSTALL_RPATH ON)
target_link_libraries(peregrine_library PRIVATE ${module_targets})
list(JOIN module_targets "," whole)
set_property(TARGET peregrine_library PROPERTY LINK_LIBRARY_OVERRIDE "WHOLE_ARCHIVE,${whole}")
target_include_directories(peregrine_library INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(peregrine_library INTERFACE cxx_std_20)
set_target_properties(peregrine PROPERTIES
  INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/peregrine" BUILD_WITH_INSTALL_RPATH ON)

# What is installed, and nothing else.
add_custom_target(product DEPENDS peregrine peregrine_library peregrine_tensorrt_probe)

install(TARGETS peregrine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS peregrine_library EXPORT peregrine LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/peregrine DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/peregrine)
install(EXPORT peregrine NAMESPACE peregrine:: FILE peregrineConfig.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/peregrine)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/peregrineConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/peregrineConfigVersion.cmake DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/peregrine)

function(peregrine_carry_in_build_tree)
  set(folder ${CMAKE_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/peregrine)
  file(MAKE_DIRECTORY ${folder})
  foreach(library IN LISTS ARGN)
    get_filename_component(name ${library} NAME)
    file(CREATE_LINK ${library} ${folder}/${name} SYMBOLIC)
  endforeach()
endfunction()

if(PEREGRINE_OPENVINO)
  # The core, the CPU plugin with the frontend that reads its plans, the ONNX frontend, which is the witness of ONNX
  # files, and the thread pool; no other device, no other format.
  file(GLOB carried ${PEREGRINE_DEPS}/openvino/libs/libopenvino.so* ${PEREGRINE_DEPS}/openvino/libs/libopenvino_intel_cpu_plugin.so
       ${PEREGRINE_DEPS}/openvino/libs/libopenvino_ir_frontend.so*
       ${PEREGRINE_DEPS}/openvino/libs/libopenvino_onnx_frontend.so* ${PEREGRINE_DEPS}/openvino/libs/libtbb*.so* ${PEREGRINE_DEPS}/openvino/libs/libhwloc.so*)
  peregrine_carry_in_build_tree(${carried})
  install(FILES ${carried} DESTINATION ${CMAKE_INSTALL_LIBDIR}/peregrine)
endif()

install(TARGETS peregrine_tensorrt_probe RUNTIME DESTINATION ${CMAKE_INSTALL_LIBDIR}/peregrine)
file(GLOB carried ${PEREGRINE_DEPS}/tensorrt_rtx_libs/*.so*)
peregrine_carry_in_build_tree(${carried})
if(PEREGRINE_CUDA)
  install(FILES ${carried} DESTINATION ${CMAKE_INSTALL_LIBDIR}/peregrine)
endif()
