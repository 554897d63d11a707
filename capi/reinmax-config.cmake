# find_package(reinmax) gives reinmax::reinmax (shared) and reinmax::static.
get_filename_component(_reinmax_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET reinmax::reinmax)
  add_library(reinmax::reinmax SHARED IMPORTED)
  set_target_properties(reinmax::reinmax PROPERTIES
    IMPORTED_LOCATION "${_reinmax_prefix}/lib/libreinmax_capi.so"
    INTERFACE_INCLUDE_DIRECTORIES "${_reinmax_prefix}/include")

  find_package(Threads REQUIRED)
  add_library(reinmax::static STATIC IMPORTED)
  set_target_properties(reinmax::static PROPERTIES
    IMPORTED_LOCATION "${_reinmax_prefix}/lib/libreinmax_capi.a"
    INTERFACE_INCLUDE_DIRECTORIES "${_reinmax_prefix}/include"
    INTERFACE_LINK_LIBRARIES "Threads::Threads;m;${CMAKE_DL_LIBS}")
endif()

unset(_reinmax_prefix)
